//! From a server's address to a stream that ldap3 can work with: TCP, StartTLS, TLS, and the check of every message.
//!
//! ldap3 could connect by itself, but then nobody would look at the messages before its parser does. So the connection
//! is made here, and ldap3 gets one end of a socket pair; a relay passes on what [`super::wire`] lets through.

use super::outcome;
use super::settings::{DirectorySettings, Protection, Server};
use super::wire;
use crate::connectors::{ConnectionError, tls};
use bytes::BytesMut;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig};
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

const CHUNK: usize = 64 << 10;

/// ExtendedRequest with message id 1 and the name 1.3.6.1.4.1.1466.20037 (RFC 4511 4.14).
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// The answer to StartTLS is an OID and a few words.
const MAX_START_TLS_ANSWER: usize = 64 << 10;

/// An open connection.
pub struct Link {
    /// What ldap3 talks to.
    pub stream: StdUnixStream,
    /// Set once the connection has ended, before `stream` ends.
    pub ending: Ending,
    /// `TLS 1.3`, if encrypted.
    pub encryption: Option<String>,
}

/// Why a connection ended.
pub type Ending = Arc<OnceLock<ConnectionError>>;

/// Opens a connection. All of it together may take `settings.timeout`.
pub async fn connect(server: &Server, settings: &DirectorySettings) -> Result<Link, ConnectionError> {
    tokio::time::timeout(settings.timeout, open(server, settings)).await.unwrap_or_else(|_| {
        Err(ConnectionError::transient(
            &server.name,
            format!(
                "no connection within {} s: is the address right, and the way there open?",
                settings.timeout.as_secs()
            ),
        ))
    })
}

async fn open(server: &Server, settings: &DirectorySettings) -> Result<Link, ConnectionError> {
    if let Some(path) = &server.socket {
        let stream = UnixStream::connect(path).await.map_err(|error| {
            ConnectionError::transient(&server.name, format!("can't connect: {error}; does the server listen there?"))
        })?;
        return link(&server.name, stream, None);
    }
    let mut tcp = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(|error| {
        ConnectionError::transient(&server.name, format!("can't connect: {error}; is the server running there?"))
    })?;
    // Requests are small and each waits for its answer.
    let _ = tcp.set_nodelay(true);
    if server.protection == Protection::None {
        return link(&server.name, tcp, None);
    }
    let config = tls_config(settings)?;
    let name = ServerName::try_from(server.host.clone())
        .map_err(|_| ConnectionError::permanent(&server.name, "no certificate can be for this host name"))?;
    if server.protection == Protection::StartTls {
        start_tls(&mut tcp, &server.name).await?;
    }
    let tls = TlsConnector::from(config).connect(name, tcp).await.map_err(|error| tls_error(server, &error))?;
    let version = match tls.get_ref().1.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    };
    link(&server.name, tls, Some(version.to_owned()))
}

/// The first operation on the connection. Whatever follows the answer unencrypted was slipped in by somebody else.
async fn start_tls(tcp: &mut TcpStream, place: &str) -> Result<(), ConnectionError> {
    let lost =
        |error: io::Error| ConnectionError::transient(place, format!("the connection broke at StartTLS: {error}"));
    tcp.write_all(START_TLS).await.map_err(lost)?;
    let mut answer = BytesMut::with_capacity(512);
    let length = loop {
        match wire::message_length(&answer) {
            Ok(Some(length)) if length <= answer.len() => break length,
            Ok(length) if length.unwrap_or(0) <= MAX_START_TLS_ANSWER => {}
            _ => return Err(ConnectionError::permanent(place, "the answer to StartTLS is not LDAP")),
        }
        if tcp.read_buf(&mut answer).await.map_err(lost)? == 0 {
            return Err(ConnectionError::transient(place, "the server closed the connection at StartTLS"));
        }
    };
    match wire::extended_response(&answer[..length], 1) {
        Some((0, _)) if answer.len() == length => Ok(()),
        Some((0, _)) => {
            Err(ConnectionError::permanent(place, "unencrypted data followed the answer to StartTLS: not trusted"))
        }
        Some((code, text)) => Err(ConnectionError::permanent(
            place,
            format!("StartTLS was refused: {}; has the server a certificate?", outcome::words(code, &text)),
        )),
        None => Err(ConnectionError::permanent(place, "the answer to StartTLS is not LDAP")),
    }
}

fn tls_config(settings: &DirectorySettings) -> Result<Arc<ClientConfig>, ConnectionError> {
    let config = tls::trusting(settings.ca_file.as_deref())?;
    let config = match &settings.client_certificate {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let (certificates, key) = client_certificate(certificate, key)?;
            config.with_client_auth_cert(certificates, key).map_err(|error| {
                let message = format!("`client_certificate` and `client_key` do not go together: {error}");
                ConnectionError::permanent(certificate.display().to_string(), message)
            })?
        }
    };
    Ok(Arc::new(config))
}

