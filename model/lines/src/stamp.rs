//! Time stamps in the forms that logs have, found where a word begins.

/// Microseconds of a second.
pub(crate) const SECOND_US: i64 = 1_000_000;

/// Microseconds of a day.
pub(crate) const DAY_US: i64 = 86_400 * SECOND_US;

/// What a time stamp says. Parts that it leaves out are for the reader's clock to decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The year, if it is said.
    pub year: Option<i32>,
    /// Month and day, from 1, if they are said.
    pub day: Option<(u8, u8)>,
    /// Microseconds since the day began, or since 1970 where `is_absolute`.
    pub time_us: i64,
    /// Seconds by which the stamp's clock is ahead of UTC.
    pub ahead_s: i32,
    /// Whether the stamp counts from 1970.
    pub is_absolute: bool,
    /// Whether the stamp says a time of day; a date alone is no time.
    pub has_time: bool,
}

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const WEEKDAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];

/// A place in a text that is read as a stamp.
#[derive(Clone, Copy)]
struct StampReader<'a> {
    text: &'a [u8],
    at: usize,
}

impl StampReader<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }
    /// Exactly `n` digits as a number.
    fn digits(&mut self, n: usize) -> Option<i64> {
        let part = self.text.get(self.at..self.at + n).filter(|p| p.iter().all(u8::is_ascii_digit))?;
        self.at += n;
        Some(part.iter().fold(0, |x, b| x * 10 + i64::from(b - b'0')))
    }
    /// One of these bytes.
    fn one_of(&mut self, any: &[u8]) -> Option<u8> {
        let byte = self.peek();
        any.contains(&byte).then(|| {
            self.at += 1;
            byte
        })
    }
    /// The name of a month, from 1.
    fn month(&mut self) -> Option<u8> {
        let name = self.text.get(self.at..self.at + 3)?;
        let month = MONTHS.iter().position(|m| m.as_slice() == name)? as u8 + 1;
        self.at += 3;
        Some(month)
    }
    /// `hh:mm:ss` with any of these marks between, and a fraction.
    fn time(&mut self, marks: &[u8]) -> Option<i64> {
        let hour = self.digits(2).filter(|h| *h < 24)?;
        let mark = self.one_of(marks)?;
        let minute = self.digits(2).filter(|m| *m < 60)?;
        self.one_of(&[mark, b':', b'.'])?;
        let second = self.digits(2).filter(|s| *s < 61)?;
        Some(((hour * 60 + minute) * 60 + second) * SECOND_US + self.fraction())
    }
    /// A fraction of a second in microseconds, zero if there is none.
    fn fraction(&mut self) -> i64 {
        if !matches!(self.peek(), b'.' | b',') || !self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            return 0;
        }
        self.at += 1;
        let (mut micros, mut unit) = (0, SECOND_US / 10);
        while self.peek().is_ascii_digit() {
            micros += i64::from(self.peek() - b'0') * unit;
            unit /= 10;
            self.at += 1;
        }
        micros
    }
    /// An offset such as `Z`, `+02:00` or ` -0700`, in seconds ahead of UTC.
    fn offset(&mut self) -> i32 {
        if self.peek() == b'Z' {
            self.at += 1;
            return 0;
        }
        let mut ahead = *self;
        if ahead.peek() == b' ' {
            ahead.at += 1;
        }
        let read = |r: &mut Self| {
            let sign = if r.one_of(b"+-")? == b'-' { -1 } else { 1 };
            let hours = r.digits(2).filter(|h| *h < 15)?;
            r.one_of(b":");
            let minutes = r.digits(2).filter(|m| *m < 60)?;
            (!r.peek().is_ascii_digit()).then_some(sign * (hours * 3600 + minutes * 60) as i32)
        };
        read(&mut ahead).map_or(0, |offset| {
            self.at = ahead.at;
            offset
        })
    }
}

/// Reads the time stamp that a text begins with; returns its length and what it says.
#[inline]
pub(crate) fn read(text: &[u8]) -> Option<(usize, Stamp)> {
    let first = *text.first()?;
    if text.len() < 8 {
        return None;
    }
    let mut r = StampReader { text, at: 0 };
    let stamp = if first.is_ascii_digit() {
        let digits = text.iter().take(20).take_while(|b| b.is_ascii_digit()).count();
        match digits {
            1 | 2 => by_two(&mut r, digits)?,
            4 => by_year(&mut r)?,
            8 => compact(&mut r)?,
            10 | 13 | 16 | 19 if first == b'1' => epoch(&mut r, digits)?,
            _ => return None,
        }
    } else if first.is_ascii_uppercase() && text[1].is_ascii_lowercase() {
        by_name(&mut r)?
    } else {
        return None;
    };
    // a longer word is no stamp
    let next = r.peek();
    (!next.is_ascii_alphanumeric() && next != b'_').then_some((r.at, stamp))
}

