//! `surmised`: a service that always predicts the next event of every stream, and learns from each event that comes.
//!
//! An event comes in over a socket (`session`), waits in the bounded inbox of its stream's owner (`inbox`), is
//! appended to the log, scored and learnt (`owner`, `stream`), made durable together with others (`committer`)
//! and acknowledged (`ticket`). It goes down this path and never comes back. Questions (`http`) are answered from
//! snapshots. `store` is the only part that sees the database.

mod access;
mod admission;
mod arguments;
mod auditing;
mod batch;
mod board;
mod budget;
mod checkpoint;
mod checkpoint_queue;
mod checkpointer;
mod clock;
mod commit_batch;
mod committer;
mod copy_pages;
mod counters;
mod daemon;
mod directory;
mod disk;
mod earlier_learner;
mod epochs;
mod event_ids;
mod event_stream;
mod event_times;
mod fault;
mod feed;
mod fencing;
mod field_fit;
mod first_learner;
mod flows;
mod following;
mod forgetting;
mod forgetting_scan;
mod given_sockets;
mod highest_seq;
mod history;
mod http;
mod hub;
mod inbox;
mod incidents;
mod ingest;
pub mod journey;
#[cfg(feature = "kafka")]
mod kafka;
mod listen;
mod log_range;
mod logging;
mod loss_windows;
mod machine_memory;
mod nats;
mod occupancy;
mod open_files;
mod outgoing;
mod owner;
mod past;
mod producer_keys;
mod producers;
mod quarantine;
mod rare_events;
mod rare_queues;
mod rarest;
mod recovery;
mod refusals;
mod relearning;
mod reload;
mod remote_write;
mod renumbering;
mod replays;
mod rewritten_log;
mod self_test;
mod server_trust;
mod services;
mod session;
#[cfg(test)]
mod simulated_pages;
#[cfg(test)]
mod simulated_storage;
mod sinks;
mod snapshots;
mod sockets;
mod source_board;
mod sources;
mod storage;
mod stream;
mod stream_row;
mod summary;
mod telemetry;
mod threads;
mod ticket;
mod tls;
mod traces;
mod undo;
mod unread_bytes;
#[doc(hidden)]
pub mod untrusted;
mod why;

pub use arguments::DaemonArgs;
#[doc(hidden)]
pub use clock::move_wall_clock;
pub use daemon::{Daemon, Running, ShutdownError, check_certificate, check_config, devices};
pub use given_sockets::{GivenSocketError, GivenSockets};
pub use http::{ENDPOINTS, Endpoint, document};
pub use hub::SERVER;
pub use logging::{LogGuard, start_log};
pub use open_files::connections_served;
pub use reload::{ReloadError, Reloaded, keys_in_force};
pub use self_test::self_test;
pub use services::LearningProbe;
pub use sources::files_named;
pub use surmise_learner::kernel;
pub use telemetry::{METRICS, Metric, MetricKind, MetricUnit};
