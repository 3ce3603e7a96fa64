//! Sending messages of syslog over UDP, TCP and Unix sockets.
//!
//! The protocol has no acknowledgement: a message counts as taken once the system has it. What a connection had on its
//! way when it broke is lost, and over UDP whatever nobody receives. Nothing is encrypted: leave a way over a network
//! that others see to a relay on this machine, such as rsyslog.

use super::carrier::{Carrier, SendResult};
use super::message::SinkMessage;
use super::syslog_line::LineWriter;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use surmise_config::SyslogSink;

/// How long a connection may take to be made, and a message to be taken.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Where messages go.
enum SyslogTarget {
    Udp(String),
    Tcp(String),
    Unix(String),
}

/// An open way there.
enum SyslogConnection {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Unix(UnixDatagram),
}

/// What sends messages of syslog.
pub struct SyslogSender {
    /// None if the configuration names no place, which its check refuses.
    target: Option<SyslogTarget>,
    writer: LineWriter,
    connection: Option<SyslogConnection>,
}

impl SyslogSender {
    /// What sends where a rule says. It connects with the first message.
    pub fn new(rule: &SyslogSink) -> SyslogSender {
        let udp = rule.udp.clone().map(SyslogTarget::Udp);
        let target = udp.or(rule.tcp.clone().map(SyslogTarget::Tcp)).or(rule.unix.clone().map(SyslogTarget::Unix));
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let writer = LineWriter::new(rule.facility, &host, std::process::id());
        SyslogSender { target, writer, connection: None }
    }

    /// The way that is open, unless the other side has closed it; or a new one.
    fn connection(&mut self) -> io::Result<SyslogConnection> {
        match self.connection.take().filter(SyslogConnection::is_open) {
            Some(connection) => Ok(connection),
            None => match &self.target {
                Some(target) => target.connect(),
                None => Err(io::Error::new(io::ErrorKind::InvalidInput, "no address is configured")),
            },
        }
    }
}

impl Carrier for SyslogSender {
    fn send(&mut self, message: &SinkMessage, now_us: i64) -> SendResult {
        let line = self.writer.line(message, now_us);
        let sent = self.connection().and_then(|mut connection| {
            connection.send(line.as_bytes())?;
            // one that failed is not used again: over TCP a part of the message may have been sent
            self.connection = Some(connection);
            Ok(())
        });
        sent.map_or_else(|e| SendResult::Failed(format!("{}: {e}", self.place())), |()| SendResult::Taken)
    }
}

impl SyslogSender {
    fn place(&self) -> &str {
        match &self.target {
            Some(SyslogTarget::Udp(place) | SyslogTarget::Tcp(place) | SyslogTarget::Unix(place)) => place,
            None => "syslog",
        }
    }
}

impl SyslogTarget {
    fn connect(&self) -> io::Result<SyslogConnection> {
        match self {
            SyslogTarget::Udp(place) => first_of(place, |address| {
                let from = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(from)?;
                // so that the system tells of a packet that nobody received, with the next one
                socket.connect(address)?;
                socket.set_write_timeout(Some(WAIT_MAX))?;
                Ok(SyslogConnection::Udp(socket))
            }),
            SyslogTarget::Tcp(place) => first_of(place, |address| {
                let stream = TcpStream::connect_timeout(&address, WAIT_MAX)?;
                stream.set_write_timeout(Some(WAIT_MAX))?;
                stream.set_nodelay(true)?;
                Ok(SyslogConnection::Tcp(stream))
            }),
            SyslogTarget::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(WAIT_MAX))?;
                Ok(SyslogConnection::Unix(socket))
            }
        }
    }
}

/// Connects to the first of the addresses of a host that can be reached.
fn first_of(place: &str, connect: impl Fn(SocketAddr) -> io::Result<SyslogConnection>) -> io::Result<SyslogConnection> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in place.to_socket_addrs()? {
        match connect(address) {
            Ok(connection) => return Ok(connection),
            Err(e) => last = e,
        }
    }
    Err(last)
}

impl SyslogConnection {
    /// Whether the other side has not closed it, as far as the system knows.
    fn is_open(&self) -> bool {
        let SyslogConnection::Tcp(stream) = self else { return true };
        let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
        let is_open = match peeked {
            Ok(bytes) => bytes > 0,
            Err(e) => e.kind() == io::ErrorKind::WouldBlock,
        };
        is_open && stream.set_nonblocking(false).is_ok()
    }

    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            SyslogConnection::Udp(socket) => socket.send(line).map(drop),
            SyslogConnection::Unix(socket) => socket.send(line).map(drop),
            SyslogConnection::Tcp(stream) => {
                let counted = [format!("{} ", line.len()).as_bytes(), line].concat();
                stream.write_all(&counted)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::message::tests::rare;
    use serde_json::json;
    use std::io::Read;
    use std::net::TcpListener;
    use surmise_config::SyslogFacility;

    fn sender(udp: Option<String>, tcp: Option<String>, unix: Option<String>) -> SyslogSender {
        let (streams, facility) = (vec!["*".into()], SyslogFacility::Daemon);
        SyslogSender::new(&SyslogSink { udp, tcp, unix, facility, streams, ended: false, rarer_than: None })
    }

    #[test]
    fn a_connection_that_was_closed_is_made_anew_and_messages_have_their_length_before_them() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mut sender, message) = (sender(None, Some(address.to_string()), None), rare(json!({"data": "é"}), 9.0));
        for _ in 0..2 {
            assert_eq!(sender.send(&message, 0), SendResult::Taken);
            let mut connection = listener.accept().unwrap().0;
            let mut bytes = vec![0; 4096];
            let length = connection.read(&mut bytes).unwrap();
            let (count, line) = std::str::from_utf8(&bytes[..length]).unwrap().split_once(' ').unwrap();
            assert!(count.parse() == Ok(line.len()) && line.ends_with("9 events: é"), "{line}");
        }
        drop(listener);
        // the other side is gone, which is not known before the system says so
        while sender.send(&message, 0) == SendResult::Taken {}
        assert!(matches!(sender.send(&message, 0), SendResult::Failed(why) if why.contains(&address.to_string())));
    }

    #[test]
    fn a_unix_socket_that_is_not_there_yet_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log").display().to_string();
        let (mut sender, message) = (sender(None, None, Some(path.clone())), rare(json!({"data": "a"}), 9.0));
        assert!(matches!(sender.send(&message, 0), SendResult::Failed(_)));
        let socket = UnixDatagram::bind(path).unwrap();
        assert_eq!(sender.send(&message, 0), SendResult::Taken);
        let mut packet = [0; 4096];
        let length = socket.recv(&mut packet).unwrap();
        assert!(packet[..length].starts_with(b"<29>1 1970-01-01T00:00:00Z "));
    }
}
