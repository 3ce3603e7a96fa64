//! Reading a server in order until the daemon stops: one loop for Redis, NATS JetStream and Kafka.
//!
//! A connection that fails is given up, and so is what is known of positions: the next connection begins with what the
//! log says, after a pause that grows.

use super::backoff::Backoff;
use super::learning::SourceIntake;
use crate::source_board::{InputStatus, SourceState};
use std::convert::Infallible;
use std::fmt::Display;
use tokio::time::sleep;

/// What reads one kind of server for one source.
pub trait ServerReader: Send {
    /// A connection to the server.
    type Connection: Send;
    /// Why the server is not read now.
    type Fault: Display + Send;

    /// What takes the events of the source.
    fn intake(&self) -> &SourceIntake;

    /// The address of the server as it may be shown.
    fn address(&self) -> String;

    /// Connects to the server.
    fn connect(&mut self) -> impl Future<Output = Result<Self::Connection, Self::Fault>> + Send;

    /// Gives the log what comes next. Returns whether more may be there already.
    fn read(&mut self, server: &mut Self::Connection) -> impl Future<Output = Result<bool, Self::Fault>> + Send;

    /// Waits, for a few seconds at most, until there may be more.
    fn wait(&mut self, server: &mut Self::Connection) -> impl Future<Output = Result<(), Self::Fault>> + Send;

    /// Forgets what the log knows better, as the connection has ended.
    fn close(&mut self);

    /// How far the server is read.
    fn progress(&self) -> ReadProgress;
}

/// How far a server is read.
#[derive(Default)]
pub struct ReadProgress {
    /// Whether it is read now.
    pub is_reading: bool,
    /// What is read of it, with positions.
    pub inputs: Vec<InputStatus>,
    /// How much newer the newest of it is than what the log has, in seconds, where that is known.
    pub lag_seconds: Option<f64>,
    /// What of it cannot be read on, and why.
    pub errors: Vec<String>,
}

/// Reads a server until the daemon stops.
pub async fn read_server<R: ServerReader>(mut reader: R) {
    let address = reader.address();
    reader.intake().tell(|status| status.addresses.push(address));
    tell(&reader, None);
    let stopping = reader.intake().hub.stopping.clone();
    stopping.run_until_cancelled(keep_reading(&mut reader)).await;
}

async fn keep_reading<R: ServerReader>(reader: &mut R) {
    if !reader.intake().until_ready().await {
        return;
    }
    let mut backoff = Backoff::new();
    loop {
        let Err(fault) = read_connected(reader, &mut backoff).await;
        reader.close();
        tell(reader, Some(format!("{}: {fault}; it is tried again", reader.address())));
        sleep(backoff.pause()).await;
    }
}

/// Connects, and reads until that fails.
async fn read_connected<R: ServerReader>(reader: &mut R, backoff: &mut Backoff) -> Result<Infallible, R::Fault> {
    let mut server = reader.connect().await?;
    loop {
        let has_more = reader.read(&mut server).await?;
        backoff.reset();
        tell(reader, None);
        if !has_more {
            reader.wait(&mut server).await?;
        }
    }
}

/// Tells how far the server is read, and why it is not read, if it is not.
fn tell<R: ServerReader>(reader: &R, fault: Option<String>) {
    let progress = reader.progress();
    reader.intake().tell(|status| {
        if progress.is_reading {
            status.state = SourceState::Reading;
        }
        status.inputs = progress.inputs;
        // how far behind what is away is, nobody knows
        status.lag_seconds = progress.lag_seconds.filter(|_| progress.is_reading);
        status.errors = fault.into_iter().chain(progress.errors).collect();
    });
}
