//! NATS, as far as sources read from it and sinks publish to it. This is the one place that knows the client.
//!
//! The client connects again by itself, and asks for messages again. Neither is used: a connection that has ended is
//! given up, whoever used it is told, and begins anew with what the log says. So it is always known where reading is.

mod connection;
mod consumer;
mod publisher;

pub use connection::NatsFault;
pub use consumer::{ConsumerStart, JetStreamFacts, JetStreamServer, StoredMessage};
pub use publisher::{NatsPublisher, PublishFault};
