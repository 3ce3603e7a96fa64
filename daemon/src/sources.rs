//! What the daemon reads itself: files that grow, and messages of syslog.
//!
//! A file is a producer like another: its events have numbers, and the log holds with each event the number and who
//! gave it. So the position in a file is what the log says, and nothing is acknowledged, or remembered, before the log
//! has it. Syslog has no positions: what is received is learnt, and what is lost on the way cannot be asked for.

mod account;
mod file_events;
mod finding;
mod followed;
mod framing;
pub mod learning;
mod rows;
mod serving;
mod syslog;
mod syslog_message;
mod tailed_file;
mod tailing;

use crate::hub::Hub;
use crate::source_board::SourceKind;
use serving::until_all_end;
use std::sync::Arc;
use syslog::SyslogReceiver;
use tailing::Tailing;
use tokio::task::JoinSet;

/// The name of the source that Prometheus writes to. It is no task: its requests come over HTTP.
pub const REMOTE_WRITE: &str = "remote_write";

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
    until_all_end(serving).await;
}
