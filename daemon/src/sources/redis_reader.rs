//! Reading the streams of a Redis server.
//!
//! A stream of Redis is a producer of the log, and the number of an event is the id of its entry. So the position is
//! what the log says, as with a file: there is no consumer group, nothing is written to Redis, and what is read again
//! after a kill is recognised. Entries are read up to some thousands at a time, each time with what the server says of
//! the stream at that moment, so that entries which were trimmed before they were read are noticed. The next are read
//! when the log has those.

use super::account::{AccountFault, ProducerAccount};
use super::entry_events::EntryEvents;
use super::entry_id::EntryId;
use super::learning::SourceIntake;
use super::read_stream::ReadStream;
use super::redis_server::{Entry, RedisFault, RedisServer, StreamFacts};
use super::server_reader::{ReadProgress, ServerReader};
use crate::clock::now_us;
use crate::hub::Hub;
use crate::source_board::SourceKind;
use std::sync::Arc;
use std::time::Duration;
use surmise_config::{REDIS_SCHEMES, RedisSource, ServerUrlError, StartPlace};
use tokio::time::sleep;

/// How long entries are waited for, until it is looked again what became of the streams.
const WAIT_TIME: Duration = Duration::from_secs(1);

/// Why a server is not read now.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// Its address cannot be read.
    #[error("{0}")]
    Url(#[from] ServerUrlError),
    /// It does not answer, or refuses.
    #[error("{0}")]
    Server(#[from] RedisFault),
    /// It refuses something of one stream.
    #[error("{stream}: {fault}")]
    Stream {
        /// The name of the stream.
        stream: String,
        /// What it refuses.
        fault: RedisFault,
    },
    /// A stream has no account, or its entries are not learnt.
    #[error("{0}")]
    Account(#[from] AccountFault),
}

/// What reads the streams of one source.
pub struct RedisReader {
    intake: SourceIntake,
    source: RedisSource,
    events: EntryEvents,
    streams: Vec<ReadStream>,
}

impl RedisReader {
    /// Prepares to read the streams of a source.
    pub fn new(hub: Arc<Hub>, name: &str, source: &RedisSource) -> RedisReader {
        let intake = SourceIntake::new(hub, SourceKind::Redis, name, source.stream(name));
        let streams = source.read.iter().map(|read| ReadStream::new(read, source.stream_of(name, read))).collect();
        RedisReader { intake, source: source.clone(), events: EntryEvents::new(source), streams }
    }

    /// What a server refuses of one stream is told with its name.
    fn in_stream(&self, place: usize, fault: ReadFault) -> ReadFault {
        match fault {
            ReadFault::Server(fault) => ReadFault::Stream { stream: self.streams[place].name.clone(), fault },
            other => other,
        }
    }

    /// Gives the log what comes next in a stream. Returns whether there was anything.
    async fn read_stream(&mut self, server: &mut RedisServer, place: usize) -> Result<bool, ReadFault> {
        if self.streams[place].account.is_none() {
            self.open(server, place).await?;
        }
        let stream = &mut self.streams[place];
        let position = stream.position.unwrap_or_default();
        let Some((facts, entries)) = server.read(&stream.name, position, stream.batch_size.0).await? else {
            // it begins with its first entry
            stream.take_facts(&StreamFacts { newest: position, ..StreamFacts::default() });
            return Ok(false);
        };
        self.intake.tell_gap(stream.take_facts(&facts));
        let entries = stream.readable(entries);
        if entries.is_empty() {
            return Ok(false);
        }
        self.learn(place, &entries).await?;
        Ok(true)
    }

    /// Opens the account of a stream, and finds out where to begin.
    async fn open(&mut self, server: &mut RedisServer, place: usize) -> Result<(), ReadFault> {
        let stream = &mut self.streams[place];
        let producer = format!("redis/{}/{}", self.intake.name, stream.name).into();
        let account = ProducerAccount::open(&self.intake.hub, producer, &stream.stream, |newest, _| newest).await?;
        let known = Some(account.committed).filter(|number| *number > 0).map(EntryId::of_number);
        // what was refused last, or what comes first of all, is known here alone
        let is_known = known.is_some() || stream.position.is_some();
        let facts = server.facts(&stream.name).await?.unwrap_or_default();
        let first = match self.source.from {
            StartPlace::Start => EntryId::ZERO,
            StartPlace::New => facts.newest,
        };
        stream.begin(known.max(stream.position).unwrap_or(first), is_known, &facts);
        stream.account = Some(account);
        Ok(())
    }

    /// Has entries learnt, and waits until they are durable or refused.
    async fn learn(&mut self, place: usize, entries: &[Entry]) -> Result<(), ReadFault> {
        let stream = &mut self.streams[place];
        let Some(account) = &mut stream.account else { return Ok(()) };
        let limits = &self.intake.hub.config.limits;
        let chunk = self.events.read(entries, account, &stream.stream, limits, now_us());
        self.intake.learn(chunk, None, Some(&stream.name)).await.map_err(AccountFault::from)?;
        if let Some(number) = entries.last().and_then(|entry| entry.id.number()) {
            account.record_durable(&self.intake.hub, number);
        }
        stream.advance(entries);
        Ok(())
    }
}

impl ServerReader for RedisReader {
    type Connection = RedisServer;
    type Fault = ReadFault;

    fn intake(&self) -> &SourceIntake {
        &self.intake
    }

    fn address(&self) -> String {
        self.source.url.shown()
    }

    async fn connect(&mut self) -> Result<RedisServer, ReadFault> {
        let url = self.source.url.parse(REDIS_SCHEMES)?;
        Ok(RedisServer::connect(url.as_str()).await?)
    }

    async fn read(&mut self, server: &mut RedisServer) -> Result<bool, ReadFault> {
        let mut has_news = false;
        for place in 0..self.streams.len() {
            let read = self.read_stream(server, place).await;
            has_news |= read.map_err(|fault| self.in_stream(place, fault))?;
        }
        Ok(has_news)
    }

    async fn wait(&mut self, server: &mut RedisServer) -> Result<(), ReadFault> {
        let readable = self.streams.iter().filter(|stream| stream.error.is_none());
        let waiting: Vec<(&str, EntryId)> =
            readable.map(|stream| (stream.name.as_str(), stream.position.unwrap_or_default())).collect();
        if waiting.is_empty() {
            sleep(WAIT_TIME).await;
            return Ok(());
        }
        Ok(server.wait(&waiting, WAIT_TIME).await?)
    }

    fn close(&mut self) {
        for stream in &mut self.streams {
            stream.account = None;
        }
    }

    fn progress(&self) -> ReadProgress {
        ReadProgress {
            is_reading: self.streams.iter().any(|stream| stream.account.is_some()),
            inputs: self.streams.iter().map(ReadStream::status).collect(),
            lag_seconds: self.streams.iter().filter_map(ReadStream::lag_seconds).reduce(f64::max),
            errors: self.streams.iter().filter_map(|stream| stream.error.clone()).collect(),
        }
    }
}
