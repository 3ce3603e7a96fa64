//! What messages of all brokers have in common: how one becomes an event, and how a part of its topic or subject
//! becomes part of the name of a stream.

use super::rows::take_key;
use std::collections::HashMap;
use std::sync::Arc;
use surmise_config::{MessageFormat, check_stream_name};
use surmise_event::{Refusal, RefusalCode, mended};
use surmise_protocol::{EventLine, ProducerLine, parse_bare, parse_plain};

/// Streams of one source, where topics or subjects are part of their names.
const STREAMS_MAX: usize = 1024;

/// A message as an event. Its key is that of a field, if one is named and there, or else this one.
///
/// # Errors
/// It cannot be read.
pub fn message_event(
    payload: &[u8],
    format: MessageFormat,
    key_field: Option<&str>,
    key: Option<&str>,
) -> Result<EventLine, Refusal> {
    let mut event = match format {
        MessageFormat::Text => parse_bare(mended(payload).as_bytes())?,
        MessageFormat::Auto => match parse_plain(payload)? {
            ProducerLine::Event(event) => event,
            ProducerLine::Hello(_) => {
                let reason = "a hello is for the event socket".to_owned();
                return Err(Refusal::new(RefusalCode::BadHello, "hello", reason));
            }
        },
    };
    if let Some(field) = key_field {
        take_key(&mut event.record, field);
    }
    if event.record.key.is_none() {
        event.record.key = key.map(Into::into);
    }
    Ok(event)
}

/// Which stream a message goes into: that of its source, whose name parts of the topic or subject may be appended to.
pub struct StreamNames {
    /// The stream of the source, or the beginning of the names of its streams.
    pub stream: Arc<str>,
    /// How many parts are appended.
    pub parts: usize,
    /// What stands between parts.
    pub separator: char,
    /// The key of the configuration that says how many parts are appended.
    pub key: &'static str,
    /// The most bytes that a name may have.
    pub bytes_max: usize,
}

impl StreamNames {
    /// The stream of a message of a topic or subject, of a source that has these streams.
    ///
    /// # Errors
    /// The name has too many bytes, or letters that no name has, or there would be too many streams.
    pub fn stream_of<A>(&self, whole: &str, known: &HashMap<Arc<str>, A>) -> Result<Arc<str>, Refusal> {
        if self.parts == 0 {
            return Ok(self.stream.clone());
        }
        let name = stream_name(&self.stream, whole.split(self.separator).take(self.parts));
        if let Err(fault) = check_stream_name(&name, self.bytes_max) {
            return Err(bad_stream(format!("{whole:?} makes no name of a stream: {fault}")));
        }
        if known.len() >= STREAMS_MAX && !known.contains_key(name.as_str()) {
            return Err(bad_stream(format!("a source has {STREAMS_MAX} streams at most; use fewer {}", self.key)));
        }
        Ok(name.into())
    }
}

fn bad_stream(reason: String) -> Refusal {
    Refusal::new(RefusalCode::BadStream, "topic", reason)
}

/// The name of a stream with parts appended. What a name cannot hold becomes `_`.
fn stream_name<'a>(stream: &str, parts: impl Iterator<Item = &'a str>) -> String {
    let mut name = stream.to_owned();
    for part in parts {
        name.push('.');
        let letters = part.chars().map(|c| {
            let is_bad = c.is_control() || matches!(c, '?' | '#' | '*' | '%' | '\\');
            if is_bad { '_' } else { c }
        });
        name.extend(letters);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Data, Datum};

    #[test]
    fn parts_of_topics_are_part_of_names() {
        assert_eq!(stream_name("plant", "hall/3/press?/temp".split('/').take(2)), "plant.hall.3");
        assert_eq!(stream_name("plant", "hall/press?".split('/').take(9)), "plant.hall.press_");
        let names =
            StreamNames { stream: "shop".into(), parts: 1, separator: '.', key: "stream_tokens", bytes_max: 64 };
        let mut known = HashMap::from([("shop.a".into(), ())]);
        assert_eq!(names.stream_of("a.b", &known).as_deref(), Ok("shop.a"));
        let refusal = names.stream_of("a/b", &known).unwrap_err();
        assert!(refusal.reason.contains("\"a/b\" makes no name"), "{refusal}");
        known.extend((1..STREAMS_MAX).map(|n| (format!("shop.{n}").into(), ())));
        assert!(names.stream_of("a.c", &known).is_ok());
        assert!(names.stream_of("b.c", &known).unwrap_err().reason.contains("fewer stream_tokens"));
    }

    #[test]
    fn the_key_is_that_of_a_field_or_else_what_it_came_under() {
        let key = |payload: &[u8], field, key| {
            message_event(payload, MessageFormat::Auto, field, key).unwrap().record.key.map(|key| key.to_string())
        };
        assert_eq!(key(b"{\"user\":\"ann\",\"n\":1}", Some("user"), Some("orders.new")).as_deref(), Some("ann"));
        assert_eq!(key(b"{\"n\":1}", Some("user"), Some("orders.new")).as_deref(), Some("orders.new"));
        assert_eq!(key(b"21.5", None, None), None);
        assert!(message_event(b"{\"hello\":{}}", MessageFormat::Text, None, None).is_ok());
        let latin = message_event(b"caf\xe9", MessageFormat::Text, None, None).unwrap().record.data;
        assert_eq!(latin, Data::One(Datum::Text("caf\u{fffd}".into())), "what is said to be text is mended");
        assert!(message_event(b"caf\xe9", MessageFormat::Auto, None, None).is_err(), "else it may be anything");
    }
}
