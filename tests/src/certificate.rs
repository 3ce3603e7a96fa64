//! A certificate of this machine, for servers that a test starts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The certificate of a server at `localhost`, and its key.
pub struct LocalCertificate {
    /// The certificate, which is its own authority, as a PEM file.
    pub certificate: PathBuf,
    /// The key, as a PEM file.
    pub key: PathBuf,
}

impl LocalCertificate {
    /// Makes one in a folder with openssl; none where that is not installed.
    ///
    /// # Panics
    /// If openssl makes none.
    pub fn make(dir: &Path) -> Option<LocalCertificate> {
        let has_openssl = Command::new("openssl").arg("version").stdout(Stdio::null()).status();
        has_openssl.ok().filter(|status| status.success())?;
        let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        let mut made = Command::new("openssl");
        made.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30".split(' '));
        made.args("-subj /CN=localhost -addext subjectAltName=DNS:localhost".split(' '));
        made.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        made.arg("-keyout").arg(&key).arg("-out").arg(&certificate).stderr(Stdio::null());
        assert!(made.status().is_ok_and(|status| status.success()), "openssl makes no certificate");
        Some(LocalCertificate { certificate, key })
    }
}
