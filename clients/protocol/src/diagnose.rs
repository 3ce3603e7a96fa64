//! Why a line was refused: a second, slower reading that says where it failed.

use crate::line::{UNKNOWN, bad_utf8, unknown_in_hello};
use serde::de::DeserializeSeed;
use surmise_event::{Refusal, RefusalCode};

/// What was being read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A whole line.
    Line,
    /// A value that stands for the whole event.
    Data,
}

/// Reads the line once more, following the path to the failure. Called only for lines that failed.
pub(crate) fn diagnose<'a, S: DeserializeSeed<'a>>(line: &'a [u8], seed: S, scope: Scope) -> Refusal {
    let mut d = serde_json::Deserializer::from_slice(line);
    let mut track = serde_path_to_error::Track::new();
    let read = seed.deserialize(serde_path_to_error::Deserializer::new(&mut d, &mut track));
    let error = match read.and_then(|_| d.end()) {
        Err(e) => e,
        Ok(()) => return Refusal::new(RefusalCode::BadJson, "line", "the line cannot be read"),
    };
    let path = track.path().to_string();
    // a place that has no name yet, as inside a key, shows as "?"
    refusal(line, &error, path.trim_end_matches(['?', '.']), scope)
}

fn refusal(line: &[u8], error: &serde_json::Error, path: &str, scope: Scope) -> Refusal {
    let message = bare_message(error);
    let field = match (path, scope) {
        ("", Scope::Line) => "line".to_owned(),
        ("", Scope::Data) => "data".to_owned(),
        (p, Scope::Line) => shorten(p),
        (p, Scope::Data) => format!("data{p}"),
    };
    let at = error.column().saturating_sub(1).min(line.len());
    if message.contains("invalid unicode code point") {
        return bad_utf8(&field, at);
    }
    if message.starts_with("number out of range") {
        let reason = format!("{} is too large to be a finite number; send null for a missing value", token(line, at));
        return Refusal::new(RefusalCode::NotFinite, field, reason);
    }
    if error.is_eof() {
        return Refusal::new(
            RefusalCode::BadJson,
            field,
            "the line ends inside its JSON; one whole JSON object a line",
        );
    }
    if error.is_syntax() {
        let word = token(line, at);
        let bare = word.trim_start_matches(['-', '+']).to_ascii_lowercase();
        if matches!(bare.as_str(), "nan" | "inf" | "infinity") {
            let reason = format!("{word} is neither JSON nor a finite number; send null for a missing value");
            return Refusal::new(RefusalCode::NotFinite, field, reason);
        }
        return Refusal::new(RefusalCode::BadJson, field, format!("not JSON: {message} at byte {at}"));
    }
    data_error(&message, field)
}

/// The line is JSON, but not what the protocol has in that place.
fn data_error(message: &str, field: String) -> Refusal {
    if let Some(name) = message.strip_prefix(UNKNOWN) {
        let key: String = name.chars().skip(1).take_while(|c| *c != '"').collect();
        return Refusal::new(RefusalCode::BadJson, key, message);
    }
    if field == "hello" || field.starts_with("hello.") {
        let named = message.strip_prefix("unknown field `").and_then(|m| m.split_once('`'));
        return match named {
            Some((name, _)) => {
                Refusal::new(RefusalCode::BadHello, format!("hello.{}", shorten(name)), unknown_in_hello(name))
            }
            None => Refusal::new(RefusalCode::BadHello, field, plain_words(message)),
        };
    }
    let code = match field.as_str() {
        "line" => RefusalCode::BadJson,
        "time" => RefusalCode::BadTime,
        "stream" => RefusalCode::BadStream,
        _ if message.contains("is there twice") => RefusalCode::BadJson,
        _ => RefusalCode::WrongType,
    };
    Refusal::new(code, field, plain_words(message))
}

/// serde's `invalid type: string "fast", expected a number` as `expected a number, got "fast"`.
fn plain_words(message: &str) -> String {
    let found = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    match found.and_then(|m| m.rsplit_once(", expected ")) {
        None => message.to_owned(),
        Some((got, expected)) => {
            let got = got.strip_prefix("string ").or_else(|| got.strip_prefix("integer ")).unwrap_or(got);
            let got = got.strip_prefix("floating point ").unwrap_or(got).replace('`', "");
            let expected = if expected == "a string" { "text" } else { expected };
            format!("expected {expected}, got {}", shorten(&got))
        }
    }
}

/// The message without serde_json's position.
fn bare_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(i) => text[..i].to_owned(),
        None => text,
    }
}

/// The word around a place in the line, for messages.
fn token(line: &[u8], at: usize) -> String {
    let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let at = at.min(line.len());
    let from = at - line[..at].iter().rev().take_while(|b| part(b)).count();
    let to = at + line[at..].iter().take_while(|b| part(b)).count();
    shorten(&String::from_utf8_lossy(&line[from..to]))
}

/// The first characters of a text, with an ellipsis if there were more.
pub(crate) fn shorten(s: &str) -> String {
    match s.char_indices().nth(80) {
        Some((i, _)) => format!("{}…", &s[..i]),
        None => s.to_owned(),
    }
}
