//! What the daemon reads itself: files that grow, messages of syslog, streams of Redis and of NATS JetStream, topics of
//! Kafka, and topics of MQTT brokers.
//!
//! A file is a producer like another, and so is a stream of Redis or of JetStream, or a partition of Kafka: its events
//! have numbers, and the log holds with each event the number and who gave it (`account.rs`). So the position is what
//! the log says, and nothing is acknowledged, or remembered, before the log has it; these servers are read by one
//! loop (`server_reader.rs`). A broker of MQTT remembers by itself what was acknowledged, which a message is when the
//! log has it. Syslog has no positions: what is received is learnt, and what is lost on the way cannot be asked for.
//! All of them give their events to the log in one way (`learning.rs`).

mod account;
mod backoff;
mod batch_size;
pub(crate) mod entry_events;
pub(crate) mod entry_id;
mod file_events;
mod finding;
mod followed;
pub(crate) mod framing;
#[cfg(feature = "kafka")]
mod kafka_reader;
pub mod learning;
mod message_chunk;
pub(crate) mod message_events;
mod mqtt_broker;
mod mqtt_reader;
mod nats_reader;
mod odd_lines;
pub(crate) mod read_message;
#[cfg(feature = "kafka")]
mod read_partition;
mod read_sequence;
mod read_stream;
mod receipts;
mod redis_reader;
pub(crate) mod redis_server;
pub(crate) mod rows;
mod server_reader;
mod serving;
mod subject_events;
mod syslog;
pub(crate) mod syslog_message;
mod table_cells;
mod tailed_file;
mod tailing;

use crate::hub::Hub;
use crate::source_board::SourceKind;
#[cfg(feature = "kafka")]
use kafka_reader::KafkaReader;
use mqtt_reader::MqttReader;
use nats_reader::NatsReader;
use redis_reader::RedisReader;
use server_reader::read_server;
use serving::until_all_end;
use std::sync::Arc;
use surmise_config::{Config, ConfigError, ConfigFault};
use syslog::SyslogReceiver;
use tailing::Tailing;
use tokio::task::JoinSet;

/// The name of the source that Prometheus writes to. It is no task: its requests come over HTTP.
pub const REMOTE_WRITE: &str = "remote_write";

/// Checks that what the sources of a configuration need was built in.
///
/// # Errors
/// Something was left out.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    match config.sources.kafka.keys().next() {
        Some(name) if cfg!(not(feature = "kafka")) => {
            Err(ConfigFault::NotBuilt { key: format!("sources.kafka.{name}"), feature: "kafka" }.into())
        }
        _ => Ok(()),
    }
}

/// How many files a path or pattern of a source names now.
pub fn files_named(pattern: &str) -> usize {
    finding::find(&[pattern.to_owned()]).there.len()
}

/// Serves the sources of the configuration until the daemon stops.
pub async fn serve(hub: Arc<Hub>) {
    let mut serving = JoinSet::new();
    for (name, source) in &hub.config.sources.files {
        serving.spawn(Tailing::new(hub.clone(), name, source).serve());
    }
    for (name, source) in &hub.config.sources.syslog {
        serving.spawn(SyslogReceiver::serve(hub.clone(), name.clone(), source.clone()));
    }
    if let Some(source) = &hub.config.sources.remote_write {
        hub.sources.add(SourceKind::RemoteWrite, REMOTE_WRITE, &format!("{}*", source.prefix));
    }
    for (name, source) in &hub.config.sources.redis {
        serving.spawn(read_server(RedisReader::new(hub.clone(), name, source)));
    }
    for (name, source) in &hub.config.sources.mqtt {
        serving.spawn(MqttReader::serve(hub.clone(), name.clone(), source.clone()));
    }
    for (name, source) in &hub.config.sources.nats {
        serving.spawn(read_server(NatsReader::new(hub.clone(), name, source)));
    }
    #[cfg(feature = "kafka")]
    for (name, source) in &hub.config.sources.kafka {
        serving.spawn(read_server(KafkaReader::new(hub.clone(), name, source)));
    }
    until_all_end(serving).await;
}

#[cfg(all(test, not(feature = "kafka")))]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_without_kafka_says_how_to_have_it() {
        let config = Config::from_toml("[sources.kafka.bank]\nurl = \"kafka://x\"\ntopic = \"payments\"").unwrap();
        let fault = check(&config).unwrap_err().to_string();
        assert!(fault.contains("sources.kafka.bank: ") && fault.contains("--features kafka"), "{fault}");
    }
}
