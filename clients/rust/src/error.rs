//! Why the client could not do what it was asked.

use surmise_protocol::{ErrorReply, Problem, Refusal};

/// Why the client could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// A text that is no address.
    #[error("{0:?} is not an address; give HOST:PORT, tls://HOST:PORT or unix:PATH")]
    Address(String),
    /// The daemon cannot be reached.
    #[error("cannot reach surmised at {address}: {reason}")]
    Unreachable {
        /// The address that was tried.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// What answers shows a certificate that is not trusted, so nothing was said to it.
    #[error("the certificate of surmised at {address} is not trusted: {reason}")]
    Untrusted {
        /// The address that was tried.
        address: String,
        /// What is wrong with the certificate, and what to do.
        reason: String,
    },
    /// Certificates of authorities cannot be read.
    #[error("{place}: {reason}")]
    Certificates {
        /// Where they were looked for.
        place: String,
        /// What went wrong.
        reason: String,
    },
    /// The daemon ended the connection for good.
    #[error("surmised refused the connection: {0}")]
    Refused(ErrorReply),
    /// The daemon has something against a question.
    #[error("surmised answers {}, {}: {}", .0.status, .0.title, .0.detail)]
    Problem(Box<Problem>),
    /// The other side does not follow the protocol.
    #[error("not what surmised says: {0}")]
    Protocol(String),
    /// The daemon no longer has what it had acknowledged.
    #[error(
        "event {acked} was acknowledged as durable, but now surmised has only {committed:?}; was its store replaced?"
    )]
    Forgotten {
        /// The last sequence number that was acknowledged.
        acked: u64,
        /// The last sequence number that the daemon has now.
        committed: Option<u64>,
    },
    /// A record that cannot be sent; the client remains usable.
    #[error("{0}")]
    Record(#[from] Refusal),
    /// A sequence number that does not rise; the client remains usable.
    #[error("sequence number {seq} does not rise above {last}")]
    SeqNotRising {
        /// The last sequence number that was used.
        last: u64,
        /// The sequence number that was given.
        seq: u64,
    },
    /// The client has been closed.
    #[error("the client is closed")]
    Closed,
}
