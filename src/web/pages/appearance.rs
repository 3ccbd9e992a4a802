//! Light, dark, or as the system has it: a cookie, so that the page arrives in the right colours.

use crate::web::error::WebError;
use crate::web::visitor::{THEME_COOKIE, Theme, see_other};
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::web::{Data, Form};
use serde::Deserialize;

/// The choice, and where it was made.
#[derive(Deserialize)]
pub struct AppearanceForm {
    theme: String,
    #[serde(default)]
    back: String,
}

/// Remembers the choice and leads back.
pub async fn choose(context: Data<WebContext>, form: Form<AppearanceForm>) -> Result<HttpResponse, WebError> {
    let mut response = see_other(links::own(&form.back));
    let cookie = Cookie::build(THEME_COOKIE, Theme::from_word(&form.theme).as_str())
        .path("/")
        .http_only(true)
        .secure(context.is_https())
        .same_site(SameSite::Lax)
        .max_age(Duration::days(365))
        .finish();
    response.add_cookie(&cookie).map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(response)
}
