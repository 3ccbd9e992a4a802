//! Whom TLS connections trust, and what is wrong when they fail.

use super::ConnectionError;
use rustls::client::WantsClientCert;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, ConfigBuilder, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Trusts the CA certificates of a PEM file and no others, or those of the system; shows no certificate itself.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, ConnectionError> {
    Ok(trusting(ca_file)?.with_no_client_auth())
}

/// The same, before it is said which certificate is shown.
pub fn trusting(ca_file: Option<&Path>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConnectionError> {
    let place = ca_file.map_or_else(|| "the system's CA certificates".to_owned(), |path| path.display().to_string());
    let refuse = |why: String| ConnectionError::permanent(&place, why);
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path)
                .map_err(|error| refuse(format!("`ca_file` can't be read: {error}")))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| refuse(format!("`ca_file` is not PEM: {error}")))?;
                roots
                    .add(certificate)
                    .map_err(|error| refuse(format!("`ca_file` holds no CA certificate: {error}")))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(refuse(
            "no CA certificate there: set `ca_file` to a PEM file with the CA of the server".to_owned(),
        ));
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(format!("TLS can't be set up: {error}")))?
        .with_root_certificates(roots))
}

/// Why there is no TLS with a server, and what to do. `setting` is where its address stands.
pub fn explain(error: &rustls::Error, host: &str, setting: &str) -> String {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    match error {
        rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature) => {
            "the server's certificate is from a CA that is not trusted: set `ca_file` to that CA's certificate"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            format!("the server's certificate is not for the name {host}: use in `{setting}` the name that it is for")
        }
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => {
            "the server's certificate has expired: it must be renewed there".to_owned()
        }
        other => format!("no TLS with this server: {other}"),
    }
}
