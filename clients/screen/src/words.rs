//! Numbers, times and rarities in the words of the page: what one says, the other says.

use surmise_event::words::{count, span};
use surmise_event::{Expected, parse_time};
use surmise_terminal::plain;

/// What stands where nothing is known.
const NONE: &str = "–";

/// A gap between two events.
pub fn gap(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{} ms", num(s * 1000.0)),
        s if s < 90.0 => format!("{} s", num(s)),
        s => span(s),
    }
}

/// The seconds since 1970 of a time as the API writes it.
fn seconds_of(time: Option<&str>) -> Option<f64> {
    Some(parse_time(time?).ok()? as f64 / 1e6)
}

/// How long ago a time is, at `now` in seconds since 1970: "3 minutes ago".
pub fn ago(time: Option<&str>, now: f64) -> String {
    let Some(at) = seconds_of(time) else { return NONE.into() };
    match now - at {
        s if s < -5.0 => format!("in {}", span(-s)),
        s if s < 5.0 => "now".into(),
        s => format!("{} ago", span(s)),
    }
}

/// How long ago a time is in a few characters: "47 s".
pub fn short_ago(time: Option<&str>, now: f64) -> String {
    let Some(at) = seconds_of(time) else { return String::new() };
    let seconds = (now - at).max(0.0);
    let units = [("y", 365.25 * 86_400.0), ("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)];
    let (unit, length) = units.into_iter().find(|(_, length)| seconds >= length * 1.5).unwrap_or(("s", 1.0));
    format!("{} {unit}", count((seconds / length).round() as u64))
}

/// Bits per event, with two decimals.
pub fn bits(x: Option<f64>) -> String {
    match x.filter(|x| x.is_finite()) {
        None => NONE.into(),
        Some(x) if x.abs() < 0.005 => "0.00".into(),
        Some(x) => format!("{x:.2}"),
    }
}

/// A share of one in percent.
pub fn percent(x: Option<f64>, decimals: usize) -> String {
    let Some(x) = x.filter(|x| x.is_finite()) else { return NONE.into() };
    let text = format!("{:.decimals$}", x * 100.0);
    let is_nought = text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.'));
    format!("{} %", if is_nought { text.trim_start_matches('-') } else { &text })
}

/// Events per second.
pub fn rate(x: f64) -> String {
    match x {
        x if x <= 0.0 || !x.is_finite() => "0".into(),
        x if x < 10.0 => format!("{x:.1}"),
        x => count(x.round() as u64),
    }
}

/// A number with as many digits as it is worth: 0.0123, 4.57, 132, 1,204.
pub fn num(x: f64) -> String {
    let size = x.abs();
    if !x.is_finite() {
        return NONE.into();
    }
    if size >= 1e6 || (size < 1e-4 && size > 0.0) {
        return format!("{x:.2e}");
    }
    if size >= 100.0 {
        return format!("{}{}", if x < 0.0 { "-" } else { "" }, count(size.round() as u64));
    }
    let decimals = if size == 0.0 { 0 } else { (2 - size.log10().floor() as i32).clamp(0, 6) as usize };
    let text = format!("{x:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// How many there are of something: "1 incident", "3 incidents".
pub fn plural(n: u64, one: &str) -> String {
    format!("{} {one}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A probability beside a symbol.
fn share(p: f64) -> String {
    match p {
        p if p >= 0.995 => "> 99 %".into(),
        p if p < 0.01 => "< 1 %".into(),
        p => format!("{:.0} %", p * 100.0),
    }
}

/// Characters of a symbol that are shown among others.
const SYMBOL_CHARS_MAX: usize = 60;

/// Symbols that are told of an expectation, and the probability from which one is told.
const TOLD_MAX: usize = 3;
const TOLD_PROBABILITY_MIN: f64 = 0.005;

/// What was expected, in a few words.
pub fn expected_words(expected: &Expected) -> String {
    match expected {
        Expected::Symbols { top, .. } => {
            let likely = top.iter().filter(|(_, p)| *p >= TOLD_PROBABILITY_MIN).take(TOLD_MAX);
            let told: Vec<String> = likely.map(|(s, p)| format!("{} ({})", symbol(s.as_deref()), share(*p))).collect();
            if told.is_empty() { "nothing in particular".into() } else { told.join(", ") }
        }
        Expected::Number { median, quantiles, .. } => match (quantiles.get("0.05"), quantiles.get("0.95")) {
            (Some(low), Some(high)) => format!("{} (90 % within {} and {})", num(*median), num(*low), num(*high)),
            _ => num(*median),
        },
    }
}

/// A symbol as a word on the screen.
pub fn symbol(symbol: Option<&str>) -> String {
    let Some(text) = symbol else { return "missing".into() };
    if text.is_empty() || text.trim() != text {
        return format!("{:?}", text.chars().take(SYMBOL_CHARS_MAX).collect::<String>());
    }
    if text.chars().count() > SYMBOL_CHARS_MAX {
        return plain(&text.chars().take(SYMBOL_CHARS_MAX - 1).chain(['…']).collect::<String>());
    }
    plain(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let told = [0.0123, 4.567, 132.4, 1204.0, -5.0, 3e7, 0.0].map(num);
        assert_eq!(told, ["0.0123", "4.57", "132", "1,204", "-5", "3.00e7", "0"]);
        assert_eq!([percent(Some(-0.001), 0), percent(Some(0.345), 1), percent(None, 0)], ["0 %", "34.5 %", "–"]);
        assert_eq!([rate(0.0), rate(3.25), rate(1234.5)], ["0", "3.2", "1,235"]);
        assert_eq!([gap(0.25), gap(3.0), gap(3612.0)], ["250 ms", "3 s", "1 hour"]);
        assert_eq!([bits(Some(0.001)), bits(Some(2.0)), bits(None)], ["0.00", "2.00", "–"]);
    }

    #[test]
    fn times_are_told_from_now() {
        let time = Some("2026-11-27T12:00:00Z");
        let at = seconds_of(time).unwrap();
        assert_eq!([ago(time, at + 2.0), ago(time, at + 180.0)], ["now", "3 minutes ago"]);
        assert_eq!([short_ago(time, at + 47.0), short_ago(time, at + 7200.0)], ["47 s", "2 h"]);
        assert_eq!([ago(None, at), short_ago(Some("then"), at)], ["–", ""]);
    }
}
