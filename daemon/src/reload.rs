//! Reading the configuration again while the daemon runs.
//!
//! Tokens, the names of hosts and the certificate are swapped at once; nothing else changes before a restart, and the
//! answer names what would. A configuration with a fault changes nothing.

use crate::hub::Hub;
use crate::telemetry;
use crate::threads::disk_limit;
use crate::tls;
use rustls::ServerConfig;
use serde::Serialize;
use std::sync::Arc;
use surmise_config::{Config, ConfigError};

/// Keys that take effect without a restart.
const RELOADED_KEYS: &[&str] = &["auth.token", "auth.tokens", "listen.hosts", "store.disk"];

/// Keys that take effect without a restart where the daemon speaks TLS already.
const CERTIFICATE_KEYS: &[&str] = &["tls.certificate", "tls.key"];

/// What reading the configuration again came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Reloaded {
    /// Keys whose values differ from those that the daemon was started with and that are in force.
    pub applied: Vec<String>,
    /// Keys whose values differ from those that the daemon was started with and that take effect only after a restart.
    pub needs_restart: Vec<String>,
}

/// Why the configuration was not read again. Everything goes on as before.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The configuration has a fault.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Hub {
    /// Reads the configuration again, and lets what can take effect now take effect.
    ///
    /// # Errors
    /// The configuration has a fault; everything goes on as before.
    pub fn reload(&self) -> Result<Reloaded, ReloadError> {
        let read = || {
            let config = self.config.read_again()?;
            let certificate = tls::read(&config)?;
            Ok(self.reload_as(&config, certificate))
        };
        let reloaded: Result<Reloaded, ReloadError> = read();
        metrics::gauge!(telemetry::CONFIG_RELOADED).set(f64::from(u8::from(reloaded.is_ok())));
        if let Err(e) = &reloaded {
            tracing::error!("the configuration is not read again: {e}");
        }
        reloaded
    }

    /// Lets a configuration take effect as far as it can now.
    fn reload_as(&self, config: &Config, certificate: Option<Arc<ServerConfig>>) -> Reloaded {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(|e| e.into_inner());
        let before = self.access.load_full();
        let access = Arc::new(before.followed_by(config));
        self.access.store(access.clone());
        before.withdraw(&access);
        let shows_another = match (&self.certificate, certificate) {
            (Some(own), Some(read)) => {
                own.replace(read);
                true
            }
            (Some(_) | None, _) => false,
        };
        if let Some(store) = self.store().filter(|_| config.store.disk != self.config.store.disk) {
            store.disk.set_limit(disk_limit(config, &store));
        }
        let is_applied = |key: &String| {
            RELOADED_KEYS.contains(&key.as_str()) || shows_another && CERTIFICATE_KEYS.contains(&key.as_str())
        };
        let (applied, needs_restart): (Vec<_>, Vec<_>) =
            self.config.differing_keys(config).into_iter().partition(is_applied);
        let listed = |keys: &[String]| if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
        tracing::info!(
            "the configuration was read again; applied: {}; needs a restart: {}",
            listed(&applied),
            listed(&needs_restart)
        );
        Reloaded { applied, needs_restart }
    }
}
