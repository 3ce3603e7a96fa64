//! Receiving syslog over UDP, TCP and Unix sockets.
//!
//! The protocol has no acknowledgement, so its senders cannot send again what was lost. A message is lost if it was
//! received and the daemon is killed before the log has it, which is some milliseconds; over UDP, too, if the system's
//! buffer overflows or nobody listens. Over TCP and Unix sockets a sender waits while the daemon is behind: no more is
//! received before the log has what was. No message is learnt twice.

use super::framing::Framing;
use super::learning::SourceIntake;
use super::serving::until_all_end;
use super::syslog_message::{SyslogMessage, schema};
use crate::admission::Seat;
use crate::batch::ToldSchema;
use crate::clock::now_us;
use crate::hub::Hub;
use crate::ingest::cutter::CutLine;
use crate::ingest::{Door, Intake, LineChunk, LineSyntax};
use crate::listen::{Arrival, accept};
use crate::source_board::{SourceKind, SourceState};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use surmise_config::{SyslogKey, SyslogSource, parse_address};
use surmise_event::mended;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Bytes of the largest packet.
const PACKET_BYTES_MAX: usize = 1 << 16;
/// Bytes that are received at once over TCP.
const READ_BYTES: usize = 64 << 10;
/// Bytes that the system is asked to keep for packets that wait.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;
/// Messages that go to the log together.
const MESSAGES_MAX: usize = 2048;
/// How long a listener pauses after a failure.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// Permissions of a Unix socket: every program may write messages, as to `/dev/log`.
const SOCKET_MODE: u32 = 0o666;

/// The listeners of one source.
pub struct SyslogReceiver {
    intake: SourceIntake,
    stream: Arc<str>,
    key: SyslogKey,
    told: ToldSchema,
}

/// Where packets come from.
enum PacketSocket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl PacketSocket {
    async fn receive(&self, packet: &mut [u8]) -> io::Result<usize> {
        match self {
            PacketSocket::Udp(socket) => socket.recv(packet).await,
            PacketSocket::Unix(socket) => socket.recv(packet).await,
        }
    }

    /// A packet that waits already.
    fn try_receive(&self, packet: &mut [u8]) -> Option<usize> {
        match self {
            PacketSocket::Udp(socket) => socket.try_recv(packet).ok(),
            PacketSocket::Unix(socket) => socket.try_recv(packet).ok(),
        }
    }
}

impl SyslogReceiver {
    /// Receives what a source names until the daemon stops.
    pub async fn serve(hub: Arc<Hub>, name: String, source: SyslogSource) {
        let stream: Arc<str> = source.stream(&name).into();
        let told = ToldSchema { stream: stream.clone(), schema: Arc::new(schema()) };
        let stopping = hub.stopping.clone();
        let intake = SourceIntake::new(hub, SourceKind::Syslog, &name, &stream);
        let receiver = Arc::new(SyslogReceiver { intake, stream, key: source.key, told });
        let mut serving = JoinSet::new();
        if let Some(address) = source.udp {
            serving.spawn(receiver.clone().packets("udp", address));
        }
        if let Some(path) = source.unix {
            serving.spawn(receiver.clone().packets("unix", path));
        }
        if let Some(address) = source.tcp {
            serving.spawn(receiver.clone().connections(address));
        }
        stopping.run_until_cancelled(until_all_end(serving)).await;
    }

    /// Waits until events are taken, and opens a socket, however often that fails before.
    async fn open<S>(&self, address: &str, bind: impl Fn(&str) -> io::Result<(S, String)>) -> Option<S> {
        if !self.intake.until_ready().await {
            return None;
        }
        loop {
            let bound = bind(address);
            let error = bound.as_ref().err().map(|error| {
                format!(
                    "nothing is received at {address}: {error}; it has to be free, and the daemon's user may use it"
                )
            });
            self.intake.tell(|status| {
                status.errors.retain(|error| !error.contains(address));
                status.errors.extend(error);
                if let Ok((_, bound)) = &bound {
                    status.addresses.push(bound.clone());
                    status.state = SourceState::Reading;
                }
            });
            match bound {
                Ok((socket, _)) => return Some(socket),
                Err(_) => sleep(FAILURE_PAUSE).await,
            }
        }
    }

    /// Receives packets, each of which is a message.
    async fn packets(self: Arc<Self>, kind: &'static str, address: String) {
        let bind = |address: &str| match kind {
            "udp" => bind_udp(address),
            _ => bind_unix(Path::new(address)),
        };
        let Some(socket) = self.open(&address, bind).await else { return };
        let mut packet = vec![0; PACKET_BYTES_MAX];
        let mut intake = self.line_intake();
        loop {
            let mut next = match socket.receive(&mut packet).await {
                Ok(length) => Some(length),
                Err(error) => {
                    tracing::warn!(source = &*self.intake.name, "a packet could not be received at {address}: {error}");
                    sleep(FAILURE_PAUSE).await;
                    continue;
                }
            };
            let (mut chunk, arrival_us) = (LineChunk::default(), now_us());
            while let Some(length) = next {
                self.take(CutLine::Whole(&packet[..length]), &mut intake, arrival_us, &mut chunk);
                next = if chunk.lines < MESSAGES_MAX { socket.try_receive(&mut packet) } else { None };
            }
            self.learn(chunk).await;
        }
    }

