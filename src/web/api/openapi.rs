//! The description of the API for programs (OpenAPI 3.1).

use actix_web::HttpResponse;

/// All of it; written by hand, held against the routes by a test.
pub const DOCUMENT: &str = include_str!("openapi.json");

/// The document.
pub async fn show() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT)
}
