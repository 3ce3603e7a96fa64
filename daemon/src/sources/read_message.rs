//! What messages of all brokers have in common: how one becomes an event, and how a part of its topic or subject
//! becomes part of the name of a stream.

use super::rows::take_key;
use surmise_config::{MessageFormat, check_stream_name};
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{EventLine, ProducerLine, parse_bare, parse_plain};

/// Streams of one source, where topics or subjects are part of their names.
pub const STREAMS_MAX: usize = 1024;

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
        MessageFormat::Text => parse_bare(payload)?,
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

/// The name of a stream with parts of a topic or subject appended, if it can be one.
///
/// # Errors
/// It has too many bytes, or letters that no name has.
pub fn stream_of_parts<'a>(
    stream: &str,
    whole: &str,
    parts: impl Iterator<Item = &'a str>,
    name_bytes_max: usize,
) -> Result<String, Refusal> {
    let name = stream_name(stream, parts);
    match check_stream_name(&name, name_bytes_max) {
        Ok(()) => Ok(name),
        Err(fault) => Err(bad_stream(format!("{whole:?} makes no name of a stream: {fault}"))),
    }
}

/// The refusal of a message whose source has too many streams. `fewer` is the key that makes fewer of them.
pub fn too_many_streams(fewer: &str) -> Refusal {
    bad_stream(format!("a source has {STREAMS_MAX} streams at most; use fewer {fewer}"))
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

    #[test]
    fn parts_of_topics_are_part_of_names() {
        assert_eq!(stream_name("plant", "hall/3/press?/temp".split('/').take(2)), "plant.hall.3");
        assert_eq!(stream_name("plant", "hall/press?".split('/').take(9)), "plant.hall.press_");
        let refusal = stream_of_parts("shop", "a/b", ["a/b"].into_iter(), 64).unwrap_err();
        assert!(refusal.reason.contains("\"a/b\" makes no name"), "{refusal}");
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
    }
}
