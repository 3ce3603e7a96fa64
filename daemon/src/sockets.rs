//! Binding the sockets that the configuration asks for, where a service manager has not given them.

use crate::given_sockets::GivenSockets;
use anyhow::{Context, anyhow};
use std::path::{Path, PathBuf};
use surmise_config::{Config, ListenAddresses, OFF, parse_address};
use tokio::net::{TcpListener, UnixListener};

/// Bytes of the longest path of a Unix socket on Linux (`sun_path` has 108, the last of which is zero).
const UNIX_PATH_BYTES_MAX: usize = 107;

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
    let listener = bind_private(&path).with_context(|| format!("listen.unix: cannot listen at {}", path.display()))?;
    Ok(Some(BoundUnix { listener, path, is_given: false }))
}

/// Binds a Unix socket that only this user can open.
///
/// A socket that a killed daemon left at the path is removed: the lock of the data directory shows that no daemon uses
/// it.
///
/// # Errors
/// The path is too long, or something that is no socket has it.
fn bind_private(path: &Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let path_bytes = path.as_os_str().len();
    if path_bytes > UNIX_PATH_BYTES_MAX {
        let reason =
            format!("a path of {path_bytes} bytes is too long for a Unix socket; {UNIX_PATH_BYTES_MAX} is the most");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, reason));
    }
    // a file that is no socket belongs to somebody and stays
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, "something else has this path")),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
