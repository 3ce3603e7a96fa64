//! TLS to servers that the daemon reads from or sends to: whose certificates are trusted.

use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// What TLS is spoken with: the authorities that the system trusts, or those of `SSL_CERT_FILE`.
///
/// # Errors
/// The library does not speak the usual versions, which would be a bug.
pub fn client_config() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    // a certificate that cannot be read is one authority less
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}
