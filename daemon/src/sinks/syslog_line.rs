//! A message of a sink as one of syslog, RFC 5424.

use super::message::SinkMessage;
use std::fmt::Write;
use surmise_config::SyslogFacility;
use surmise_event::format_time;

/// Bytes of a whole message at most: what every receiver of RFC 5424 should take (its section 6.1).
const MESSAGE_BYTES_MAX: usize = 2048;
/// Bytes of a host's name at most.
const HOST_BYTES_MAX: usize = 255;
/// The identity of the structured data. Names without a number belong to IANA; this number is the one for examples.
const DATA_ID: &str = "surmise@32473";
/// Rarities from which severities are higher: once in so many events, and the severity.
const SEVERITIES: [(f64, u8); 3] = [(10_000_000.0, 2), (100_000.0, 3), (1_000.0, 4)];
/// The severity of what is less rare: notice.
const NOTICE: u8 = 5;
/// The severity of the end of an incident: informational.
const INFO: u8 = 6;

/// What all messages of this daemon begin with.
pub struct LineWriter {
    facility: SyslogFacility,
    host: String,
    process: u32,
}

/// Whether a letter may be in a part of the header.
fn is_printable(letter: char) -> bool {
    letter.is_ascii_graphic()
}

impl LineWriter {
    /// The beginning of messages from a process of a host.
    pub fn new(facility: SyslogFacility, host: &str, process: u32) -> LineWriter {
        let host: String = host.chars().filter(|letter| is_printable(*letter)).take(HOST_BYTES_MAX).collect();
        LineWriter { facility, host: if host.is_empty() { "-".into() } else { host }, process }
    }

    /// A message, written at a time in microseconds since 1970. What is too long is cut.
    pub fn line(&self, message: &SinkMessage, now_us: i64) -> String {
        let priority = self.facility as u8 * 8 + severity(message);
        let (time, kind) = (format_time(now_us), message.kind());
        let mut line = format!("<{priority}>1 {time} {} surmised {} {kind} [{DATA_ID}", self.host, self.process);
        let (offset, rarity) = (message.offset().to_string(), format!("{:.0}", message.rarity_events()));
        let mut add = |name, value: &str| {
            let _ = write!(line, " {name}=\"{}\"", escaped(value));
        };
        add("stream", message.stream());
        add("offset", &offset);
        add("rarity_events", &rarity);
        if let Some(kind) = message.alarm_kind() {
            add("kind", kind.name());
        }
        if let Some(key) = message.key() {
            add("key", &key);
        }
        line.push_str("] ");
        line.push_str(&message.text());
        let mut end = line.len().min(MESSAGE_BYTES_MAX);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
        line
    }
}

/// How severe something is, by how rare it is.
fn severity(message: &SinkMessage) -> u8 {
    if message.is_end() {
        return INFO;
    }
    let rarity = message.rarity_events();
    SEVERITIES.iter().find(|(least, _)| rarity >= *least).map_or(NOTICE, |(_, severity)| *severity)
}

/// A value of structured data, whose quotes, backslashes and closing brackets are escaped.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for letter in value.chars() {
        match letter {
            '"' | '\\' | ']' => text.extend(['\\', letter]),
            control if control.is_control() => text.push(' '),
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::message::tests::rare;
    use serde_json::json;

    #[test]
    fn a_message_is_as_the_standard_says() {
        let sender = LineWriter::new(SyslogFacility::Local3, "box 1", 77);
        let line = sender.line(&rare(json!({ "key": "a\"]\\", "data": "GET /" }), 20_000.0), 1_467_331_200_123_000);
        assert_eq!(
            line,
            "<156>1 2016-07-01T00:00:00.123Z box1 surmised 77 event.rare [surmise@32473 stream=\"web\" offset=\"1042\" \
             rarity_events=\"20000\" key=\"a\\\"\\]\\\\\"] rare event in web, once in 20,000 events: GET /"
        );
        let severity = |rarity| severity(&rare(json!({}), rarity));
        assert_eq!([999.0, 1e3, 1e5, 1e9].map(severity), [5, 4, 3, 2]);
        let long = rare(json!({ "key": "\"".repeat(500), "data": "é".repeat(5000) }), 1e9);
        assert!(sender.line(&long, 0).len() <= MESSAGE_BYTES_MAX);
        assert!(LineWriter::new(SyslogFacility::Daemon, "", 1).line(&long, 0).contains("Z - surmised"));
    }
}
