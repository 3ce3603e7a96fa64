//! The first line of a connection: a hello, or the first event of a connection without one.

use crate::access::{Forbidden, Grant};
use crate::fencing::Claim;
use crate::hub::{AskError, Hub, SERVER};
use crate::ingest::LineSyntax;
use crate::ingest::cutter::CutLine;
use crate::ingest::numbering::ProducerEpoch;
use crate::producer_keys::is_producer_name;
use crate::producers::EpochFault;
use std::collections::BTreeSet;
use std::sync::Arc;
use surmise_config::{AccessRole, check_stream_name};
use surmise_event::{Field, GAP, Refusal, RefusalCode, Schema};
use surmise_protocol::{Hello, LineFormat, PROTOCOL, ProducerLine, Want, Welcome, parse_plain};

/// What the first line of a connection is.
pub enum FirstLine {
    /// Nothing but blanks: the next line is the first.
    Blank,
    /// A hello.
    Hello(Hello),
    /// A hello with a fault.
    BadHello(Refusal),
    /// An event of a plain connection, readable or not.
    Event,
    /// The beginning of another protocol, of this name.
    Foreign(&'static str),
}

/// Finds out what the first line of a connection is.
pub fn classify(line: CutLine<'_>) -> FirstLine {
    match line {
        CutLine::TooLong => FirstLine::Event,
        CutLine::Whole(_) if line.is_blank() => FirstLine::Blank,
        CutLine::Whole(text) => match (foreign_protocol(text), parse_plain(text)) {
            (Some(protocol), _) => FirstLine::Foreign(protocol),
            (None, Ok(ProducerLine::Hello(hello))) => FirstLine::Hello(hello),
            (None, Err(refusal)) if refusal.code == RefusalCode::BadHello => FirstLine::BadHello(refusal),
            (None, Ok(ProducerLine::Event(_)) | Err(_)) => FirstLine::Event,
        },
    }
}

/// The protocol that a first line belongs to, if it is not this one.
///
/// A page in a browser can have an HTTP request sent to any port, and every line of its body would be an event.
pub fn foreign_protocol(line: &[u8]) -> Option<&'static str> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|b| *b == b' ');
    let is_method = words.next().is_some_and(|word| !word.is_empty() && word.iter().all(u8::is_ascii_uppercase));
    let version = words.next_back().unwrap_or_default();
    match () {
        () if is_method && words.next().is_some() && version.starts_with(b"HTTP/") => Some("HTTP"),
        // the beginning of a handshake
        () if line.starts_with(&[0x16, 0x03]) => Some("TLS"),
        () => None,
    }
}

/// The kinds of replies that a connection asks for.
pub struct Wants {
    pub ack: bool,
    pub outcome: bool,
    pub next: bool,
}

/// A hello that was accepted: how the connection goes on.
pub struct Greeting {
    /// How the lines after the hello are read.
    pub syntax: LineSyntax,
    /// The stream of events that name none, if the hello gives one.
    pub stream: Option<Arc<str>>,
    /// The key of events that name none.
    pub key: Option<Box<str>>,
    /// The fields of that stream, if the hello tells them.
    pub fields: Option<Arc<Schema>>,
    /// The kinds of replies that the producer asks for.
    pub wants: Wants,
    /// The producer, if the hello names one.
    pub producer: Option<ProducerEpoch>,
    /// The right to send as that producer.
    pub claim: Option<Claim>,
    /// What the token of the hello opens.
    pub grant: Arc<Grant>,
    /// The answer to the hello.
    pub welcome: Welcome,
}

/// Why a hello is refused.
#[derive(Debug)]
pub struct HelloRefusal {
    /// What is wrong with it.
    pub refusal: Refusal,
    /// The newest epoch of the producer, where that is what is wrong.
    pub known_epoch: Option<u64>,
}

impl From<Refusal> for HelloRefusal {
    fn from(refusal: Refusal) -> HelloRefusal {
        HelloRefusal { refusal, known_epoch: None }
    }
}

impl From<EpochFault> for HelloRefusal {
    fn from(fault: EpochFault) -> HelloRefusal {
        let (EpochFault::Old { known, .. } | EpochFault::Jump { known, .. }) = fault;
        HelloRefusal { refusal: fault.refusal("hello.epoch"), known_epoch: Some(known) }
    }
}

/// Accepts a hello; its events go to `default_stream` unless it or they name another. If an older connection of the
/// producer is open, it is fenced and has sent its last event when this returns.
///
/// # Errors
/// The protocol, the token, a name or the epoch is not one that the daemon accepts.
pub async fn greet(hub: &Hub, hello: Hello, default_stream: &str) -> Result<Greeting, HelloRefusal> {
    if hello.protocol != PROTOCOL {
        let reason = format!("{} is not spoken here; this daemon speaks {PROTOCOL}", hello.protocol);
        return Err(Refusal::new(RefusalCode::BadHello, "hello.protocol", reason).into());
    }
    // the token comes first, so that a stranger learns nothing from the other refusals
    let grant = recognise(hub, &hello)?;
    check_names(hub, &hello)?;
    let stream = hello.stream.as_deref().unwrap_or(default_stream);
    check_fields(hub, stream, &hello.fields)?;
    let producer = hello.producer.as_deref().map(|name| ProducerEpoch { producer: name.into(), epoch: hello.epoch });
    let (mut claim, mut forgotten) = (None, 0);
    if let Some(p) = &producer {
        let unavailable = |e: AskError| Refusal::new(RefusalCode::Unavailable, "hello.producer", e.to_string());
        forgotten = hub.look_up_producer(&p.producer, stream).await.map_err(unavailable)?;
        // this waits for an older connection of the producer, so it comes after everything that may be refused
        claim = Some(hub.fencing.claim(&p.producer, p.epoch).await?);
    }
    let welcome = Welcome {
        protocol: PROTOCOL,
        server: SERVER.into(),
        committed_seq: claim.as_ref().and_then(|claim| claim.committed),
        // a client checks its lines against the limit before it sends them
        line_bytes_max: hub.config.limits.line_bytes.0,
        producers_forgotten: forgotten,
    };
    Ok(Greeting {
        syntax: match hello.format {
            LineFormat::Json => LineSyntax::Json,
            LineFormat::Lines => LineSyntax::Bare,
        },
        stream: hello.stream.as_deref().map(Into::into),
        key: hello.key.as_deref().map(Into::into),
        fields: told_schema(&hello.fields),
        wants: Wants {
            ack: hello.wants(Want::Ack),
            // the prediction of the next event is a part of an outcome
            outcome: hello.wants(Want::Outcome) || hello.wants(Want::Next),
            next: hello.wants(Want::Next),
        },
        producer,
        claim,
        grant,
        welcome,
    })
}

