//! Where a daemon listens.

use crate::ClientError;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Where a daemon listens for events: `HOST:PORT`, or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP socket.
    Tcp(String),
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = ClientError;
    fn from_str(s: &str) -> Result<Address, ClientError> {
        if let Some(path) = s.strip_prefix("unix:").filter(|p| !p.is_empty()) {
            return Ok(Address::Unix(path.into()));
        }
        let s = s.strip_prefix("tcp://").or_else(|| s.strip_prefix("tcp:")).unwrap_or(s);
        match s.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Address::Tcp(s.into())),
            _ => Err(ClientError::Address(s.into())),
        }
    }
}

impl From<std::net::SocketAddr> for Address {
    fn from(a: std::net::SocketAddr) -> Address {
        Address::Tcp(a.to_string())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(a) => f.write_str(a),
            Address::Unix(p) => write!(f, "unix:{}", p.display()),
        }
    }
}

/// Both directions of a connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Address {
    pub(crate) async fn open(&self) -> std::io::Result<Box<dyn Duplex>> {
        Ok(match self {
            Address::Tcp(a) => {
                let s = TcpStream::connect(a).await?;
                s.set_nodelay(true)?;
                Box::new(s)
            }
            Address::Unix(p) => Box::new(UnixStream::connect(p).await?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!("localhost:7071".parse(), Ok(Address::Tcp("localhost:7071".into())));
        assert_eq!("unix:/run/s".parse(), Ok(Address::Unix("/run/s".into())));
        assert!("localhost".parse::<Address>().is_err() && "unix:".parse::<Address>().is_err());
    }
}
