//! Reading the streams of a Redis server.
//!
//! A stream of Redis is a producer of the log, and the number of an event is the id of its entry. So the position is
//! what the log says, as with a file: there is no consumer group, nothing is written to Redis, and what is read again
//! after a kill is recognised. Entries are read up to some thousands at a time, each time with what the server says of
//! the stream at that moment, so that entries which were trimmed before they were read are noticed. The next are read
//! when the log has those.

use super::account::{AccountFault, ProducerAccount};
use super::backoff::Backoff;
use super::entry_events::EntryEvents;
use super::entry_id::EntryId;
use super::learning::{LearningFault, SourceIntake};
use super::read_stream::ReadStream;
use super::redis_server::{Entry, RedisFault, RedisServer, StreamFacts};
use crate::clock::now_us;
use crate::hub::Hub;
use crate::source_board::{SourceKind, SourceState};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use surmise_config::{REDIS_SCHEMES, RedisSource, ServerUrlError, StartPlace};
use tokio::time::sleep;

/// How long entries are waited for, until it is looked again what became of the streams.
const WAIT_TIME: Duration = Duration::from_secs(1);

/// Why a server is not read now.
#[derive(Debug, thiserror::Error)]
enum ReadFault {
    #[error("{0}")]
    Url(#[from] ServerUrlError),
    #[error("{0}")]
    Server(#[from] RedisFault),
    #[error("{stream}: {fault}")]
    Stream { stream: String, fault: RedisFault },
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
        let reader = RedisReader { intake, source: source.clone(), events: EntryEvents::new(source), streams };
        reader.intake.tell(|status| status.addresses.push(source.url.shown()));
        reader.tell(None);
        reader
    }

    /// Reads them until the daemon stops.
    pub async fn serve(mut self) {
        let stopping = self.intake.hub.stopping.clone();
        stopping.run_until_cancelled(self.keep_reading()).await;
    }

    async fn keep_reading(&mut self) {
        if !self.intake.until_ready().await {
            return;
        }
        let mut backoff = Backoff::new();
        loop {
            let Err(fault) = self.read_connected(&mut backoff).await;
            // the log knows best how far it is
            for stream in &mut self.streams {
                stream.account = None;
            }
            if matches!(fault, ReadFault::Account(AccountFault::Learning(LearningFault::Stopping))) {
                return;
            }
            self.tell(Some(format!("{}: {fault}; it is tried again", self.source.url.shown())));
            sleep(backoff.pause()).await;
        }
    }

    /// Connects, and reads until that fails.
    async fn read_connected(&mut self, backoff: &mut Backoff) -> Result<Infallible, ReadFault> {
        let url = self.source.url.parse(REDIS_SCHEMES)?;
        let mut server = RedisServer::connect(url.as_str()).await?;
        loop {
            let mut has_news = false;
            for place in 0..self.streams.len() {
                let read = self.read(&mut server, place).await;
                has_news |= read.map_err(|fault| self.in_stream(place, fault))?;
            }
            backoff.reset();
            self.tell(None);
            if !has_news {
                self.wait(&mut server).await?;
            }
        }
    }

    /// What a server refuses of one stream is told with its name.
    fn in_stream(&self, place: usize, fault: ReadFault) -> ReadFault {
        match fault {
            ReadFault::Server(fault) => ReadFault::Stream { stream: self.streams[place].name.clone(), fault },
            other => other,
        }
    }

    /// Waits for entries of the streams that can be read on.
    async fn wait(&self, server: &mut RedisServer) -> Result<(), ReadFault> {
        let readable = self.streams.iter().filter(|stream| stream.error.is_none());
        let waiting: Vec<(&str, EntryId)> =
            readable.map(|stream| (stream.name.as_str(), stream.position.unwrap_or_default())).collect();
        if waiting.is_empty() {
            sleep(WAIT_TIME).await;
            return Ok(());
        }
        Ok(server.wait(&waiting, WAIT_TIME).await?)
    }

    /// Gives the log what comes next in a stream. Returns whether there was anything.
    async fn read(&mut self, server: &mut RedisServer, place: usize) -> Result<bool, ReadFault> {
        if self.streams[place].account.is_none() {
            self.open(server, place).await?;
        }
        let stream = &mut self.streams[place];
        let position = stream.position.unwrap_or_default();
        let Some((facts, entries)) = server.read(&stream.name, position, stream.most).await? else {
            // it begins with its first entry
            stream.take_facts(&StreamFacts { newest: position, ..StreamFacts::default() });
            return Ok(false);
        };
        if let Some(gap) = stream.take_facts(&facts) {
            tracing::warn!(source = &*self.intake.name, "{gap}");
            self.intake.tell(|status| {
                status.gaps += 1;
                status.last_gap = Some(gap);
            });
        }
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
        let Some(account) = &stream.account else { return Ok(()) };
        let limits = &self.intake.hub.config.limits;
        let chunk = self.events.read(entries, account, &stream.stream, limits, now_us());
        self.intake.learn(chunk, None, Some(&stream.name)).await.map_err(AccountFault::from)?;
        if let Some(number) = entries.last().and_then(|entry| entry.id.number()) {
            account.record_durable(&self.intake.hub, number);
        }
        stream.advance(entries);
        Ok(())
    }

    /// Tells how far the streams are, and why the server is not read, if it is not.
    fn tell(&self, fault: Option<String>) {
        let inputs = self.streams.iter().map(ReadStream::status).collect();
        let lag = self.streams.iter().filter_map(ReadStream::lag_seconds).reduce(f64::max);
        let errors = self.streams.iter().filter_map(|stream| stream.error.clone());
        let errors: Vec<String> = fault.into_iter().chain(errors).collect();
        let is_connected = self.streams.iter().any(|stream| stream.account.is_some());
        self.intake.tell(|status| {
            if is_connected {
                status.state = SourceState::Reading;
            }
            (status.inputs, status.lag_seconds, status.errors) = (inputs, lag.or(status.lag_seconds), errors);
        });
    }
}
