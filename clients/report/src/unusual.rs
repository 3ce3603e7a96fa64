//! What was unusual: incidents and the most surprising events, each among its neighbours.

use crate::event_text::{event, expected};
use crate::html::{difference, escape, isolated, number};
use std::collections::BTreeSet;
use std::fmt::Write;
use surmise_evaluation::{Highlight, Highlights, NeighbourEvent};
use surmise_event::words::{self, count};
use surmise_event::{Alarm, Part, VALUE};

/// Parts of an event that are listed at most, and the excess up to which one tells nothing beside others.
const PARTS_MAX: usize = 6;
const DULL_BITS: f64 = 0.5;
/// Surprising events that are shown beside the incidents.
const SURPRISES_MAX: usize = 8;

/// The section of incidents and surprising events.
pub(crate) fn section(found: &Highlights) -> String {
    let mut out = String::new();
    let shown = found.incidents.len() as u64;
    let begun = found.incidents_begun;
    let words = match (begun, begun > shown) {
        (0, _) => "Nothing was rare enough for an incident within the budget of alarms.".to_owned(),
        (_, true) => format!("{} incidents began. These {shown} were the rarest.", count(begun)),
        (1, _) => "One incident began.".to_owned(),
        _ => format!("{} incidents began.", count(begun)),
    };
    let _ = write!(out, "<p class=\"lead\">{words}</p>");
    let mut told: BTreeSet<u64> = BTreeSet::new();
    for incident in &found.incidents {
        told.insert(incident.told.offset);
        out.push_str(&card(incident));
    }
    let surprises: Vec<&Highlight> =
        found.surprises.iter().filter(|h| !told.contains(&h.told.offset)).take(SURPRISES_MAX).collect();
    if !surprises.is_empty() {
        out.push_str(
            "<h3>Most surprising otherwise</h3><p class=\"dim\">By the bits beyond what was expected, incidents left \
             out. At the beginning of a stream everything is new.</p>",
        );
        surprises.iter().for_each(|h| out.push_str(&card(h)));
    }
    out
}

fn card(highlight: &Highlight) -> String {
    let told = &highlight.told;
    let mut out = "<article class=\"event\">".to_owned();
    let time = told.time.as_deref().map_or(String::new(), |t| format!(" · {}", escape(t)));
    let head = match &told.alarm {
        Some(alarm) => incident_words(alarm),
        None => "Surprise".to_owned(),
    };
    let class = if told.alarm.is_some() { "badge alarm" } else { "badge" };
    let _ = write!(
        out,
        "<header><span class=\"{class}\">{head}</span><span class=\"dim\">event {}{time}</span></header>",
        count(told.offset)
    );
    let _ = write!(out, "<p class=\"text\">{}</p>", event(&told.event, &told.parts));
    out.push_str(&figures_of(highlight));
    if told.parts.len() > 1 || told.parts.iter().any(|p| p.expected.is_some()) {
        out.push_str(&parts(&told.parts));
    }
    if !highlight.before.is_empty() || !highlight.after.is_empty() {
        out.push_str("<details><summary>Among its neighbours</summary><ol class=\"context\">");
        highlight.before.iter().for_each(|n| out.push_str(&neighbour(n)));
        let own = event(&told.event, &told.parts);
        let _ = write!(out, "<li class=\"here\">{}</li>", context_line(told.offset, &own, told.surprise_bits));
        highlight.after.iter().for_each(|n| out.push_str(&neighbour(n)));
        out.push_str("</ol></details>");
    }
    out.push_str("</article>");
    out
}

fn figures_of(highlight: &Highlight) -> String {
    let told = &highlight.told;
    let rarity = told.alarm.as_ref().map_or(told.rarity_events, |a| a.rarity_events.max(told.rarity_events));
    let seconds = told.alarm.as_ref().and_then(|a| a.rarity_seconds);
    let mut words = vec![words::rarity(rarity, seconds)];
    if told.surprise_bits != 0.0 {
        let (bits, excess) = (number(told.surprise_bits), difference(told.excess_bits));
        words.push(format!("{bits} bits, {excess} beyond what was expected"));
    }
    if let Some(alarm) = &told.alarm
        && alarm.count > 1
    {
        words.push(format!("{} unusual events until event {}", count(alarm.count), count(alarm.offset)));
    }
    format!("<p class=\"dim\">{}</p>", words.join(" · "))
}

fn incident_words(alarm: &Alarm) -> String {
    let subject = alarm.subject().filter(|subject| *subject != VALUE).map(isolated);
    alarm.what(subject.as_deref(), true)
}

fn parts(parts: &[Part]) -> String {
    let mut out = "<div class=\"scroll\" tabindex=\"0\"><table class=\"parts\"><thead><tr><th>part</th><th>value</th><th class=\"n\">\
                   bits</th><th class=\"n\">beyond</th><th>expected instead</th></tr></thead><tbody>"
        .to_owned();
    let told = parts.iter().filter(|p| p.excess_bits.abs() >= DULL_BITS).count().clamp(1, PARTS_MAX);
    for part in parts.iter().take(told) {
        let value = part.value.as_deref().map_or_else(|| "<span class=\"dim\">missing</span>".to_owned(), isolated);
        let instead = part.expected.as_ref().map_or(String::new(), expected);
        let by =
            part.by.as_deref().map_or(String::new(), |by| format!(" <span class=\"dim\">by {}</span>", escape(by)));
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{value}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{instead}{by}</td></tr>",
            isolated(&part.name),
            number(part.surprise_bits),
            difference(part.excess_bits)
        );
    }
    out.push_str("</tbody></table></div>");
    if parts.len() > told {
        let _ = write!(out, "<p class=\"dim\">and {} parts more, as expected</p>", parts.len() - told);
    }
    out
}

fn neighbour(neighbour: &NeighbourEvent) -> String {
    let line = context_line(neighbour.offset, &event(&neighbour.event, &[]), neighbour.surprise_bits);
    format!("<li>{line}</li>")
}

fn context_line(offset: u64, text: &str, bits: f64) -> String {
    format!(
        "<span class=\"n dim\">{}</span><span class=\"text\">{text}</span><span class=\"n dim\">{} bits</span>",
        count(offset),
        number(bits)
    )
}
