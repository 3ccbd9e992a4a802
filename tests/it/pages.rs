//! The pages, in a real browser and by plain requests.

mod access;
mod decision;
mod directory_sign_in;
mod edit;
mod every_page;
mod feeds;
mod groups;
mod mapping;
mod me;
mod new_connector;
mod notifications;
mod people;
mod provider;
mod resources;
mod schema;
mod second_factor;
mod sessions;
mod sign_in;
mod time;
mod tokens;
mod users;
mod without;