/// Who we are, for servers that ask for a certificate.
fn client_certificate(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), ConnectionError> {
    let unreadable = |path: &Path, setting: &str, error: rustls::pki_types::pem::Error| {
        ConnectionError::permanent(path.display().to_string(), format!("`{setting}` can't be read as PEM: {error}"))
    };
    let certificates = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(certificate, "client_certificate", error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, "client_key", error))?;
    Ok((certificates, key))
}

fn tls_error(server: &Server, error: &io::Error) -> ConnectionError {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(cause) = cause else {
        return ConnectionError::transient(&server.name, format!("the TLS handshake broke off: {error}"));
    };
    let message = match cause {
        rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature) => {
            "the server's certificate is from a CA that is not trusted: set `ca_file` to that CA's certificate"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => format!(
            "the server's certificate is not for the name {}: use in `servers` the name that it is for",
            server.host
        ),
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => {
            "the server's certificate has expired: it must be renewed there".to_owned()
        }
        other => format!("no TLS with this server: {other}"),
    };
    ConnectionError::permanent(&server.name, message)
}

fn link<S>(place: &str, remote: S, encryption: Option<String>) -> Result<Link, ConnectionError>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let local_error = |error: io::Error| ConnectionError::transient(place, format!("no local socket: {error}"));
    let (stream, local) = StdUnixStream::pair().map_err(local_error)?;
    local.set_nonblocking(true).map_err(local_error)?;
    let local = UnixStream::from_std(local).map_err(local_error)?;
    let ending = Ending::default();
    tokio::spawn(relay(place.to_owned(), remote, local, ending.clone()));
    Ok(Link { stream, ending, encryption })
}

/// Passes requests on as they are and answers message by message, until either side ends.
async fn relay<S: AsyncRead + AsyncWrite>(place: String, remote: S, local: UnixStream, ending: Ending) {
    let (mut from_server, mut to_server) = tokio::io::split(remote);
    let (mut from_client, mut to_client) = local.into_split();
    let requests = async {
        match tokio::io::copy(&mut from_client, &mut to_server).await {
            Ok(_) => ConnectionError::transient(&place, "the connection was closed"),
            Err(error) => ConnectionError::transient(&place, format!("the connection broke: {error}")),
        }
    };
    let reason = tokio::select! {
        reason = requests => reason,
        reason = answers(&place, &mut from_server, &mut to_client) => reason,
    };
    let _ = ending.set(reason);
    let _ = to_server.shutdown().await;
}

/// Passes whole, checked messages on; returns why it stopped.
async fn answers(
    place: &str,
    from_server: &mut (impl AsyncRead + Unpin),
    to_client: &mut (impl AsyncWrite + Unpin),
) -> ConnectionError {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    let mut notice = None;
    loop {
        match checked_messages(&buffer, &mut notice) {
            Ok(0) => {}
            Ok(length) => {
                if let Err(error) = to_client.write_all(&buffer.split_to(length)).await {
                    return ConnectionError::transient(place, format!("the connection was closed: {error}"));
                }
            }
            Err(fault) => return ConnectionError::permanent(place, fault.to_string()),
        }
        buffer.reserve(CHUNK);
        match (from_server.read_buf(&mut buffer).await, notice.take()) {
            (Ok(0), Some(words)) => {
                return ConnectionError::transient(place, format!("the server ended the connection: {words}"));
            }
            (Ok(0), None) if buffer.is_empty() => {
                return ConnectionError::transient(place, "the server closed the connection");
            }
            (Ok(0), None) => {
                return ConnectionError::transient(
                    place,
                    "the server closed the connection in the middle of a message",
                );
            }
            (Ok(_), before) => notice = before,
            (Err(error), _) => return ConnectionError::transient(place, format!("the connection broke: {error}")),
        }
    }
}

/// How many bytes at the beginning are whole messages, all in order. A notice of disconnection is remembered.
fn checked_messages(buffer: &[u8], notice: &mut Option<String>) -> Result<usize, wire::WireFault> {
    let mut whole = 0;
    while let Some(length) = wire::message_length(&buffer[whole..])? {
        let Some(message) = buffer.get(whole..whole + length) else { break };
        wire::check_message(message)?;
        if let Some((code, text)) = wire::extended_response(message, 0) {
            *notice = Some(outcome::words(code, &text));
        }
        whole += length;
    }
    Ok(whole)
}
