//! The first line of a connection: a hello, or the first event of a connection without one.

use super::lines::Piece;
use super::numbering::Numbering;
use super::{Chunk, End, Mode, Session};
use crate::clock::now_us;
use crate::token::tokens_match;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_config::check_stream_name;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{Hello, LineFormat, PROTOCOL, ProducerLine, Reply, Want, Welcome, parse_plain};

impl Session {
    /// The first line: a hello, or the first event of a plain connection.
    pub(super) async fn first_line(&mut self, piece: Piece<'_>) -> Result<(), End> {
        if let Piece::Line(line) = piece
            && line.iter().all(u8::is_ascii_whitespace)
        {
            self.line += 1;
            return Ok(());
        }
        let parsed = match piece {
            Piece::Line(line) => parse_plain(line),
            Piece::TooLong => Err(self.too_long()),
        };
        match parsed {
            Ok(ProducerLine::Hello(hello)) => {
                self.line += 1;
                self.greet(hello).await.map_err(|refusal| End::fatal(refusal, Some(self.line)))
            }
            Err(refusal) if refusal.code == RefusalCode::BadHello => Err(End::fatal(refusal, Some(self.line + 1))),
            parsed => {
                if self.hub.config.auth.token.is_some() {
                    let refusal = Refusal::new(
                        RefusalCode::Unauthorized,
                        "hello",
                        "a hello with a token has to be the first line",
                    );
                    return Err(End::fatal(refusal, Some(self.line + 1)));
                }
                self.mode = Mode::Plain;
                let mut chunk = Chunk { lines: 1, ..Chunk::default() };
                self.line += 1;
                let bytes = if let Piece::Line(l) = piece { l.len() } else { 0 };
                self.take_parsed(parsed, now_us(), bytes, &mut chunk);
                self.send(chunk).await
            }
        }
    }

    async fn greet(&mut self, hello: Hello) -> Result<(), Refusal> {
        let bad = |field: &str, reason: String| Refusal::new(RefusalCode::BadHello, format!("hello.{field}"), reason);
        if hello.protocol != PROTOCOL {
            return Err(bad(
                "protocol",
                format!("{} is not spoken here; this daemon speaks {PROTOCOL}", hello.protocol),
            ));
        }
        if let Some(token) = &self.hub.config.auth.token
            && !hello.token.as_ref().is_some_and(|t| tokens_match(t.as_bytes(), token.0.as_bytes()))
        {
            let reason = if hello.token.is_some() { "the token is not known" } else { "this daemon asks for a token" };
            return Err(Refusal::new(RefusalCode::Unauthorized, "hello.token", reason));
        }
        let name_max = self.hub.config.limits.name_bytes.0 as usize;
        if let Some(stream) = &hello.stream {
            if let Err(fault) = check_stream_name(stream, name_max) {
                return Err(Refusal::new(RefusalCode::BadStream, "hello.stream", fault.to_string()));
            }
            self.stream = stream.as_str().into();
        }
        if let Some(producer) = &hello.producer
            && (producer.is_empty() || producer.len() > name_max)
        {
            return Err(bad("producer", format!("a producer's name has 1 to {name_max} bytes")));
        }
        let producer: Option<(Arc<str>, u64)> = hello.producer.as_deref().map(|p| (p.into(), hello.epoch));
        if let Some((name, epoch)) = &producer {
            let claim = self.hub.fencing.claim(name, *epoch).await;
            self.claim = Some(claim.map_err(|e| Refusal::new(RefusalCode::Fenced, "hello.epoch", e.to_string()))?);
        }
        self.key = hello.key.as_deref().map(Into::into);
        self.mode = if hello.format == LineFormat::Lines { Mode::Bare } else { Mode::Json };
        self.answers.outcome = hello.wants(Want::Outcome) || hello.wants(Want::Next);
        self.answers.next = hello.wants(Want::Next);
        self.link.wants_ack.store(hello.wants(Want::Ack), Ordering::Release);
        let committed = self.claim.as_ref().and_then(|c| c.committed);
        if let Some((name, epoch)) = &producer {
            self.link.watermark.tell(&self.hub.fencing, name, *epoch);
        }
        self.numbering = Some(Numbering::new(committed, producer, self.link.watermark.clone()));
        self.link.outbox.push([Reply::Welcome(Welcome {
            protocol: PROTOCOL,
            server: crate::hub::SERVER.into(),
            committed_seq: committed,
            line_bytes_max: self.hub.config.limits.line_bytes.0,
        })]);
        Ok(())
    }
}
