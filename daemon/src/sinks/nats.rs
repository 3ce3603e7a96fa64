//! Incidents and rare events as messages of NATS.
//!
//! The body is the JSON of a webhook. The id of a message (`Nats-Msg-Id`) is the same each time it is sent, so a stream
//! of JetStream that has the subject keeps it once, if it comes again within its `duplicate_window`.

use super::carrier::{Carrier, SendResult};
use super::message::SinkMessage;
use crate::nats::{NatsPublisher, PublishFault};
use std::path::Path;
use surmise_config::NatsSink;
use tokio::runtime::Handle;
use xxhash_rust::xxh3::xxh3_64;

/// What publishes where a rule says.
pub struct NatsCarrier {
    rule: NatsSink,
    publisher: NatsPublisher,
    /// What tells the ids of this daemon from those of others.
    sender: u64,
}

impl NatsCarrier {
    /// What publishes for the daemon of a data directory. It connects with the first message.
    pub fn new(rule: &NatsSink, dir: &Path) -> NatsCarrier {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let sender = xxh3_64(format!("{host}/{}", dir.display()).as_bytes());
        NatsCarrier { rule: rule.clone(), publisher: NatsPublisher::new(rule.servers()), sender }
    }
}

impl Carrier for NatsCarrier {
    fn send(&mut self, message: &SinkMessage, now_us: i64) -> SendResult {
        let (id, subject) = (format!("{:016x}-{}", self.sender, message.id()), self.rule.subject(message.stream()));
        let published = self.publisher.publish(&subject, &id, message.json(now_us));
        match Handle::current().block_on(published) {
            Ok(()) => SendResult::Taken,
            Err(PublishFault::Never(why)) => SendResult::Refused(why),
            Err(fault) => SendResult::Failed(format!("{}: {fault}", self.rule.servers().shown())),
        }
    }
}