/// Reads the head of klog, `I0302 12:58:45.409123`, at `at`; returns where its level ends and where its time does.
pub(crate) fn read_klog(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let is_level = matches!(text.get(at), Some(b'I' | b'W' | b'E' | b'F' | b'D'));
    let (length, _) = is_level.then(|| read_month_day(&text[at + 1..])).flatten()?;
    Some((at + 1, at + 1 + length))
}

/// Reads `0302 12:58:45.409123`, which is a stamp only where its place says so.
pub(crate) fn read_month_day(text: &[u8]) -> Option<(usize, Stamp)> {
    let mut r = StampReader { text, at: 0 };
    let mut stamp = date(None, r.digits(2)?, r.digits(2)?)?;
    r.one_of(b" ")?;
    (stamp.time_us, stamp.has_time) = (r.time(b":")?, true);
    (r.at >= 15 && !r.peek().is_ascii_alphanumeric()).then_some((r.at, stamp))
}

/// The date of a stamp, where month and day are possible.
fn date(year: Option<i64>, month: i64, day: i64) -> Option<Stamp> {
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some(Stamp {
        year: year.map(|y| y as i32),
        day: Some((month as u8, day as u8)),
        ..Stamp::default()
    })
}

/// `2026-03-02T12:58:45.409Z`, with other marks, or a date alone.
fn by_year(r: &mut StampReader<'_>) -> Option<Stamp> {
    let year = r.digits(4)?;
    let mark = r.one_of(b"-/.")?;
    let month = r.digits(2)?;
    r.one_of(&[mark])?;
    let day = r.digits(2)?;
    let mut stamp = date(Some(year), month, day)?;
    let mut ahead = *r;
    if ahead.one_of(b"T -_:").is_some()
        && let Some(time_us) = ahead.time(b":.")
    {
        stamp.ahead_s = ahead.offset();
        (stamp.time_us, stamp.has_time) = (time_us, true);
        r.at = ahead.at;
    }
    Some(stamp)
}

/// `12:58:45`, `02/Mar/2026:12:58:45 +0000`, `02 Mar 2026 12:58:45`, `03-02 12:58:45.409`, `17/06/09 20:10:40`,
/// `02/28/2026 12:58:45` or `28.02.2026 12:58:45`.
fn by_two(r: &mut StampReader<'_>, digits: usize) -> Option<Stamp> {
    let a = r.digits(digits)?;
    match r.peek() {
        b':' if digits == 2 => {
            r.at = 0;
            Some(Stamp { time_us: r.time(b":")?, has_time: true, ..Stamp::default() })
        }
        b'/' | b' ' | b'-' if r.text.get(r.at + 1).is_some_and(u8::is_ascii_uppercase) => {
            let mark = r.one_of(b"/ -")?;
            let month = r.month()?;
            r.one_of(&[mark])?;
            let mut stamp = date(Some(r.digits(4)?), i64::from(month), a)?;
            r.one_of(b": T")?;
            (stamp.time_us, stamp.has_time) = (r.time(b":")?, true);
            stamp.ahead_s = r.offset();
            Some(stamp)
        }
        b'/' | b'-' | b'.' => {
            let mark = r.one_of(b"/-.")?;
            let b = r.digits(2)?;
            let mut stamp = if mark == b'-' && r.peek() == b' ' {
                date(None, a, b)?
            } else {
                r.one_of(&[mark])?;
                let long = r.text.get(r.at..r.at + 4).is_some_and(|y| y.iter().all(u8::is_ascii_digit));
                match (long, mark) {
                    // the day is first where points are between, or where it can be no month
                    (true, b'.') => date(Some(r.digits(4)?), b, a)?,
                    (true, _) if a > 12 => date(Some(r.digits(4)?), b, a)?,
                    (true, _) => date(Some(r.digits(4)?), a, b)?,
                    (false, _) => date(Some(2000 + a), b, r.digits(2)?)?,
                }
            };
            r.one_of(b",");
            r.one_of(b" -T")?;
            (stamp.time_us, stamp.has_time) = (r.time(b":")?, true);
            Some(stamp)
        }
        _ => None,
    }
}

/// `20260302-12:58:45:409` or `20260302T125845Z`.
fn compact(r: &mut StampReader<'_>) -> Option<Stamp> {
    let (year, month, day) = (r.digits(4)?, r.digits(2)?, r.digits(2)?);
    let mut stamp = date(Some(year).filter(|y| (1970..2200).contains(y)), month, day)?;
    r.one_of(b"-T ")?;
    let mut plain = *r;
    stamp.time_us = match r.time(b":") {
        Some(time_us) => time_us,
        None => {
            let (h, m, s) = (plain.digits(2)?, plain.digits(2)?, plain.digits(2)?);
            *r = plain;
            ((h * 60 + m) * 60 + s) * SECOND_US + r.fraction()
        }
    };
    if r.peek() == b':' {
        r.at += 1;
        while r.peek().is_ascii_digit() {
            r.at += 1;
        }
    }
    stamp.ahead_s = r.offset();
    stamp.has_time = true;
    Some(stamp)
}

