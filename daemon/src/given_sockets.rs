//! Sockets that a service manager has bound and gives to the daemon as it starts it (`sd_listen_fds(3)`). What connects
//! to one while the daemon starts or restarts waits, where it would be refused by an address that nobody listens at.
//!
//! A given socket takes the place of the address of its listener in the configuration, and is held to the same rules:
//! from other machines it is reached only with a token and TLS.

use socket2::{Socket, Type};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use surmise_config::ListenAddresses;

/// The names that a socket may have: those of the keys in `[listen]`.
const NAMES: &str = "http, tcp, lines or unix";

/// Whether the sockets of this process were taken.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The sockets that were given, by the name of their listener.
#[derive(Debug, Default)]
pub struct GivenSockets {
    pub(crate) http: Option<TcpListener>,
    pub(crate) tcp: Option<TcpListener>,
    pub(crate) lines: Option<TcpListener>,
    pub(crate) unix: Option<(UnixListener, PathBuf)>,
    addresses: ListenAddresses,
}

/// Why a socket that was given cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GivenSocketError {
    /// What the environment says of the sockets is not so.
    #[error("LISTEN_FDS and LISTEN_FDNAMES, by which a service manager gives sockets, cannot be used: {0}")]
    Environment(std::io::Error),
    /// No listener has the name of the socket.
    #[error("a socket named {0:?} was given; set FileDescriptorName= of its unit to {NAMES}")]
    UnknownName(String),
    /// Two sockets have the same name.
    #[error("two sockets named {0:?} were given; a listener has one, so leave one ListenStream= in its unit")]
    Twice(&'static str),
    /// The socket is of another kind than its listener.
    #[error("the socket named {0:?} that was given is none that {1}; give it by ListenStream=, without Accept=")]
    WrongKind(&'static str, &'static str),
    /// The system does not say what the socket is.
    #[error("the socket named {0:?} that was given cannot be used: {1}")]
    Unusable(&'static str, std::io::Error),
}

impl GivenSockets {
    /// Takes the sockets that this process was given. The second time there are none.
    ///
    /// # Errors
    /// A socket cannot be used.
    pub fn take() -> Result<GivenSockets, GivenSocketError> {
        let mut given = GivenSockets::default();
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Ok(given);
        }
        for (number, name) in sd_notify::listen_fds_with_names().map_err(GivenSocketError::Environment)? {
            // SAFETY: The descriptor is open, as it could be set to close when a program is executed. It was opened for
            // this process before it began, and is taken here alone, and once.
            let socket = Socket::from(unsafe { OwnedFd::from_raw_fd(number) });
            given.add(&name, socket)?;
        }
        Ok(given)
    }

    /// The addresses at which they listen.
    pub fn addresses(&self) -> &ListenAddresses {
        &self.addresses
    }

    fn add(&mut self, name: &str, socket: Socket) -> Result<(), GivenSocketError> {
        match name {
            "http" => add_tcp("http", socket, &mut self.http, &mut self.addresses.http),
            "tcp" => add_tcp("tcp", socket, &mut self.tcp, &mut self.addresses.tcp),
            "lines" => add_tcp("lines", socket, &mut self.lines, &mut self.addresses.lines),
            "unix" => self.add_unix(socket),
            unknown => Err(GivenSocketError::UnknownName(unknown.to_owned())),
        }
    }

    fn add_unix(&mut self, socket: Socket) -> Result<(), GivenSocketError> {
        let address = listening("unix", &socket)?;
        // one without a path would have no owner and no mode that say who may connect
        let path = address.as_pathname().ok_or(GivenSocketError::WrongKind("unix", "listens at a path"))?.to_owned();
        if self.unix.is_some() {
            return Err(GivenSocketError::Twice("unix"));
        }
        self.addresses.unix = Some(path.clone());
        self.unix = Some((socket.into(), path));
        Ok(())
    }
}

fn add_tcp(
    name: &'static str,
    socket: Socket,
    place: &mut Option<TcpListener>,
    at: &mut Option<SocketAddr>,
) -> Result<(), GivenSocketError> {
    let address = listening(name, &socket)?.as_socket();
    let address = address.ok_or(GivenSocketError::WrongKind(name, "listens for TCP"))?;
    if place.is_some() {
        return Err(GivenSocketError::Twice(name));
    }
    *at = Some(address);
    *place = Some(socket.into());
    Ok(())
}

/// The address at which a socket accepts connections; it is made not to block, as the daemon needs it.
fn listening(name: &'static str, socket: &Socket) -> Result<socket2::SockAddr, GivenSocketError> {
    let unusable = |e| GivenSocketError::Unusable(name, e);
    let is_stream = socket.r#type().map_err(unusable)? == Type::STREAM;
    if !is_stream || !is_listener(socket).map_err(unusable)? {
        return Err(GivenSocketError::WrongKind(name, "accepts connections"));
    }
    socket.set_nonblocking(true).map_err(unusable)?;
    socket.local_addr().map_err(unusable)
}

#[cfg(target_os = "linux")]
fn is_listener(socket: &Socket) -> std::io::Result<bool> {
    socket.is_listener()
}

/// Other systems cannot be asked; there it shows at the first connection.
#[cfg(not(target_os = "linux"))]
fn is_listener(_: &Socket) -> std::io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::Domain;

    fn tcp() -> Socket {
        TcpListener::bind("127.0.0.1:0").unwrap().into()
    }

    #[test]
    fn sockets_are_told_by_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let mut given = GivenSockets::default();
        let http = tcp();
        let address = http.local_addr().unwrap().as_socket();
        given.add("http", http).unwrap();
        given.add("unix", UnixListener::bind(&path).unwrap().into()).unwrap();
        let want = ListenAddresses { http: address, unix: Some(path), ..ListenAddresses::default() };
        assert_eq!(given.addresses(), &want);
        assert!(given.tcp.is_none() && given.lines.is_none());
    }

    #[test]
    fn what_is_no_listener_of_its_name_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let unix = || UnixListener::bind(dir.path().join("s"));
        let datagrams = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let mut given = GivenSockets::default();
        given.add("tcp", tcp()).unwrap();
        for (name, socket, says) in [
            ("surmised.socket", tcp(), "\"surmised.socket\" was given; set FileDescriptorName="),
            ("tcp", tcp(), "two sockets named \"tcp\""),
            ("http", datagrams, "is none that accepts connections"),
            ("http", silent, "is none that accepts connections"),
            ("http", unix().unwrap().into(), "is none that listens for TCP"),
            ("unix", tcp(), "is none that listens at a path"),
        ] {
            let error = given.add(name, socket).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
