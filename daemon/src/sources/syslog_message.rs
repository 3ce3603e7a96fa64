//! One message of syslog as an event: RFC 5424, RFC 3164, and what is written in their place.

use surmise_config::SyslogKey;
use surmise_event::{CivilTime, Data, Datum, Field, FieldKind, Record, Refusal, RefusalCode, Schema, parse_standard};
use surmise_protocol::EventLine;

/// The names of facilities, by their number.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
/// The names of severities, by their number.
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
/// What stands for a value that is not there.
const NIL: &str = "-";
/// Bytes of a program's name at most; a longer word before a colon is no program.
const PROGRAM_BYTES_MAX: usize = 48;
/// A time without a year is the latest that is no more than so much, in microseconds, ahead of its arrival: clocks are
/// wrong, and time zones are left out.
const DAY_US: i64 = 86_400 * 1_000_000;

/// A message, and what its sender says of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyslogMessage<'a> {
    /// The number of the facility, times eight, and that of the severity.
    pub priority: u8,
    /// When it was written, in microseconds since 1970.
    pub time_us: Option<i64>,
    /// The host that wrote it.
    pub host: Option<&'a str>,
    /// The program that wrote it.
    pub program: Option<&'a str>,
    /// The process.
    pub pid: Option<&'a str>,
    /// The kind of the message, in RFC 5424.
    pub message_id: Option<&'a str>,
    /// The message itself.
    pub text: &'a str,
}

/// The fields of messages; those that others depend on come first.
pub fn schema() -> Schema {
    let names = ["host", "program", "facility", "severity", "message_id"];
    let categories = names.map(|name| Field::new(name, FieldKind::Category));
    Schema::new(categories.into_iter().chain([Field::new("message", FieldKind::Line)]))
}

impl<'a> SyslogMessage<'a> {
    /// Reads a message that was received at `arrival_us`, which says the year that RFC 3164 leaves out.
    ///
    /// # Errors
    /// There is nothing in it.
    pub fn parse(text: &'a str, arrival_us: i64) -> Result<SyslogMessage<'a>, Refusal> {
        let text = text.trim_end_matches(['\0', '\n', '\r']);
        if text.trim().is_empty() {
            return Err(Refusal::new(RefusalCode::Empty, "message", "it is empty"));
        }
        // without a priority a message is one of RFC 3164 from user.notice
        let (priority, rest) = priority(text).unwrap_or((13, text));
        let message = rest.strip_prefix("1 ").and_then(modern);
        Ok(SyslogMessage { priority, ..message.unwrap_or_else(|| classic(rest, arrival_us)) })
    }

    /// The key of the message.
    pub fn key(&self, key: SyslogKey) -> Option<Box<str>> {
        let part = |part: Option<&'a str>| part.unwrap_or(NIL);
        match key {
            SyslogKey::Host => self.host.map(Into::into),
            SyslogKey::Program => self.program.map(Into::into),
            SyslogKey::Process => {
                let name = format!("{} {}[{}]", part(self.host), part(self.program), part(self.pid));
                self.program.map(|_| name.into())
            }
            SyslogKey::None => None,
        }
    }

    /// The message as an event. The number of a process is no field: it says nothing about what comes next.
    pub fn event(&self, key: SyslogKey) -> EventLine {
        let text = |value: Option<&str>| value.map_or(Datum::Null, |value| Datum::Text(value.into()));
        let fields = [
            ("host", self.host),
            ("program", self.program),
            ("facility", FACILITIES.get(usize::from(self.priority / 8)).copied()),
            ("severity", Some(SEVERITIES[usize::from(self.priority % 8)])),
            ("message_id", self.message_id),
            ("message", Some(self.text)),
        ];
        let fields: Vec<(Box<str>, Datum)> = fields.map(|(name, value)| (name.into(), text(value))).into();
        let record =
            Record { key: self.key(key), time_us: self.time_us, data: Data::Fields(fields), ..Record::default() };
        EventLine { record, ..EventLine::default() }
    }
}

/// The priority in angle brackets, and what follows.
fn priority(text: &str) -> Option<(u8, &str)> {
    let (number, rest) = text.strip_prefix('<')?.split_once('>')?;
    let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let number: u8 = number.parse().ok().filter(|_| is_number)?;
    (number < 192).then_some((number, rest))
}

/// What follows the version in a message of RFC 5424; nothing if it is not of that form.
fn modern(text: &str) -> Option<SyslogMessage<'_>> {
    let mut words = text.splitn(6, ' ');
    let mut word = || words.next().map(|word| Some(word).filter(|word| *word != NIL));
    let (time, host, program, pid, message_id) = (word()?, word()?, word()?, word()?, word()?);
    let rest = words.next().unwrap_or(NIL);
    let text = after_structured_data(rest)?;
    let text = text.strip_prefix(' ').unwrap_or(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let time_us = match time {
        Some(time) => Some(parse_standard(time)?),
        None => None,
    };
    Some(SyslogMessage { priority: 0, time_us, host, program, pid, message_id, text })
}

/// What follows the structured data: `-`, or elements in brackets, whose quoted values may hold escaped ones.
fn after_structured_data(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix(NIL) {
        return Some(rest);
    }
    let (mut is_quoted, mut is_escaped, mut is_inside) = (false, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if std::mem::take(&mut is_escaped) => {}
            '\\' if is_quoted => is_escaped = true,
            '"' if is_inside => is_quoted = !is_quoted,
            '[' if !is_inside => is_inside = true,
            ']' if !is_quoted => is_inside = false,
            _ if is_inside => {}
            _ => return (at > 0).then(|| &text[at..]),
        }
    }
    (!is_inside && !text.is_empty()).then_some("")
}

