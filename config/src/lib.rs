//! The configuration of `surmised`: one typed, strict TOML file.
//!
//! Every key has a finite default, so that no file is needed. An unknown key is an error with a suggestion. The
//! environment overrides the file: `SURMISE__STORE__DIR` is `dir` of `[store]`.
//!
//! A table whose keys belong to another crate is that crate's own type: `[model]` is [`surmise_learner::Options`], the
//! fields of a stream are [`surmise_event::Field`]s, and `learning.device` is [`surmise_device::Choice`]. So a choice
//! is described once, by the crate that acts on it, and this crate adds only how it is written in a file. Choosing a
//! device loads none: that is up to the daemon.

mod address;
mod check;
mod config;
mod error;
mod export;
mod hint;
mod in_force;
mod kafka;
mod nats;
mod origin;
mod place;
mod reading;
mod reference;
mod remote_write;
mod server_url;
mod servers;
mod settings;
mod sinks;
mod source_fault;
mod sources;
mod stream_name;
mod streams;
mod tables;
mod tokens;
mod units;

pub use address::{AddressError, ListenAddresses, OFF, parse_address};
pub use config::{Config, ConfigSource, DEFAULT_FILE};
pub use error::{ConfigError, ConfigFault, SchemaFault, WrittenIn};
pub use export::{ExportTable, SeriesTable, TracesTable};
pub use hint::Hint;
pub use in_force::KeyInForce;
pub use kafka::{KAFKA_SCHEMES, KafkaSource, RecordKey, SaslMechanism};
pub use nats::{NATS_SCHEMES, NatsServers, NatsSink, NatsSource, SubjectKey};
pub use origin::{KeyOrigin, KeyOrigins};
pub use place::PlacedFault;
pub use reference::{CERTIFICATE_KEYS, KeyReference, RELOADED_KEYS, reference, reference_page, takes_effect};
pub use remote_write::{RemoteWriteFault, RemoteWriteSource};
pub use server_url::{ServerUrl, ServerUrlError, decoded};
pub use servers::{MQTT_SCHEMES, MessageFormat, MqttKey, MqttSource, REDIS_SCHEMES, RedisSource, StartPlace};
pub use settings::learner_settings;
pub use sinks::{ExportFault, SinkFilter, StdoutSink, SyslogFacility, SyslogSink, WebhookRule};
pub use source_fault::SourceFault;
pub use sources::{FileFormat, FileSource, SourcesTable, SyslogKey, SyslogSource};
pub use stream_name::{StreamNameError, check_stream_name};
pub use streams::{StreamAlarm, StreamLearning, StreamRule};
pub use tables::{
    AlarmTable, AuthTable, LearningTable, LimitsTable, ListenTable, OwnersTable, Secret, ShutdownTable, StoreTable,
    TlsTable,
};
pub use tokens::{AccessRole, TokenFault, TokenHash, TokenHashError, TokenRule};
pub use units::{ByteSize, TimeSpan, UnitError};
