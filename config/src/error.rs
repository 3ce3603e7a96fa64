//! Why a configuration is not taken: every fault with its key, and with what to do about it.

use crate::address::AddressError;
use crate::hint::Hint;
use crate::stream_name::StreamNameError;
use crate::tokens::TokenFault;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use surmise_device::Choice;
use surmise_learner::{LearnerError, OptionsError};

/// Why a configuration is not taken: all of its faults.
#[derive(Debug)]
pub struct ConfigError {
    /// The file that was read, if the faults were found while reading one.
    pub file: Option<PathBuf>,
    /// The faults, in the order in which they were found; there is one at least.
    pub faults: Vec<ConfigFault>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("configuration: ")?;
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        for (i, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl Error for ConfigError {}

impl From<ConfigFault> for ConfigError {
    fn from(fault: ConfigFault) -> ConfigError {
        ConfigError { file: None, faults: vec![fault] }
    }
}

impl ConfigError {
    /// The error that names the file in which the faults were found.
    pub(crate) fn in_file(self, file: &Path) -> ConfigError {
        ConfigError { file: Some(file.into()), ..self }
    }

    /// The faults that reading found. `table` is the table that was read, if it was not the whole file.
    pub(crate) fn from_figment(error: figment::Error, table: &str) -> ConfigError {
        let faults = error.into_iter().map(|e| ConfigFault::from_figment(e, table)).collect();
        ConfigError { file: None, faults }
    }
}

/// One fault of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFault {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(std::io::Error),
    /// The text is no TOML.
    #[error("line {line}, column {column}: {expected}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The byte of the line, from 1.
        column: usize,
        /// What is wrong there, without a word of the text.
        expected: String,
    },
    /// A value of `[auth]` is of another type than its key takes, or cannot be read. It is not shown.
    #[error(
        "{key}: {expected} is expected, and what is there is something else; it is not shown, as it may be secret{source_of}"
    )]
    BadSecret {
        /// The full key.
        key: String,
        /// What is expected.
        expected: String,
        /// Where it was written, if that is known.
        source_of: WrittenIn,
    },
    /// No table has this key, or none of this name exists.
    #[error("unknown key {key:?}{}{source_of}; {hint}", in_table(table))]
    UnknownKey {
        /// The key as it was written.
        key: String,
        /// The table in which it was written; empty for the outermost one.
        table: String,
        /// Where it was written, if that is known: a file or the environment.
        source_of: WrittenIn,
        /// What may have been meant.
        hint: Hint,
    },
    /// A key that takes one of a few words has another one.
    #[error("{key}: {word:?} is not a choice{source_of}; {hint}")]
    UnknownChoice {
        /// The full key.
        key: String,
        /// The word.
        word: String,
        /// Where it was written, if that is known.
        source_of: WrittenIn,
        /// What may have been meant.
        hint: Hint,
    },
    /// A value is of another type than its key takes, or cannot be read.
    #[error("{}{reason}{source_of}", before(key))]
    BadValue {
        /// The full key; empty if the text is not TOML at all.
        key: String,
        /// What is wrong, in the words of the reader.
        reason: figment::error::Kind,
        /// Where it was written, if that is known.
        source_of: WrittenIn,
    },
    /// A value is out of the range that works.
    #[error("{key}: {value}{unit} is not within {min} and {max}{unit}")]
    OutOfRange {
        /// The full key.
        key: String,
        /// The value.
        value: u64,
        /// The least value that works.
        min: u64,
        /// The largest value that works.
        max: u64,
        /// The unit of the three, with a blank before it.
        unit: &'static str,
    },
    /// A value is less than what works.
    #[error("{key}: {value} is less than {min}, the least that works")]
    TooSmall {
        /// The full key.
        key: String,
        /// The value.
        value: u64,
        /// The least value that works.
        min: u64,
    },
    /// A value is more than what works.
    #[error("{key}: {value} is more than {max}, the most that works")]
    TooLarge {
        /// The full key.
        key: String,
        /// The value.
        value: u64,
        /// The largest value that works.
        max: u64,
    },
    /// A listener's address cannot be read.
    #[error("listen.{key}: {source}")]
    Address {
        /// The key in `[listen]`.
        key: &'static str,
        /// What was expected.
        source: AddressError,
    },
    /// A listener can be reached from other machines, and asks nothing of clients.
    #[error(
        "listen.{key}: {address} can be reached from other machines, which needs a token (auth.token or [[auth.tokens]]); or listen on \
         127.0.0.1"
    )]
    NeedsToken {
        /// The key in `[listen]`.
        key: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// A listener can be reached from other machines, and what it is sent can be read on its way.
    #[error(
        "listen.{key}: {address} can be reached from other machines, which needs TLS (tls.certificate and tls.key), or \
         listen.insecure = true where the network itself keeps secrets; or listen on 127.0.0.1"
    )]
    NeedsTls {
        /// The key in `[listen]`.
        key: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// TLS needs both of its files.
    #[error("tls: certificate and key go together; one of the two is missing")]
    HalfOfTls,
    /// A file of `[tls]` cannot be used. What is in it is not shown.
    #[error("tls.{key}: {} cannot be used: {reason}", path.display())]
    Certificate {
        /// The key in `[tls]`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Bare lines cannot carry the token that is asked for.
    #[error("listen.lines: bare lines at {0} cannot bring the token that [auth] asks for; turn one of the two off")]
    LinesWithToken(SocketAddr),
    /// A name under which requests may ask for this machine cannot be one.
    #[error("listen.hosts: {0:?} is no name of a host; leave the port and the scheme out")]
    HostName(String),
    /// A token of `[[auth.tokens]]` cannot be used.
    #[error("auth.tokens {name:?}: {fault}")]
    Token {
        /// The name of the token.
        name: String,
        /// What is wrong.
        fault: TokenFault,
    },
    /// The token is empty.
    #[error("auth.token: is empty; leave it out or give one")]
    EmptyToken,
    /// The data directory has no name.
    #[error("store.dir: is empty")]
    EmptyDir,
    /// A stream cannot have this name.
    #[error("{}{source}", before(key))]
    StreamName {
        /// The full key that holds the name; empty where the name is the key itself.
        key: String,
        /// What is wrong with the name.
        source: StreamNameError,
    },
    /// `delay_chunks` was written in `[model]`, where the other options of learners are.
    #[error("model.delay_chunks: belongs to [learning], as learning.delay_chunks")]
    MisplacedDelay,
    /// `alarm_budget` was written in `[model]`, where the other options of learners are.
    #[error("model.alarm_budget: belongs to [alarm], as alarm.budget")]
    MisplacedBudget,
    /// An option of `[learning]` is out of bounds.
    #[error("learning.{0}")]
    Options(#[from] OptionsError),
    /// A GPU is to work while updates wait, but none waits.
    #[error(
        "learning.device: \"cuda\" works updates out while they wait, so learning.delay_chunks has to be 1 at least"
    )]
    DeviceWithoutDelay,
    /// The device that is asked for cannot be used.
    #[error("learning.device: {:?} is asked for, but {error}", choice.to_string())]
    Device {
        /// What is asked for.
        choice: Choice,
        /// Why it cannot be used.
        error: Box<dyn Error + Send + Sync>,
    },
    /// What a table needs was left out of the program.
    #[error("{key}: this surmised was built without it; build it with `--features {feature}`, or leave the table out")]
    NotBuilt {
        /// The full key of the table.
        key: String,
        /// The feature of the program that it needs.
        feature: &'static str,
    },
    /// The declared fields are no schema.
    #[error(transparent)]
    Schema(#[from] SchemaFault),
    /// A stream is to begin with what another one has learnt, whose rule declares something else.
    #[error(
        "like: {like:?} has other {what} than these streams, so they cannot begin with what it has learnt; give both the \
         same"
    )]
    Unlike {
        /// The name of the other stream.
        like: String,
        /// What differs.
        what: &'static str,
    },
    /// The declared fields and the options do not fit each other.
    #[error("{0}")]
    Learner(LearnerError),
    /// A rule of `[streams]` has a fault.
    #[error("streams.{pattern:?}{}{fault}", if fault.begins_with_key() { "." } else { ": " })]
    Stream {
        /// The name or pattern of the rule.
        pattern: String,
        /// The fault.
        fault: Box<ConfigFault>,
    },
}

