//! Files on their way out: always saved, never shown, and read piece by piece.

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use std::fmt::Write;
use std::io::{self, Read};
use tokio::sync::mpsc::channel;
use tokio_stream::wrappers::ReceiverStream;

/// What is read and sent at once, in bytes.
const PIECE: usize = 64 << 10;

/// An answer that is saved under `name`, which may be any text.
pub fn attachment(name: &str, content_type: &'static str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.content_type(content_type).insert_header((header::CONTENT_DISPOSITION, disposition(name)));
    response
}

/// Both spellings of RFC 6266: plain letters for whoever knows no other, and all of it.
fn disposition(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut whole = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => whole.push(byte as char),
            _ => {
                let _ = write!(whole, "%{byte:02X}");
            }
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

/// What `source` holds, as the body of an answer. A source that fails breaks the answer off, so that half a file is not
/// taken for a whole one.
pub fn stream(mut source: impl Read + Send + 'static) -> ReceiverStream<io::Result<Bytes>> {
    let (sender, receiver) = channel(2);
    // Its end is seen by the receiver.
    drop(actix_web::rt::task::spawn_blocking(move || {
        loop {
            let mut piece = vec![0; PIECE];
            let read = match source.read(&mut piece) {
                Ok(0) => return,
                Ok(read) => {
                    piece.truncate(read);
                    Ok(Bytes::from(piece))
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let is_over = read.is_err();
            if sender.blocking_send(read).is_err() || is_over {
                return;
            }
        }
    }));
    ReceiverStream::new(receiver)
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_name_can_say_nothing_but_a_name() {
        assert_eq!(
            disposition("Müller \"x\"\r\nSet-Cookie: a.csv"),
            "attachment; filename=\"M_ller _x___Set-Cookie_ a.csv\"; \
             filename*=UTF-8''M%C3%BCller%20%22x%22%0D%0ASet-Cookie%3A%20a.csv"
        );
    }
}
