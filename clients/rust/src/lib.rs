//! The Rust client of `surmised`: sends events over its socket, so that none is lost and none is learnt twice.
//!
//! [`Client::send`] puts an event into a bounded window and returns; a task of the client's own writes it, reads the
//! cumulative acknowledgements, and keeps every event until it is acknowledged. When the connection breaks, the task
//! connects again with growing pauses, learns from the daemon's welcome which of its events are durable, and sends
//! the others again. What the daemon refuses is counted and kept for [`Progress`]; what ends the connection for good
//! (a wrong token, a newer epoch) is returned by the next call.
//!
//! ```no_run
//! use surmise_client::{Address, Client};
//! use surmise_event::{Data, Datum, Record};
//! use surmise_protocol::Hello;
//!
//! # async fn f() -> Result<(), surmise_client::ClientError> {
//! let address: Address = "127.0.0.1:7071".parse()?;
//! let mut client = Client::connect(address, Hello::new("web-7", "web")).await?;
//! client.send(Record { data: Data::One(Datum::Text("/cart".into())), ..Record::default() }).await?;
//! client.flush().await?; // durable from here on
//! # Ok(()) }
//! ```

mod address;
mod client;
mod owner;
mod progress;
mod window;

pub use address::Address;
pub use client::{Client, Options};
pub use progress::Progress;

use surmise_protocol::{ErrorReply, Refusal};

/// Why the client could not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// An address that is none.
    #[error("{0:?} is not an address; give HOST:PORT or unix:PATH")]
    Address(String),
    /// The daemon cannot be reached.
    #[error("cannot reach surmised at {address}: {reason}")]
    Unreachable {
        /// Where it was sought.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// The daemon ended the connection for good.
    #[error("surmised refused the connection: {0}")]
    Refused(ErrorReply),
    /// The other side does not speak the protocol.
    #[error("not an event socket of surmised: {0}")]
    Protocol(String),
    /// The daemon forgot what it had acknowledged.
    #[error(
        "event {acked} was acknowledged as durable, but now surmised has only {committed:?}; was its store replaced?"
    )]
    Forgotten {
        /// The last sequence number that was acknowledged.
        acked: u64,
        /// The last one that the daemon has now.
        committed: Option<u64>,
    },
    /// A record that cannot be sent; the client goes on.
    #[error("{0}")]
    Record(#[from] Refusal),
    /// A sequence number that does not rise; the client goes on.
    #[error("sequence number {seq} does not rise above {last}")]
    SeqNotRising {
        /// The last one.
        last: u64,
        /// The one that was given.
        seq: u64,
    },
    /// The client's task is gone.
    #[error("the client is closed")]
    Closed,
}
