//! The daemon in this process: the same library that the program `surmised` is made of.

use std::net::SocketAddr;
use surmise_config::Config;
use surmise_terminal::{Exit, Failure};
use surmised::{Daemon, Running};

/// A running daemon and its addresses.
pub(crate) struct InProcess {
    running: Running,
    pub(crate) http: SocketAddr,
    pub(crate) tcp: SocketAddr,
}

/// Starts a daemon, and returns when it listens.
pub(crate) async fn start(config: Config) -> Result<InProcess, Failure> {
    let running = Daemon::start(config)
        .await
        .map_err(|e| Failure::new(Exit::Storage, format!("surmised cannot start: {e:#}")))?;
    match (running.http_addr(), running.tcp_addr()) {
        (Some(http), Some(tcp)) => Ok(InProcess { running, http, tcp }),
        _ => Err(Failure::internal("surmised does not listen")),
    }
}

impl InProcess {
    /// Stops it as SIGTERM would: what was accepted is learnt, and last checkpoints are written.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.running.shutdown().await.map_err(|e| Failure::internal(format!("surmised did not stop cleanly: {e:#}")))
    }
}
