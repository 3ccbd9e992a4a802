//! A user's photo: drawn anew from what was received, never that itself, and never anything a browser would run.

use super::user_edit::edited;
use super::{decision::sentence, user};
use crate::model::person::{self, Person};
use crate::model::photo::Size;
use crate::model::profile_field::Editor;
use crate::model::session::Flash;
use crate::pipeline::photos::{self, UploadError};
use crate::values::photo::MOST_BYTES;
use crate::web::error::WebError;
use crate::web::file_form::FileForm;
use crate::web::moment::Moment;
use crate::web::visitor::{Lead, Visitor};
use crate::web::{WebContext, incoming, links};
use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use diesel::QueryResult;
use diesel::pg::PgConnection;
use std::io::Read;

/// The photo in the size that `size` names, as long as the browser does not have it already.
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
    let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "size");
    let size = asked.and_then(|(_, word)| Size::from_word(&word)).unwrap_or_default();
    let (tag, image) = context
        .db(move |conn| {
            let missing = || WebError::missing("photo of user", id);
            let moment = Moment::read(conn, &query, Utc::now())?;
            let person = person::find(conn, &moment.at, id)?.ok_or_else(missing)?;
            let digest = person.photo().ok_or_else(missing)?;
            let tag = format!("\"{digest}-{}\"", size.edge());
            if known.as_ref() == Some(&tag) {
                return Ok((tag, None));
            }
            let image = photos::shown(conn, digest, size)?.ok_or_else(missing)?;
            Ok((tag, Some(image)))
        })
        .await?;
    let mut response = if image.is_some() { HttpResponse::Ok() } else { HttpResponse::NotModified() };
    response
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"));
    Ok(match image {
        Some(image) => response.content_type("image/jpeg").body(image),
        None => response.finish(),
    })
}

/// A photo that can be changed, as a form.
pub(super) struct PhotoForm {
    /// The photo as it is.
    pub shown: Option<String>,
    /// Where another is sent to.
    pub action: String,
    /// Where the uploaded one is removed, if there is one.
    pub remove: Option<String>,
}

impl PhotoForm {
    /// For the photo at `address`; `is_own`: it was uploaded.
    pub(super) fn new(conn: &mut PgConnection, person: &Person, address: String, is_own: bool) -> QueryResult<Self> {
        Ok(Self {
            shown: is_shown(conn, person)?.then(|| address.clone()),
            remove: is_own.then(|| format!("{address}/remove")),
            action: address,
        })
    }
}

/// Takes an upload as the user's photo.
pub async fn receive(context: Data<WebContext>, id: Path<String>, form: FileForm) -> Result<HttpResponse, WebError> {
    let (visitor, content) = read(form).await?;
    context
        .act(move |conn| {
            let person = user::find(conn, &Moment::default(), &id)?;
            let back = links::of_user(person.id, "edit");
            keep(conn, &visitor, &person, Editor::Administrator, content, &back)
        })
        .await
}

/// Takes an uploaded photo away.
pub async fn remove(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let person = user::find(conn, &Moment::default(), &id)?;
            let back = links::of_user(person.id, "edit");
            discard(conn, &visitor, &person, Editor::Administrator, &back)
        })
        .await
}

/// What a form brings: who sent it, and the photo, if one was chosen; no more of it than is needed to see that it is too
/// large.
pub(super) async fn read(mut form: FileForm) -> Result<(Visitor, Option<Vec<u8>>), WebError> {
    let Some(_door) = incoming::door() else {
        return Err(WebError::Conflict("Too many files are being received. Try again in a moment.".into()));
    };
    let content = match form.next().await? {
        None => None,
        Some(part) => {
            let read = incoming::pass(part.content, |source| {
                let mut content = Vec::new();
                // One byte more than is allowed tells that there is more.
                source.take(MOST_BYTES as u64 + 1).read_to_end(&mut content).map(|_| content)
            });
            let broken = |_| WebError::BadRequest("The photo broke off on its way. Send it again.".into());
            Some(read.await.ok_or(WebError::Stopped)?.map_err(broken)?)
        }
    };
    Ok((form.visitor, content))
}

/// Makes what was read the photo of a person, and leads `back`.
pub(super) fn keep(
    conn: &mut PgConnection,
    visitor: &Visitor,
    person: &Person,
    editor: Editor,
    content: Option<Vec<u8>>,
    back: &str,
) -> Result<Lead, WebError> {
    let Some(content) = content else {
        return visitor.lead(conn, back, Flash::refused("No file was chosen."));
    };
    let flash = match photos::upload(conn, person, &content, editor, &visitor.account().name, Utc::now()) {
        Ok(()) => Flash::done("The photo is in place."),
        Err(UploadError::Photo(refusal)) => Flash::refused(format!("The photo is not taken: {}", sentence(&refusal))),
        Err(UploadError::Edit(error)) => edited(Err(error))?,
    };
    visitor.lead(conn, back, flash)
}

/// Takes an uploaded photo away, and leads `back`.
pub(super) fn discard(
    conn: &mut PgConnection,
    visitor: &Visitor,
    person: &Person,
    editor: Editor,
    back: &str,
) -> Result<Lead, WebError> {
    let removed = photos::remove(conn, person, editor, &visitor.account().name, Utc::now());
    let flash = edited(removed.map(|removed| match removed {
        true => "The uploaded photo is gone.".to_owned(),
        false => "There was no uploaded photo.".to_owned(),
    }))?;
    visitor.lead(conn, back, flash)
}

/// Whether a person has a photo that [`show`] would show.
pub fn is_shown(conn: &mut PgConnection, person: &Person) -> QueryResult<bool> {
    match person.photo() {
        None => Ok(false),
        Some(digest) => Ok(photos::shown(conn, digest, Size::default())?.is_some()),
    }
}
