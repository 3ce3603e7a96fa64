//! TLS: the certificate that the daemon shows, and connections that are made private with it.
//!
//! Certificate and key are files in PEM. They are read again when the configuration is; connections that are open go on
//! with what they began with.

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use surmise_config::{Config, ConfigError, ConfigFault};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The certificate of the daemon, with everything that a handshake needs.
pub struct OwnCertificate(ArcSwap<ServerConfig>);

impl OwnCertificate {
    /// The certificate that a configuration names, if it names one.
    ///
    /// # Errors
    /// A file cannot be read, or the key does not belong to the certificate.
    pub fn open(config: &Config) -> Result<Option<OwnCertificate>, ConfigError> {
        Ok(read(config)?.map(|tls| OwnCertificate(ArcSwap::from(tls))))
    }

    /// Shows another certificate from now on.
    pub fn replace(&self, tls: Arc<ServerConfig>) {
        self.0.store(tls);
    }

    /// Makes a connection private.
    ///
    /// # Errors
    /// The other side does not speak TLS, or not so that this side would understand.
    pub async fn accept(&self, socket: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.0.load_full()).accept(socket).await
    }
}

/// Reads the certificate that a configuration names, if it names one.
///
/// # Errors
/// A file cannot be read, or the key does not belong to the certificate.
pub fn read(config: &Config) -> Result<Option<Arc<ServerConfig>>, ConfigError> {
    let (Some(certificate), Some(key)) = (&config.tls.certificate, &config.tls.key) else { return Ok(None) };
    let fault = |key: &'static str, path: &Path, reason: String| {
        ConfigError::from(ConfigFault::Certificate { key, path: path.to_owned(), reason })
    };
    // the text of an error names the file and never what is in it
    let in_certificate = |e: rustls::pki_types::pem::Error| fault("certificate", certificate, e.to_string());
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .map_err(in_certificate)?
        .collect::<Result<_, _>>()
        .map_err(in_certificate)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| fault("key", key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let usable = provider.key_provider.load_private_key(private.clone_key());
    usable.map_err(|e| fault("key", key, e.to_string()))?;
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let built = versions.and_then(|v| v.with_no_client_auth().with_single_cert(chain, private));
    let mut tls = built.map_err(|e| fault("certificate", certificate, e.to_string()))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(tls)))
}
