//! A session: one connection of the event socket, from its first line to its last acknowledgement.
//!
//! A session is two loops in one task: the reader ([`reader`]) turns lines into events for the owners, and the writer
//! ([`writer`]) turns what owners and the committer put into the connection's outbox into replies. The reader takes no
//! further line before there is room for the replies of that line, and none while the inbox of a stream is full. This
//! is all the backpressure there is, and it slows down no other connection.

mod greeting;
mod link;
mod listener;
mod reader;
mod writer;

use crate::admission::Seat;
use crate::hub::Hub;
use link::Link;
pub use listener::{ListenerKind, Opening};
use reader::{ReadEnd, SessionReader};
use std::sync::Arc;
use std::time::Duration;
use surmise_protocol::Reply;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How long bytes are still read of a connection that ends with an error.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);
/// Bytes of one such read.
const DRAIN_BYTES: usize = 16 << 10;
/// Such reads of one connection.
const DRAIN_READS_MAX: usize = 256;

/// Serves a connection until it ends.
pub async fn serve<S: AsyncRead + AsyncWrite + Send>(hub: Arc<Hub>, kind: ListenerKind, socket: S, seat: Seat) {
    let (mut read, mut write) = tokio::io::split(socket);
    let limits = &hub.config.limits;
    let (link, unread_time) =
        (Arc::new(Link::new(limits.session_events, limits.session_bytes.0 as usize)), limits.unread_time.0);
    let mut reader = SessionReader::new(hub, kind, link.clone(), seat);
    let reading = async {
        let end = reader.read(&mut read).await;
        reader.signal_last_event_sent();
        let fatal = matches!(end, ReadEnd::Fatal(_));
        if let ReadEnd::Fatal(error) = end {
            link.outbox.push([Reply::Error(*error)]);
        }
        // the writer ends once everything that was sent is acknowledged
        link.outbox.close();
        fatal
    };
    // neither half may wait for the other: a full socket must not keep lines from being read, and the reverse
    let (fatal, ()) = tokio::join!(reading, writer::write_replies(&mut write, &link, unread_time));
    let _ = write.shutdown().await;
    if fatal {
        drain(&mut read).await;
    }
}

/// Reads on for a moment: closing a socket with unread bytes resets it, and a reset may throw the last reply away
/// before the other side has read it.
async fn drain<R: AsyncRead + Unpin>(read: &mut R) {
    let mut bytes = vec![0; DRAIN_BYTES];
    let reading = async {
        for _ in 0..DRAIN_READS_MAX {
            match read.read(&mut bytes).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIME_MAX, reading).await;
}
