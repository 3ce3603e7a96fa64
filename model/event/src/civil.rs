//! Dates and times of day as logs and tables write them: with names of months, in any order, with or without a year.

use jiff::civil::{Date, DateTime, Time};

/// The order of day, month and year in dates of digits alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// 2026/11/23.
    YearFirst,
    /// 23/11/2026.
    DayFirst,
    /// 11/23/2026.
    MonthFirst,
}

/// A date and time of day as it was written, before a time zone or a missing year is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CivilTime {
    /// The year; none where it is not written, as in syslog.
    pub year: Option<i16>,
    /// The month, from 1.
    pub month: i8,
    /// The day of the month, from 1.
    pub day: i8,
    /// The time of day.
    pub time: Time,
    /// Seconds east of UTC, where that is written.
    pub offset_seconds: Option<i32>,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Names of time zones that mean one offset, in hours.
const ZONES: [(&str, i32); 18] = [
    ("Z", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("WET", 0),
    ("BST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EEST", 3),
    ("MSK", 3),
    ("JST", 9),
    ("EST", -5),
    ("EDT", -4),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

impl CivilTime {
    /// Reads a date with or without a time of day: `04/Dec/2005:04:47:44 +0000`, `Dec  4 04:47:44`,
    /// `Sun Dec 04 04:47:44 2005`, `4.12.2005 16:47`, `12/4/2005 4:47 PM`, `2005/12/04 04:47:44,123 CET`. None of a
    /// text that is something else, or whose order of day and month neither the text nor `order` tells.
    pub fn parse(text: &str, order: Option<DateOrder>) -> Option<CivilTime> {
        let text = text.trim().trim_matches(['[', ']', '"']).trim();
        let text = without_weekday(text);
        let (date, clock, rest) = match clock_begins(text) {
            Some(at) => {
                let (time, rest) = clock(&text[at..])?;
                (text[..at].trim_end_matches(['T', 't', ':', ' ', '-', ',']), time, rest)
            }
            None => (text, Time::midnight(), ""),
        };
        let (time, rest) = twelve_hours(clock, rest.trim_start())?;
        let (offset_seconds, rest) = offset(rest.trim())?;
        let (mut year, month, day) = date_parts(date.trim(), order, clock_begins(text).is_some())?;
        if !rest.is_empty() {
            // asctime has the year at the end
            let written: i16 = rest.parse().ok().filter(|_| rest.len() == 4)?;
            if year.replace(written).is_some() {
                return None;
            }
        }
        // whether the day is one of the month; a leap year where none is written
        Date::new(year.unwrap_or(2000), month, day).ok()?;
        Some(CivilTime { year, month, day, time, offset_seconds })
    }

    /// The date and time of day in a year, if it has that day.
    pub fn in_year(&self, year: i16) -> Option<DateTime> {
        Some(Date::new(year, self.month, self.day).ok()?.to_datetime(self.time))
    }
}

fn without_weekday(text: &str) -> &str {
    let word = text.split([' ', ',']).next().unwrap_or_default();
    let is_weekday = word.len() >= 3 && word.is_ascii() && {
        let lower = word.to_ascii_lowercase();
        WEEKDAYS.iter().any(|day| lower.starts_with(day)) && word.bytes().all(|b| b.is_ascii_alphabetic())
    };
    if is_weekday { text[word.len()..].trim_start_matches([',', ' ']) } else { text }
}

/// Where a time of day begins: one or two digits before a colon and two more.
fn clock_begins(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let mut colons = bytes.iter().enumerate().filter(|(_, b)| **b == b':').map(|(i, _)| i);
    // in "2005:04:47" the colon behind the year is none of the clock's
    let colon = colons.find(|i| {
        digit(i + 1)
            && digit(i + 2)
            && digit(i.wrapping_sub(1))
            && !(digit(i.wrapping_sub(2)) && digit(i.wrapping_sub(3)))
    })?;
    Some(if digit(colon.wrapping_sub(2)) { colon - 2 } else { colon - 1 })
}

/// Reads `h:mm`, `h:mm:ss` and a fraction behind `.`, `,` or `:`; returns the rest as well.
fn clock(text: &str) -> Option<(Time, &str)> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (mut second, mut nanos, mut rest) = (0, 0, rest);
    if let Some(after) = rest.strip_prefix(':') {
        (second, rest) = digits(after, 2)?;
        if let Some(after) = rest.strip_prefix(['.', ',', ':']) {
            let length = after.bytes().take_while(u8::is_ascii_digit).count();
            if length > 0 {
                let kept = &after[..length.min(9)];
                nanos = kept.parse::<i32>().ok()? * 10i32.pow(9 - kept.len() as u32);
                rest = &after[length..];
            }
        }
    }
    // a leap second is the one before it
    let second = if second == 60 { 59 } else { second };
    Some((Time::new(hour, minute, second, nanos).ok()?, rest))
}

fn digits(text: &str, most: usize) -> Option<(i8, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    Some((text[..length].parse().ok()?, &text[length..]))
}

/// Applies `AM` and `PM`.
fn twelve_hours(time: Time, rest: &str) -> Option<(Time, &str)> {
    let word: String = rest.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '.').collect();
    let is = |half: &str| word.replace('.', "").eq_ignore_ascii_case(half);
    let hour = match (is("am"), is("pm"), time.hour()) {
        (false, false, _) => return Some((time, rest)),
        (true, _, 12) => 0,
        (true, _, hour @ 0..=11) | (_, true, hour @ 12) => hour,
        (_, true, hour @ 0..=11) => hour + 12,
        _ => return None,
    };
    let time = Time::new(hour, time.minute(), time.second(), time.subsec_nanosecond()).ok()?;
    Some((time, rest[word.len()..].trim_start()))
}

