//! The address at which a daemon listens for events.

use crate::error::ClientError;
use crate::trust::TrustedRoots;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// The address at which a daemon listens for events: `HOST:PORT`, `tls://HOST:PORT`, or `unix:PATH`.
///
/// ```
/// use surmise_client::Address;
///
/// assert_eq!("localhost:7071".parse(), Ok(Address::Tcp("localhost:7071".into())));
/// assert_eq!("unix:/run/events.sock".parse(), Ok(Address::Unix("/run/events.sock".into())));
/// assert!("localhost".parse::<Address>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP socket, as `HOST:PORT`.
    Tcp(String),
    /// A TCP socket on which TLS is spoken, as `HOST:PORT`.
    Tls(String),
    /// A Unix socket, by its path.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = ClientError;
    fn from_str(text: &str) -> Result<Address, ClientError> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Address::Unix(path.into()));
        }
        let (place, kind): (_, fn(String) -> Address) = match text.strip_prefix("tls://") {
            Some(place) => (place, Address::Tls),
            None => (text.strip_prefix("tcp://").or_else(|| text.strip_prefix("tcp:")).unwrap_or(text), Address::Tcp),
        };
        match place.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(kind(place.into())),
            _ => Err(ClientError::Address(place.into())),
        }
    }
}

impl From<std::net::SocketAddr> for Address {
    fn from(socket: std::net::SocketAddr) -> Address {
        Address::Tcp(socket.to_string())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(place) => f.write_str(place),
            Address::Tls(place) => write!(f, "tls://{place}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Both directions of a connection of either kind.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Address {
    /// The same place, with TLS where it is one of TCP.
    pub fn over_tls(self) -> Address {
        match self {
            Address::Tcp(place) => Address::Tls(place),
            other => other,
        }
    }

    /// Opens a connection; `roots` are trusted where it speaks TLS.
    pub(crate) async fn open(&self, roots: Option<&TrustedRoots>) -> std::io::Result<Box<dyn Duplex>> {
        Ok(match self {
            Address::Tcp(place) => Box::new(connect(place).await?),
            Address::Tls(place) => {
                let system = || TrustedRoots::of_system().map_err(std::io::Error::other);
                let roots = roots.cloned().map_or_else(system, Ok)?;
                let host = place.rsplit_once(':').map_or(place.as_str(), |(host, _)| host);
                Box::new(roots.connect(host, connect(place).await?).await?)
            }
            #[cfg(unix)]
            Address::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
            #[cfg(not(unix))]
            Address::Unix(path) => {
                let reason = format!("{} is a Unix socket, which this system does not have", path.display());
                return Err(std::io::Error::new(std::io::ErrorKind::Unsupported, reason));
            }
        })
    }
}

async fn connect(place: &str) -> std::io::Result<TcpStream> {
    let socket = TcpStream::connect(place).await?;
    // events are gathered before they are written, so the kernel need not wait for more
    socket.set_nodelay(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_a_port_or_a_path() {
        assert_eq!("localhost:7071".parse(), Ok(Address::Tcp("localhost:7071".into())));
        assert_eq!("tls://box.example:7071".parse(), Ok(Address::Tls("box.example:7071".into())));
        assert_eq!("unix:/run/s".parse(), Ok(Address::Unix("/run/s".into())));
        assert!("localhost".parse::<Address>().is_err() && "unix:".parse::<Address>().is_err());
    }
}
