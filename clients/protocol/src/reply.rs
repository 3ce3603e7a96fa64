//! The lines that the daemon answers with.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;
use surmise_event::{Alarm, Drift, Expected, FieldOutcome, Outcome, Part, Prediction};
use surmise_event::{Refusal, RefusalCode, SessionOutcome};

/// One line of the daemon.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The answer to a hello that is accepted.
    Welcome(Welcome),
    /// An acknowledgement: events have become durable.
    Ack(Ack),
    /// The outcome of an event: how surprising it was.
    Outcome(Box<OutcomeReply>),
    /// The refusal of a line or of the connection.
    Error(ErrorReply),
}

/// The answer to a hello that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of the protocol.
    pub protocol: u32,
    /// Name and version of the daemon.
    pub server: String,
    /// The producer's last sequence number of this epoch that is durable, after which to resume; null if there is none.
    pub committed_seq: Option<u64>,
    /// Bytes of the longest line that the daemon reads.
    pub line_bytes_max: u64,
    /// How many producers the stream has forgotten for want of room, if it does not know this one: it may be one of
    /// them, and what it sent before would then be learnt again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub producers_forgotten: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A cumulative acknowledgement: every event up to and including a sequence number is durable or was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The largest sequence number that is acknowledged.
    pub ack: u64,
    /// Events since the last acknowledgement that were recognised as sent before and not learnt again.
    #[serde(default)]
    pub duplicates: u64,
}

/// The outcome of one event: how probable its prediction had made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutcomeReply {
    /// The producer's number of the event, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The name of the event's stream.
    pub stream: Arc<str>,
    /// The event's key, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Box<str>>,
    /// The position of the event in its stream.
    pub offset: u64,
    /// The surprise of the event: −log₂ of its probability.
    pub surprise_bits: f64,
    /// The excess of that surprise over what was expected of it, in bits.
    #[serde(default)]
    pub excess_bits: f64,
    /// How unusual the event is for its stream, from 0 to 1: a function of `rarity_events`, but of a line with those
    /// just before it, so that it fades after an odd one.
    pub anomaly_score: f64,
    /// How rare an event so unusual is: once in so many events of this stream.
    #[serde(default)]
    pub rarity_events: f64,
    /// Each field's part of the surprise, in schema order.
    #[serde(default, with = "by_name")]
    pub fields: Vec<FieldOutcome>,
    /// The version of the model that made the prediction.
    pub model_version: u64,
    /// Lasting changes of the stream that were noticed with this event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// The incident that the event begins or goes on with, or that is over by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Alarm>,
    /// Of an event that begins an incident: its parts, with what was expected instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// The sessions that are over with this event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionOutcome>,
    /// The event itself, as it would be sent, for those that follow the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<serde_json::Value>,
    /// The prediction of the next event, if the producer asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Prediction>,
    /// Whether the fields and the prediction are left out, as too many replies of the connection were not read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub brief: bool,
}

impl OutcomeReply {
    /// The reply for an outcome of the learner.
    pub fn new(
        seq: Option<u64>,
        stream: Arc<str>,
        key: Option<Box<str>>,
        outcome: Outcome,
        next: Option<Prediction>,
    ) -> OutcomeReply {
        let Outcome { offset, surprise_bits, excess_bits, anomaly_score, rarity_events, fields, model_version, .. } =
            outcome;
        OutcomeReply {
            seq,
            stream,
            key,
            offset,
            surprise_bits,
            excess_bits,
            anomaly_score,
            rarity_events,
            fields,
            model_version,
            drift: outcome.drift,
            alarm: outcome.alarm,
            parts: outcome.parts,
            sessions: outcome.sessions,
            event: None,
            next,
            brief: false,
        }
    }

    /// About how many bytes the reply has, as a line and in memory; without `event`.
    pub fn bytes(&self) -> usize {
        let fields: usize = self.fields.iter().map(|field| FIELD_BYTES + field.name.len()).sum();
        let expected = |expected: &Expected| match expected {
            Expected::Symbols { top, .. } => {
                top.iter().map(|(symbol, _)| SYMBOL_BYTES + symbol.as_ref().map_or(0, |s| s.len())).sum()
            }
            Expected::Number { .. } => NUMBER_BYTES,
        };
        let next = self.next.as_ref().map_or(0, |next| {
            next.fields.iter().map(|(name, e)| FIELD_BYTES + name.len() + expected(e)).sum::<usize>()
        });
        let part = |part: &Part| {
            let value = part.value.as_ref().map_or(0, String::len);
            FIELD_BYTES + part.name.len() + value + part.expected.as_ref().map_or(0, expected)
        };
        let parts = self.parts.iter().map(part).sum::<usize>();
        REPLY_BYTES + self.stream.len() + self.key.as_ref().map_or(0, |key| key.len()) + fields + next + parts
    }
}

