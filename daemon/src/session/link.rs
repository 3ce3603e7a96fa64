//! The state that the reader and the writer of one connection share.

use crate::ingest::numbering::Watermark;
use crate::ticket::Outbox;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The state that the reader and the writer of one connection share.
pub struct Link {
    /// Replies that are not written yet, and tickets of lines that are not durable yet.
    pub outbox: Arc<Outbox>,
    /// One permit for each further line whose replies there is room for.
    pub credits: Semaphore,
    /// Bytes of replies that one permit is good for.
    pub credit_bytes: usize,
    /// The largest number that was acknowledged.
    pub watermark: Arc<Watermark>,
    /// Whether the producer asked for acknowledgements.
    pub wants_ack: AtomicBool,
    /// Cancelled when the other side has left its replies unread for too long.
    pub abandoned: CancellationToken,
}

impl Link {
    /// The state of a new connection, with room for the replies of `lines_max` lines, of `bytes_max` bytes in all.
    pub fn new(lines_max: usize, bytes_max: usize) -> Link {
        Link {
            outbox: Arc::new(Outbox::bounded(bytes_max)),
            credit_bytes: (bytes_max / lines_max).max(1),
            credits: Semaphore::new(lines_max),
            watermark: Arc::default(),
            wants_ack: AtomicBool::new(false),
            abandoned: CancellationToken::new(),
        }
    }
}
