//! Every address on one screen, with the role it needs. A route can't be written without one.

use super::admission::{Access, admit};
use super::{assets, pages};
use crate::model::account::Role::{Administrator, Operator, Viewer};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpResponse, Responder, Route};

use Access::{Everyone, Role};
use pages::*;

/// One address: how, where, who, what.
pub struct Entry {
    /// GET or POST.
    pub method: Method,
    /// The pattern of the address.
    pub path: &'static str,
    /// Who may come in.
    pub access: Access,
    route: Route,
}

/// All of them.
#[rustfmt::skip]
pub fn table() -> Vec<Entry> {
    vec![
        get( "/",                                      Role(Viewer),        home::show),

        get( "/connectors",                            Role(Viewer),        connectors::list),
        get( "/new-connector",                         Role(Administrator), new_connector::show),
        post("/new-connector",                         Role(Administrator), new_connector::submit),
        get( "/connectors/{connector}",                Role(Viewer),        connector::show),
        post("/connectors/{connector}/runs",           Role(Operator),      connector::start),
        post("/connectors/{connector}/check",          Role(Operator),      connector::check),
        post("/connectors/{connector}/activity",       Role(Administrator), connector::set_activity),
        get( "/connectors/{connector}/configuration.toml", Role(Viewer),    connector::configuration),
        get( "/connectors/{connector}/configurations", Role(Viewer),        configurations::show),
        get( "/connectors/{connector}/edit",           Role(Administrator), edit::show),
        post("/connectors/{connector}/edit",           Role(Administrator), edit::save),
        post("/connectors/{connector}/reload",         Role(Administrator), edit::reload),
        post("/connectors/{connector}/discard-draft",  Role(Administrator), edit::discard),
        get( "/connectors/{connector}/schema",         Role(Viewer),        schema::show),
        post("/connectors/{connector}/schema",         Role(Administrator), schema::refresh),
        get( "/connectors/{connector}/mapping/{entity_type}",
                                                       Role(Administrator), mapping::show),
        post("/connectors/{connector}/mapping/{entity_type}",
                                                       Role(Administrator), mapping::change),
        post("/connectors/{connector}/mapping/{entity_type}/try",
                                                       Role(Administrator), mapping::attempt),
        get( "/connectors/{connector}/compare",        Role(Viewer),        run_compare::show),
        get( "/connectors/{connector}/holds",          Role(Viewer),        holds::list),
        post("/connectors/{connector}/holds",          Role(Administrator), holds::release),
        get( "/connectors/{connector}/results",        Role(Viewer),        job_results::show),

        get( "/runs",                                  Role(Viewer),        job_execution::list),
        get( "/runs/{run}",                            Role(Viewer),        run::show),
        get( "/runs/{run}/events",                     Role(Viewer),        run_events::stream),
        get( "/runs/{run}/changes",                    Role(Viewer),        changes::list),
        get( "/runs/{run}/changes.csv",                Role(Viewer),        changes::download),
        get( "/runs/{run}/problems",                   Role(Viewer),        problems::list),
        get( "/runs/{run}/problems.csv",               Role(Viewer),        problems::download),
        get( "/runs/{run}/columns",                    Role(Viewer),        columns::show),
        get( "/runs/{run}/log.txt",                    Role(Viewer),        run_log::download),
        get( "/runs/{run}/resume",                     Role(Administrator), decision::confirm),
        post("/runs/{run}/resume",                     Role(Administrator), decision::resume),
        get( "/runs/{run}/without",                    Role(Administrator), without::confirm),
        post("/runs/{run}/without",                    Role(Administrator), without::decide),
        post("/runs/{run}/discard",                    Role(Administrator), decision::discard),
        post("/runs/{run}/cancel",                     Role(Operator),      decision::cancel),
        post("/runs/{run}/retry",                      Role(Operator),      decision::retry),
        get( "/runs/{run}/revert",                     Role(Administrator), revert::confirm),
        post("/runs/{run}/revert",                     Role(Administrator), revert::start),

        get( "/resources/{connector}/{entity_type}",   Role(Viewer),        resources::list),
        get( "/resources/{connector}/{entity_type}/{id}",
                                                       Role(Viewer),        resource::show),
        get( "/resources/{connector}/{entity_type}/{id}/compare",
                                                       Role(Viewer),        compare::resource),
        get( "/resources/{connector}/{entity_type}/{id}/{way}/{association}",
                                                       Role(Viewer),        resource_links::list),
        get( "/users",                                 Role(Viewer),        users::list),
        get( "/users/{id}",                            Role(Viewer),        user::show),
        get( "/users/{id}/compare",                    Role(Viewer),        compare::user),
        get( "/users/{id}/photo",                      Role(Viewer),        photo::show),
        get( "/groups",                                Role(Viewer),        groups::list),
        get( "/groups/{id}",                           Role(Viewer),        group::show),

        get( "/accounts",                              Role(Administrator), accounts::list),
        post("/accounts",                              Role(Administrator), accounts::add),
        post("/accounts/{account}",                    Role(Administrator), accounts::change),

        get( "/deliveries",                            Role(Viewer),        deliveries::list),
        post("/deliveries/test",                       Role(Administrator), deliveries::test),
        post("/deliveries/{delivery}/retry",           Role(Operator),      deliveries::retry),
        post("/deliveries/{delivery}/give-up",         Role(Operator),      deliveries::give_up),

        get( "/help",                                  Role(Viewer),        help::show),
        post("/appearance",                            Everyone,            appearance::choose),

        get( "/sign-in",                               Everyone,            sign_in::show),
        post("/sign-in",                               Everyone,            sign_in::sign_in),
        post("/sign-out",                              Role(Viewer),        sign_in::sign_out),
        get( "/welcome/{token}",                       Everyone,            welcome::show),
        post("/welcome/{token}",                       Everyone,            welcome::choose_password),

        get( "/livez",                                 Everyone,            probes::live),
        get( "/readyz",                                Everyone,            probes::ready),
        get( "/metrics",                               Everyone,            probes::metrics),
        get( "/static/{file}",                         Everyone,            assets::file),
    ]
}

/// Puts all of them in place.
pub fn configure(app: &mut ServiceConfig) {
    let mut resources: Vec<(&'static str, actix_web::Resource)> = Vec::new();
    for Entry { path, access, route, .. } in table() {
        let route = route.wrap(from_fn(move |request, next| admit(access, request, next)));
        match resources.iter().position(|(known, _)| *known == path) {
            Some(position) => {
                let (path, resource) = resources.swap_remove(position);
                resources.push((path, resource.route(route)));
            }
            None => resources.push((path, web::resource(path).route(route))),
        }
    }
    for (_, resource) in resources {
        app.service(resource);
    }
    app.default_service(web::to(async || HttpResponse::NotFound().finish()));
}

fn get<F, Args>(path: &'static str, access: Access, handler: F) -> Entry
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Entry { method: Method::GET, path, access, route: web::get().to(handler) }
}

fn post<F, Args>(path: &'static str, access: Access, handler: F) -> Entry
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Entry { method: Method::POST, path, access, route: web::post().to(handler) }
}
