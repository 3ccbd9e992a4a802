//! Every address, with the role or scope it needs. A route can't be written without one.

use super::admission::{Access, admit};
use super::{api, assets, pages};
use crate::model::account::Role::{Administrator, Operator, Person, Viewer};
use crate::model::token::Scope::{Configure, Decide, Read, Run, Upload, Users};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpResponse, Responder, Route};

use Access::{Everyone, Files, Role, Token};
use pages::*;

/// One address: how, where, who, what.
pub struct Entry {
    /// GET or POST; more in the API.
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
        get( "/connectors/{connector}/feeds",          Role(Viewer),        feeds::show),
        post("/connectors/{connector}/feeds",          Files(Operator),     feeds::send),
        post("/connectors/{connector}/feeds/start",    Role(Operator),      feeds::start),
        get( "/connectors/{connector}/feeds/compare",  Role(Viewer),        feed_compare::show),
        get( "/connectors/{connector}/feeds/{feed}/tables/{table}",
                                                       Role(Viewer),        feeds::download),
        get( "/connectors/{connector}/received/{table}", Role(Viewer),      feeds::received),
        get( "/connectors/{connector}/results",        Role(Viewer),        job_results::show),

        get( "/feeds",                                 Role(Viewer),        batch_files::list),

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
        post("/users/{id}/export",                     Role(Administrator), anonymize::export),
        get( "/users/{id}/anonymize",                  Role(Administrator), anonymize::confirm),
        post("/users/{id}/anonymize",                  Role(Administrator), anonymize::decide),
        get( "/anonymized",                            Role(Administrator), anonymized::list),
        post("/anonymized",                            Role(Administrator), anonymized::find),
        get( "/anonymized/{number}",                   Role(Administrator), lift::confirm),
        post("/anonymized/{number}",                   Role(Administrator), lift::lift),
        get( "/users/{id}/photo",                      Role(Viewer),        photo::show),
        get( "/users/{id}/received",                   Role(Viewer),        received::show),
        get( "/users/{id}/why",                        Role(Viewer),        why::show),
        post("/users/{id}/synchronize",                Role(Operator),      user::synchronize),
        get( "/users/{id}/block",                      Role(Administrator), block::show),
        post("/users/{id}/block",                      Role(Administrator), block::block),
        post("/users/{id}/unblock",                    Role(Administrator), block::unblock),
        get( "/users/{id}/merge",                      Role(Administrator), merge::show),
        post("/users/{id}/merge",                      Role(Administrator), merge::merge),
        post("/users/{id}/separate",                   Role(Administrator), merge::separate),
        get( "/matches",                               Role(Viewer),        matches::list),
        post("/matches",                               Role(Administrator), matches::decide),
        post("/matches/undo",                          Role(Administrator), matches::undo),
        get( "/runs/{run}/moves",                      Role(Viewer),        moves::list),
        post("/runs/{run}/moves",                      Role(Administrator), moves::decide),
        post("/users/{id}/photo",                      Files(Administrator), photo::receive),
        post("/users/{id}/photo/remove",               Role(Administrator), photo::remove),
        get( "/users/{id}/edit",                       Role(Administrator), user_edit::show),
        post("/users/{id}/edit",                       Role(Administrator), user_edit::save),
        get( "/users/{id}/override/{field}",           Role(Administrator), user_override::show),
        post("/users/{id}/override/{field}",           Role(Administrator), user_override::save),
        post("/users/{id}/override/{field}/end",       Role(Administrator), user_override::end),
        get( "/groups",                                Role(Viewer),        groups::list),
        post("/groups",                                Role(Administrator), group_edit::create),
        get( "/groups/{id}",                           Role(Viewer),        group::show),
        get( "/groups/{id}/edit",                      Role(Administrator), group_edit::show),
        post("/groups/{id}/edit",                      Role(Administrator), group_edit::save),
        post("/groups/{id}/delete",                    Role(Administrator), group_edit::delete),
        post("/groups/{id}/nest",                      Role(Administrator), group_edit::nest),
        post("/groups/{id}/take-out",                  Role(Administrator), group_edit::take_out),
        post("/groups/{id}/call",                      Role(Administrator), group_edit::call),
        post("/groups/{id}/members",                   Role(Administrator), group_edit::add),
        post("/groups/{id}/members/remove",            Role(Administrator), group_edit::remove),
        get( "/groups/{id}/rule",                      Role(Administrator), group_rule::show),
        post("/groups/{id}/rule",                      Role(Administrator), group_rule::decide),

