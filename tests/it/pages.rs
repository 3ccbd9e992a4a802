//! The pages, in a real browser and by plain requests.

mod access;
mod decision;
mod every_page;
mod feeds;
mod groups;
mod notifications;
mod people;
mod resources;
mod sign_in;
mod time;
mod tokens;
mod users;
mod without;
