//! The listeners of the event socket, as a connection sees them.

use std::sync::Arc;

/// What a listener decides about its connections.
#[derive(Clone)]
pub struct ListenerKind {
    /// The name of the listener in metrics.
    pub listener: &'static str,
    /// How a connection begins.
    pub opening: Opening,
    /// The stream of events that name none.
    pub stream: Arc<str>,
}

/// How the connections of a listener begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// With a hello, or without one with a plain event.
    FirstLineDecides,
    /// Every line is an event, as it stands, the first one included.
    BareLines,
}
