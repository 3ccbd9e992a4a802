//! Files on their way out: always saved, never shown, and read piece by piece.

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use futures::Stream;
use std::fmt::Write;
use std::io::{self, Read};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};

/// What is read and sent at once, in bytes.
pub const PIECE: usize = 64 << 10;
/// Pieces that wait to be sent.
const WAITING: usize = 2;
/// Whoever takes nothing for so long is gone: a thread waits for him, and perhaps a connection to the database.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// Where the body of an answer is written to, piece by piece, on a thread that may wait.
pub struct Outgoing {
    pieces: Sender<Piece>,
    runtime: Handle,
    patience: Duration,
}

enum Piece {
    Bytes(Bytes),
    End,
}

impl Outgoing {
    /// Sends a piece as soon as there is room for it. An error: whoever downloads is gone, or takes nothing any more.
    pub fn send(&self, bytes: Bytes) -> io::Result<()> {
        self.pass(Piece::Bytes(bytes))
    }

    /// Says that this was all; without that the answer breaks off, so that half a file is not taken for a whole one.
    pub fn end(self) -> io::Result<()> {
        self.pass(Piece::End)
    }

    fn pass(&self, piece: Piece) -> io::Result<()> {
        let sent = self.runtime.block_on(self.pieces.send_timeout(piece, self.patience));
        sent.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "whoever downloads takes no more"))
    }
}

/// A body, and where it is written to.
pub fn outgoing() -> (Outgoing, impl Stream<Item = io::Result<Bytes>> + 'static) {
    outgoing_within(PATIENCE)
}

fn outgoing_within(patience: Duration) -> (Outgoing, impl Stream<Item = io::Result<Bytes>> + 'static) {
    let (pieces, received) = channel(WAITING);
    let body = futures::stream::unfold(Some(received), |received| async move {
        let mut received = received?;
        match received.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(received))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("this could not be sent to its end")), None)),
        }
    });
    (Outgoing { pieces, runtime: Handle::current(), patience }, body)
}

/// What `source` holds, as the body of an answer. A source that fails breaks the answer off.
pub fn stream(source: impl Read + Send + 'static) -> impl Stream<Item = io::Result<Bytes>> + 'static {
    let (outgoing, body) = outgoing();
    // Its end is seen by whoever receives.
    drop(actix_web::rt::task::spawn_blocking(move || pass(source, outgoing)));
    body
}

fn pass(mut source: impl Read, outgoing: Outgoing) {
    loop {
        let mut piece = vec![0; PIECE];
        let passed = match source.read(&mut piece) {
            Ok(0) => {
                let _ = outgoing.end();
                return;
            }
            Ok(read) => {
                piece.truncate(read);
                outgoing.send(Bytes::from(piece))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        if passed.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    /// Never ends; tells when it is let go.
    struct Endless {
        _alive: Sender<()>,
    }

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }
    }

    #[actix_web::test]
    async fn whoever_takes_nothing_holds_no_thread_and_gets_no_whole_file() {
        let (alive, mut gone) = channel::<()>(1);
        let (outgoing, body) = outgoing_within(Duration::from_millis(50));
        drop(actix_web::rt::task::spawn_blocking(move || pass(Endless { _alive: alive }, outgoing)));
        // Nothing is sent there: the channel ends with the thread's work.
        let let_go = tokio::time::timeout(Duration::from_secs(20), gone.recv()).await;
        assert_eq!(let_go, Ok(None));
        let taken: Vec<_> = body.collect().await;
        let (last, before) = taken.split_last().unwrap();
        assert!(last.is_err() && before.len() == WAITING && before.iter().all(Result::is_ok), "{taken:?}");
    }

    #[actix_web::test]
    async fn only_an_end_that_was_said_is_one() {
        let whole: Vec<_> = stream(&b"Id\n1\n"[..]).collect().await;
        assert!(matches!(&whole[..], [Ok(bytes)] if &bytes[..] == b"Id\n1\n"), "{whole:?}");
        let (outgoing, body) = outgoing_within(PATIENCE);
        drop(outgoing);
        assert!(matches!(&body.collect::<Vec<_>>().await[..], [Err(_)]));
    }

    #[test]
    fn a_name_can_say_nothing_but_a_name() {
        assert_eq!(
            disposition("Müller \"x\"\r\nSet-Cookie: a.csv"),
            "attachment; filename=\"M_ller _x___Set-Cookie_ a.csv\"; \
             filename*=UTF-8''M%C3%BCller%20%22x%22%0D%0ASet-Cookie%3A%20a.csv"
        );
    }
}