/// Seconds, milli-, micro- or nanoseconds since 1970, told apart by their digits.
fn epoch(r: &mut StampReader<'_>, digits: usize) -> Option<Stamp> {
    let count = r.digits(digits)?;
    let time_us = match digits {
        10 => count * SECOND_US + r.fraction(),
        13 => count * 1000,
        16 => count,
        _ => count / 1000,
    };
    Some(Stamp { time_us, is_absolute: true, has_time: true, ..Stamp::default() })
}

/// `Mar  2 12:58:45`, `Mon Mar 02 12:58:45.409 2026` or `Mon, 02 Mar 2026 12:58:45 +0000`.
fn by_name(r: &mut StampReader<'_>) -> Option<Stamp> {
    if WEEKDAYS.iter().any(|d| r.text.starts_with(*d)) {
        r.at = 3;
        r.one_of(b",");
        r.one_of(b" ")?;
        if r.peek().is_ascii_digit() {
            let digits = if r.text.get(r.at + 1).is_some_and(u8::is_ascii_digit) { 2 } else { 1 };
            let mut rest = StampReader { text: r.text.get(r.at..)?, at: 0 };
            let stamp = by_two(&mut rest, digits)?;
            r.at += rest.at;
            return stamp.day.map(|_| stamp);
        }
    }
    let month = r.month()?;
    r.one_of(b" ")?;
    while r.peek() == b' ' {
        r.at += 1;
    }
    let digits = if r.text.get(r.at + 1).is_some_and(u8::is_ascii_digit) { 2 } else { 1 };
    let day = r.digits(digits)?;
    r.one_of(b" ")?;
    let mut stamp = date(None, i64::from(month), day)?;
    (stamp.time_us, stamp.has_time) = (r.time(b":")?, true);
    let mut ahead = *r;
    if ahead.one_of(b" ").is_some()
        && let Some(year) = ahead.digits(4)
        && (1970..2200).contains(&year)
        && !ahead.peek().is_ascii_alphanumeric()
    {
        stamp.year = Some(year as i32);
        r.at = ahead.at;
    }
    Some(stamp)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
pub(crate) fn days(year: i32, month: u8, day: u8) -> i64 {
    let (m, d) = (i64::from(month), i64::from(day));
    let y = i64::from(year) - i64::from(m <= 2);
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let of_year = (153 * (m + if m > 2 { -3 } else { 9 }) + 2) / 5 + d - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<(usize, i64)> {
        let (length, s) = read(text.as_bytes())?;
        let day = s.day.map_or(0, |(m, d)| days(s.year.unwrap_or(2026), m, d));
        Some((length, day * DAY_US + s.time_us - i64::from(s.ahead_s) * SECOND_US))
    }

    #[test]
    fn stamps_of_many_forms_tell_the_same_time() {
        let second = days(2026, 3, 2) * DAY_US + ((12 * 60 + 58) * 60 + 45) * SECOND_US;
        for text in [
            "2026-03-02T12:58:45Z",
            "2026-03-02 12:58:45.000",
            "2026-03-02T14:58:45+02:00",
            "2026/03/02 12:58:45",
            "2026-03-02-12.58.45",
            "02/Mar/2026:12:58:45 +0000",
            "02/Mar/2026:05:58:45 -0700",
            "02 Mar 2026 12:58:45",
            "Mar  2 12:58:45",
            "Mar 02 12:58:45",
            "Mon Mar 02 12:58:45 2026",
            "Mon, 02 Mar 2026 12:58:45 GMT",
            "03-02 12:58:45.000",
            "26/03/02 12:58:45",
            "03/02/2026 12:58:45",
            "02.03.2026 12:58:45",
            "20260302-12:58:45:0",
            "20260302T125845Z",
            "1772456325",
            "1772456325000",
        ] {
            let (length, time) = told(text).unwrap_or_else(|| panic!("{text} is a stamp"));
            assert_eq!(time, second, "{text}");
            assert_eq!(length, text.trim_end_matches(" GMT").len(), "{text}");
        }
        assert_eq!(told("2026-03-02T12:58:45.409Z").map(|t| t.1), Some(second + 409_000));
        assert_eq!(told("12:58:45,5 x"), Some((10, ((12 * 60 + 58) * 60 + 45) * SECOND_US + 500_000)));
    }

    #[test]
    fn what_is_no_stamp_is_none() {
        for text in
            ["12:58:4x", "1772456325a", "2026-13-02", "Marches on the", "10.0.0.1 - -", "99:99:99 x", "200 1234 "]
        {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