/// Why declared fields are no schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaFault {
    /// A closed schema has no fields, so that it would refuse every record.
    #[error("a closed schema needs fields")]
    ClosedWithoutFields,
    /// The field at this position, from 1, has no name.
    #[error("field {0} has no name")]
    Nameless(usize),
    /// Two fields have the same name.
    #[error("the field {0:?} is there twice")]
    Twice(String),
    /// Two fields hold the time since the key's last event.
    #[error("a schema has one field of kind gap at most")]
    SecondGap,
    /// A field whose every byte is an event is not the only one.
    #[error("a field of kind byte has to be the only one; take kind text for texts inside records")]
    ByteAmongOthers,
}

/// Where a value was written: ` (a file)`, or nothing if that is not known.
#[derive(Clone, Debug, Default)]
pub struct WrittenIn(Option<String>);

impl WrittenIn {
    /// The file that a value was read of; a text that the program read has none, and where it did is no place of it.
    fn of(error: &figment::Error) -> WrittenIn {
        let source = error.metadata.as_ref().and_then(|metadata| metadata.source.as_ref());
        WrittenIn(source.filter(|source| !matches!(source, figment::Source::Code(_))).map(ToString::to_string))
    }
}

impl fmt::Display for WrittenIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

fn in_table(table: &str) -> String {
    if table.is_empty() { String::new() } else { format!(" in [{table}]") }
}

