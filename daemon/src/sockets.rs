//! Binding the sockets that the configuration asks for.

use crate::listen;
use anyhow::{Context, anyhow};
use std::net::SocketAddr;
use std::path::PathBuf;
use surmise_config::{Config, OFF, parse_address};
use tokio::net::{TcpListener, UnixListener};

/// The addresses at which a daemon listens.
#[derive(Default)]
pub struct Addresses {
    pub http: Option<SocketAddr>,
    pub tcp: Option<SocketAddr>,
    pub lines: Option<SocketAddr>,
    pub unix: Option<PathBuf>,
}

/// The sockets that are bound and not served yet; connections to them wait.
#[derive(Default)]
pub struct Bound {
    pub http: Option<TcpListener>,
    pub tcp: Option<TcpListener>,
    pub lines: Option<TcpListener>,
    pub unix: Option<(UnixListener, PathBuf)>,
}

impl Bound {
    /// Binds all sockets that the configuration asks for.
    ///
    /// # Errors
    /// An address is wrong or taken.
    pub async fn bind(config: &Config) -> anyhow::Result<Bound> {
        let l = &config.listen;
        let mut bound = Bound {
            http: bind_tcp("http", &l.http).await?,
            tcp: bind_tcp("tcp", &l.tcp).await?,
            lines: bind_tcp("lines", &l.lines).await?,
            unix: None,
        };
        if let Some(path) = config.unix_path() {
            let listener = listen::bind_unix(&path)
                .with_context(|| format!("listen.unix: cannot listen at {}", path.display()))?;
            bound.unix = Some((listener, path));
        }
        Ok(bound)
    }

    /// The addresses to which the sockets are bound.
    ///
    /// # Errors
    /// The system does not tell them.
    pub fn addresses(&self) -> anyhow::Result<Addresses> {
        let address = |l: &Option<TcpListener>| l.as_ref().map(TcpListener::local_addr).transpose();
        Ok(Addresses {
            http: address(&self.http)?,
            tcp: address(&self.tcp)?,
            lines: address(&self.lines)?,
            unix: self.unix.as_ref().map(|(_, path)| path.clone()),
        })
    }
}

async fn bind_tcp(key: &str, address: &str) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = parse_address(address).map_err(|e| anyhow!("listen.{key}: {e}"))? else { return Ok(None) };
    let bound = TcpListener::bind(address).await;
    let listener = bound.with_context(|| {
        format!(
            "listen.{key}: cannot listen at {address}; is another program there? Choose another address, or {OFF:?}"
        )
    })?;
    Ok(Some(listener))
}
