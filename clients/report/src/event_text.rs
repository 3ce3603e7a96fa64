//! An event as people read it, with its odd parts marked.

use crate::html::{escape, isolated, push};
use serde_json::Value;
use surmise_event::{Expected, Part};

/// Excess from which a part is marked, in bits.
const ODD_BITS: f64 = 3.0;
/// Parts that are marked at most.
const MARKED_MAX: usize = 4;

/// The values of an event on one line.
pub(crate) fn event(event: &Value, parts: &[Part]) -> String {
    let mut out = String::new();
    if let Some(key) = event["key"].as_str() {
        out.push_str(&format!("<span class=\"key\">{}</span> ", isolated(key)));
    }
    match &event["data"] {
        Value::Null if event["end"] == true => out.push_str("<span class=\"dim\">(the key ends)</span>"),
        Value::Null => out.push_str("<span class=\"dim\">(no values)</span>"),
        Value::Object(fields) => {
            for (name, value) in fields {
                let text = plain(value);
                let own: Vec<&Part> = odd(parts).filter(|p| *p.name == **name).collect();
                out.push_str(&format!("<span class=\"field\"><span class=\"dim\">{}</span>=", isolated(name)));
                let whole = own.iter().any(|p| p.place.is_none());
                let ranges = if whole { vec![(0, text.len())] } else { ranges(&text, &own) };
                out.push_str(&marked(&text, &ranges));
                out.push_str("</span> ");
            }
        }
        value => {
            let text = plain(value);
            let own: Vec<&Part> = odd(parts).collect();
            let ranges = ranges(&text, &own);
            // what is odd as a whole, as the value of a single field
            let whole = ranges.is_empty() && own.iter().any(|p| p.value.as_deref() == Some(&*text));
            out.push_str(&marked(&text, &if whole { vec![(0, text.len())] } else { ranges }));
        }
    }
    out
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The parts that stand out, the oddest first.
fn odd(parts: &[Part]) -> impl Iterator<Item = &Part> {
    parts.iter().filter(|p| p.excess_bits >= ODD_BITS).take(MARKED_MAX)
}

/// Where odd parts are in a text: words by their place, what stands in slots of a line by what it is.
fn ranges(text: &str, parts: &[&Part]) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = (parts.iter())
        .filter_map(|part| {
            let value = part.value.as_deref().filter(|value| !value.is_empty())?;
            let start = part.place.map_or_else(|| text.find(value), |(start, _)| Some(start as usize))?;
            let end = (start + value.len()).min(text.len());
            (text.is_char_boundary(start) && text.is_char_boundary(end) && start < end).then_some((start, end))
        })
        .collect();
    ranges.sort_unstable();
    let mut reached = 0;
    ranges.retain(|(start, end)| {
        let apart = *start >= reached;
        if apart {
            reached = *end;
        }
        apart
    });
    ranges
}

/// A text with ranges of it marked, from byte to byte, in order.
fn marked(text: &str, ranges: &[(usize, usize)]) -> String {
    let mut out = "<bdi>".to_owned();
    let mut at = 0;
    for (start, end) in ranges {
        push(&mut out, &text[at..*start]);
        out.push_str("<mark>");
        push(&mut out, &text[*start..*end]);
        out.push_str("</mark>");
        at = *end;
    }
    push(&mut out, &text[at..]);
    out.push_str("</bdi>");
    out
}

/// What was expected, in a few words.
pub(crate) fn expected(expected: &Expected) -> String {
    match expected {
        Expected::Symbols { top, .. } => {
            let likely = top.iter().filter(|(_, p)| *p >= 0.005).take(3);
            let listed: Vec<String> = likely
                .map(|(symbol, p)| {
                    let name = symbol.as_deref().map_or_else(|| "(missing)".to_owned(), isolated);
                    format!("{name}&nbsp;<span class=\"dim\">{:.0}&nbsp;%</span>", p * 100.0)
                })
                .collect();
            if listed.is_empty() { "nothing in particular".to_owned() } else { listed.join(", ") }
        }
        Expected::Number { median, quantiles, .. } => {
            let short = |x: &f64| escape(&crate::html::number(*x));
            match (quantiles.get("0.05"), quantiles.get("0.95")) {
                (Some(low), Some(high)) => {
                    format!("{} <span class=\"dim\">({} to {})</span>", short(median), short(low), short(high))
                }
                _ => short(median),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, value: &str, place: Option<(u32, u32)>, excess_bits: f64) -> Part {
        Part { name: name.into(), value: Some(value.into()), place, excess_bits, ..Part::default() }
    }

    #[test]
    fn the_odd_part_is_marked_and_nothing_is_read_as_html() {
        let line = serde_json::json!({ "data": "GET <b> 502 \u{202e}x", "key": "<i>" });
        let shown = event(&line, &[part("value", "502", Some((8, 12)), 9.0), part("value", "GET", None, 1.0)]);
        assert!(shown.contains("GET &lt;b&gt; <mark>502</mark> ⟨U+202E⟩x"), "{shown}");
        assert!(shown.contains("<bdi>&lt;i&gt;</bdi>"));
        let fields = serde_json::json!({ "data": { "status": "502", "a<b": 7.5 } });
        let shown = event(&fields, &[part("status", "502", None, 9.0)]);
        assert!(shown.contains("<mark>502</mark>") && shown.contains("a&lt;b") && shown.contains("7.5"), "{shown}");
        assert!(event(&serde_json::json!({ "end": true }), &[]).contains("the key ends"));
    }

    /// Places of parts come from the text as it was learnt, which may have been cut since.
    #[test]
    fn a_place_that_is_not_in_the_text_marks_nothing() {
        let line = serde_json::json!({ "data": "é…" });
        for place in [(1, 3), (0, 9), (90, 99), (u32::MAX, u32::MAX)] {
            event(&line, &[part("value", "é…abc", Some(place), 9.0), part("value", "é", Some(place), 9.0)]);
        }
        let twice = serde_json::json!({ "data": "aaaa" });
        let shown = event(&twice, &[part("value", "aa", Some((0, 2)), 9.0), part("value", "aaa", Some((1, 4)), 9.0)]);
        assert_eq!(shown, "<bdi><mark>aa</mark>aa</bdi>");
    }
}
