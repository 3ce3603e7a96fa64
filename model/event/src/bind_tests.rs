//! Tests of binding: what grows, what widens, what is refused.

use super::*;
use proptest::prelude::*;

#[test]
fn a_code_has_the_name_that_its_json_has() {
    for code in RefusalCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.name());
    }
    let distinct: std::collections::HashSet<&str> = RefusalCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(distinct.len(), RefusalCode::ALL.len());
}

fn record(fields: &[(&str, Datum)]) -> Record {
    Record { data: Data::Fields(fields.iter().map(|(n, d)| ((*n).into(), d.clone())).collect()), ..Record::default() }
}
fn bind(s: &mut Schema, r: &Record) -> Result<Event, Refusal> {
    s.bind(r, &Limits::default())
}

#[test]
fn an_open_schema_grows_and_keeps_its_kinds() {
    let mut s = Schema::default();
    let e = bind(&mut s, &record(&[("page", Datum::Text("/a".into())), ("ms", Datum::Number(3.0))])).unwrap();
    assert_eq!(e.values, [Value::Symbol("/a".into()), Value::Number(3.0)]);
    let e = bind(&mut s, &record(&[("ms", Datum::Null), ("v", Datum::Numbers(vec![1.0, 2.0]))])).unwrap();
    assert_eq!(e.values, [Value::Missing, Value::Missing, Value::Number(1.0), Value::Number(2.0)]);
    assert_eq!(s.fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["page", "ms", "v[0]", "v[1]"]);
    let e =
        bind(&mut s, &record(&[("new", Datum::Number(1.0)), ("page", Datum::Numbers(vec![f64::NAN]))])).unwrap_err();
    assert_eq!((e.code, e.field.as_str()), (RefusalCode::NotFinite, "page[0]"));
    assert_eq!(s.fields.len(), 4, "a refused record does not grow the schema");
}

#[test]
fn a_lone_value_finds_the_only_field() {
    let mut s = Schema::new([Field::new("level", FieldKind::Category)]);
    let r = Record { data: Data::One(Datum::Text("up".into())), ..Record::default() };
    assert_eq!(bind(&mut s, &r).unwrap().values, [Value::Symbol("up".into())]);
    let mut s = Schema::default();
    bind(&mut s, &r).unwrap();
    assert_eq!(s.fields, [Field::new(VALUE, FieldKind::Category)]);
    let line = Record { data: Data::One(Datum::Text("GET /a 200".into())), ..Record::default() };
    let mut s = Schema::default();
    assert_eq!(bind(&mut s, &line).unwrap().values, [Value::Bytes(b"GET /a 200"[..].into())]);
    assert_eq!(s.fields, [Field::new(VALUE, FieldKind::Line)]);
}

#[test]
fn times_add_a_gap_in_front() {
    let mut s = Schema::default();
    let r = Record { time_us: Some(5), data: Data::One(Datum::Number(1.0)), ..Record::default() };
    assert_eq!(bind(&mut s, &r).unwrap().values, [Value::Missing, Value::Number(1.0)]);
    assert_eq!(s.fields[0].kind, FieldKind::Gap);
}

#[test]
fn refusals_name_field_and_reason() {
    let mut s = Schema {
        fields: vec![
            Field::new("a", FieldKind::Number),
            Field { required: true, ..Field::new("b", FieldKind::Category) },
        ],
        closed: true,
    };
    let code = |s: &mut Schema, f: &[(&str, Datum)]| {
        bind(s, &record(f)).map(|_| ()).map_err(|e| (e.code, e.field)).unwrap_err()
    };
    let b = ("b", Datum::Text("x".into()));
    assert_eq!(code(&mut s, &[("a", Datum::Text("fast".into())), b.clone()]), (RefusalCode::WrongType, "a".into()));
    assert_eq!(code(&mut s, &[("a", Datum::Number(f64::NAN)), b.clone()]), (RefusalCode::NotFinite, "a".into()));
    assert_eq!(code(&mut s, &[("c", Datum::Null), b]), (RefusalCode::UnknownField, "c".into()));
    assert_eq!(code(&mut s, &[("a", Datum::Number(1.0))]), (RefusalCode::MissingField, "b".into()));
    assert_eq!(code(&mut s, &[("b", Datum::Text("y".repeat(1 << 20).into()))]), (RefusalCode::TooLong, "b".into()));
    assert_eq!(code(&mut s, &[]), (RefusalCode::Empty, "data".into()));
}

