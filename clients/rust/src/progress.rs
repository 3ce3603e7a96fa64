//! How far the client has come.

use crate::ClientError;
use surmise_protocol::ErrorReply;

/// How far the client has come; a copy of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Every event up to and with this sequence number is durable or was refused.
    pub settled: Option<u64>,
    /// The last sequence number that was acknowledged as durable, in this run or before.
    pub acked: Option<u64>,
    /// Events written to the socket, repeats included.
    pub written: u64,
    /// Events that the daemon already had.
    pub duplicates: u64,
    /// Events that the daemon refused.
    pub refused: u64,
    /// The first refusals.
    pub refusals: Vec<ErrorReply>,
    /// How often the connection was lost and made again.
    pub reconnects: u64,
    /// Whether there is a connection now.
    pub connected: bool,
    /// Why the connection was lost last.
    pub lost: Option<String>,
    /// Why the client gave up.
    pub failed: Option<ClientError>,
}

/// Refusals that are kept word for word; all are counted.
const REFUSALS_KEPT: usize = 20;

impl Progress {
    pub(crate) fn refuse(&mut self, e: &ErrorReply) {
        self.refused += 1;
        if self.refusals.len() < REFUSALS_KEPT {
            self.refusals.push(e.clone());
        }
    }
}