/// Bytes of a reply beside its names and its parts.
const REPLY_BYTES: usize = 256;
/// Bytes of what a reply says of one field, beside its name.
const FIELD_BYTES: usize = 96;
/// Bytes of a symbol that is expected, beside its text.
const SYMBOL_BYTES: usize = 48;
/// Bytes of what is expected of a number.
const NUMBER_BYTES: usize = 256;

impl Reply {
    /// About how many bytes the reply has.
    pub fn bytes(&self) -> usize {
        match self {
            Reply::Outcome(outcome) => outcome.bytes(),
            Reply::Error(error) => REPLY_BYTES + error.reason.len(),
            Reply::Welcome(_) | Reply::Ack(_) => REPLY_BYTES,
        }
    }
}

/// A lasting change of a stream, as the event `drift` of `/api/v1/streams/{stream}/watch` carries it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftEvent {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// What changed, where, and by how much.
    #[serde(flatten)]
    pub drift: Drift,
}

/// The refusal of a line, or of the whole connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// The kind of fault.
    pub code: RefusalCode,
    /// The sequence number of the event, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The number of the line on its connection, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The field, or the part of the line, that is at fault.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
    /// Whether the daemon closes the connection after this line.
    pub fatal: bool,
    /// The newest epoch of the producer, where an older one was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_epoch: Option<u64>,
}

impl ErrorReply {
    /// The reply for a refused line; the connection stays open.
    pub fn new(refusal: Refusal, seq: Option<u64>, line: Option<u64>) -> ErrorReply {
        let Refusal { code, field, reason } = refusal;
        ErrorReply { code, seq, line, field, reason, fatal: false, known_epoch: None }
    }

    /// The reply for a refusal after which the daemon closes the connection.
    pub fn fatal(refusal: Refusal, seq: Option<u64>, line: Option<u64>) -> ErrorReply {
        ErrorReply { fatal: true, ..ErrorReply::new(refusal, seq, line) }
    }
}

impl std::fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(seq) = self.seq {
            write!(f, "event {seq}, ")?;
        }
        write!(f, "field {:?}: {}", self.field, self.reason)
    }
}

impl Reply {
    /// Reads a line of a daemon. Unknown keys are ignored, so that a newer daemon is understood.
    ///
    /// # Errors
    /// The line is not a reply.
    pub fn parse(line: &[u8]) -> Result<Reply, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// Appends the reply as a line.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self).expect("invariant: a reply can be written as JSON");
        out.push(b'\n');
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Reply::Welcome(w) => s.collect_map([("welcome", w)]),
            Reply::Ack(a) => a.serialize(s),
            Reply::Outcome(o) => s.collect_map([("outcome", o)]),
            Reply::Error(e) => s.collect_map([("error", e)]),
        }
    }
}

impl<'de> Deserialize<'de> for Reply {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Reply, D::Error> {
        // the key of an object tells the kind of reply; all kinds in one struct need no second reading
        #[derive(Deserialize)]
        struct AnyReply {
            welcome: Option<Welcome>,
            ack: Option<u64>,
            #[serde(default)]
            duplicates: u64,
            outcome: Option<Box<OutcomeReply>>,
            error: Option<ErrorReply>,
        }
        // an acknowledgement has its number as the key's own value; all others are objects
        match AnyReply::deserialize(d)? {
            AnyReply { ack: Some(ack), duplicates, .. } => Ok(Reply::Ack(Ack { ack, duplicates })),
            AnyReply { outcome: Some(o), .. } => Ok(Reply::Outcome(o)),
            AnyReply { error: Some(e), .. } => Ok(Reply::Error(e)),
            AnyReply { welcome: Some(w), .. } => Ok(Reply::Welcome(w)),
            _ => Err(serde::de::Error::custom("expected a welcome, an ack, an outcome or an error")),
        }
    }
}

