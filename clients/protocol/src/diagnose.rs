//! Finding out why a line was refused: a second, slower reading that follows the path to the failure.
//!
//! The first reading ([`crate::line`]) only learns that a line cannot be read, which keeps good lines fast. This one
//! names the field at fault and says what to send instead.

use crate::wording::{BAD_ID, BAD_TIME, KeyFault, REPEATED, UNKNOWN, bad_utf8, shorten};
use serde::de::DeserializeSeed;
use surmise_event::{Refusal, RefusalCode};

/// What was being read when the failure occurred; it decides the name of the field at fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A whole line, whose parts are named by their path.
    Line,
    /// A value that is the whole event, as on a plain connection.
    Data,
}

/// Reads a line that failed once more and returns the refusal to answer it with.
pub(crate) fn diagnose<'a, S: DeserializeSeed<'a>>(line: &'a [u8], seed: S, scope: Scope) -> Refusal {
    let mut json = serde_json::Deserializer::from_slice(line);
    let mut track = serde_path_to_error::Track::new();
    let read = seed.deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
    let error = match read.and_then(|_| json.end()) {
        Err(e) => e,
        Ok(()) => return Refusal::new(RefusalCode::BadJson, "line", "the line cannot be read"),
    };
    let path = track.path().to_string();
    // a place that has no name yet, as inside a key, shows as "?"
    refusal(line, &error, path.trim_end_matches(['?', '.']), scope)
}

/// The refusal that fits an error of serde_json at a path of the line.
fn refusal(line: &[u8], error: &serde_json::Error, path: &str, scope: Scope) -> Refusal {
    let message = bare_message(error);
    let field = match (path, scope) {
        ("", Scope::Line) => "line".to_owned(),
        ("", Scope::Data) => "data".to_owned(),
        (path, Scope::Line) => shorten(path),
        (path, Scope::Data) => format!("data{path}"),
    };
    // an event that is alone in its request may be written over several lines
    let begin: usize = line.split_inclusive(|byte| *byte == b'\n').take(error.line().max(1) - 1).map(<[u8]>::len).sum();
    let at = (begin + error.column().saturating_sub(1)).min(line.len());
    if message.contains("invalid unicode code point") {
        return bad_utf8(&field, at);
    }
    if message.starts_with("number out of range") {
        let reason = format!("{} is too large to be a finite number; send null for a missing value", token(line, at));
        return Refusal::new(RefusalCode::NotFinite, field, reason);
    }
    // a line that was cut off is the commonest fault of hand-made clients
    if error.is_eof() {
        let reason = "the line ends inside its JSON; one whole JSON object a line";
        return Refusal::new(RefusalCode::BadJson, field, reason);
    }
    if error.is_syntax() {
        // NaN and Infinity are what many languages print for a number that JSON does not have
        let word = token(line, at);
        let unsigned = word.trim_start_matches(['-', '+']).to_ascii_lowercase();
        if matches!(unsigned.as_str(), "nan" | "inf" | "infinity") {
            let reason = format!("{word} is neither JSON nor a finite number; send null for a missing value");
            return Refusal::new(RefusalCode::NotFinite, field, reason);
        }
        return Refusal::new(RefusalCode::BadJson, field, format!("not JSON: {message} at byte {at}"));
    }
    data_error(&message, field)
}

/// The refusal of a line that is JSON, but not what the protocol has in the place `field`.
fn data_error(message: &str, field: String) -> Refusal {
    if let Some(name) = message.strip_prefix(UNKNOWN) {
        let key: String = name.chars().skip(1).take_while(|c| *c != '"').collect();
        return Refusal::new(RefusalCode::BadJson, key, message);
    }
    if let Some(reason) = message.strip_prefix(BAD_TIME) {
        return Refusal::new(RefusalCode::BadTime, "time", reason);
    }
    if message.starts_with(BAD_ID) {
        return Refusal::new(RefusalCode::WrongType, "id", message);
    }
    if field == "hello" || field.starts_with("hello.") {
        // hellos are read by serde, which words an unknown key itself
        let named = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
        return match named {
            Some((name, _)) => {
                let reason = KeyFault::unknown_in_hello(name).to_string();
                Refusal::new(RefusalCode::BadHello, format!("hello.{}", shorten(name)), reason)
            }
            None => Refusal::new(RefusalCode::BadHello, field, plain_words(message)),
        };
    }
    let code = match field.as_str() {
        "line" => RefusalCode::BadJson,
        "time" => RefusalCode::BadTime,
        "stream" => RefusalCode::BadStream,
        _ if message.contains(REPEATED) => RefusalCode::BadJson,
        _ => RefusalCode::WrongType,
    };
    Refusal::new(code, field, plain_words(message))
}

/// Rewrites serde's `invalid type: string "fast", expected a number` as `expected a number, got "fast"`.
fn plain_words(message: &str) -> String {
    let found = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    match found.and_then(|words| words.rsplit_once(", expected ")) {
        None => message.to_owned(),
        Some((got, expected)) => {
            let got = got.strip_prefix("string ").or_else(|| got.strip_prefix("integer ")).unwrap_or(got);
            let got = got.strip_prefix("floating point ").unwrap_or(got).replace('`', "");
            let expected = if expected == "a string" { "text" } else { expected };
            format!("expected {expected}, got {}", shorten(&got))
        }
    }
}

/// The message of an error without the position that serde_json appends.
fn bare_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The word around byte `at` of a line, for messages.
fn token(line: &[u8], at: usize) -> String {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let at = at.min(line.len());
    let from = at - line[..at].iter().rev().take_while(|b| in_word(b)).count();
    let to = at + line[at..].iter().take_while(|b| in_word(b)).count();
    shorten(&String::from_utf8_lossy(&line[from..to]))
}
