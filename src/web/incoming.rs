//! Files on their way in: what a request brings, piece by piece, as something that can be read where files are written.
//! Memory stays the same whatever their size, and a connection that breaks is never taken for the end of a file.

use actix_web::web::Bytes;
use futures::{Stream, StreamExt};
use std::io::{self, Read};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Pieces that wait to be written.
const WAITING: usize = 4;
/// A sender that says nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(60);
/// What has to come in that time, in bytes: who brings less keeps others waiting at the door.
const LEAST: usize = 64 << 10;
/// Files that come in side by side.
const AT_ONCE: usize = 16;

static DOORS: Semaphore = Semaphore::const_new(AT_ONCE);

/// The right to send a file now; none where too many are sending already.
pub fn door() -> Option<SemaphorePermit<'static>> {
    DOORS.try_acquire().ok()
}

/// What comes over the connection.
pub struct Incoming {
    pieces: Receiver<Piece>,
    current: Bytes,
    ended: bool,
}

enum Piece {
    Bytes(Bytes),
    End,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            if self.ended {
                return Ok(0);
            }
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.current = bytes,
                Some(Piece::End) => self.ended = true,
                // Whoever sent is gone without having said that this was all.
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection broke off")),
            }
        }
        let taken = self.current.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.current.split_to(taken));
        Ok(taken)
    }
}

/// Hands what `source` brings to `work`, on a thread where it may wait for disks. `None`: the work ended unexpectedly.
pub async fn pass<S, E, T>(source: S, work: impl FnOnce(&mut Incoming) -> T + Send + 'static) -> Option<T>
where
    S: Stream<Item = Result<Bytes, E>>,
    T: Send + 'static,
{
    let (sender, pieces) = channel(WAITING);
    let working = actix_web::rt::task::spawn_blocking(move || {
        work(&mut Incoming { pieces, current: Bytes::new(), ended: false })
    });
    send(source, sender, PATIENCE).await;
    working.await.ok()
}

/// Sends all of it, and that this was all; or breaks off. The time that writing takes is nobody's fault.
async fn send<S, E>(source: S, sender: Sender<Piece>, patience: Duration)
where
    S: Stream<Item = Result<Bytes, E>>,
{
    let mut source = std::pin::pin!(source);
    let (mut waited, mut brought) = (Duration::ZERO, 0);
    loop {
        let began = Instant::now();
        let piece = match timeout(patience, source.next()).await {
            Ok(Some(Ok(bytes))) => {
                (waited, brought) = (waited + began.elapsed(), brought + bytes.len());
                if waited >= patience {
                    if brought < LEAST {
                        return;
                    }
                    (waited, brought) = (Duration::ZERO, 0);
                }
                Piece::Bytes(bytes)
            }
            Ok(None) => {
                let _ = sender.send(Piece::End).await;
                return;
            }
            Err(_) | Ok(Some(Err(_))) => return,
        };
        // The work has seen enough.
        if sender.send(piece).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(pieces: Vec<Result<Bytes, ()>>) -> io::Result<Vec<u8>> {
        let read = |incoming: &mut Incoming| {
            let mut all = Vec::new();
            incoming.read_to_end(&mut all).map(|_| all)
        };
        pass(futures::stream::iter(pieces), read).await.unwrap()
    }

    #[actix_web::test]
    async fn a_trickle_is_no_file() {
        let trickle = futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Ok::<_, ()>(Bytes::from_static(b"x")), ()))
        });
        let (sender, mut pieces) = channel(WAITING);
        let sending = actix_web::rt::spawn(send(trickle, sender, Duration::from_millis(100)));
        let all = async {
            let mut came = 0;
            while let Some(piece) = pieces.recv().await {
                assert!(matches!(piece, Piece::Bytes(_)), "its end was never said");
                came += 1;
            }
            came
        };
        let came = timeout(Duration::from_secs(20), all).await.unwrap();
        assert!(came > 0 && came < 100, "{came}");
        sending.await.unwrap();
    }

    #[actix_web::test]
    async fn only_an_end_that_was_said_is_one() {
        let pieces = || vec![Ok(Bytes::from_static(b"Id\n")), Ok(Bytes::new()), Ok(Bytes::from_static(b"1\n"))];
        assert_eq!(read(pieces()).await.unwrap(), b"Id\n1\n");
        let broken = pieces().into_iter().chain([Err(())]).collect();
        assert_eq!(read(broken).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
