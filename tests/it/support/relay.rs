//! The way to a server, which breaks where a test wants it to.

use std::io::{self, Read};
use std::net::{Shutdown, TcpListener, TcpStream};

/// Passes on what it gets from and to a server on this machine. Its threads end with the test process.
pub struct Relay {
    /// Where it listens.
    pub port: u16,
}

impl Relay {
    /// To the server at this port. After so many bytes from the server nothing more comes from there: the client gets all
    /// of these, and then the end.
    pub fn breaking_after(bytes: u64, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let relay = Self { port: listener.local_addr().unwrap().port() };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || forward(&from, &to));
                std::thread::spawn(move || give_back(&server, &client, bytes));
            }
        });
        relay
    }
}

/// What the client says, until it has said all: whoever is not heard any more, or let go before, is reset, and a reset
/// takes away what is still on its way to it.
fn forward(mut client: &TcpStream, mut server: &TcpStream) {
    let _ = io::copy(&mut client, &mut server);
    let _ = server.shutdown(Shutdown::Write);
    let _ = io::copy(&mut client, &mut io::sink());
}

/// So many bytes of what the server says, and then the end.
fn give_back(server: &TcpStream, mut client: &TcpStream, most: u64) {
    let _ = io::copy(&mut server.take(most), &mut client);
    let _ = client.shutdown(Shutdown::Write);
    let _ = server.shutdown(Shutdown::Both);
}
