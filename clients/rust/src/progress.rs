//! How far sending has come.

use crate::error::ClientError;
use surmise_protocol::ErrorReply;

/// How far sending has come, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendProgress {
    /// The sequence number up to which every event is durable or was refused.
    pub settled: Option<u64>,
    /// The largest sequence number that was acknowledged, by this client or before it.
    pub acked: Option<u64>,
    /// Events written to the socket, repeats included.
    pub written: u64,
    /// Events that the daemon recognised as sent before.
    pub duplicates: u64,
    /// Events that the daemon refused.
    pub refused: u64,
    /// The first refusals, word for word.
    pub refusals: Vec<ErrorReply>,
    /// How often a lost connection was made again.
    pub reconnects: u64,
    /// Whether there is a connection now.
    pub connected: bool,
    /// Why the connection was lost the last time.
    pub lost: Option<String>,
    /// Why the client gave up, if it did.
    pub failed: Option<ClientError>,
}

/// Refusals that are kept word for word; all are counted.
const REFUSALS_KEPT_MAX: usize = 20;

impl SendProgress {
    /// Counts a refusal.
    pub(crate) fn note_refusal(&mut self, refusal: &ErrorReply) {
        self.refused += 1;
        // a sender of nothing but faults must not fill the memory
        if self.refusals.len() < REFUSALS_KEPT_MAX {
            self.refusals.push(refusal.clone());
        }
    }
}
