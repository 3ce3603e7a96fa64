//! A target of the words that configuration, hellos and queries are written in: durations, sizes, budgets, times,
//! addresses, hashes of tokens, names and patterns of streams. What is read is written as something that reads alike.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use surmise_config::{
    AccessRole, ByteSize, KAFKA_SCHEMES, MQTT_SCHEMES, NATS_SCHEMES, REDIS_SCHEMES, ServerUrl, TimeSpan, TokenHash,
    TokenRule, check_stream_name, decoded, parse_address,
};
use surmise_event::{AlarmBudget, CivilTime, format_time, parse_standard, parse_time};

pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "5s\n",
        "256 MiB\n",
        "90m\n",
        "1/day\n",
        "3/10_000 events\n",
        "2/90seconds\n",
        "2026-01-02T03:04:05.123456+01:00\n",
        "1700000000.25\n",
        "02/Jan/2026:03:04:05 +0000\n",
        "Jan  2 03:04:05\n",
        "127.0.0.1:7070\n",
        "[::1]:7070\n",
        "off\n",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n",
        "web-*-eu\nweb-1-eu",
        "a*b**c\naXbYbc",
        "rediss://user:p%40ss@host:6380/2\n",
        "mqtts://h:8883/a?b#c\n",
        "nats://token@h:4222\n",
        "tls://a:b@h\n",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

/// What a text means is written, and read again.
fn is_kept<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    let Ok(value) = text.parse::<T>() else { return };
    let written = value.to_string();
    assert_eq!(written.parse::<T>().ok(), Some(value), "{text:?} was written as {written:?}");
}

/// Whether a name fits a pattern, the long way: each star is tried at every place.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let mut row = vec![false; name.len() + 1];
    row[0] = true;
    for letter in pattern {
        let before = row.clone();
        for at in 0..row.len() {
            row[at] = match letter {
                b'*' => before[at] || (at > 0 && row[at - 1]),
                _ => at > 0 && before[at - 1] && name[at - 1] == *letter,
            };
        }
    }
    row[name.len()]
}

/// Words, one of which is the first line and another the rest.
pub fn words(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    is_kept::<TimeSpan>(first);
    is_kept::<ByteSize>(first);
    is_kept::<AlarmBudget>(first);
    is_kept::<TokenHash>(first);
    for time_us in [parse_time(first).ok(), parse_standard(first)].into_iter().flatten() {
        let written = format_time(time_us);
        assert_eq!(parse_standard(&written), Some(time_us), "{first:?} was written as {written:?}");
    }
    CivilTime::parse(first, None);
    if let Ok(Some(address)) = parse_address(first) {
        assert_eq!(parse_address(&address.to_string()).ok(), Some(Some(address)));
    }
    let url: ServerUrl = serde_json::from_value(first.into()).expect("any text may be written as an address");
    for schemes in [NATS_SCHEMES, REDIS_SCHEMES, MQTT_SCHEMES, KAFKA_SCHEMES] {
        if let Err(fault) = url.parse(schemes) {
            assert!(!fault.to_string().is_empty());
        }
    }
    let _ = decoded(first);
    let _ = check_stream_name(rest, 256);
    if first.len() * rest.len() < 1 << 14 {
        let (roles, streams) = (vec![AccessRole::Read], vec![first.to_owned()]);
        let rule = TokenRule { name: "t".into(), hash: TokenHash::of(b"t"), roles, streams };
        assert_eq!(rule.covers(rest), fits(first.as_bytes(), rest.as_bytes()), "{first:?} {rest:?}");
    }
}
