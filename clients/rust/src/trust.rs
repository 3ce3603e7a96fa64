//! TLS to a daemon: whose certificates are trusted.

use crate::error::ClientError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The authorities whose certificates of daemons are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedRoots(Arc<[CertificateDer<'static>]>);

impl TrustedRoots {
    /// Those that the operating system trusts.
    ///
    /// # Errors
    /// It has none.
    pub fn of_system() -> Result<TrustedRoots, ClientError> {
        let found = rustls_native_certs::load_native_certs();
        TrustedRoots::some(found.certs, "the system's certificates")
    }

    /// Those of a PEM file, as for a daemon whose certificate comes from an authority of one's own.
    ///
    /// # Errors
    /// The file cannot be read, or has no certificate.
    pub fn from_file(path: &Path) -> Result<TrustedRoots, ClientError> {
        let place = path.display().to_string();
        let fault = |e: rustls::pki_types::pem::Error| ClientError::Certificates {
            place: place.clone(),
            reason: e.to_string(),
        };
        let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(fault)?.collect();
        TrustedRoots::some(read.map_err(fault)?, &place)
    }

    fn some(certificates: Vec<CertificateDer<'static>>, place: &str) -> Result<TrustedRoots, ClientError> {
        match certificates.is_empty() {
            true => {
                Err(ClientError::Certificates { place: place.to_owned(), reason: "there is no certificate".into() })
            }
            false => Ok(TrustedRoots(certificates.into())),
        }
    }

    /// The certificates, in DER.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|certificate| certificate.as_ref())
    }

    /// Makes a connection private, and checks that its other side is the host that is meant.
    pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        socket: S,
    ) -> std::io::Result<TlsStream<S>> {
        let mut roots = RootCertStore::empty();
        // a certificate that cannot be read is one authority less
        roots.add_parsable_certificates(self.0.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = versions.map_err(std::io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
        let bare = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(bare).map_err(std::io::Error::other)?;
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    }
}

/// Why the certificate that a daemon showed is not trusted, and what to do, if that is why a connection failed.
pub fn distrust(error: &std::io::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(fault) = error.get_ref()?.downcast_ref::<rustls::Error>()? else {
        return None;
    };
    Some(match fault {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no authority that is trusted here vouches for it; give the one that does (--ca FILE or SURMISE_CA)".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired; make a new one".into(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for other names; name the daemon as the certificate does, or make one for this name".into()
        }
        // what webpki says of the certificate of an authority that is shown as a server's own
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is an authority's (CA:TRUE), not a server's; SECURITY.md has the command that makes the right kind"
                .into()
        }
        other => other.to_string(),
    })
}