        get( "/profile-fields",                        Role(Administrator), profile_fields::list),
        post("/profile-fields",                        Role(Administrator), profile_fields::add),
        get( "/profile-fields/{field}",                Role(Administrator), profile_field::show),
        post("/profile-fields/{field}",                Role(Administrator), profile_field::change),
        post("/profile-fields/{field}/remove",         Role(Administrator), profile_field::remove),

        get( "/me",                                    Role(Person),        me::show),
        get( "/me/photo",                              Role(Person),        me::photo),
        get( "/me/edit",                               Role(Person),        me_edit::show),
        post("/me/edit",                               Role(Person),        me_edit::save),
        post("/me/photo",                              Files(Person),       me_edit::receive_photo),
        post("/me/photo/remove",                       Role(Person),        me_edit::remove_photo),
        get( "/my-account",                            Role(Person),        my_account::show),
        post("/my-account/sessions",                   Role(Person),        my_account::end),
        get( "/my-account/second-factor",              Role(Person),        second_factor::show),
        post("/my-account/second-factor",              Role(Person),        second_factor::change),
        get( "/my-account/second-factor/code.svg",     Role(Person),        second_factor::picture),

        get( "/sessions",                              Role(Administrator), sessions::list),
        post("/sessions",                              Role(Administrator), sessions::end),

        get( "/accounts",                              Role(Administrator), accounts::list),
        post("/accounts",                              Role(Administrator), accounts::add),
        post("/accounts/{account}",                    Role(Administrator), accounts::change),

        get( "/tokens",                                Role(Administrator), tokens::list),
        post("/tokens",                                Role(Administrator), tokens::create),
        post("/tokens/{token}",                        Role(Administrator), tokens::revoke),

        get( "/deliveries",                            Role(Viewer),        deliveries::list),
        post("/deliveries/test",                       Role(Administrator), deliveries::test),
        post("/deliveries/{delivery}/retry",           Role(Operator),      deliveries::retry),
        post("/deliveries/{delivery}/give-up",         Role(Operator),      deliveries::give_up),

        get( "/audit",                                 Role(Viewer),        audit::list),
        get( "/audit.csv",                             Role(Viewer),        audit::csv),
        get( "/audit.json",                            Role(Viewer),        audit::json),

        get( "/help",                                  Role(Viewer),        help::show),
        post("/appearance",                            Everyone,            appearance::choose),

        get( "/sign-in",                               Everyone,            sign_in::show),
        post("/sign-in",                               Everyone,            sign_in::sign_in),
        get( "/sign-in/provider",                      Everyone,            provider::begin),
        get( "/sign-in/provider/back",                 Everyone,            provider::finish),
        get( "/sign-in/code",                          Everyone,            code::show),
        post("/sign-in/code",                          Everyone,            code::check),
        post("/sign-out",                              Role(Person),        sign_in::sign_out),
        get( "/welcome/{token}",                       Everyone,            welcome::show),
        post("/welcome/{token}",                       Everyone,            welcome::choose_password),

        get( "/livez",                                 Everyone,            probes::live),
        get( "/readyz",                                Everyone,            probes::ready),
        get( "/metrics",                               Everyone,            probes::metrics),
        get( "/static/{file}",                         Everyone,            assets::file),
    ].into_iter().chain(api()).collect()
}