/// What follows the priority in a message of RFC 3164, or in one that only resembles it:
/// `time host program[pid]: text`, where the time, the host or both may be left out.
fn classic(text: &str, arrival_us: i64) -> SyslogMessage<'_> {
    let (time_us, rest) = classic_time(text, arrival_us).map_or((None, text), |(time, rest)| (Some(time), rest));
    if let Some((program, pid, text)) = tag(rest) {
        return SyslogMessage { time_us, program: Some(program), pid, text, ..SyslogMessage::default() };
    }
    // only after a time is the first word the host
    let Some((host, after)) = rest.split_once(' ').filter(|_| time_us.is_some()) else {
        return SyslogMessage { time_us, text: rest, ..SyslogMessage::default() };
    };
    let (program, pid, text) = tag(after).map_or((None, None, after), |(name, pid, text)| (Some(name), pid, text));
    SyslogMessage { time_us, host: Some(host), program, pid, text, ..SyslogMessage::default() }
}

/// The time that a message begins with, and what follows: `Nov  8 07:00:00`, or one of RFC 3339.
fn classic_time(text: &str, arrival_us: i64) -> Option<(i64, &str)> {
    if let Some((word, rest)) = text.split_once(' ')
        && word.contains('T')
        && let Some(time_us) = parse_standard(word)
    {
        return Some((time_us, rest));
    }
    let (time, rest) = (text.get(..15).filter(|time| time.is_ascii())?, text.get(15..)?.strip_prefix(' ')?);
    let civil = CivilTime::parse(time, None).filter(|civil| civil.year.is_none())?;
    let year = civil_year(arrival_us);
    // a message of the last evening of a year may come in the next one, but none comes long before its time
    let times = [year - 1, year, year + 1].into_iter().filter_map(|year| {
        let text = format!("{year:04}-{:02}-{:02}T{}", civil.month, civil.day, &time[7..]);
        parse_standard(&text)
    });
    let nearest = times.filter(|time| *time <= arrival_us.saturating_add(DAY_US)).max()?;
    Some((nearest, rest))
}

/// The year of a time, in UTC.
fn civil_year(time_us: i64) -> i32 {
    surmise_event::format_time(time_us).get(..4).and_then(|year| year.parse().ok()).unwrap_or(1970)
}

/// The program and the process of `program[pid]: text`, and the text.
fn tag(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let (tag, rest) = text.split_once(':')?;
    let (program, pid) = match tag.strip_suffix(']').and_then(|tag| tag.split_once('[')) {
        Some((program, pid)) => (program, Some(pid)),
        None => (tag, None),
    };
    let is_program = |c: char| c.is_ascii_graphic() && !matches!(c, '[' | ']' | '"' | '=');
    let is_name = (1..=PROGRAM_BYTES_MAX).contains(&program.len()) && program.chars().all(is_program);
    let text = rest.strip_prefix(' ').filter(|_| is_name)?;
    Some((program, pid.filter(|pid| !pid.is_empty()), text))
}

#[cfg(test)]
#[path = "syslog_message_tests.rs"]
mod tests;