    /// Accepts connections, and receives the messages of each.
    async fn connections(self: Arc<Self>, address: String) {
        let Some(listener) = self.open(&address, bind_tcp).await else { return };
        let admission = self.intake.hub.admission(format!("syslog/{}", self.intake.name), 0);
        let mut serving = JoinSet::new();
        while let Some(Arrival { socket, peer }) = accept(&self.intake.hub, &listener).await {
            match admission.admit(Some(peer.ip())) {
                Ok(seat) => {
                    let receiver = self.clone();
                    serving.spawn(async move {
                        let evicted = seat.evicted.clone();
                        evicted.run_until_cancelled(receiver.receive(socket, seat)).await;
                    });
                }
                // the protocol has no word for a refusal: a connection that gets no seat is closed
                Err(full) => {
                    if self.intake.hub.doors.is_fault_news() {
                        tracing::warn!(source = &*self.intake.name, "connections of syslog are closed unread: {full}");
                    }
                }
            }
            while serving.try_join_next().is_some() {}
        }
    }

    /// Receives the messages of a connection, which keeps its seat from the first one on, unless it is idle for long.
    async fn receive(&self, mut socket: TcpStream, seat: Seat) {
        let mut framing = Framing::new(self.intake.hub.config.limits.line_bytes.0 as usize);
        let mut intake = self.line_intake();
        let mut bytes = vec![0; READ_BYTES];
        loop {
            let length = socket.read(&mut bytes).await.unwrap_or(0);
            framing.buffer().extend_from_slice(&bytes[..length]);
            let (mut chunk, arrival_us) = (LineChunk::default(), now_us());
            while let Some(message) = framing.next_message() {
                self.take(message, &mut intake, arrival_us, &mut chunk);
            }
            if length == 0
                && let Some(rest) = framing.last()
            {
                self.take(CutLine::Whole(&rest), &mut intake, arrival_us, &mut chunk);
            }
            if chunk.lines > 0 {
                seat.mark_spoken();
                let _busy = seat.work();
                self.learn(chunk).await;
            }
            if length == 0 {
                return;
            }
        }
    }

    fn line_intake(&self) -> Intake {
        Intake::new(Door::Source, LineSyntax::Bare, self.stream.clone(), &self.intake.hub.config.limits)
    }

    /// Makes a message an event.
    fn take(&self, message: CutLine<'_>, intake: &mut Intake, arrival_us: i64, chunk: &mut LineChunk) {
        let CutLine::Whole(bytes) = message else { return intake.read_line(message, arrival_us, chunk) };
        // a device that writes Latin-1 has its words learnt as far as they can be read
        let event = SyslogMessage::parse(&mended(bytes), arrival_us).map(|message| message.event(self.key));
        intake.read_event(event, bytes.len(), arrival_us, chunk);
    }

    /// Has messages learnt, and waits until the log has them.
    async fn learn(&self, chunk: LineChunk) {
        let messages = chunk.lines;
        if let Err(error) = self.intake.learn(chunk, Some(&self.told), None).await {
            tracing::warn!(source = &*self.intake.name, "{messages} messages are lost: {error}");
        }
    }
}

fn socket_address(address: &str) -> io::Result<std::net::SocketAddr> {
    let address = parse_address(address).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    address.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is off; leave the key out"))
}

fn bind_tcp(address: &str) -> io::Result<(TcpListener, String)> {
    let listener = std::net::TcpListener::bind(socket_address(address)?)?;
    listener.set_nonblocking(true)?;
    let bound = format!("tcp {}", listener.local_addr()?);
    Ok((TcpListener::from_std(listener)?, bound))
}

fn bind_udp(address: &str) -> io::Result<(PacketSocket, String)> {
    let socket = std::net::UdpSocket::bind(socket_address(address)?)?;
    socket.set_nonblocking(true)?;
    // the system may allow less; more of it is lost in a burst then
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    let bound = format!("udp {}", socket.local_addr()?);
    Ok((PacketSocket::Udp(UdpSocket::from_std(socket)?), bound))
}

/// Binds a Unix socket. One that a killed daemon left is removed; anything else that has the path stays.
fn bind_unix(path: &Path) -> io::Result<(PacketSocket, String)> {
    match std::fs::symlink_metadata(path) {
        // somebody may receive there, such as the system's own journal
        Ok(meta) if meta.file_type().is_socket() => match std::os::unix::net::UnixDatagram::unbound()?.connect(path) {
            Ok(()) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another program receives there")),
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            Err(e) => return Err(e),
        },
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else has this path")),
        Err(_) => {}
    }
    let socket = UnixDatagram::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok((PacketSocket::Unix(socket), format!("unix {}", path.display())))
}
