//! The address at which a daemon listens for events.

use crate::error::ClientError;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// The address at which a daemon listens for events: `HOST:PORT`, or `unix:PATH`.
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
    /// A Unix socket, by its path.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = ClientError;
    fn from_str(text: &str) -> Result<Address, ClientError> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Address::Unix(path.into()));
        }
        let place = text.strip_prefix("tcp://").or_else(|| text.strip_prefix("tcp:")).unwrap_or(text);
        match place.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Address::Tcp(place.into())),
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
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Both directions of a connection of either kind.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Address {
    /// Opens a connection.
    pub(crate) async fn open(&self) -> std::io::Result<Box<dyn Duplex>> {
        Ok(match self {
            Address::Tcp(place) => {
                let socket = TcpStream::connect(place).await?;
                // events are gathered before they are written, so the kernel need not wait for more
                socket.set_nodelay(true)?;
                Box::new(socket)
            }
            Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_a_port_or_a_path() {
        assert_eq!("localhost:7071".parse(), Ok(Address::Tcp("localhost:7071".into())));
        assert_eq!("unix:/run/s".parse(), Ok(Address::Unix("/run/s".into())));
        assert!("localhost".parse::<Address>().is_err() && "unix:".parse::<Address>().is_err());
    }
}
