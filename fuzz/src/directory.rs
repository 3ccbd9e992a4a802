//! A directory server that says whatever the fuzzer likes, on a socket of its own.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

/// Between two answers. Each waits for a request, but not for one that does not come.
const BETWEEN: &[u8] = b"\n---\n";
const PATIENCE: Duration = Duration::from_millis(20);

/// The server; it answers every connection with the same until it is told something else.
pub struct Directory {
    /// Where it listens.
    pub socket: PathBuf,
    says: &'static Mutex<Vec<u8>>,
}

impl Directory {
    /// Begins to listen.
    pub fn start(folder: &std::path::Path) -> Self {
        let socket = folder.join("ldapi");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let says: &'static Mutex<Vec<u8>> = Box::leak(Box::default());
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let says = says.lock().expect("nobody panics with it").clone();
                let _ = connection.and_then(|connection| answer(connection, &says));
            }
        });
        Self { socket, says }
    }

    /// What it says from now on.
    pub fn say(&self, content: &[u8]) {
        *self.says.lock().expect("nobody panics with it") = content.to_vec();
    }
}

fn answer(mut connection: UnixStream, says: &[u8]) -> std::io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    let mut rest = says;
    loop {
        let mut request = [0; 4096];
        match connection.read(&mut request) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let end = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN);
        let (part, after) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + BETWEEN.len()..]));
        connection.write_all(part)?;
        if end.is_none() {
            return Ok(());
        }
        rest = after;
    }
}
