//! The daemon in this process.

use crate::exit::{Exit, Failure};
use std::net::SocketAddr;
use surmise_config::Config;

/// A daemon that runs.
pub(crate) struct Started {
    pub(crate) http: SocketAddr,
    pub(crate) tcp: SocketAddr,
}

pub(crate) async fn start(_: Config) -> Result<Started, Failure> {
    Err(Failure::new(Exit::Internal, "the daemon is not part of this build"))
}

impl Started {
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        Ok(())
    }
}