/// What the token of a hello opens; all that the hello asks for is in it.
fn recognise(hub: &Hub, hello: &Hello) -> Result<Arc<Grant>, Refusal> {
    let unauthorized = |field, reason: String| Refusal::new(RefusalCode::Unauthorized, field, reason);
    let recognised = hub.access.load().recognise(hello.token.as_deref().map(str::as_bytes));
    let grant = recognised.map_err(|e| unauthorized("hello.token", e.to_string()))?;
    let forbidden = |field| move |e: Forbidden| unauthorized(field, e.to_string());
    grant.check_role(AccessRole::Ingest).map_err(forbidden("hello.token"))?;
    // outcomes and predictions are answers, as those over HTTP are
    if hello.wants(Want::Outcome) || hello.wants(Want::Next) {
        grant.check_role(AccessRole::Read).map_err(forbidden("hello.want"))?;
    }
    if let Some(stream) = &hello.stream {
        grant.check_stream(stream).map_err(forbidden("hello.stream"))?;
    }
    Ok(grant)
}

fn check_names(hub: &Hub, hello: &Hello) -> Result<(), Refusal> {
    let name_bytes_max = hub.config.limits.name_bytes.0 as usize;
    if let Some(stream) = &hello.stream
        && let Err(fault) = check_stream_name(stream, name_bytes_max)
    {
        return Err(Refusal::new(RefusalCode::BadStream, "hello.stream", fault.to_string()));
    }
    if let Some(producer) = &hello.producer
        && !is_producer_name(producer, name_bytes_max)
    {
        let reason = format!("a producer's name has 1 to {name_bytes_max} bytes and no NUL");
        return Err(Refusal::new(RefusalCode::BadHello, "hello.producer", reason));
    }
    Ok(())
}

/// The schema that a hello tells. What is said of bytes is known already, or refused.
fn told_schema(fields: &[Field]) -> Option<Arc<Schema>> {
    let is_bytes = fields.iter().any(|field| field.kind.is_every_byte());
    (!fields.is_empty() && !is_bytes).then(|| Arc::new(Schema::new(fields.to_vec())))
}

/// Whether a stream is one of bytes, or would be with its first event.
fn has_bytes(hub: &Hub, stream: &str) -> bool {
    match hub.directory.get(stream) {
        Some(view) => view.schema.load().is_bytes(),
        None => hub.config.rule(stream).is_some_and(|(_, rule)| rule.schema().is_bytes()),
    }
}

/// Checks that a stream can have these fields. Bytes are declared by the daemon's configuration alone; who says that
/// the stream is one of them is told where it is not.
fn check_fields(hub: &Hub, stream: &str, fields: &[Field]) -> Result<(), Refusal> {
    let limits = &hub.config.limits;
    let name_bytes_max = limits.name_bytes.0 as usize;
    let refuse = |reason: String| Err(Refusal::new(RefusalCode::BadHello, "hello.fields", reason));
    if fields.len() > limits.fields {
        return refuse(format!("{} fields are more than the limit of {}", fields.len(), limits.fields));
    }
    let mut names = BTreeSet::new();
    for field in fields {
        let name = &field.name;
        if name.is_empty() || name.len() > name_bytes_max {
            return refuse(format!("a field's name has 1 to {name_bytes_max} bytes"));
        }
        if !names.insert(name) {
            return refuse(format!("two fields are named {name:?}"));
        }
        if field.kind.is_every_byte() && !has_bytes(hub, stream) {
            let mend = "declare the stream in the configuration, before its first event";
            return refuse(format!(
                "{name:?} cannot be of kind byte, as the stream {stream:?} is none of bytes; {mend}"
            ));
        }
        if !field.kind.is_sent() && name != GAP {
            return refuse(format!("a gap is computed, and named {GAP:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_protocols_are_known_by_their_first_line() {
        for line in ["GET / HTTP/1.1\r", "POST /api/v1/x?y=1 HTTP/1.0", "PRI * HTTP/2.0\r", "OPTIONS * HTTP/1.1"] {
            assert_eq!(foreign_protocol(line.as_bytes()), Some("HTTP"), "{line}");
        }
        assert_eq!(foreign_protocol(&[0x16, 0x03, 0x01, 2, 0]), Some("TLS"));
        for line in ["GET /", "get / HTTP/1.1", "up", "", "HTTP/1.1", "GET HTTP/1.1", "{\"a\":\"GET / HTTP/1.1\"}"] {
            assert_eq!(foreign_protocol(line.as_bytes()), None, "{line}");
        }
    }
}
