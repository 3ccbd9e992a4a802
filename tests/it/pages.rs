//! The pages, in a real browser and by plain requests.

mod access;
mod audit;
mod decision;
mod edit;
mod every_page;
mod feeds;
mod groups;
mod local_data;
mod local_groups;
mod mapping;
mod new_connector;
mod notifications;
mod people;
mod privacy;
mod resources;
mod schema;
mod sign_in;
mod time;
mod tokens;
mod users;
mod who_is_who;
mod without;
