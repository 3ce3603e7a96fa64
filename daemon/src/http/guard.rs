//! What every request passes: the bound on connections, on the address, and the token.

use super::problem::Failure;
use crate::hub::Hub;
use crate::token::tokens_match;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use surmise_event::RefusalCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest path and query.
const ADDRESS_BYTES: usize = 8 << 10;

/// Refuses addresses that are too long.
pub async fn address(request: Request, next: Next) -> Result<Response, Failure> {
    let length = request.uri().path_and_query().map_or(0, |p| p.as_str().len());
    if length > ADDRESS_BYTES {
        return Err(Failure::new(414, "address too long", format!("{length} bytes are more than {ADDRESS_BYTES}")));
    }
    Ok(next.run(request).await)
}

/// Asks for the token, where there is one. Health and the empty page are no secret.
pub async fn token(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Result<Response, Failure> {
    let open = matches!(request.uri().path(), "/" | "/-/healthy" | "/-/ready");
    if let Some(token) = hub.config.auth.token.as_ref().filter(|_| !open) {
        let given = request.headers().get(header::AUTHORIZATION).and_then(|h| h.as_bytes().strip_prefix(b"Bearer "));
        if !given.is_some_and(|t| tokens_match(t, token.0.as_bytes())) {
            let detail = match given {
                Some(_) => "the token is not known",
                None => "this daemon asks for a token: send it as Authorization: Bearer …",
            };
            return Err(Failure::new(401, "unauthorized", detail).at("authorization", Some(RefusalCode::Unauthorized)));
        }
    }
    Ok(next.run(request).await)
}

/// A listener that takes so many connections at once; others wait to be taken.
pub struct Limited {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl Limited {
    /// Bounds a listener.
    pub fn new(listener: TcpListener, connections: usize) -> Limited {
        Limited { listener, room: Arc::new(Semaphore::new(connections)) }
    }
}

impl axum::serve::Listener for Limited {
    type Io = Counted;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Counted, SocketAddr) {
        let room = self.room.clone().acquire_owned().await.expect("invariant: the semaphore is never closed");
        let (socket, address) = axum::serve::Listener::accept(&mut self.listener).await;
        let _ = socket.set_nodelay(true);
        (Counted { socket, _room: room }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that takes room.
pub struct Counted {
    socket: TcpStream,
    _room: OwnedSemaphorePermit,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
