//! The address of a listener, as it is written in `[listen]`.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The word that turns a listener off.
pub const OFF: &str = "off";

/// The addresses of listeners, as far as there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenAddresses {
    /// The address of HTTP.
    pub http: Option<SocketAddr>,
    /// The TCP address of the event socket.
    pub tcp: Option<SocketAddr>,
    /// The TCP address for bare lines.
    pub lines: Option<SocketAddr>,
    /// The path of the Unix socket.
    pub unix: Option<PathBuf>,
}

/// A text that is neither an address nor `"off"`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as \"127.0.0.1:7071\" or \"[::1]:7071\", or \"off\", got {0:?}")]
pub struct AddressError(pub String);

/// Reads the address of a listener; `None` means that the listener is off.
///
/// # Errors
/// Says what was expected.
pub fn parse_address(text: &str) -> Result<Option<SocketAddr>, AddressError> {
    if text == OFF {
        return Ok(None);
    }
    let numeric = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    numeric.parse().map(Some).map_err(|_| AddressError(numeric))
}
