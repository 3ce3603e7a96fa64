//! What every request passes before it reaches a handler: the bound on connections, the bound on the address, and the
//! token.

use super::problem::ProblemResponse;
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

/// Bytes of the longest path with its query.
const ADDRESS_BYTES_MAX: usize = 8 << 10;

/// The paths that need no token: probes of health have none, and the page without data is no secret.
const OPEN_PATHS: [&str; 3] = ["/", "/-/healthy", "/-/ready"];

/// Refuses a request whose address is too long.
pub async fn check_address(request: Request, next: Next) -> Result<Response, ProblemResponse> {
    let length = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if length > ADDRESS_BYTES_MAX {
        let detail = format!("{length} bytes are more than {ADDRESS_BYTES_MAX}");
        return Err(ProblemResponse::new(414, "address too long", detail));
    }
    Ok(next.run(request).await)
}

/// Refuses a request without the token, if the configuration has one.
pub async fn check_token(
    State(hub): State<Arc<Hub>>,
    request: Request,
    next: Next,
) -> Result<Response, ProblemResponse> {
    let is_open = OPEN_PATHS.contains(&request.uri().path());
    if let Some(token) = hub.config.auth.token.as_ref().filter(|_| !is_open) {
        let header = request.headers().get(header::AUTHORIZATION);
        let presented = header.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        if !presented.is_some_and(|presented| tokens_match(presented, token.0.as_bytes())) {
            let detail = match presented {
                Some(_) => "the token is not known",
                None => "this daemon asks for a token: send it as Authorization: Bearer …",
            };
            let problem = ProblemResponse::new(401, "unauthorized", detail);
            return Err(problem.at("authorization", Some(RefusalCode::Unauthorized)));
        }
    }
    Ok(next.run(request).await)
}

/// A listener with a bound on its open connections; further ones wait in the system's queue until one ends.
pub struct LimitedListener {
    listener: TcpListener,
    /// One permit for each further connection.
    permits: Arc<Semaphore>,
}

impl LimitedListener {
    /// Bounds a listener to `connections_max` open connections.
    pub fn new(listener: TcpListener, connections_max: usize) -> LimitedListener {
        LimitedListener { listener, permits: Arc::new(Semaphore::new(connections_max)) }
    }
}

impl axum::serve::Listener for LimitedListener {
    type Io = LimitedConnection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (LimitedConnection, SocketAddr) {
        // an open connection costs memory, a waiting one only a place in the queue of the kernel
        let permit = self.permits.clone().acquire_owned().await.expect("invariant: the semaphore is never closed");
        let (socket, address) = axum::serve::Listener::accept(&mut self.listener).await;
        // answers are written whole, so the kernel need not wait for more
        let _ = socket.set_nodelay(true);
        (LimitedConnection { socket, _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that gives its permit back to its [`LimitedListener`] when it is dropped.
pub struct LimitedConnection {
    socket: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for LimitedConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for LimitedConnection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }
    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
