//! Style and script, embedded in the program. Their names carry a hash of their content, so browsers keep them for ever.

use super::error::WebError;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use rust_embed::RustEmbed;
use std::sync::OnceLock;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// Where pages find their files.
#[derive(Debug)]
pub struct Assets {
    /// The style sheet.
    pub style: String,
    /// Our one script.
    pub script: String,
    /// The icon of the tab.
    pub icon: String,
}

/// The addresses of this build's files.
pub fn assets() -> &'static Assets {
    static ASSETS: OnceLock<Assets> = OnceLock::new();
    ASSETS.get_or_init(|| Assets {
        style: address("muster.css"),
        script: address("muster.js"),
        icon: address("muster.svg"),
    })
}

/// `/static/muster.css` becomes `/static/muster.1f2e3d4c5b6a7980.css`.
fn address(name: &str) -> String {
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    format!("/static/{stem}.{}.{kind}", hash(name))
}

fn hash(name: &str) -> String {
    let digest = Files::get(name).map(|file| file.metadata.sha256_hash()).unwrap_or_default();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// One file. A name with an old hash still gets the file, but nobody keeps it.
pub async fn file(name: web::Path<String>) -> Result<HttpResponse, WebError> {
    let missing = || WebError::missing("file", &name);
    let mut parts = name.splitn(3, '.');
    let (Some(stem), Some(sent_hash), Some(kind)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(missing());
    };
    let plain_name = format!("{stem}.{kind}");
    let file = Files::get(&plain_name).ok_or_else(missing)?;
    let content_type = match kind {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let caching = if sent_hash == hash(&plain_name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, caching))
        .body(file.data.into_owned()))
}
