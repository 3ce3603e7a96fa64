//! Accepting connections, and the listeners of the event socket: over TCP and over a Unix socket.

use crate::admission::{Admission, Full, Seat};
use crate::hub::Hub;
use crate::session::{ListenerKind, serve};
use crate::sockets::BoundUnix;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{ErrorReply, Reply};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::task::TaskTracker;

/// How long a listener pauses after a connection could not be accepted, as when the system is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a connection is silent before the system probes whether its other side still exists.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);

/// How long the refusal of one connection too many may take to be written.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(1);

/// A connection that was accepted.
pub struct Arrival {
    /// The connection.
    pub socket: TcpStream,
    /// The address of its other side.
    pub peer: SocketAddr,
}

/// Accepts the next connection over TCP; `None` once the daemon shuts down.
pub async fn accept(hub: &Hub, listener: &TcpListener) -> Option<Arrival> {
    loop {
        let accepted = tokio::select! {
            biased;
            () = hub.stopping.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                // what is written is whole, so the kernel need not wait for more
                let _ = socket.set_nodelay(true);
                // a peer whose machine is gone is noticed after some minutes
                let alive = socket2::TcpKeepalive::new().with_time(KEEPALIVE_TIME);
                let _ = socket2::SockRef::from(&socket).set_tcp_keepalive(&alive);
                return Some(Arrival { socket, peer });
            }
            Err(e) => pause_after(hub, &e).await,
        }
    }
}

/// The connections of one listener.
struct Connections {
    kind: ListenerKind,
    admission: Arc<Admission>,
    tasks: TaskTracker,
}

impl Connections {
    fn new(hub: &Hub, kind: ListenerKind, tasks: TaskTracker) -> Connections {
        let admission = hub.admission(kind.listener, 0);
        Connections { kind, admission, tasks }
    }

    /// A seat for a connection; one that gets none is told why.
    fn seat<S: AsyncWrite + Send + Unpin + 'static>(
        &self,
        mut socket: S,
        address: Option<IpAddr>,
    ) -> Option<(S, Seat)> {
        match self.admission.admit(address) {
            Ok(seat) => Some((socket, seat)),
            // an answer says more than a connection that is never accepted
            Err(full) => {
                let line = refusal(full);
                self.tasks.spawn(async move {
                    let write = async {
                        let _ = socket.write_all(&line).await;
                        let _ = socket.shutdown().await;
                    };
                    let _ = tokio::time::timeout(REFUSAL_TIME_MAX, write).await;
                });
                None
            }
        }
    }
}

/// Makes a connection private, where the daemon has a certificate. There is none if the other side does not speak TLS,
/// takes too long, or has to make room.
pub async fn secure(hub: &Hub, socket: TcpStream, seat: &Seat) -> Option<Either<TcpStream, TlsStream<TcpStream>>> {
    let Some(certificate) = &hub.certificate else { return Some(Either::Left(socket)) };
    tokio::select! {
        () = seat.evicted.cancelled() => None,
        () = hub.stopping.cancelled() => None,
        done = tokio::time::timeout(hub.config.limits.head_time.0, certificate.accept(socket)) => {
            done.ok()?.ok().map(Either::Right)
        }
    }
}

/// The line that refuses a connection.
fn refusal(full: Full) -> Vec<u8> {
    let refusal = Refusal::new(RefusalCode::LimitReached, "connection", full.to_string());
    let mut line = Vec::new();
    Reply::Error(ErrorReply::fatal(refusal, None, None)).write_line(&mut line);
    line
}

/// Accepts connections over TCP until the daemon shuts down.
pub async fn tcp(hub: Arc<Hub>, listener: TcpListener, kind: ListenerKind, tasks: TaskTracker) {
    let connections = Connections::new(&hub, kind, tasks);
    while let Some(Arrival { socket, peer }) = accept(&hub, &listener).await {
        let Some((socket, seat)) = connections.seat(socket, Some(peer.ip())) else { continue };
        let (hub, kind) = (hub.clone(), connections.kind.clone());
        connections.tasks.spawn(async move {
            if let Some(socket) = secure(&hub, socket, &seat).await {
                serve(hub, kind, socket, seat).await;
            }
        });
    }
}

/// Accepts connections over a Unix socket until the daemon shuts down, and then removes its file if the daemon made it.
pub async fn unix(hub: Arc<Hub>, bound: BoundUnix, kind: ListenerKind, tasks: TaskTracker) {
    let BoundUnix { listener, path, is_given } = bound;
    let connections = Connections::new(&hub, kind, tasks);
    loop {
        tokio::select! {
            biased;
            () = hub.stopping.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => if let Some((socket, seat)) = connections.seat(socket, None) {
                    connections.tasks.spawn(serve(hub.clone(), connections.kind.clone(), socket, seat));
                },
                Err(e) => pause_after(&hub, &e).await,
            },
        }
    }
    if !is_given {
        let _ = std::fs::remove_file(path);
    }
}

/// Pauses after an error, as it would come again at once. It is told now and then, and not each time.
async fn pause_after(hub: &Hub, error: &std::io::Error) {
    if hub.doors.is_fault_news() {
        tracing::warn!("connections cannot be accepted: {error}; it is tried again and again");
    }
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
