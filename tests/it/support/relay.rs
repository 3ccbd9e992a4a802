//! The way to a server, which breaks where a test wants it to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// Passes on what it gets from and to a server on this machine. Its threads end with the test process.
pub struct Relay {
    /// Where it listens.
    pub port: u16,
}

impl Relay {
    /// To the server at this port. The connection is closed after so many bytes from the server.
    pub fn breaking_after(bytes: usize, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let relay = Self { port: listener.local_addr().unwrap().port() };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass(from, to, usize::MAX));
                std::thread::spawn(move || pass(server, client, bytes));
            }
        });
        relay
    }
}

/// Ends both directions at the end of the one.
fn pass(mut from: TcpStream, mut to: TcpStream, most: usize) {
    let (mut left, mut buffer) = (most, vec![0; 16 << 10]);
    while left > 0 {
        let most = buffer.len().min(left);
        match from.read(&mut buffer[..most]) {
            Ok(read) if read > 0 && to.write_all(&buffer[..read]).is_ok() => left -= read,
            _ => break,
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
