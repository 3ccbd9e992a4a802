//! A real receiver of webhooks: answers as a test wants, and keeps what came.

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How the receiver answers one request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// With this status.
    Status(u16),
    /// With a redirect to this address.
    Redirect(String),
    /// Not at all.
    Hang,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    pub body: String,
}

impl Received {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Checks the signature with nothing but SHA-256 (RFC 2104, Standard Webhooks).
    #[track_caller]
    pub fn is_signed_with(&self, key: &[u8]) {
        let mut block = [0_u8; 64];
        block[..key.len()].copy_from_slice(key);
        let padded = |with: u8| block.map(|byte| byte ^ with);
        let signed = format!("{}.{}.{}", self.id, self.timestamp, self.body);
        let inner = Sha256::new().chain_update(padded(0x36)).chain_update(signed).finalize();
        let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
        assert_eq!(self.signature, format!("v1,{}", STANDARD.encode(outer)));
    }
}

#[derive(Default)]
struct Notes {
    answers: Mutex<VecDeque<Answer>>,
    received: Mutex<Vec<Received>>,
}

/// A receiver on a free port of this machine; it stops with the value.
pub struct Receiver {
    /// `http://127.0.0.1:12345`
    pub address: String,
    notes: Arc<Notes>,
    handle: ServerHandle,
}

impl Receiver {
    /// Starts one that answers like this, then always with 204.
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let notes = Arc::new(Notes { answers: Mutex::new(answers.into_iter().collect()), ..Notes::default() });
        let (tell, told) = std::sync::mpsc::channel();
        let kept = notes.clone();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new().app_data(web::Data::from(kept.clone())).default_service(web::to(receive))
                });
                let server = server.workers(1).disable_signals().shutdown_timeout(0).bind("127.0.0.1:0").unwrap();
                let address = format!("http://{}", server.addrs()[0]);
                let server = server.run();
                tell.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = told.recv().unwrap();
        Self { address, notes, handle }
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.notes.received.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        let since = Instant::now();
        loop {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            assert!(since.elapsed() < Duration::from_secs(30), "only {received:#?} came");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // Sent at once; nobody has to wait for it.
        drop(self.handle.stop(false));
    }
}

async fn receive(notes: web::Data<Notes>, request: HttpRequest, body: String) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    notes.received.lock().unwrap().push(Received {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body,
    });
    let answer = notes.answers.lock().unwrap().pop_front();
    match answer.unwrap_or(Answer::Status(204)) {
        Answer::Status(status) => HttpResponse::build(status.try_into().unwrap()).body("not read"),
        Answer::Redirect(to) => HttpResponse::Found().insert_header(("location", to)).finish(),
        Answer::Hang => {
            actix_web::rt::time::sleep(Duration::from_secs(60)).await;
            HttpResponse::NoContent().finish()
        }
    }
}
