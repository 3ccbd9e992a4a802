//! A form that brings files: read field by field, so that memory stays the same whatever their size. Its first field is
//! the session's token; without it nothing else of the form is given to anybody.

use super::admission::is_token;
use super::error::WebError;
use super::visitor::Visitor;
use actix_multipart::{Field, Multipart};
use actix_web::dev::Payload;
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpRequest};
use futures::TryStreamExt;
use futures::future::LocalBoxFuture;

/// The longest token that is read, in bytes.
const LONGEST_TOKEN: usize = 200;

const NOT_OURS: WebError = WebError::NotOurs("This form is too old to be used. Go back, reload the page, try again.");

/// The rest of the form, and who sent it.
pub struct FileForm {
    /// Who sent it.
    pub visitor: Visitor,
    fields: Multipart,
}

/// A file of the form, as a stream of what it holds.
pub struct FilePart {
    /// The name of the field.
    pub field: String,
    /// What the sender calls the file.
    pub file_name: String,
    /// What is in it.
    pub content: Field,
}

impl FileForm {
    /// The next file that was chosen; fields without one are passed over.
    pub async fn next(&mut self) -> Result<Option<FilePart>, WebError> {
        while let Some(content) = self.fields.try_next().await.map_err(broken)? {
            let file_name = content.content_disposition().and_then(|said| said.get_filename()).unwrap_or_default();
            if let (Some(field), false) = (content.name(), file_name.is_empty()) {
                // Neither the database nor a page takes a NUL.
                let file_name = file_name.chars().filter(|c| !c.is_control()).collect();
                return Ok(Some(FilePart { field: field.to_owned(), file_name, content }));
            }
        }
        Ok(None)
    }
}

impl FromRequest for FileForm {
    type Error = WebError;
    type Future = LocalBoxFuture<'static, Result<Self, WebError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let visitor = Visitor::from_request(request, &mut Payload::None).into_inner();
        let fields = Multipart::from_request(request, payload).into_inner();
        Box::pin(async move {
            let visitor = visitor?;
            let mut fields = fields.map_err(|_| NOT_OURS)?;
            let first = fields.try_next().await.map_err(|_| NOT_OURS)?;
            let mut token = first.filter(|field| field.name() == Some("csrf")).ok_or(NOT_OURS)?;
            let mut sent = BytesMut::new();
            while let Some(piece) = token.try_next().await.map_err(|_| NOT_OURS)? {
                sent.extend_from_slice(&piece);
                if sent.len() > LONGEST_TOKEN {
                    return Err(NOT_OURS);
                }
            }
            drop(token);
            match is_token(&sent, &visitor.session.csrf) {
                true => Ok(Self { visitor, fields }),
                false => Err(NOT_OURS),
            }
        })
    }
}

fn broken(_: actix_multipart::MultipartError) -> WebError {
    WebError::BadRequest(
        "The form broke off on its way. What had arrived of it before is kept; send the rest again.".into(),
    )
}
