//! Reading the configuration again while the daemon runs.
//!
//! Tokens, the names of hosts and the certificate are swapped at once; nothing else changes before a restart, and the
//! answer names what would. A configuration with a fault changes nothing.

use crate::hub::Hub;
use crate::machine_memory::half_of_the_machine;
use crate::telemetry;
use crate::threads::disk_limit;
use crate::tls;
use rustls::ServerConfig;
use serde::Serialize;
use std::sync::Arc;
use surmise_config::{ByteSize, CERTIFICATE_KEYS, Config, ConfigError, KeyInForce, RELOADED_KEYS};

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
    pub fn reload(&self, who: &str) -> Result<Reloaded, ReloadError> {
        let read = || {
            let config = self.config.read_again()?;
            warn_of_clear_token(&config);
            let certificate = tls::read(&config)?;
            Ok(self.reload_as(&config, certificate))
        };
        let reloaded: Result<Reloaded, ReloadError> = read();
        metrics::gauge!(telemetry::CONFIG_RELOADED).set(f64::from(u8::from(reloaded.is_ok())));
        let result = match &reloaded {
            Ok(reloaded) => format!("done: applied {}", reloaded.applied.join(", ")),
            Err(e) => {
                tracing::error!("the configuration is not read again: {e}");
                format!("refused: {e}")
            }
        };
        self.audit(who, "reload", "configuration".into(), result);
        reloaded
    }

    /// Lets a configuration take effect as far as it can now.
    fn reload_as(&self, config: &Config, certificate: Option<Arc<ServerConfig>>) -> Reloaded {
        // one at a time
        let mut reloaded = self.reloaded.lock().unwrap_or_else(|e| e.into_inner());
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
        let is_applied = |key: &String| is_reloaded(key, shows_another);
        let (applied, needs_restart): (Vec<_>, Vec<_>) =
            self.config.differing_keys(config).into_iter().partition(is_applied);
        *reloaded = Some(config.clone());
        let listed = |keys: &[String]| if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
        tracing::info!(
            "the configuration was read again; applied: {}; needs a restart: {}",
            listed(&applied),
            listed(&needs_restart)
        );
        Reloaded { applied, needs_restart }
    }

    /// The keys of the configuration in force: what the daemon was started with, and what a reload has changed since.
    pub fn keys_in_force(&self) -> Vec<KeyInForce> {
        let reloaded = self.reloaded.lock().unwrap_or_else(|e| e.into_inner());
        let is_newer = |key: &KeyInForce| reloaded.is_some() && is_reloaded(&key.key(), self.certificate.is_some());
        let mut keys = keys_in_force(&self.config);
        keys.retain(|key| !is_newer(key));
        let newer = reloaded.as_ref().map_or(Vec::new(), keys_in_force);
        for key in newer.into_iter().filter(is_newer) {
            // beside the others of its table
            let at = keys.iter().rposition(|other| other.table == key.table).map_or(keys.len(), |last| last + 1);
            keys.insert(at, key);
        }
        if let (Some(store), Some(disk)) = (self.store(), keys.iter_mut().find(|key| key.key() == "store.disk"))
            && reloaded.as_ref().unwrap_or(&self.config).store.disk.0 == 0
        {
            disk.inferred = Some(format!("\"{}\"", ByteSize(store.disk.limit_bytes())));
        }
        keys
    }
}

/// Says that the file has a token in clear, if it has.
pub fn warn_of_clear_token(config: &Config) {
    if let Some(line) = config.clear_token_line() {
        tracing::warn!(
            "auth.token stands in clear in line {line} of the configuration, for whoever reads it; surmise token hash \
             makes the token_hash that takes its place"
        );
    }
}

/// Whether a change of a key takes effect without a restart.
fn is_reloaded(key: &str, shows_certificate: bool) -> bool {
    RELOADED_KEYS.contains(&key) || shows_certificate && CERTIFICATE_KEYS.contains(&key)
}

/// The keys of a configuration, and what a daemon infers where they leave something open.
pub fn keys_in_force(config: &Config) -> Vec<KeyInForce> {
    let mut keys = config.keys_in_force();
    if let Some(memory) =
        keys.iter_mut().find(|key| key.key() == "limits.memory").filter(|_| config.limits.memory.0 == 0)
    {
        memory.inferred = Some(format!("\"{}\"", ByteSize(half_of_the_machine())));
    }
    keys
}