/// Those for programs: below `/api/v1`, each with the scopes of which a token needs one.
#[rustfmt::skip]
fn api() -> Vec<Entry> {
    use api::{changes, connectors, decisions, feeds, files, groups, openapi, problems, runs, users};
    vec![
        get(  "/api/openapi.json",                              Everyone,                openapi::show),

        get(  "/api/v1/connectors",                             Token(&[Read]),          connectors::list),
        get(  "/api/v1/connectors/{connector}",                 Token(&[Read]),          connectors::show),
        put(  "/api/v1/connectors/{connector}",                 Token(&[Configure]),     connectors::put),
        get(  "/api/v1/connectors/{connector}/document",        Token(&[Read, Configure]), connectors::document),
        post( "/api/v1/connectors/{connector}/runs",            Token(&[Run]),           runs::start),

        get(  "/api/v1/connectors/{connector}/feed",            Token(&[Read, Upload]),  feeds::waiting),
        post( "/api/v1/connectors/{connector}/feed",            Token(&[Upload]),        feeds::start),
        get(  "/api/v1/connectors/{connector}/tables/{table}/file", Token(&[Read]),      files::get),
        head( "/api/v1/connectors/{connector}/tables/{table}/file", Token(&[Upload]),    files::head),
        put(  "/api/v1/connectors/{connector}/tables/{table}/file", Token(&[Upload]),    files::put),
        patch("/api/v1/connectors/{connector}/tables/{table}/file", Token(&[Upload]),    files::patch),
        get(  "/api/v1/connectors/{connector}/feeds",           Token(&[Read]),          feeds::list),
        get(  "/api/v1/connectors/{connector}/feeds/{feed}/tables/{table}",
                                                                Token(&[Read]),          feeds::table),

        get(  "/api/v1/runs",                                   Token(&[Read]),          runs::list),
        get(  "/api/v1/runs/{run}",                             Token(&[Read]),          runs::show),
        get(  "/api/v1/runs/{run}/changes",                     Token(&[Read]),          changes::list),
        get(  "/api/v1/runs/{run}/problems",                    Token(&[Read]),          problems::list),
        get(  "/api/v1/runs/{run}/log",                         Token(&[Read]),          runs::log),
        post( "/api/v1/runs/{run}/resume",                      Token(&[Decide]),        decisions::resume),
        post( "/api/v1/runs/{run}/discard",                     Token(&[Decide]),        decisions::discard),
        post( "/api/v1/runs/{run}/cancel",                      Token(&[Run]),           decisions::cancel),
        post( "/api/v1/runs/{run}/retry",                       Token(&[Run]),           decisions::retry),
        post( "/api/v1/runs/{run}/revert",                      Token(&[Decide]),        decisions::revert),

        get(  "/api/v1/users",                                  Token(&[Users]),         users::list),
        get(  "/api/v1/user-changes",                           Token(&[Users]),         users::changes),
        get(  "/api/v1/users/{user}",                           Token(&[Users]),         users::show),
        get(  "/api/v1/users/{user}/export",                    Token(&[Users]),         users::export),
        get(  "/api/v1/groups",                                 Token(&[Users]),         groups::list),
        get(  "/api/v1/groups/{group}",                         Token(&[Users]),         groups::show),
        get(  "/api/v1/groups/{group}/members",                 Token(&[Users]),         groups::members),
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
    entry(Method::GET, path, access, handler)
}

fn post<F, Args>(path: &'static str, access: Access, handler: F) -> Entry
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    entry(Method::POST, path, access, handler)
}

fn put<F, Args>(path: &'static str, access: Access, handler: F) -> Entry
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    entry(Method::PUT, path, access, handler)
}

fn patch<F, Args>(path: &'static str, access: Access, handler: F) -> Entry
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    entry(Method::PATCH, path, access, handler)
}

fn head<F, Args>(path: &'static str, access: Access, handler: F) -> Entry
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    entry(Method::HEAD, path, access, handler)
}

fn entry<F, Args>(method: Method, path: &'static str, access: Access, handler: F) -> Entry
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Entry { route: web::method(method.clone()).to(handler), method, path, access }
}
