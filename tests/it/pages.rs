//! The pages, in a real browser and by plain requests.

mod access;
mod decision;
mod every_page;
mod groups;
mod notifications;
mod people;
mod resources;
mod sign_in;
mod time;
mod users;
mod without;
