//! Serving HTTP: connections get a seat, their requests a time limit, and everybody an answer, if only that there is no
//! room.
//!
//! A connection in the reserve is served like any other, but [`super::guard`] lets it ask for operations alone, and it
//! ends with its first answer. So a probe is answered however many connections there are.

use crate::admission::{Busy, Full, Room, Seat};
use crate::hub::Hub;
use crate::listen::{self, Arrival};
use axum::Router;
use axum::body::{Body, Bytes};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::task::TaskTracker;

/// The name of the listener.
pub const HTTP: &str = "http";
/// Seats in the reserve.
const RESERVE_SEATS: usize = 16;
/// Bytes of the longest head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long the refusal of one connection too many may take.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(1);
/// How long the head of a request may take in the reserve.
const RESERVE_HEAD_TIME_MAX: Duration = Duration::from_secs(2);

/// Accepts connections and serves them until the daemon shuts down.
pub async fn serve(hub: Arc<Hub>, listener: TcpListener, router: Router, tasks: TaskTracker) {
    let admission = hub.admission(HTTP, RESERVE_SEATS);
    while let Some(Arrival { socket, peer }) = listen::accept(&hub, &listener).await {
        match admission.admit(Some(peer.ip())) {
            Ok(seat) => drop(tasks.spawn(serve_connection(hub.clone(), router.clone(), socket, seat))),
            Err(full) => drop(tasks.spawn(refuse(socket, full))),
        }
    }
}

/// Serves the requests of one connection.
async fn serve_connection(hub: Arc<Hub>, router: Router, socket: TcpStream, seat: Seat) {
    let Some(socket) = listen::secure(&hub, socket, &seat).await else { return };
    let limits = &hub.config.limits;
    // an answer that nobody reads must not be kept for ever
    let mut socket = Box::pin(TimeoutStream::new(socket));
    socket.as_mut().set_write_timeout_pinned(Some(limits.unread_time.0));
    let app = TowerToHyperService::new(router);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        seat.mark_spoken();
        let busy = seat.work();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(seat.room);
        let answer = app.call(request);
        async { answer.await.map(|answer| answer.map(|body| Body::new(WorkedOn { body, _busy: busy }))) }
    });
    let (head_time, keeps_alive) = match seat.room {
        Room::Main => (limits.head_time.0, true),
        Room::Reserve => (limits.head_time.0.min(RESERVE_HEAD_TIME_MAX), false),
    };
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_time);
    builder.keep_alive(keeps_alive).max_buf_size(HEAD_BYTES_MAX);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let mut is_stopping = false;
    loop {
        tokio::select! {
            // a broken connection, or one that took too long, has nobody left to be told
            _ = connection.as_mut() => return,
            () = seat.evicted.cancelled() => return,
            () = hub.stopping.cancelled(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// An answer that its connection works on until it is written.
struct WorkedOn {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for WorkedOn {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Answers one connection too many that it is.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S, full: Full) {
    let problem = surmise_protocol::Problem::new(503, "too many connections", full.to_string());
    let body = serde_json::to_string(&problem).expect("invariant: a problem can be written as JSON");
    let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n\
                Connection: close\r\nContent-Length: ";
    let answer = format!("{head}{}\r\n\r\n{body}", body.len());
    let say = async {
        let _ = socket.write_all(answer.as_bytes()).await;
        let _ = socket.shutdown().await;
        // closing with unread bytes would reset the connection, perhaps before the answer is read
        let mut bytes = [0; 4096];
        while matches!(socket.read(&mut bytes).await, Ok(count) if count > 0) {}
    };
    let _ = tokio::time::timeout(REFUSAL_TIME_MAX, say).await;
}