/// Writes and reads the outcomes of fields as an object `{"page":{"surprise_bits":2.9}}`, in schema order.
mod by_name {
    use serde::de::{Deserializer, MapAccess, Visitor};
    use serde::{Deserialize, Serialize, ser::Serializer};
    use std::fmt;
    use surmise_event::{FieldOutcome, OddWord};

    #[derive(Serialize, Deserialize)]
    struct FieldShare {
        surprise_bits: f64,
        #[serde(default)]
        excess_bits: f64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        word: Option<OddWord>,
    }

    impl From<&FieldOutcome> for FieldShare {
        fn from(field: &FieldOutcome) -> FieldShare {
            let FieldOutcome { surprise_bits, excess_bits, word, .. } = *field;
            FieldShare { surprise_bits, excess_bits, word }
        }
    }

    pub(super) fn serialize<S: Serializer>(fields: &[FieldOutcome], s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(fields.iter().map(|f| (&*f.name, FieldShare::from(f))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<FieldOutcome>, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Vec<FieldOutcome>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of fields")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut a: A) -> Result<Self::Value, A::Error> {
                let mut out = Vec::new();
                while let Some((name, share)) = a.next_entry::<String, FieldShare>()? {
                    let FieldShare { surprise_bits, excess_bits, word } = share;
                    // the variance is for the alarms of the learner, and stays with it
                    let name = name.into();
                    out.push(FieldOutcome { name, surprise_bits, excess_bits, word, ..FieldOutcome::default() });
                }
                Ok(out)
            }
        }
        d.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(r: &Reply) -> String {
        let mut out = Vec::new();
        r.write_line(&mut out);
        assert_eq!(&Reply::parse(&out).unwrap(), r, "a reply reads back");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn replies_are_written_as_promised() {
        let w = Welcome {
            protocol: 1,
            server: "surmised 0.1.0".into(),
            committed_seq: Some(41),
            line_bytes_max: 1048576,
            producers_forgotten: 0,
        };
        assert_eq!(
            line(&Reply::Welcome(w)),
            "{\"welcome\":{\"protocol\":1,\"server\":\"surmised 0.1.0\",\"committed_seq\":41,\"line_bytes_max\":1048576}}\n"
        );
        assert_eq!(line(&Reply::Ack(Ack { ack: 43, duplicates: 0 })), "{\"ack\":43,\"duplicates\":0}\n");
        let e = Refusal::new(RefusalCode::WrongType, "ms", "expected a number, got \"fast\"");
        assert_eq!(
            line(&Reply::Error(ErrorReply::new(e, Some(44), Some(3)))),
            "{\"error\":{\"code\":\"wrong_type\",\"seq\":44,\"line\":3,\"field\":\"ms\",\"reason\":\"expected a number, got \\\"fast\\\"\",\"fatal\":false}}\n"
        );
        let share = |n: &str, b| FieldOutcome {
            name: n.into(),
            surprise_bits: b,
            excess_bits: b - 1.5,
            ..FieldOutcome::default()
        };
        let o = OutcomeReply {
            seq: Some(42),
            stream: "web".into(),
            key: Some("user-7".into()),
            offset: 1042,
            surprise_bits: 3.25,
            excess_bits: 0.5,
            anomaly_score: 0.41,
            rarity_events: 20.0,
            fields: vec![share("page", 2.75), share("ms", 0.5)],
            model_version: 131,
            drift: Vec::new(),
            alarm: None,
            parts: Vec::new(),
            sessions: Vec::new(),
            event: None,
            next: None,
            brief: false,
        };
        assert_eq!(
            line(&Reply::Outcome(Box::new(o))),
            "{\"outcome\":{\"seq\":42,\"stream\":\"web\",\"key\":\"user-7\",\"offset\":1042,\"surprise_bits\":3.25,\"excess_bits\":0.5,\
             \"anomaly_score\":0.41,\"rarity_events\":20.0,\"fields\":{\"page\":{\"surprise_bits\":2.75,\"excess_bits\":1.25},\
             \"ms\":{\"surprise_bits\":0.5,\"excess_bits\":-1.0}},\"model_version\":131}}\n"
        );
    }

    #[test]
    fn a_newer_daemon_is_understood() {
        assert_eq!(Reply::parse(b"{\"ack\":1,\"credit\":5}").unwrap(), Reply::Ack(Ack { ack: 1, duplicates: 0 }));
        assert!(Reply::parse(b"{\"other\":1}").is_err());
    }
}
