//! What can be chosen about a client.

use crate::trust::TrustedRoots;
use std::time::Duration;
use surmise_protocol::Reply;
use tokio::sync::mpsc;

/// What can be chosen about a client.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Unacknowledged events that the client holds; [`crate::Client::send`] waits at this bound.
    pub window_events: usize,
    /// Bytes of unacknowledged events that the client holds; [`crate::Client::send`] waits at this bound, too.
    pub window_bytes: usize,
    /// How long the first connection is tried for; with zero, it is tried once.
    pub first_connection: Duration,
    /// How long the daemon may take to answer a hello; then another attempt is made.
    pub welcome_time: Duration,
    /// How long a lost connection is tried to be made again before the client gives up; `None` is for ever.
    pub give_up_after: Option<Duration>,
    /// The longest pause between two attempts to connect.
    pub pause_max: Duration,
    /// The authorities that are trusted where the address asks for TLS; `None` means those of the system.
    pub trusted_roots: Option<TrustedRoots>,
    /// Where outcomes and errors are sent. The connection waits while the channel is full, so read it concurrently.
    pub replies: Option<mpsc::Sender<Reply>>,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            window_events: 8192,
            window_bytes: 8 << 20,
            first_connection: Duration::ZERO,
            welcome_time: Duration::from_secs(10),
            give_up_after: None,
            pause_max: Duration::from_secs(5),
            trusted_roots: None,
            replies: None,
        }
    }
}