fn before(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("{key}: ") }
}

impl ConfigFault {
    pub(crate) fn from_figment(error: figment::Error, table: &str) -> ConfigFault {
        let path = error.path.join(".");
        // a table that was read by itself is named in front of its keys
        let key = match (table, path.as_str()) {
            ("", path) => path.to_owned(),
            (table, "") => table.to_owned(),
            (table, path) => format!("{table}.{path}"),
        };
        let source_of = WrittenIn::of(&error);
        match error.kind {
            figment::error::Kind::UnknownField(word, known) => {
                let table = key.rsplit_once('.').map_or(String::new(), |(table, _)| table.to_owned());
                ConfigFault::UnknownKey { hint: Hint::new(&word, known), key: word, table, source_of }
            }
            figment::error::Kind::UnknownVariant(word, known) => {
                ConfigFault::UnknownChoice { hint: Hint::new(&word, known), key, word, source_of }
            }
            // what is wrong in [auth], or with an address, may be the secret itself
            figment::error::Kind::InvalidType(_, expected) | figment::error::Kind::InvalidValue(_, expected)
                if key.starts_with("auth") || key.contains("url") =>
            {
                ConfigFault::BadSecret { key, expected, source_of }
            }
            reason => ConfigFault::BadValue { key, reason, source_of },
        }
    }

    /// The fault in the rule of a stream.
    pub fn in_stream(self, pattern: &str) -> ConfigFault {
        ConfigFault::Stream { pattern: pattern.to_owned(), fault: Box::new(self) }
    }

    /// Whether the message begins with the key that is at fault.
    fn begins_with_key(&self) -> bool {
        match self {
            ConfigFault::BadValue { key, .. } | ConfigFault::StreamName { key, .. } => !key.is_empty(),
            ConfigFault::UnknownChoice { .. }
            | ConfigFault::OutOfRange { .. }
            | ConfigFault::TooSmall { .. }
            | ConfigFault::TooLarge { .. }
            | ConfigFault::Address { .. }
            | ConfigFault::NeedsToken { .. }
            | ConfigFault::LinesWithToken(_)
            | ConfigFault::EmptyToken
            | ConfigFault::NeedsTls { .. }
            | ConfigFault::HalfOfTls
            | ConfigFault::Certificate { .. }
            | ConfigFault::BadSecret { .. }
            | ConfigFault::HostName(_)
            | ConfigFault::Token { .. }
            | ConfigFault::EmptyDir
            | ConfigFault::MisplacedDelay
            | ConfigFault::MisplacedBudget
            | ConfigFault::Options(_)
            | ConfigFault::DeviceWithoutDelay
            | ConfigFault::Device { .. }
            | ConfigFault::NotBuilt { .. }
            | ConfigFault::Unlike { .. }
            | ConfigFault::Stream { .. } => true,
            ConfigFault::Unreadable(_)
            | ConfigFault::Syntax { .. }
            | ConfigFault::UnknownKey { .. }
            | ConfigFault::Schema(_)
            | ConfigFault::Learner(_) => false,
        }
    }
}
