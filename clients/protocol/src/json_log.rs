//! Lines of JSON logs: records that know nothing of the protocol, whose time has one of many names.

use surmise_event::{Datum, parse_time, time_of_number};

/// Names under which loggers write an event's time, the surest first. Case does not count.
const TIME_NAMES: [&str; 9] =
    ["@timestamp", "timestamp", "time", "ts", "datetime", "@t", "eventtime", "time_stamp", "date"];

/// A number below this many seconds since 1970 may be anything; above, it is a time after 1973.
const EPOCH_SECONDS_MIN: f64 = 1e8;

/// Streams of a process, which container runtimes write under the name `stream`.
const PROCESS_STREAMS: [&str; 2] = ["stdout", "stderr"];

/// Whether a field of this name can hold the event's time.
pub fn is_time_name(name: &str) -> bool {
    TIME_NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a `stream` is one of a process, and so a field of the record instead of the stream that it belongs to.
pub(crate) fn is_process_stream(stream: &str) -> bool {
    PROCESS_STREAMS.contains(&stream)
}

/// The time that a value tells, in microseconds since 1970; none of a value that is no time, or may be something else.
pub(crate) fn time_of_datum(value: &Datum) -> Option<i64> {
    match value {
        Datum::Number(x) if x.abs() >= EPOCH_SECONDS_MIN => time_of_number(*x),
        Datum::Text(text) => match text.trim().parse::<f64>() {
            Ok(x) if x.abs() < EPOCH_SECONDS_MIN => None,
            Ok(_) | Err(_) => parse_time(text).ok(),
        },
        Datum::Null | Datum::Bool(_) | Datum::Number(_) | Datum::Numbers(_) | Datum::Bytes(_) => None,
    }
}

/// Takes the event's time out of the fields of a record: the first that has one of the names, in their order, and is a
/// time.
pub fn take_time(fields: &mut Vec<(Box<str>, Datum)>) -> Option<i64> {
    let rank = |name: &str| TIME_NAMES.iter().position(|known| known.eq_ignore_ascii_case(name));
    let timed = fields.iter().enumerate();
    let timed = timed.filter_map(|(i, (name, value))| Some((rank(name)?, i, time_of_datum(value)?)));
    let (_, i, time_us) = timed.min()?;
    fields.remove(i);
    Some(time_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_found_under_the_names_that_loggers_give_it() {
        let text = |s: &str| Datum::Text(s.into());
        let take = |fields: &[(&str, Datum)]| {
            let mut fields: Vec<_> = fields.iter().map(|(n, d)| ((*n).into(), d.clone())).collect();
            (take_time(&mut fields), fields.len())
        };
        let want = Some(1_467_331_200_000_000);
        assert_eq!(take(&[("level", text("info")), ("ts", Datum::Number(1_467_331_200.0))]), (want, 1));
        assert_eq!(take(&[("ts", Datum::Number(5.0)), ("@timestamp", text("2016-07-01T00:00:00Z"))]), (want, 1));
        assert_eq!(take(&[("Timestamp", text("1467331200000000000"))]), (want, 0));
        assert_eq!(take(&[("ts", text("noon")), ("time", text("5"))]), (None, 2));
        // Fluent Bit's
        assert_eq!(take(&[("date", Datum::Number(1_467_331_200.0)), ("log", text("x"))]), (want, 1));
    }
}
