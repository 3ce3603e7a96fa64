//! Binding the sockets that the configuration asks for, where a service manager has not given them.

use crate::given_sockets::GivenSockets;
use crate::listen;
use anyhow::{Context, anyhow};
use std::path::PathBuf;
use surmise_config::{Config, ListenAddresses, OFF, parse_address};
use tokio::net::{TcpListener, UnixListener};

/// The sockets that are bound and not served yet; connections to them wait.
#[derive(Default)]
pub struct Bound {
    pub http: Option<TcpListener>,
    pub tcp: Option<TcpListener>,
    pub lines: Option<TcpListener>,
    pub unix: Option<BoundUnix>,
}

/// A Unix socket that is bound.
pub struct BoundUnix {
    pub listener: UnixListener,
    pub path: PathBuf,
    /// Whether its file belongs to the service manager that gave it, and so stays.
    pub is_given: bool,
}

impl Bound {
    /// Binds all sockets that the configuration asks for and that are not among those that were given.
    ///
    /// # Errors
    /// An address is wrong or taken.
    pub async fn bind(config: &Config, given: GivenSockets) -> anyhow::Result<Bound> {
        let l = &config.listen;
        Ok(Bound {
            http: bind_tcp("http", given.http, &l.http).await?,
            tcp: bind_tcp("tcp", given.tcp, &l.tcp).await?,
            lines: bind_tcp("lines", given.lines, &l.lines).await?,
            unix: bind_unix(given.unix, config.unix_path())?,
        })
    }

    /// The addresses to which the sockets are bound.
    ///
    /// # Errors
    /// The system does not tell them.
    pub fn addresses(&self) -> anyhow::Result<ListenAddresses> {
        let address = |l: &Option<TcpListener>| l.as_ref().map(TcpListener::local_addr).transpose();
        Ok(ListenAddresses {
            http: address(&self.http)?,
            tcp: address(&self.tcp)?,
            lines: address(&self.lines)?,
            unix: self.unix.as_ref().map(|unix| unix.path.clone()),
        })
    }
}

async fn bind_tcp(
    key: &str,
    given: Option<std::net::TcpListener>,
    address: &str,
) -> anyhow::Result<Option<TcpListener>> {
    if let Some(listener) = given {
        return Ok(Some(TcpListener::from_std(listener)?));
    }
    let Some(address) = parse_address(address).map_err(|e| anyhow!("listen.{key}: {e}"))? else { return Ok(None) };
    let bound = TcpListener::bind(address).await;
    let listener = bound.with_context(|| {
        format!(
            "listen.{key}: cannot listen at {address}; is another program there? Choose another address, or {OFF:?}"
        )
    })?;
    Ok(Some(listener))
}

fn bind_unix(
    given: Option<(std::os::unix::net::UnixListener, PathBuf)>,
    path: Option<PathBuf>,
) -> anyhow::Result<Option<BoundUnix>> {
    if let Some((listener, path)) = given {
        return Ok(Some(BoundUnix { listener: UnixListener::from_std(listener)?, path, is_given: true }));
    }
    let Some(path) = path else { return Ok(None) };
    let listener =
        listen::bind_unix(&path).with_context(|| format!("listen.unix: cannot listen at {}", path.display()))?;
    Ok(Some(BoundUnix { listener, path, is_given: false }))
}
