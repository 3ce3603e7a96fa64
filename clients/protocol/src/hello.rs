//! The hello: the first line of a producer that has a name or wants answers.

use serde::{Deserialize, Serialize};
use surmise_event::Field;

/// The version of the protocol that this crate reads and writes.
pub const PROTOCOL: u32 = 1;

/// A kind of reply that a producer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Want {
    /// Cumulative acknowledgements, which mean that events are durable.
    Ack,
    /// The outcome of each event: how surprising it was.
    Outcome,
    /// The prediction of the next event, inside each outcome.
    Next,
}

/// The format of the lines that follow a hello.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineFormat {
    /// Each line is one JSON object of the protocol.
    #[default]
    Json,
    /// Each line, as it stands, is one event.
    Lines,
}

/// The name of a producer and what it asks for, in the first line of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The version of the protocol.
    pub protocol: u32,
    /// The producer's name, under which its sequence numbers are remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<String>,
    /// The producer's epoch: a connection with a higher epoch fences those with lower ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub epoch: u64,
    /// The access token of the daemon, if its configuration has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The stream of events that do not name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The replies that the producer asks for.
    #[serde(default = "ack_only")]
    pub want: Vec<Want>,
    /// The format of the lines that follow.
    #[serde(default, skip_serializing_if = "is_json")]
    pub format: LineFormat,
    /// The key of events that do not name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The fields of the stream, where the sender knows what they hold. They count for a stream that does not exist yet
    /// and for which the daemon's configuration declares none; without them its first events decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

/// Every key that a hello may have.
pub(crate) const HELLO_KEYS: &[&str] =
    &["protocol", "producer", "epoch", "token", "stream", "want", "format", "key", "fields"];

/// What a producer is told that does not say what it wants.
fn ack_only() -> Vec<Want> {
    vec![Want::Ack]
}
fn is_zero(number: &u64) -> bool {
    *number == 0
}
fn is_json(format: &LineFormat) -> bool {
    *format == LineFormat::Json
}

impl Default for Hello {
    fn default() -> Hello {
        Hello {
            protocol: PROTOCOL,
            producer: None,
            epoch: 0,
            token: None,
            stream: None,
            want: ack_only(),
            format: LineFormat::Json,
            key: None,
            fields: Vec::new(),
        }
    }
}

impl Hello {
    /// A hello of this protocol version that names a producer and a stream and wants acknowledgements.
    pub fn new(producer: impl Into<String>, stream: impl Into<String>) -> Hello {
        Hello { producer: Some(producer.into()), stream: Some(stream.into()), ..Hello::default() }
    }

    /// Whether the producer asks for this kind of reply.
    pub fn wants(&self, want: Want) -> bool {
        self.want.contains(&want)
    }

    /// Appends the hello as a line.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        // the key "hello" tells the line from an event
        #[derive(Serialize)]
        struct Tagged<'a> {
            hello: &'a Hello,
        }
        serde_json::to_writer(&mut *out, &Tagged { hello: self }).expect("invariant: a hello can be written as JSON");
        out.push(b'\n');
    }
}
