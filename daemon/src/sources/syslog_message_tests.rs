//! Messages as the standards and the programs in use write them.

use super::*;

/// 2026-11-28T07:30:00Z.
const ARRIVAL: i64 = 1_795_851_000_000_000;

fn parse(text: &str) -> SyslogMessage<'_> {
    SyslogMessage::parse(text, ARRIVAL).unwrap()
}

#[test]
fn messages_of_rfc_5424_are_read() {
    let m = parse("<165>1 2026-11-28T07:29:59.003Z db-1 evntslog 8710 ID47 [a@1 k=\"x]\\\"\"][b@1] \u{feff}An event");
    let time_us = parse_standard("2026-11-28T07:29:59.003Z");
    let expected = SyslogMessage {
        priority: 165,
        time_us,
        host: Some("db-1"),
        program: Some("evntslog"),
        pid: Some("8710"),
        message_id: Some("ID47"),
        text: "An event",
    };
    assert_eq!(m, expected);
    let m = parse("<34>1 - - - - - - no more than this\n");
    assert_eq!(m, SyslogMessage { priority: 34, text: "no more than this", ..SyslogMessage::default() });
    assert_eq!(parse("<34>1 - - su - - -").text, "");
    // what is not of the form is a message all the same
    assert_eq!(parse("<34>1 never a time").text, "1 never a time");
}

#[test]
fn messages_of_rfc_3164_are_read() {
    let m = parse("<34>Nov 28 07:29:58 db-1 su[12]: 'su root' failed");
    let time_us = parse_standard("2026-11-28T07:29:58Z");
    let expected = SyslogMessage {
        priority: 34,
        time_us,
        host: Some("db-1"),
        program: Some("su"),
        pid: Some("12"),
        message_id: None,
        text: "'su root' failed",
    };
    assert_eq!(m, expected);
    // a local one names no host, and has a day of one digit
    let m = parse("<13>Nov  8 07:00:00 backup: done: 3 files");
    assert_eq!((m.host, m.program, m.text), (None, Some("backup"), "done: 3 files"));
    assert_eq!(m.time_us, parse_standard("2026-11-08T07:00:00Z"));
    // a clock that began anew is behind, not months ahead
    let december = parse_standard("2026-12-01T12:00:00Z").unwrap();
    let booted = SyslogMessage::parse("<13>Jan  1 00:00:00 h p: x", december).unwrap();
    assert_eq!(booted.time_us, parse_standard("2026-01-01T00:00:00Z"));
    // written before the year began in which it comes
    let new_year = parse_standard("2027-01-01T00:00:01Z").unwrap();
    let late = SyslogMessage::parse("<13>Dec 31 23:59:59 h p: x", new_year).unwrap();
    assert_eq!(late.time_us, parse_standard("2026-12-31T23:59:59Z"));
    assert_eq!(parse("<13>2026-11-28T07:00:00+01:00 h p: x").time_us, parse_standard("2026-11-28T06:00:00Z"));
    for (text, of) in [("kernel: x", "x"), ("<999>x", "<999>x"), ("<13>it said: no", "it said: no"), ("x", "x")] {
        assert_eq!(parse(text).text, of, "{text}");
    }
    assert!(SyslogMessage::parse("<13>\n", ARRIVAL).is_ok_and(|m| m.text.is_empty()));
    assert!(SyslogMessage::parse(" \n", ARRIVAL).is_err());
}

#[test]
fn messages_are_events_of_the_schema() {
    let event = parse("<34>Nov 28 07:29:58 db-1 su[12]: failed").event(SyslogKey::Process);
    assert_eq!(event.record.key.as_deref(), Some("db-1 su[12]"));
    let Data::Fields(fields) = &event.record.data else { panic!("{event:?}") };
    let names: Vec<&str> = fields.iter().map(|(name, _)| &**name).collect();
    let schema = schema();
    assert_eq!(names, schema.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>());
    assert_eq!((&fields[2].1, &fields[3].1), (&Datum::Text("auth".into()), &Datum::Text("crit".into())));
    assert_eq!(parse("<34>x").key(SyslogKey::Process), None);
}

#[test]
fn times_with_other_blanks_are_no_times() {
    // a blank of three bytes stands where the clock of a classic time begins
    let m = parse("<13>Nov 8\u{3000}7:00:00 x");
    assert_eq!((m.priority, m.time_us), (13, None));
}