/// Reads an offset from UTC or the name of one, in seconds; returns the rest as well. None of a malformed one.
fn offset(text: &str) -> Option<(Option<i32>, &str)> {
    let text =
        ["UTC", "GMT"].iter().find_map(|z| text.strip_prefix(z).filter(|r| r.starts_with(['+', '-']))).unwrap_or(text);
    if let Some(after) = text.strip_prefix(['+', '-']) {
        let (hours, rest) = digits(after, 2)?;
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let (minutes, rest) = digits(rest, 2).unwrap_or((0, rest));
        if !(0..=15).contains(&hours) || !(0..60).contains(&minutes) {
            return None;
        }
        let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
        return Some((Some(if text.starts_with('-') { -seconds } else { seconds }), rest.trim_start()));
    }
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    if length == 0 {
        return Some((None, text));
    }
    let (_, hours) = ZONES.iter().find(|(name, _)| *name == &text[..length])?;
    Some((Some(hours * 3600), text[length..].trim_start()))
}

/// The year, month and day of a date.
fn date_parts(date: &str, order: Option<DateOrder>, has_clock: bool) -> Option<(Option<i16>, i8, i8)> {
    let parts: Vec<&str> = date.split(['-', '/', '.', ' ', ',']).filter(|p| !p.is_empty()).collect();
    if let Some(at) = parts.iter().position(|p| month_of(p).is_some()) {
        return named_month(&parts, at);
    }
    if !parts.iter().all(|p| p.len() <= 8 && p.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let number = |p: &str| p.parse::<i16>().ok();
    match parts.as_slice() {
        [compact] if compact.len() == 8 => {
            Some((Some(number(&compact[..4])?), number(&compact[4..6])? as i8, number(&compact[6..])? as i8))
        }
        // logcat has month and day alone
        [month, day] if has_clock && date.contains('-') && month.len() == 2 && day.len() == 2 => {
            Some((None, number(month)? as i8, number(day)? as i8))
        }
        [year, month, day] if year.len() == 4 => Some((number(year), number(month)? as i8, number(day)? as i8)),
        [a, b, c] if (c.len() == 4 || c.len() == 2) && a.len() <= 2 && b.len() <= 2 => {
            let (first, second, third) = (number(a)?, number(b)?, number(c)?);
            let by_value = match (first > 12, second > 12) {
                _ if date.contains('.') => Some(DateOrder::DayFirst),
                (true, false) if c.len() == 4 => Some(DateOrder::DayFirst),
                (false, true) if c.len() == 4 => Some(DateOrder::MonthFirst),
                _ => None,
            };
            match order.or(by_value)? {
                DateOrder::DayFirst => Some((Some(full_year(third, c)), second as i8, first as i8)),
                DateOrder::MonthFirst => Some((Some(full_year(third, c)), first as i8, second as i8)),
                DateOrder::YearFirst if c.len() == 2 => Some((Some(full_year(first, a)), second as i8, third as i8)),
                DateOrder::YearFirst => None,
            }
        }
        _ => None,
    }
}

/// The date of parts of which one, at a position, names the month.
fn named_month(parts: &[&str], at: usize) -> Option<(Option<i16>, i8, i8)> {
    let month = month_of(parts[at])?;
    let others: Vec<&str> = parts.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, p)| *p).collect();
    let day = |p: &str| p.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse::<i8>().ok();
    let year = |p: &str| p.parse::<i16>().ok().map(|y| full_year(y, p));
    match others.as_slice() {
        [only] => Some((None, month, day(only)?)),
        [first, second] if first.len() == 4 => Some((Some(year(first)?), month, day(second)?)),
        [first, second] => Some((Some(year(second)?), month, day(first)?)),
        _ => None,
    }
}

