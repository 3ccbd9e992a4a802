//! TLS to a database server: whom to trust, and what it means if that fails.

use super::settings::{Address, Database, Encryption};
use crate::connectors::ConnectionError;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

/// How a connection with TLS is made; `None`: without.
pub fn client_config(database: &Database) -> Result<Option<ClientConfig>, ConnectionError> {
    let Address::Host { encryption, ca_file, .. } = &database.address else { return Ok(None) };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectionError::permanent(&database.place, format!("TLS can't be set up: {error}")))?;
    Ok(match encryption {
        Encryption::None => None,
        Encryption::Require => {
            let whoever = Arc::new(Whoever(provider));
            Some(builder.dangerous().with_custom_certificate_verifier(whoever).with_no_client_auth())
        }
        Encryption::Verify => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(trusted(ca_file.as_deref())?);
            Some(builder.with_root_certificates(roots).with_no_client_auth())
        }
    })
}

/// The CA certificates to trust: those of a file and no others, or those of the system; at least one.
pub fn trusted(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, ConnectionError> {
    let place = ca_file.map_or_else(|| "the system's CA certificates".to_owned(), |path| path.display().to_string());
    let refuse = |why: String| ConnectionError::permanent(&place, why);
    let is_usable = |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone());
    let trusted: Vec<CertificateDer<'static>> = match ca_file {
        None => rustls_native_certs::load_native_certs().certs.into_iter().filter(|it| is_usable(it).is_ok()).collect(),
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let certificates = read.map_err(|error| refuse(format!("ca_file can't be read as PEM: {error}")))?;
            for certificate in &certificates {
                is_usable(certificate).map_err(|error| refuse(format!("ca_file holds no CA certificate: {error}")))?;
            }
            certificates
        }
    };
    if trusted.is_empty() {
        return Err(refuse("no CA certificate there: set ca_file to a PEM file with the CA of the server".to_owned()));
    }
    Ok(trusted)
}

/// What a failure of TLS means, if it is one.
pub fn fault(database: &Database, error: &(dyn Error + 'static)) -> Option<ConnectionError> {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    let message = match cause(error)? {
        TlsError::InvalidCertificate(UnknownIssuer | BadSignature) => {
            "the server's certificate is from a CA that is not trusted: set ca_file to that CA's certificate".to_owned()
        }
        TlsError::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "the server's certificate is not for this host: use in host the name that it is for".to_owned()
        }
        TlsError::InvalidCertificate(Expired | ExpiredContext { .. }) => {
            "the server's certificate has expired: it must be renewed there".to_owned()
        }
        other => format!("no TLS with this server: {other}"),
    };
    Some(ConnectionError::permanent(&database.place, message))
}

/// The error of TLS that lies at the bottom of another.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let found = error.downcast_ref().or_else(|| inner.and_then(|inner| inner.downcast_ref()));
        if found.is_some() {
            return found;
        }
        next = error.source();
    }
    None
}

/// Takes any certificate. What is said is still kept from those who only listen.
#[derive(Debug)]
struct Whoever(Arc<CryptoProvider>);

impl ServerCertVerifier for Whoever {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
