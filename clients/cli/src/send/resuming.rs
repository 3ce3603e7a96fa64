//! How sending begins: with the records that the daemon does not have yet, or with all of them where what is read is
//! not what was sent before.

use super::place::{Likeness, ReadSoFar, divide, place_of};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use surmise_client::{Address, Client, ClientError, ClientOptions};
use surmise_event::Schema;
use surmise_protocol::Hello;
use surmise_recording::{Item, OddityLog, Source, SourceError, SourceOptions, pinned};
use surmise_screen::plural;
use surmise_terminal::{Exit, Failure};
use tokio::sync::mpsc;

/// Records as they are read.
pub(super) type ItemReceiver = mpsc::Receiver<Result<Item, SourceError>>;

/// What is sent, and where.
pub(super) struct Errand<'a> {
    pub(super) address: Address,
    pub(super) hello: Hello,
    pub(super) options: ClientOptions,
    /// How the recording is opened.
    pub(super) source: &'a SourceOptions,
    /// Whether the epoch of the hello was said, and stays as it is.
    pub(super) is_epoch_said: bool,
}

/// A connection, and the records that the daemon does not have.
pub(super) struct ResumedSending {
    pub(super) client: Client,
    pub(super) items: ItemReceiver,
    /// The part of a run of bytes that the daemon does not have, which comes before `items`.
    pub(super) rest: Option<Item>,
    /// What the daemon has.
    pub(super) read: ReadSoFar,
    /// Records that were read of what it has.
    pub(super) passed: u64,
    /// The epoch that is sent as.
    pub(super) epoch: u64,
    /// What a person should know, a line each.
    pub(super) notes: Vec<String>,
    pub(super) odd: OddityLog,
    pub(super) bytes: Arc<AtomicU64>,
}

/// Connects, and reads up to where the daemon has what is read.
pub(super) async fn begin(errand: Errand<'_>, source: Source) -> Result<ResumedSending, Failure> {
    let Errand { address, mut hello, options, source: how, is_epoch_said } = errand;
    let connected = connect(&address, &mut hello, &options, is_epoch_said).await;
    let client = connected.map_err(|error| refused(error, &hello))?;
    let committed = client.committed_at_start();
    let mut resumed = ResumedSending::new(client, source, hello.epoch);
    let Some(committed) = committed else { return Ok(resumed) };
    let Some(fault) = resumed.pass_over(committed).await? else { return Ok(resumed) };
    let producer = hello.producer.clone().unwrap_or_default();
    // one of several files that has grown moves all that follow, which would be sent twice
    if is_epoch_said || !can_be_read_again(how) || how.files.len() > 1 {
        let reason =
            format!("{fault} as {producer}; --epoch {}, or another --producer, sends all of it", hello.epoch + 1);
        return Err(Failure::new(Exit::Data, reason));
    }
    hello.epoch += 1;
    drop(resumed);
    let client = connect(&address, &mut hello, &options, false).await?;
    if client.committed_at_start().is_some() {
        let reason = format!("somebody else sends as {producer}, too; give each sender a --producer of its own");
        return Err(Failure::new(Exit::Data, reason));
    }
    let mut resumed = ResumedSending::new(client, Source::open(how)?, hello.epoch);
    resumed.notes.push(format!("{fault} as {producer}; all of it is sent, as epoch {}", hello.epoch));
    Ok(resumed)
}

/// Why the daemon cannot be sent to, with what to do where the stream is none of bytes and should be.
fn refused(error: ClientError, hello: &Hello) -> Failure {
    let is_of_bytes = hello.fields.iter().any(|field| field.kind.is_every_byte());
    match &error {
        ClientError::Refused(reply) if is_of_bytes && reply.field == "hello.fields" => {
            let stream = hello.stream.as_deref();
            let (to, named) = (
                stream.map_or("the default stream".to_owned(), |s| format!("stream {s}")),
                stream.unwrap_or("default"),
            );
            let toml = pinned(&Schema::bytes(), &Schema::default(), named);
            Failure::usage(format!(
                "every byte of this would be an event, and {to} is none of bytes: nothing was sent. --format lines \
                 sends each line as an event; for bytes, declare the stream in the configuration, before its first \
                 event:\n{}",
                toml.trim_end()
            ))
        }
        _ => error.into(),
    }
}

/// Connects in the epoch of the hello, or in the newest one where that is older and was not said.
async fn connect(
    address: &Address,
    hello: &mut Hello,
    options: &ClientOptions,
    is_epoch_said: bool,
) -> Result<Client, ClientError> {
    match Client::connect_with(address.clone(), hello.clone(), options.clone()).await {
        Err(ClientError::Refused(refused)) if !is_epoch_said && refused.known_epoch > Some(hello.epoch) => {
            hello.epoch = refused.known_epoch.unwrap_or(hello.epoch);
            Client::connect_with(address.clone(), hello.clone(), options.clone()).await
        }
        connected => connected,
    }
}

/// Whether every one of the files is there to be read from its beginning again.
fn can_be_read_again(how: &SourceOptions) -> bool {
    !how.files.is_empty() && how.files.iter().all(|file| file.as_os_str() != "-" && file.is_file())
}

impl ResumedSending {
    fn new(client: Client, source: Source, epoch: u64) -> ResumedSending {
        let (odd, bytes) = (source.oddities(), source.bytes_counter());
        let (items, read) = (read_ahead(source), ReadSoFar::default());
        ResumedSending { client, items, rest: None, read, passed: 0, epoch, notes: Vec::new(), odd, bytes }
    }

    /// Reads what the daemon has. Returns in what way that is something else, if it is.
    async fn pass_over(&mut self, committed: u64) -> Result<Option<String>, Failure> {
        let there = place_of(committed);
        if there == 0 {
            return self.pass_over_counted(committed).await.map(|()| None);
        }
        while self.read.place() < there {
            let Some(item) = self.items.recv().await else {
                // what is empty by now has nothing that could be left out
                let is_empty = self.read.place() == 0;
                return Ok(
                    (!is_empty).then(|| format!("this is less than the {} sent before", plural(there, "record")))
                );
            };
            let (item, rest) = divide(item?, there - self.read.place());
            self.read.take(&item);
            self.passed += 1;
            self.rest = rest;
        }
        Ok(match self.read.likeness(committed) {
            Likeness::Same => None,
            Likeness::LatestDiffers => {
                let note = format!("record {there} was not whole when it was sent, and is not sent again");
                self.notes.push(note);
                None
            }
            Likeness::Other => Some("this is something else than was sent before".into()),
        })
    }

    /// Reads as many records as an earlier version has numbered, which says nothing of what they were.
    async fn pass_over_counted(&mut self, committed: u64) -> Result<(), Failure> {
        while self.passed < committed {
            let Some(item) = self.items.recv().await else { break };
            self.read.take(&item?);
            self.passed += 1;
        }
        let records = plural(self.passed, "record");
        self.notes.push(format!("{records} that an earlier version sent are passed over by their number alone"));
        Ok(())
    }
}

/// Reads the source on a thread of its own, as reading may wait.
fn read_ahead(source: Source) -> ItemReceiver {
    let (tx, rx) = mpsc::channel(1024);
    tokio::task::spawn_blocking(move || {
        for item in source {
            if tx.blocking_send(item).is_err() {
                break;
            }
        }
    });
    rx
}