fn month_of(word: &str) -> Option<i8> {
    let lower = word.to_ascii_lowercase();
    let is = |name: &&str| lower.starts_with(name) && lower.bytes().all(|b| b.is_ascii_alphabetic());
    MONTHS.iter().position(is).map(|m| m as i8 + 1)
}

/// The year of four digits or of the last two: those from 70 on are of the last century.
fn full_year(year: i16, written: &str) -> i16 {
    match written.len() {
        1 | 2 => year + if year >= 70 { 1900 } else { 2000 },
        _ => year,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, order: Option<DateOrder>) -> Option<String> {
        let t = CivilTime::parse(text, order)?;
        let zone = t.offset_seconds.map_or(String::new(), |s| format!(" {s}"));
        let year = t.year.map_or("-".to_owned(), |y| y.to_string());
        Some(format!("{year} {} {} {}{zone}", t.month, t.day, t.time))
    }

    #[test]
    fn dates_are_read_as_logs_write_them() {
        for (text, want) in [
            ("04/Dec/2005:04:47:44 +0000", "2005 12 4 04:47:44 0"),
            ("[04/Dec/2005:04:47:44 -0530]", "2005 12 4 04:47:44 -19800"),
            ("Dec  4 04:47:44", "- 12 4 04:47:44"),
            ("Sun Dec 04 04:47:44 2005", "2005 12 4 04:47:44"),
            ("Sun Dec 04 04:47:44.123456 2005", "2005 12 4 04:47:44.123456"),
            ("Sun, 04 Dec 2005 04:47:44 GMT", "2005 12 4 04:47:44 0"),
            ("Sun Dec  4 04:47:44 UTC 2005", "2005 12 4 04:47:44 0"),
            ("4 December 2005", "2005 12 4 00:00:00"),
            ("December 4, 2005 4:47 PM", "2005 12 4 16:47:00"),
            ("04-Dec-05 12:05 am", "2005 12 4 00:05:00"),
            ("2005/12/04 04:47:44,123 CET", "2005 12 4 04:47:44.123 3600"),
            ("2005.12.04 4:47", "2005 12 4 04:47:00"),
            ("20051204-04:47:44:606", "2005 12 4 04:47:44.606"),
            ("20051204", "2005 12 4 00:00:00"),
            ("03-17 16:13:38.811", "- 3 17 16:13:38.811"),
            ("23/11/2026 10:00", "2026 11 23 10:00:00"),
            ("11/23/2026 10:00", "2026 11 23 10:00:00"),
            ("4.12.2005", "2005 12 4 00:00:00"),
            ("2005-12-04 04:47:60 UTC+02:00", "2005 12 4 04:47:59 7200"),
        ] {
            assert_eq!(read(text, None).as_deref(), Some(want), "{text:?}");
        }
        assert_eq!(read("4/12/2005", None), None, "either may be the month");
        assert_eq!(read("4/12/2005", Some(DateOrder::DayFirst)).unwrap(), "2005 12 4 00:00:00");
        assert_eq!(read("4/12/2005", Some(DateOrder::MonthFirst)).unwrap(), "2005 4 12 00:00:00");
        assert_eq!(read("17/06/09 20:10:40", Some(DateOrder::YearFirst)).unwrap(), "2017 6 9 20:10:40");
        for text in [
            "",
            "x",
            "30 Feb 2005",
            "12:30",
            "Dec",
            "4/12",
            "1.5",
            "2005",
            "10.0.0.1",
            "13/13/2005",
            "4 Dec 2005 25:00",
            "now 10:00",
        ] {
            assert_eq!(read(text, None), None, "{text:?}");
        }
    }

    #[test]
    fn no_text_makes_it_panic() {
        let pieces = ["", "é", "12", ":", "4", "Dec", "/", "PM", "+", "2005", " ", "漢", "T", "[", "-", "."];
        for i in 0..pieces.len().pow(4) {
            let text: String = (0..4).map(|k| pieces[i / pieces.len().pow(k) % pieces.len()]).collect();
            let _ = CivilTime::parse(&text, Some(DateOrder::DayFirst));
            let _ = CivilTime::parse(&format!("12:34{text}"), None);
        }
    }
}
