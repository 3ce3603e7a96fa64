//! The first line of a producer that wants acknowledgements.

use serde::{Deserialize, Serialize};

/// The version of the protocol that this crate speaks.
pub const PROTOCOL: u32 = 1;

/// What a producer asks to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Want {
    /// Cumulative acknowledgements that mean durable.
    Ack,
    /// What each event turned out to be worth.
    Outcome,
    /// The prediction of the next event, with each outcome.
    Next,
}

/// How the lines after the hello are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// The line is the event.
    Lines,
}

/// Who the producer is, and what it wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The version of the protocol.
    pub protocol: u32,
    /// The producer's name, under which its sequence numbers are remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<String>,
    /// The producer's epoch: a higher one fences the lower ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub epoch: u64,
    /// A token, where the daemon asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The stream of events that do not name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What the producer wants to be told.
    #[serde(default = "ack_only")]
    pub want: Vec<Want>,
    /// How the lines that follow are read.
    #[serde(default, skip_serializing_if = "is_json")]
    pub format: Format,
    /// The key of events that do not name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Every key that a hello may have.
pub(crate) const HELLO_KEYS: &[&str] = &["protocol", "producer", "epoch", "token", "stream", "want", "format", "key"];

fn ack_only() -> Vec<Want> {
    vec![Want::Ack]
}
fn is_zero(x: &u64) -> bool {
    *x == 0
}
fn is_json(f: &Format) -> bool {
    *f == Format::Json
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
            format: Format::Json,
            key: None,
        }
    }
}

impl Hello {
    /// A hello of this protocol version that names a producer and a stream and wants acknowledgements.
    pub fn new(producer: impl Into<String>, stream: impl Into<String>) -> Hello {
        Hello { producer: Some(producer.into()), stream: Some(stream.into()), ..Hello::default() }
    }

    /// Whether the producer asked for this.
    pub fn wants(&self, want: Want) -> bool {
        self.want.contains(&want)
    }

    /// Appends the hello as a line.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        #[derive(Serialize)]
        struct Tagged<'a> {
            hello: &'a Hello,
        }
        serde_json::to_writer(&mut *out, &Tagged { hello: self }).expect("invariant: a hello can be written as JSON");
        out.push(b'\n');
    }
}
