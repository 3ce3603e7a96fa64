//! The first line of a connection: a hello, or the first event of a connection without one.

use crate::fencing::Claim;
use crate::hub::{AskError, Hub, SERVER};
use crate::ingest::LineSyntax;
use crate::ingest::cutter::CutLine;
use crate::ingest::numbering::ProducerEpoch;
use crate::token::tokens_match;
use std::sync::Arc;
use surmise_config::check_stream_name;
use surmise_event::{Refusal, RefusalCode};
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
}

/// Finds out what the first line of a connection is.
pub fn classify(line: CutLine<'_>) -> FirstLine {
    match line {
        CutLine::TooLong => FirstLine::Event,
        CutLine::Whole(_) if line.is_blank() => FirstLine::Blank,
        CutLine::Whole(text) => match parse_plain(text) {
            Ok(ProducerLine::Hello(hello)) => FirstLine::Hello(hello),
            Err(refusal) if refusal.code == RefusalCode::BadHello => FirstLine::BadHello(refusal),
            Ok(ProducerLine::Event(_)) | Err(_) => FirstLine::Event,
        },
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
    /// The kinds of replies that the producer asks for.
    pub wants: Wants,
    /// The producer, if the hello names one.
    pub producer: Option<ProducerEpoch>,
    /// The right to send as that producer.
    pub claim: Option<Claim>,
    /// The answer to the hello.
    pub welcome: Welcome,
}

/// Accepts a hello; its events go to `default_stream` unless it or they name another. If an older connection of the
/// producer is open, it is fenced and has sent its last event when this returns.
///
/// # Errors
/// The protocol, the token, a name or the epoch is not one that the daemon accepts.
pub async fn greet(hub: &Hub, hello: Hello, default_stream: &str) -> Result<Greeting, Refusal> {
    if hello.protocol != PROTOCOL {
        let reason = format!("{} is not spoken here; this daemon speaks {PROTOCOL}", hello.protocol);
        return Err(Refusal::new(RefusalCode::BadHello, "hello.protocol", reason));
    }
    // the token comes first, so that a stranger learns nothing from the other refusals
    check_token(hub, &hello)?;
    check_names(hub, &hello)?;
    let producer = hello.producer.as_deref().map(|name| ProducerEpoch { producer: name.into(), epoch: hello.epoch });
    let (mut claim, mut forgotten) = (None, 0);
    if let Some(p) = &producer {
        let stream = hello.stream.as_deref().unwrap_or(default_stream);
        let unavailable = |e: AskError| Refusal::new(RefusalCode::Unavailable, "hello.producer", e.to_string());
        forgotten = hub.look_up_producer(&p.producer, stream).await.map_err(unavailable)?;
        // this waits for an older connection of the producer, so it comes after everything that may be refused
        let claimed = hub.fencing.claim(&p.producer, p.epoch).await;
        claim = Some(claimed.map_err(|fault| fault.refusal("hello.epoch"))?);
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
        wants: Wants {
            ack: hello.wants(Want::Ack),
            // the prediction of the next event is a part of an outcome
            outcome: hello.wants(Want::Outcome) || hello.wants(Want::Next),
            next: hello.wants(Want::Next),
        },
        producer,
        claim,
        welcome,
    })
}

fn check_token(hub: &Hub, hello: &Hello) -> Result<(), Refusal> {
    let Some(configured) = &hub.config.auth.token else { return Ok(()) };
    let reason = match &hello.token {
        Some(token) if tokens_match(token.as_bytes(), configured.0.as_bytes()) => return Ok(()),
        Some(_) => "the token is not known",
        None => "this daemon asks for a token",
    };
    Err(Refusal::new(RefusalCode::Unauthorized, "hello.token", reason))
}

fn check_names(hub: &Hub, hello: &Hello) -> Result<(), Refusal> {
    let name_bytes_max = hub.config.limits.name_bytes.0 as usize;
    if let Some(stream) = &hello.stream
        && let Err(fault) = check_stream_name(stream, name_bytes_max)
    {
        return Err(Refusal::new(RefusalCode::BadStream, "hello.stream", fault.to_string()));
    }
    if let Some(producer) = &hello.producer
        && !(1..=name_bytes_max).contains(&producer.len())
    {
        let reason = format!("a producer's name has 1 to {name_bytes_max} bytes");
        return Err(Refusal::new(RefusalCode::BadHello, "hello.producer", reason));
    }
    Ok(())
}
