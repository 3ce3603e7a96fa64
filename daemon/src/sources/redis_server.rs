//! A Redis server, as far as its streams are read. This is the one place that knows the client.

use super::entry_id::{EntryId, EntryIdError};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, Value};
use std::time::Duration;

/// How long connecting may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take, beyond what is waited for entries.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// Why a server cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RedisFault {
    /// It does not answer, or refuses.
    #[error("{0}")]
    Server(#[from] RedisError),
    /// It answers something else than what was asked.
    #[error("its answer has no {0}; Redis from 6.2 on and what is compatible with it is read")]
    Answer(&'static str),
    /// An id is none.
    #[error("{0}")]
    Id(#[from] EntryIdError),
}

/// An entry of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// Its fields, in order.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// The bytes of its fields.
    pub fn bytes(&self) -> usize {
        self.fields.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// What a server says of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamFacts {
    /// The highest id that an entry ever had.
    pub newest: EntryId,
    /// The id of the first entry that is there.
    pub first: Option<EntryId>,
    /// How many entries there are.
    pub length: u64,
    /// The highest id of an entry that was deleted or trimmed; Redis says it from 7 on.
    pub deleted: Option<EntryId>,
    /// How many entries were ever added; Redis says it from 7 on.
    pub added: Option<u64>,
}

/// A connection to a server.
pub struct RedisServer {
    connection: MultiplexedConnection,
}

impl RedisServer {
    /// Connects to a server.
    ///
    /// # Errors
    /// It cannot be reached, or refuses the name and password.
    pub async fn connect(url: &str) -> Result<RedisServer, RedisFault> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIME_MAX))
            .set_response_timeout(Some(ANSWER_TIME_MAX));
        let connection = Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(RedisServer { connection })
    }

    /// What the server says of a stream; nothing if there is no such stream.
    ///
    /// # Errors
    /// The server does not answer, or it is no stream.
    pub async fn facts(&mut self, stream: &str) -> Result<Option<StreamFacts>, RedisFault> {
        let mut ask = redis::pipe();
        ask.atomic().ignore_errors().add_command(ask_facts(stream));
        let [facts] = self.ask(&ask).await?;
        facts_of(facts)
    }

    /// What the server says of a stream, and the entries after a position, at one moment. There are `most` at most.
    ///
    /// # Errors
    /// The server does not answer, or it is no stream.
    pub async fn read(
        &mut self,
        stream: &str,
        after: EntryId,
        most: usize,
    ) -> Result<Option<(StreamFacts, Vec<Entry>)>, RedisFault> {
        let mut entries = redis::cmd("XRANGE");
        entries.arg(stream).arg(format!("({after}")).arg("+").arg("COUNT").arg(most);
        let mut ask = redis::pipe();
        ask.atomic().ignore_errors().add_command(ask_facts(stream)).add_command(entries);
        let [facts, entries] = self.ask(&ask).await?;
        let Some(facts) = facts_of(facts)? else { return Ok(None) };
        let entries = entries.extract_error()?.into_sequence().map_err(|_| RedisFault::Answer("entries"))?;
        Ok(Some((facts, entries.into_iter().map(entry_of).collect::<Result<_, _>>()?)))
    }

    /// Waits until one of these streams has an entry after its position, or this time has passed.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn wait(&mut self, streams: &[(&str, EntryId)], time_max: Duration) -> Result<(), RedisFault> {
        let mut wait = redis::cmd("XREAD");
        wait.arg("COUNT").arg(1).arg("BLOCK").arg(time_max.as_millis() as u64).arg("STREAMS");
        for (name, _) in streams {
            wait.arg(name);
        }
        for (_, after) in streams {
            wait.arg(after.to_string());
        }
        wait.query_async::<Value>(&mut self.connection).await?;
        Ok(())
    }

    /// Asks several things at one moment. What the server refuses is a value, too.
    async fn ask<const N: usize>(&mut self, ask: &redis::Pipeline) -> Result<[Value; N], RedisFault> {
        let answers: Value = ask.query_async(&mut self.connection).await?;
        let answers = answers.into_sequence().map_err(|_| RedisFault::Answer("answers"))?;
        answers.try_into().map_err(|_| RedisFault::Answer("answer to each question"))
    }
}

fn ask_facts(stream: &str) -> Cmd {
    let mut ask = redis::cmd("XINFO");
    ask.arg("STREAM").arg(stream);
    ask
}

fn facts_of(answer: Value) -> Result<Option<StreamFacts>, RedisFault> {
    if let Value::ServerError(error) = &answer
        && error.details().is_some_and(|details| details.contains("no such key"))
    {
        return Ok(None);
    }
    let pairs = answer.extract_error()?.into_map_iter().map_err(|_| RedisFault::Answer("facts of a stream"))?;
    let (mut facts, mut has_newest) = (StreamFacts::default(), false);
    for (name, value) in pairs {
        let name: String = redis::from_redis_value(name).map_err(RedisError::from)?;
        match name.as_str() {
            "last-generated-id" => (facts.newest, has_newest) = (id_of(value)?, true),
            "max-deleted-entry-id" => facts.deleted = Some(id_of(value)?),
            "entries-added" => facts.added = Some(redis::from_redis_value(value).map_err(RedisError::from)?),
            "length" => facts.length = redis::from_redis_value(value).map_err(RedisError::from)?,
            "first-entry" if value != Value::Nil => facts.first = Some(entry_of(value)?.id),
            _ => {}
        }
    }
    if has_newest { Ok(Some(facts)) } else { Err(RedisFault::Answer("last-generated-id")) }
}

fn id_of(value: Value) -> Result<EntryId, RedisFault> {
    let text: String = redis::from_redis_value(value).map_err(RedisError::from)?;
    Ok(text.parse()?)
}

fn entry_of(value: Value) -> Result<Entry, RedisFault> {
    let no_entry = || RedisFault::Answer("entry");
    let parts: [Value; 2] = value.into_sequence().ok().and_then(|parts| parts.try_into().ok()).ok_or_else(no_entry)?;
    let [id, fields] = parts;
    let fields = fields.into_map_iter().map_err(|_| no_entry())?;
    let bytes = |value: Value| redis::from_redis_value::<Vec<u8>>(value).map_err(RedisError::from);
    let fields: Result<_, RedisError> = fields.map(|(name, value)| Ok((bytes(name)?, bytes(value)?))).collect();
    Ok(Entry { id: id_of(id)?, fields: fields? })
}
