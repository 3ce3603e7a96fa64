//! Listeners of the event socket.

use crate::hub::Hub;
use crate::session::{ListenerKind, serve};
use crate::telemetry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{ErrorReply, Reply};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// How long a listener pauses when the system has no more file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a connection is silent before the system asks whether its other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Connections of one listener.
struct Door {
    hub: Arc<Hub>,
    kind: ListenerKind,
    room: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Door {
    fn new(hub: Arc<Hub>, kind: ListenerKind, tasks: TaskTracker) -> Door {
        let room = Arc::new(Semaphore::new(hub.config.limits.connections));
        Door { hub, kind, room, tasks }
    }

    /// Serves a connection, or says that there are too many.
    fn open<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, mut socket: S) {
        let (hub, kind) = (self.hub.clone(), self.kind.clone());
        let Ok(room) = self.room.clone().try_acquire_owned() else {
            let max = self.hub.config.limits.connections;
            let reason =
                format!("there are {max} connections, as many as there may be (limits.connections); try again later");
            let mut line = Vec::new();
            let refusal = Refusal::new(RefusalCode::LimitReached, "connection", reason);
            Reply::Error(ErrorReply::fatal(refusal, None, None)).write_line(&mut line);
            self.tasks.spawn(async move {
                let write = async {
                    let _ = socket.write_all(&line).await;
                    let _ = socket.shutdown().await;
                };
                let _ = tokio::time::timeout(Duration::from_secs(1), write).await;
            });
            return;
        };
        self.tasks.spawn(async move {
            let open = metrics::gauge!(telemetry::CONNECTIONS, "listener" => kind.listener);
            open.increment(1.0);
            serve(hub, kind, socket).await;
            open.decrement(1.0);
            drop(room);
        });
    }
}

/// Takes connections over TCP until the daemon leaves.
pub async fn tcp(hub: Arc<Hub>, listener: TcpListener, kind: ListenerKind, tasks: TaskTracker) {
    let door = Door::new(hub.clone(), kind, tasks);
    loop {
        tokio::select! {
            biased;
            () = hub.stopping.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    let _ = socket.set_nodelay(true);
                    // a peer that is gone without a word is noticed after some minutes
                    let alive = socket2::TcpKeepalive::new().with_time(KEEPALIVE);
                    let _ = socket2::SockRef::from(&socket).set_tcp_keepalive(&alive);
                    door.open(socket);
                }
                Err(e) => rest(&e).await,
            },
        }
    }
}

/// Takes connections over a Unix socket until the daemon leaves.
pub async fn unix(hub: Arc<Hub>, listener: UnixListener, path: PathBuf, kind: ListenerKind, tasks: TaskTracker) {
    let door = Door::new(hub.clone(), kind, tasks);
    loop {
        tokio::select! {
            biased;
            () = hub.stopping.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => door.open(socket),
                Err(e) => rest(&e).await,
            },
        }
    }
    let _ = std::fs::remove_file(path);
}

async fn rest(e: &std::io::Error) {
    tracing::warn!("a connection could not be taken: {e}");
    tokio::time::sleep(PAUSE).await;
}

/// Binds a Unix socket that only this user can open. What a daemon that was killed left there goes away: the lock of
/// the data directory says that it is gone.
///
/// # Errors
/// The path is too long, or something else is there.
pub fn bind_unix(path: &Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    if path.as_os_str().len() > 107 {
        let what = format!("a path of {} bytes is too long for a Unix socket; 107 is the most", path.as_os_str().len());
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, what));
    }
    match std::fs::symlink_metadata(path) {
        Ok(m) if m.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, "something else has this path")),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