#[test]
fn values_of_another_kind_widen_an_open_schema() {
    let text = |s: &str| Datum::Text(s.into());
    let symbol = |s: &str| Value::Symbol(s.into());
    let mut s = Schema::default();
    let mut one = |name: &str, d: Datum| {
        let event = bind(&mut s, &record(&[("n", Datum::Number(0.0)), (name, d)])).unwrap();
        let found = s.fields.iter().zip(event.values).filter(|(f, v)| f.name.starts_with(name) && *v != Value::Missing);
        found.map(|(f, v)| (f.name.clone(), v)).collect::<Vec<_>>()
    };
    let is = |found: Vec<(String, Value)>, name: &str, value: Value| assert_eq!(found, [(name.to_owned(), value)]);
    // numbers, then texts
    is(one("ms", Datum::Number(3.0)), "ms", Value::Number(3.0));
    is(one("ms", text("timeout")), "ms.text", symbol("timeout"));
    is(one("ms", text(" 12.5 ")), "ms", Value::Number(12.5));
    is(one("ms", Datum::Bool(true)), "ms.text", symbol("true"));
    assert!(one("ms", text("n/a")).is_empty() && one("ms", text("inf")).is_empty());
    // names, then numbers
    is(one("code", text("ok")), "code", symbol("ok"));
    is(one("code", Datum::Number(200.0)), "code", symbol("200"));
    is(one("code", Datum::Number(0.5)), "code.number", Value::Number(0.5));
    is(one("code", Datum::Number(200.0)), "code.number", Value::Number(200.0));
    is(one("code", text(&"x".repeat(5000))), "code.text", Value::Bytes("x".repeat(5000).into_bytes().into()));
    // words for nothing tell no kind, and neither do empty vectors
    assert!(one("late", text("-")).is_empty() && one("late", Datum::Numbers(vec![])).is_empty());
    is(one("late", Datum::Number(1.0)), "late", Value::Number(1.0));
    // a companion's name may be taken
    is(one("w.text", Datum::Number(1.0)), "w.text", Value::Number(1.0));
    is(one("w", Datum::Number(1.0)), "w", Value::Number(1.0));
    let event = bind(&mut s, &record(&[("w", text("x"))])).unwrap();
    assert_eq!(event.values[s.position("w.text.text").unwrap()], symbol("x"));
    // the only field keeps its lone values when it has a companion
    let mut only = Schema::new([Field::new("level", FieldKind::Number)]);
    let lone = |d: Datum| Record { data: Data::One(d), ..Record::default() };
    assert_eq!(bind(&mut only, &lone(text("x"))).unwrap().values, [Value::Missing, symbol("x")]);
    assert_eq!(bind(&mut only, &lone(Datum::Number(2.0))).unwrap().values, [Value::Number(2.0), Value::Missing]);
    // what is closed or required is refused
    let mut closed = Schema { fields: vec![Field::new("a", FieldKind::Number)], closed: true };
    assert_eq!(bind(&mut closed, &record(&[("a", text("x"))])).unwrap_err().code, RefusalCode::WrongType);
    let mut required = Schema::new([Field { required: true, ..Field::new("a", FieldKind::Number) }]);
    assert_eq!(bind(&mut required, &record(&[("a", text("x"))])).unwrap_err().code, RefusalCode::WrongType);
}

fn datum() -> impl Strategy<Value = Datum> {
    prop_oneof![
        Just(Datum::Null),
        any::<bool>().prop_map(Datum::Bool),
        (-3i32..300).prop_map(|x| Datum::Number(f64::from(x) / 2.0)),
        "(-|NA|12|x|up|1,5| |inf|[a-z]{1,3})".prop_map(|s| Datum::Text(s.into())),
        prop::collection::vec(-2.0..2.0, 0..3).prop_map(Datum::Numbers),
    ]
}

proptest! {
    #[test]
    fn nothing_is_refused_for_its_kind_and_what_is_read_again_binds_alike(
        records in prop::collection::vec(prop::collection::btree_map("[ab](\\.text|\\.number)?", datum(), 1..4), 1..20),
        read_again in 0usize..20,
    ) {
        let records: Vec<Record> = records
            .into_iter()
            .map(|m| Record { data: Data::Fields(m.into_iter().map(|(n, d)| (n.into(), d)).collect()), ..Record::default() })
            .collect();
        let (mut s, mut kept, mut after) = (Schema::default(), Schema::default(), Vec::new());
        for (i, r) in records.iter().enumerate() {
            if i == read_again {
                kept = s.clone();
            }
            let event = bind(&mut s, r);
            if let Err(e) = &event {
                prop_assert_eq!(e.code, RefusalCode::Empty, "{:?}: {}", r, e);
            }
            if i >= read_again {
                after.push(event);
            }
        }
        // as recovery does: a schema of a checkpoint, and the records after it
        for (r, event) in records.iter().skip(read_again).zip(after) {
            prop_assert_eq!(bind(&mut kept, r), event);
        }
        prop_assert!(records.len() <= read_again || kept == s);
    }
}
