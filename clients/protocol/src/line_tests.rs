//! Tests of reading lines: the examples of the documentation, refusals and their fields, and random bytes.

use super::*;
use crate::line_value::SentId;
use proptest::prelude::*;

fn event(line: &str) -> EventLine {
    match parse_line(line.as_bytes()).unwrap() {
        ProducerLine::Event(e) => e,
        ProducerLine::Hello(h) => panic!("{h:?}"),
    }
}
fn plain(line: &str) -> Data {
    match parse_plain(line.as_bytes()).unwrap() {
        ProducerLine::Event(e) => e.record.data,
        ProducerLine::Hello(h) => panic!("{h:?}"),
    }
}
fn refused(line: impl AsRef<[u8]>) -> (RefusalCode, String, String) {
    let r = parse_line(line.as_ref()).unwrap_err();
    (r.code, r.field, r.reason)
}
fn named(fields: &[(&str, Datum)]) -> Data {
    Data::Fields(fields.iter().map(|(n, d)| ((*n).into(), d.clone())).collect())
}

#[test]
fn events_of_the_interface_page() {
    let e = event(
        r#"{"seq":42,"stream":"web","key":"user-7","time":"2026-11-23T12:00:00.123Z","data":{"page":"/cart","ms":132.5}}"#,
    );
    assert_eq!((e.seq, e.stream.as_deref(), e.record.key.as_deref()), (Some(42), Some("web"), Some("user-7")));
    assert_eq!(e.record.time_us, Some(1_795_435_200_123_000));
    assert_eq!(e.record.data, named(&[("page", Datum::Text("/cart".into())), ("ms", Datum::Number(132.5))]));
    let e = event(r#"{"seq":43,"key":"user-7","end":true}"#);
    assert!(e.record.end && e.record.data == Data::None);
    assert_eq!(event(r#"{"data":"up"}"#).record.data, Data::One(Datum::Text("up".into())));
    assert_eq!(event(r#"{"data":[1,2.5],"time":1.5}"#).record.data, Data::One(Datum::Numbers(vec![1.0, 2.5])));
    assert_eq!(
        event(r#"{"data":null,"time":-2}"#).record,
        Record { time_us: Some(-2_000_000), data: Data::One(Datum::Null), ..Record::default() }
    );
}

#[test]
fn the_hello_of_the_interface_page() {
    let line = r#"{"hello":{"protocol":1,"producer":"web-7","epoch":3,"token":"t","stream":"web","want":["ack","outcome","next"]}}"#;
    let ProducerLine::Hello(h) = parse_line(line.as_bytes()).unwrap() else { panic!() };
    assert_eq!((h.protocol, h.producer.as_deref(), h.epoch, h.wants(crate::Want::Next)), (1, Some("web-7"), 3, true));
    let mut out = Vec::new();
    h.write_line(&mut out);
    assert_eq!(String::from_utf8(out).unwrap().trim_end(), line);
    let (code, field, reason) = refused(r#"{"hello":{"protocol":1,"producr":"x"}}"#);
    assert_eq!((code, field.as_str()), (RefusalCode::BadHello, "hello.producr"));
    assert!(reason.contains("did you mean \"producer\"?"), "{reason}");
    let (code, field, reason) = refused(r#"{"hello":{"protocol":1,"want":["all"]}}"#);
    assert_eq!((code, field.as_str()), (RefusalCode::BadHello, "hello.want[0]"), "{reason}");
    assert_eq!(refused(r#"{"hello":{"protocol":1},"data":1}"#).0, RefusalCode::BadJson);
}

#[test]
fn refusals_name_the_field_and_say_what_to_do() {
    for (line, code, field, says) in [
        ("hello", RefusalCode::BadJson, "line", "not JSON"),
        ("{\"data\":{\"a\":1}", RefusalCode::BadJson, "line", "one whole JSON object a line"),
        ("[1]", RefusalCode::BadJson, "line", "expected an object"),
        ("7", RefusalCode::BadJson, "line", "expected an object"),
        (r#"{"data":{"ms":NaN}}"#, RefusalCode::NotFinite, "data.ms", "send null"),
        (r#"{"data":{"ms":-Infinity}}"#, RefusalCode::NotFinite, "data.ms", "send null"),
        (r#"{"data":{"ms":1e400}}"#, RefusalCode::NotFinite, "data.ms", "1e400"),
        (r#"{"data":{"v":[1,1e400]}}"#, RefusalCode::NotFinite, "data.v[1]", "send null"),
        (r#"{"data":NaN}"#, RefusalCode::NotFinite, "data", "send null"),
        (r#"{"data":{"a":{"b":1},"a.b":2}}"#, RefusalCode::BadJson, "data.a.b", "twice"),
        (r#"{"data":{"a":1,"a":2}}"#, RefusalCode::BadJson, "data.a", "twice"),
        (r#"{"seq":-1,"data":1}"#, RefusalCode::WrongType, "seq", "expected a whole number from 0, got -1"),
        (r#"{"seq":"1","data":1}"#, RefusalCode::WrongType, "seq", "got \"1\""),
        (r#"{"key":7,"data":1}"#, RefusalCode::WrongType, "key", "expected text, got 7"),
        (r#"{"stream":7,"data":1}"#, RefusalCode::BadStream, "stream", "expected text"),
        (r#"{"time":"noon","data":1}"#, RefusalCode::BadTime, "time", "got \"noon\""),
        (r#"{"time":true,"data":1}"#, RefusalCode::BadTime, "time", "expected a time"),
        (r#"{"time":1e300,"data":1}"#, RefusalCode::BadTime, "time", "calendar"),
        (r#"{"end":1}"#, RefusalCode::WrongType, "end", "got 1"),
        (r#"{"dta":1}"#, RefusalCode::BadJson, "dta", "did you mean \"data\"?"),
        (r#"{"data":1,"page":1}"#, RefusalCode::BadJson, "page", "fields go into \"data\""),
        (r#"{"data":1} x"#, RefusalCode::BadJson, "line", "trailing"),
    ] {
        let (c, f, r) = refused(line);
        assert_eq!((c, f.as_str()), (code, field), "{line}: {r}");
        assert!(r.contains(says), "{line}: {r}");
    }
    let (code, field, _) = refused(b"{\"data\":{\"name\":\"\xff\"}}");
    assert_eq!((code, field.as_str()), (RefusalCode::BadUtf8, "data.name"));
    let deep = format!("{{\"data\":{}", "[".repeat(1 << 20));
    assert_eq!(refused(deep).0, RefusalCode::WrongType);
    let deep = format!("{{\"data\":{{\"a\":{}", "{\"a\":".repeat(1 << 18));
    let (_, field, reason) = refused(deep);
    assert!(field.starts_with("data.a.a.a") && reason.contains("deeper than 16 levels"), "{field}: {reason}");
    let wide = format!("{{\"data\":{{\"{}\":{{{}\"z\":1}}}}}}", "k".repeat(511), "\"b\":{\"c\":{}},".repeat(1000));
    assert!(refused(wide).2.contains("longer than 512 bytes"));
}

#[test]
fn plain_lines() {
    assert_eq!(plain("\"up\""), Data::One(Datum::Text("up".into())));
    assert_eq!(plain("3.5"), Data::One(Datum::Number(3.5)));
    assert_eq!(plain(" true\r\n"), Data::One(Datum::Bool(true)));
    assert_eq!(plain("null"), Data::One(Datum::Null));
    assert_eq!(plain("[1,2]"), Data::One(Datum::Numbers(vec![1.0, 2.0])));
    assert_eq!(plain("up and running"), Data::One(Datum::Text("up and running".into())));
    assert_eq!(plain("[Sun Dec 04] notice"), Data::One(Datum::Text("[Sun Dec 04] notice".into())));
    assert_eq!(plain("2026-11-23 12:00 error"), Data::One(Datum::Text("2026-11-23 12:00 error".into())));
    assert_eq!(
        plain(r#"{"page":"/a","ms":3}"#),
        named(&[("page", Datum::Text("/a".into())), ("ms", Datum::Number(3.0))])
    );
    assert_eq!(plain(r#"{"data":{"page":"/a"},"key":"k"}"#), named(&[("page", Datum::Text("/a".into()))]));
    let code = |l: &str| parse_plain(l.as_bytes()).map_err(|r| (r.code, r.field)).unwrap_err();
    assert_eq!(code("{page: 1}"), (RefusalCode::BadJson, "line".into()));
    assert_eq!(code(r#"{"key":"k","page":1}"#), (RefusalCode::BadJson, "page".into()));
    assert_eq!(code(r#"{"page":1,"key":"k"}"#), (RefusalCode::BadJson, "page".into()));
    assert_eq!(code("1e400"), (RefusalCode::NotFinite, "data".into()));
    assert_eq!(code(r#"{"time":"noon","data":1}"#), (RefusalCode::BadTime, "time".into()));
    assert_eq!(code(r#"{"time":1e300}"#), (RefusalCode::BadTime, "time".into()));
    assert_eq!(code("  "), (RefusalCode::Empty, "line".into()));
    assert!(matches!(parse_plain(br#"{"hello":{"protocol":1}}"#), Ok(ProducerLine::Hello(_))));
    assert_eq!(parse_bare(b"3.5\r\n").unwrap().record.data, Data::One(Datum::Text("3.5".into())));
}

#[test]
fn what_nests_becomes_flat() {
    let (text, number) = (|s: &str| Datum::Text(s.into()), Datum::Number);
    for (line, want) in [
        (
            r#"{"a":{"b":{"c":1},"d":"x"},"e":true}"#,
            named(&[("a.b.c", number(1.0)), ("a.d", text("x")), ("e", Datum::Bool(true))]),
        ),
        (
            r#"{"tags":["x",2,null]}"#,
            named(&[("tags[0]", text("x")), ("tags[1]", number(2.0)), ("tags[2]", Datum::Null)]),
        ),
        (
            r#"{"v":[1,2,"x",{"y":3}]}"#,
            named(&[("v[0]", number(1.0)), ("v[1]", number(2.0)), ("v[2]", text("x")), ("v[3].y", number(3.0))]),
        ),
        (
            r#"{"v":[1,2.5],"w":[],"m":[[1],[2]],"o":{}}"#,
            named(&[
                ("v", Datum::Numbers(vec![1.0, 2.5])),
                ("w", Datum::Numbers(vec![])),
                ("m[0]", Datum::Numbers(vec![1.0])),
                ("m[1]", Datum::Numbers(vec![2.0])),
            ]),
        ),
        (r#"[1,"a"]"#, named(&[("value[0]", number(1.0)), ("value[1]", text("a"))])),
        // whole numbers that floating point does not hold are names
        (
            r#"{"id":9007199254740993,"n":-9007199254740993,"v":[18446744073709551615]}"#,
            named(&[
                ("id", text("9007199254740993")),
                ("n", text("-9007199254740993")),
                ("v[0]", text("18446744073709551615")),
            ]),
        ),
    ] {
        assert_eq!(plain(line), want, "{line}");
        if line.starts_with('{') {
            assert_eq!(event(&format!("{{\"data\":{line}}}")).record.data, want, "{line} as data");
        }
    }
    let Data::Fields(items) = plain(&format!("{{\"v\":[{}1]}}", "\"x\",".repeat(100))) else { panic!() };
    assert_eq!(items.len(), 32, "items beyond the bound are passed over");
}

#[test]
fn lines_of_json_logs_have_their_time() {
    let line = |line: &str| match parse_plain(line.as_bytes()).unwrap() {
        ProducerLine::Event(e) => e,
        ProducerLine::Hello(h) => panic!("{h:?}"),
    };
    let want = Some(1_467_331_200_000_000);
    for (text, fields) in [
        (r#"{"time":"2016-07-01T00:00:00Z","level":"info","msg":"up"}"#, 2),
        (r#"{"level":30,"time":1467331200000,"msg":"up"}"#, 2),
        (r#"{"ts":1467331200.0,"msg":"up"}"#, 1),
        (r#"{"@timestamp":"2016-07-01T02:00:00+02:00","http":{"status":200}}"#, 1),
        (r#"{"log":"up\n","stream":"stderr","time":"2016-07-01T00:00:00.000000000Z"}"#, 2),
        (r#"{"timestamp":1467331200000000000,"msg":"up"}"#, 1),
    ] {
        let EventLine { stream, record, .. } = line(text);
        let Data::Fields(items) = record.data else { panic!("{text}") };
        assert_eq!((stream, record.time_us, items.len()), (None, want, fields), "{text}");
    }
    let odd = line(r#"{"time":"noon","msg":"up"}"#).record;
    assert_eq!(
        (odd.time_us, odd.data),
        (None, named(&[("msg", Datum::Text("up".into())), ("time", Datum::Text("noon".into()))]))
    );
    let ProducerLine::Event(untimed) = parse_plain_untimed(br#"{"ts":1467331200,"a":1}"#).unwrap() else { panic!() };
    assert_eq!(untimed.record.data, named(&[("ts", Datum::Number(1_467_331_200.0)), ("a", Datum::Number(1.0))]));
    // a stream of the protocol stays one
    assert!(parse_plain(br#"{"stream":"web","page":1}"#).is_err());
}

fn datum() -> impl Strategy<Value = Datum> {
    let finite = || any::<f64>().prop_filter("finite", |x| x.is_finite());
    prop_oneof![
        Just(Datum::Null),
        any::<bool>().prop_map(Datum::Bool),
        finite().prop_map(Datum::Number),
        any::<String>().prop_map(|s| Datum::Text(s.into())),
        prop::collection::vec(finite(), 0..4).prop_map(Datum::Numbers),
    ]
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        Just(Data::None),
        datum().prop_map(Data::One),
        prop::collection::btree_map(any::<String>(), datum(), 0..24)
            .prop_map(|m| Data::Fields(m.into_iter().map(|(n, d)| (n.into(), d)).collect())),
    ]
}

#[test]
fn an_id_is_one_where_the_line_is_an_event_and_a_field_where_it_is_a_record() {
    let read = |text: &str| match parse_plain(text.as_bytes()).unwrap() {
        ProducerLine::Event(event) => (event.id.map(|id| id.id.to_string()), event.record.data),
        ProducerLine::Hello(hello) => panic!("{hello:?}"),
    };
    let (text, one) = (|text: &str| Datum::Text(text.into()), Data::One(Datum::Number(1.0)));
    for event in [r#"{"id":"a","data":1}"#, r#"{"data":1,"id":"a"}"#] {
        assert_eq!(read(event), (Some("a".into()), one.clone()), "{event}");
        assert_eq!(parse_line(event.as_bytes()), parse_plain(event.as_bytes()), "{event}");
    }
    assert_eq!(read(r#"{"time":7,"id":17,"data":1}"#), (Some("17".into()), one));
    for (record, fields) in [
        (r#"{"id":"a"}"#, vec![("id", text("a"))]),
        (r#"{"x":"b","id":7,"y":"c"}"#, vec![("x", text("b")), ("id", Datum::Number(7.0)), ("y", text("c"))]),
    ] {
        assert_eq!(read(record), (None, named(&fields)), "{record}");
    }
    for wrong in [r#"{"id":"","data":1}"#, r#"{"data":1,"id":null}"#, r#"{"id":1.5,"data":1}"#] {
        for refusal in [parse_plain(wrong.as_bytes()), parse_line(wrong.as_bytes())].map(Result::unwrap_err) {
            assert_eq!((refusal.code, &*refusal.field), (RefusalCode::WrongType, "id"), "{wrong}");
        }
    }
    let refusal = parse_plain(br#"{"id":"a","data":1,"kye":2}"#).unwrap_err();
    assert_eq!(refusal.field, "kye");
    assert!(parse_plain(br#"{"id":"a","data":1,"id":"b"}"#).is_err());
}

#[test]
fn a_line_with_a_specversion_is_an_event_of_cloud_events() {
    let event = |text: &str| match parse_plain(text.as_bytes()).unwrap() {
        ProducerLine::Event(event) => event,
        ProducerLine::Hello(hello) => panic!("{hello:?}"),
    };
    let attributes = r#""id":"A1","source":"/shop","type":"seen","subject":"u7","time":"2026-11-23T12:00:00Z""#;
    // wherever the version stands, and with data or without
    for text in [
        format!(r#"{{"specversion":"1.0",{attributes},"data":{{"page":"/cart"}}}}"#),
        format!(r#"{{{attributes},"data":{{"page":"/cart"}},"specversion":"1.0","extension":7}}"#),
        format!(r#"{{{attributes},"specversion":"1.0"}}"#),
    ] {
        let EventLine { id, record, .. } = event(&text);
        let id = id.unwrap();
        assert_eq!((&*id.source, &*id.id, record.key.as_deref()), ("/shop", "A1", Some("u7")), "{text}");
        assert_eq!(record.time_us, Some(1_795_435_200_000_000), "{text}");
        let page = Data::Fields(vec![("page".into(), Datum::Text("/cart".into()))]);
        assert_eq!(record.data, if text.contains("data") { page } else { Data::None }, "{text}");
        assert_eq!(parse_line(text.as_bytes()), parse_plain(text.as_bytes()), "{text}");
        assert_eq!(parse_plain_untimed(text.as_bytes()), parse_plain(text.as_bytes()), "{text}");
    }
    // what it lacks is named, and the word within data or behind a name makes no such event
    let lacking = r#"{"specversion":"1.0","id":"1","source":"/s","data":1}"#;
    for refusal in [parse_plain(lacking.as_bytes()), parse_line(lacking.as_bytes())].map(Result::unwrap_err) {
        assert_eq!((refusal.code, &*refusal.field), (RefusalCode::MissingField, "type"));
    }
    for other in [r#"{"data":{"specversion":"1.0"}}"#, r#"{"a":{"specversion":"1.0"}}"#, r#"{"a":"specversion"}"#] {
        assert!(event(other).id.is_none() && event(other).record.data != Data::None, "{other}");
    }
    // ids of two sources stay two when they are sent on as lines
    let mut line = Vec::new();
    event(&format!(r#"{{"specversion":"1.0",{attributes},"data":1}}"#)).write_line(&mut line).unwrap();
    assert!(String::from_utf8(line).unwrap().contains(r#""id":"/shop A1""#));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (parse_line(&line), parse_plain(&line), parse_bare(&line), crate::Reply::parse(&line));
    }

    #[test]
    fn no_near_json_makes_it_panic(line in r#"[{}\[\]",:a-e0-9. ]*(\{"(data|seq|time|hello|key)":[\[{"0-9eE+.-]{0,8})?[}\]"]*"#) {
        let _ = (parse_line(line.as_bytes()), parse_plain(line.as_bytes()));
    }

    #[test]
    fn what_is_written_reads_back(seq: Option<u64>, id in prop::option::of("[a-z ]{1,9}"), stream: Option<String>, key: Option<String>,
        time_us in prop::option::of(-62_000_000_000_000_000i64..253_000_000_000_000_000), data in data(), end: bool) {
        let record = Record { key: key.map(Into::into), time_us, arrival_us: None, data, end };
        let id = id.map(|id| SentId { source: Box::default(), id: id.into() });
        let line = EventLine { seq, id, stream, record };
        let mut out = Vec::new();
        line.write_line(&mut out).unwrap();
        prop_assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
        prop_assert_eq!(parse_line(&out), Ok(ProducerLine::Event(line)));
    }
}

#[test]
fn feedback_is_read_and_written() {
    let line = r#"{"seq":7,"stream":"web","feedback":{"offset":1042,"verdict":"normal","label":"deploy"}}"#;
    let ProducerLine::Event(event) = parse_line(line.as_bytes()).unwrap() else { panic!("an event") };
    let Data::Feedback(said) = &event.record.data else { panic!("{event:?}") };
    assert_eq!((said.offset, said.label.as_deref()), (1042, Some("deploy")));
    let mut written = Vec::new();
    event.write_line(&mut written).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), format!("{line}\n"));
    assert_eq!(parse_plain(line.as_bytes()).unwrap(), ProducerLine::Event(event));
    for wrong in [
        r#"{"feedback":{"offset":1},"data":1}"#,
        r#"{"feedback":{"offset":1},"key":"k"}"#,
        r#"{"feedback":{"offset":-1}}"#,
        r#"{"feedback":{"offset":1,"verdict":"fine"}}"#,
        r#"{"feedback":"fine"}"#,
    ] {
        assert!(parse_line(wrong.as_bytes()).is_err(), "{wrong}");
    }
    // a log may have a field of the name
    let ProducerLine::Event(event) = parse_plain(br#"{"feedback":"fine","page":"/"}"#).unwrap() else { panic!() };
    assert!(matches!(event.record.data, Data::Fields(fields) if fields.len() == 2));
}
