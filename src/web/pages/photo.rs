//! A user's photo: only what is an image by its own first bytes, and never anything a browser would run.

use crate::model::person;
use crate::web::WebContext;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::visitor::Visitor;
use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;

/// A larger one is not shown.
const MOST_BYTES: i32 = 4 * 1024 * 1024;

/// The photo, as long as the browser does not have it already.
pub async fn show(
    context: Data<WebContext>,
    _: Visitor,
    id: Path<i64>,
    request: HttpRequest,
) -> Result<HttpResponse, WebError> {
    answer(&context, id.into_inner(), &request).await
}

/// The photo of that user, as an answer.
pub(super) async fn answer(context: &WebContext, id: i64, request: &HttpRequest) -> Result<HttpResponse, WebError> {
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let query = request.query_string().to_owned();
    let (tag, image) = context
        .db(move |conn| {
            let missing = || WebError::missing("photo of user", id);
            let moment = Moment::read(conn, &query, Utc::now())?;
            let person = person::find(conn, &moment.at, id)?.ok_or_else(missing)?;
            let digest = person.photo().ok_or_else(missing)?;
            let tag = format!("\"{digest}\"");
            if known.as_ref() == Some(&tag) {
                return Ok((tag, None));
            }
            let content = person::photo(conn, digest, MOST_BYTES)?.ok_or_else(missing)?;
            let kind = kind(&content).ok_or_else(missing)?;
            Ok((tag, Some((kind, content))))
        })
        .await?;
    let mut response = if image.is_some() { HttpResponse::Ok() } else { HttpResponse::NotModified() };
    response
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"));
    Ok(match image {
        Some((kind, content)) => response.content_type(kind).body(content),
        None => response.finish(),
    })
}

/// What an image is by its first bytes; nothing else is one.
pub fn kind(content: &[u8]) -> Option<&'static str> {
    if content.starts_with(&[0xff, 0xd8, 0xff]) {
        Some("image/jpeg")
    } else if content.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else {
        None
    }
}

/// Whether a person has a photo that [`show`] would show.
pub fn is_shown(conn: &mut diesel::pg::PgConnection, person: &person::Person) -> diesel::QueryResult<bool> {
    match person.photo() {
        None => Ok(false),
        Some(digest) => Ok(person::photo(conn, digest, MOST_BYTES)?.is_some_and(|content| kind(&content).is_some())),
    }
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn only_images_are_images() {
        assert_eq!(kind(b"\xff\xd8\xff\xe0 JFIF"), Some("image/jpeg"));
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n..."), Some("image/png"));
        assert_eq!(kind(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), None);
        assert_eq!(kind(b"GIF89a"), None);
        assert_eq!(kind(b""), None);
    }
}
