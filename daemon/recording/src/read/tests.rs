//! Tests of the readers: every format from files, and what a bad file is answered.

use crate::compression::tests::{ALL, compress};
use crate::{Format, Source, SourceError, SourceOptions};
use proptest::prelude::*;
use std::path::PathBuf;
use surmise_event::{Data, Datum, FieldKind, Limits, Record, RefusalCode, Schema};

fn write(dir: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let p = dir.path().join(name);
    std::fs::write(&p, content).unwrap();
    p
}
fn open(
    files: &[PathBuf],
    format: Option<Format>,
    tune: impl FnOnce(&mut SourceOptions),
) -> Result<Source, SourceError> {
    let mut o = SourceOptions { files: files.to_vec(), format, ..SourceOptions::default() };
    tune(&mut o);
    Source::open(&o)
}
fn records(s: Source) -> Vec<Record> {
    s.map(|i| i.unwrap().record).collect()
}
fn kinds(s: &Source) -> Vec<(String, FieldKind)> {
    s.schema().fields.iter().map(|f| (f.name.clone(), f.kind)).collect()
}
fn token(key: &str, t: &str) -> Record {
    Record { key: Some(key.into()), data: Data::One(Datum::Text(t.into())), ..Record::default() }
}
fn end(key: &str) -> Record {
    Record { key: Some(key.into()), end: true, ..Record::default() }
}

#[test]
fn tokens_are_keys_that_end() {
    let d = tempfile::tempdir().unwrap();
    let (a, b) = (write(&d, "a", "5 22 \n\n7\r\n"), write(&d, "b", "\t9"));
    let s = open(&[a, b], Some(Format::Tokens), |_| ()).unwrap();
    let want =
        [token("0", "5"), token("0", "22"), end("0"), end("1"), token("2", "7"), end("2"), token("3", "9"), end("3")];
    assert_eq!(records(s), want);
}

/// A stream that is sent gets its fields from the records as they come, one that is replayed from the file.
#[test]
fn fields_are_in_one_order_however_a_table_is_learnt() {
    let d = tempfile::tempdir().unwrap();
    for text in ["a,b,c\n1,2,3\n4,5,6\n", "a,b,c\n,2,\n1,,\n,,x\n", "c,a,b\nNA,1,-\n,2,3\nu,3,4\n"] {
        let s = open(&[write(&d, "t.csv", text)], Some(Format::Csv), |_| ()).unwrap();
        let replayed: Vec<String> = kinds(&s).into_iter().map(|(name, _)| name).collect();
        let mut sent = Schema::default();
        records(s).iter().for_each(|record| _ = sent.bind(record, &Limits::default()).unwrap());
        let sent: Vec<String> = sent.fields.iter().map(|field| field.name.clone()).collect();
        assert_eq!(replayed, sent, "{text}");
    }
}

#[test]
fn tables_have_keys_times_and_fields() {
    let d = tempfile::tempdir().unwrap();
    let rows: String = (0..300)
        .map(|i| format!("{},{}.5,{},{}\n", i % 3, i, i % 2, if i == 7 { "NA".into() } else { (i * i).to_string() }))
        .collect();
    let f = write(&d, "t.csv", format!("k,time,class,n\n{rows}"));
    let s =
        open(std::slice::from_ref(&f), None, |o| (o.key, o.time) = (Some("k".into()), Some("time".into()))).unwrap();
    assert_eq!(s.format(), Format::Csv);
    assert_eq!(
        kinds(&s),
        [("gap".into(), FieldKind::Gap), ("class".into(), FieldKind::Category), ("n".into(), FieldKind::Number)]
    );
    let r = records(s);
    assert_eq!(r.len(), 300);
    let fields = |c: &str, n| Data::Fields(vec![("class".into(), Datum::Text(c.into())), ("n".into(), n)]);
    assert_eq!(
        r[4],
        Record {
            key: Some("1".into()),
            time_us: Some(4_500_000),
            data: fields("0", Datum::Number(16.0)),
            ..Record::default()
        }
    );
    assert_eq!(r[7].data, fields("1", Datum::Null));

    let s = open(std::slice::from_ref(&f), None, |o| {
        o.fields = vec!["class:number".parse().unwrap(), "k:ignore".parse().unwrap(), "time:ignore".parse().unwrap()]
    });
    assert_eq!(kinds(&s.unwrap()), [("class".into(), FieldKind::Number), ("n".into(), FieldKind::Number)]);
    let e = open(std::slice::from_ref(&f), None, |o| o.key = Some("kk".into())).map(|_| ()).unwrap_err();
    assert!(e.to_string().contains("did you mean \"k\"?"), "{e}");
}

#[test]
fn a_column_of_dates_is_the_time() {
    let d = tempfile::tempdir().unwrap();
    let f = write(&d, "t.csv", "timestamp,value\n2014-04-01 00:00:00,20.0\n2014-04-01 00:05:00,21.0\n");
    let s = open(&[f], None, |_| ()).unwrap();
    assert_eq!(kinds(&s), [("gap".into(), FieldKind::Gap), ("value".into(), FieldKind::Number)]);
    assert_eq!(s.notes().len(), 1);
    assert_eq!(records(s)[1].time_us, Some(1_396_310_700_000_000));
}

#[test]
fn faults_name_file_line_field_and_reason() {
    let d = tempfile::tempdir().unwrap();
    let fault = |name: &str, content: &[u8]| {
        let f = write(&d, name, content);
        let s = open(&[f], None, |o| o.strict = true);
        let e = s.and_then(|s| s.collect::<Result<Vec<_>, _>>()).map(|_| ()).unwrap_err();
        match e {
            SourceError::Data { file, line, refusal } => {
                assert!(file.ends_with(name));
                (line, refusal.code, refusal.field)
            }
            e => panic!("{e}"),
        }
    };
    let mut csv = "a,b\n".to_owned() + &"1.5,x\n".repeat(250) + "fast,x\n";
    assert_eq!(fault("a.csv", csv.as_bytes()), (252, RefusalCode::WrongType, "a".into()));
    csv = csv.replace("fast,x", "inf,x");
    assert_eq!(fault("b.csv", csv.as_bytes()), (252, RefusalCode::NotFinite, "a".into()));
    csv = csv.replace("inf,x", "1,2,3");
    assert_eq!(fault("c.csv", csv.as_bytes()), (252, RefusalCode::BadJson, "row".into()));
    assert_eq!(fault("d.ndjson", b"{\"data\":1}\n\n{\"data\":NaN}\n"), (3, RefusalCode::NotFinite, "data".into()));
    assert_eq!(fault("e.log", b"ok\n\xff\n"), (2, RefusalCode::BadUtf8, "line".into()));
    assert_eq!(fault("f.csv", b""), (1, RefusalCode::Empty, "header".into()));
    let e = open(&[d.path().join("none.csv")], None, |_| ()).map(|_| ()).unwrap_err();
    assert!(matches!(e, SourceError::Open { .. }));
}

#[test]
fn lines_are_symbols_or_lines_of_words() {
    let d = tempfile::tempdir().unwrap();
    let s = open(&[write(&d, "a", "up\ndown\n\nup\r\n")], None, |_| ()).unwrap();
    assert_eq!(kinds(&s), [("value".into(), FieldKind::Category)]);
    assert_eq!(records(s).len(), 3);
    let s = open(&[write(&d, "b.log", "a b\nc d\n")], None, |_| ()).unwrap();
    assert_eq!(kinds(&s), [("value".into(), FieldKind::Line)]);
}

#[test]
fn the_wire_is_read_as_it_is() {
    let d = tempfile::tempdir().unwrap();
    let lines = concat!(
        r#"{"hello":{"protocol":1}}"#,
        "\n",
        r#"{"key":"k","end":true}"#,
        "\n",
        r#"{"seq":3,"stream":"web","key":"k","time":1,"data":{"page":"/a","ms":1}}"#,
        "\n",
    );
    let f = write(&d, "a.ndjson", lines);
    let s = open(std::slice::from_ref(&f), None, |_| ()).unwrap();
    assert_eq!(
        kinds(&s),
        [("gap".into(), FieldKind::Gap), ("page".into(), FieldKind::Category), ("ms".into(), FieldKind::Number)]
    );
    let items: Vec<_> = s.map(Result::unwrap).collect();
    assert_eq!((items.len(), items[1].stream.as_deref(), items[1].line), (2, Some("web"), 3));
    let s = open(&[f], None, |o| {
        o.fields = vec!["ms:category".parse().unwrap()];
        o.key = Some("page".into());
    });
    let r = records(s.unwrap());
    assert_eq!(r[1].data, Data::Fields(vec![("ms".into(), Datum::Text("1".into()))]));
    assert_eq!(r[1].key.as_deref(), Some("/a"));
}

/// A file of another format among the files is left out as well.
#[test]
fn what_is_no_json_is_left_out_of_json() {
    let d = tempfile::tempdir().unwrap();
    let f = write(&d, "a.ndjson", "{\"a\":1}\noops this is text\n2026-11-23 10:00 started\n{\"a\":2}\n");
    let table = write(&d, "b.csv", "a\n3\nx\n");
    let s = open(&[f.clone(), table], None, |_| ()).unwrap();
    let odd = s.oddities();
    let values: Vec<Data> = records(s).into_iter().map(|r| r.data).collect();
    let number = |x: f64| Data::Fields(vec![("a".into(), Datum::Number(x))]);
    // a lone number is JSON
    assert_eq!(values, [number(1.0), number(2.0), Data::One(Datum::Number(3.0))]);
    let odd = odd.list();
    assert_eq!((odd.len(), odd[0].count, odd[0].line, odd[0].example.as_str()), (1, 4, 2, "oops this is text"));
    let strict = open(&[f], None, |o| o.strict = true).and_then(|s| s.collect::<Result<Vec<_>, _>>());
    assert!(strict.unwrap_err().to_string().contains("a.ndjson:2: "));
    let f = write(&d, "texts.ndjson", "\"up and down\"\n {\"data\":\"x\"}\n\"up\" and down\n");
    let values: Vec<Data> =
        records(open(&[f], Some(Format::Ndjson), |_| ()).unwrap()).into_iter().map(|r| r.data).collect();
    assert_eq!(values, ["up and down", "x"].map(|text| Data::One(Datum::Text(text.into()))));
}

#[test]
fn several_columns_of_times_are_told() {
    let d = tempfile::tempdir().unwrap();
    let row = |i: u32| format!("2026-11-23 10:{:02}:00,2026-11-23 11:{:02}:00,{i}\n", i % 60, i % 60);
    let rows: String = (0..50).map(row).collect();
    let f = write(&d, "a.csv", format!("created_at,updated_at,temp\n{rows}"));
    let s = open(std::slice::from_ref(&f), None, |_| ()).unwrap();
    assert!(s.notes().iter().any(|note| note.contains("created_at, updated_at hold times")), "{:?}", s.notes());
    let s = open(&[f], None, |o| o.time = Some("updated_at".into())).unwrap();
    assert!(!s.notes().iter().any(|note| note.contains("hold times")), "{:?}", s.notes());
}

#[test]
fn a_record_that_a_stream_refuses_is_shown_as_it_was_sent() {
    let d = tempfile::tempdir().unwrap();
    for (line, shown) in [("{}", "{}"), ("{\"a\":\"x\"}", "{\"data\":{\"a\":\"x\"}}")] {
        let mut s = open(&[write(&d, "a.ndjson", line)], None, |_| ()).unwrap();
        let item = s.next().unwrap().unwrap();
        s.oddities().refused(&item, surmise_event::Refusal::new(RefusalCode::Empty, "data", "nothing")).unwrap();
        assert_eq!(s.oddities().list()[0].example, shown);
    }
}

#[test]
fn what_is_compressed_reads_as_what_is_not() {
    let d = tempfile::tempdir().unwrap();
    let table: String =
        std::iter::once("a,b\n".to_owned()).chain((0..3000).map(|i| format!("{i}.5,x{}\n", i % 7))).collect();
    let text = "To be, or not\nto be, that\n".repeat(400);
    for (name, content) in [("t.csv", &table), ("play.txt", &text)] {
        let plain = open(&[write(&d, name, content)], None, |_| ()).unwrap();
        let (format, want) = (plain.format(), records(plain));
        for compression in ALL {
            let bytes = compress(compression, content.as_bytes(), 3);
            // without a name that tells, the first bytes do
            let file = write(&d, &format!("{name}.gz"), &bytes);
            let s = open(&[file], None, |_| ()).unwrap();
            assert_eq!(
                (s.format(), s.compression(), s.bytes_total()),
                (format, Some(compression), Some(bytes.len() as u64))
            );
            let read = s.bytes_counter();
            assert_eq!(records(s), want);
            assert_eq!(read.load(std::sync::atomic::Ordering::Relaxed), bytes.len() as u64, "the bytes of the file");
        }
    }
    let cut = write(&d, "cut.csv.gz", &compress(ALL[0], table.as_bytes(), 1)[..3000]);
    let error = open(&[cut], None, |_| ()).and_then(|s| s.collect::<Result<Vec<_>, _>>()).unwrap_err().to_string();
    assert!(error.contains("cut.csv.gz") && error.contains("cut off"), "{error}");
}

proptest! {
    #[test]
    fn bytes_come_as_they_are_in_runs_that_json_can_carry(
        text in "[a-zé漢🙂]{0,3000}",
        tail in prop::collection::vec(any::<u8>(), 0..9),
    ) {
        let d = tempfile::tempdir().unwrap();
        let a = write(&d, "a", &text);
        let b = write(&d, "b", &tail);
        let mut all = Vec::new();
        for r in records(open(&[a, b], Some(Format::Bytes), |_| ()).unwrap()) {
            let Data::One(Datum::Bytes(run)) = r.data else { panic!() };
            prop_assert!(!run.is_empty() && run.len() <= 4096);
            if all.len() < text.len() {
                prop_assert!(std::str::from_utf8(&run).is_ok());
            }
            all.extend_from_slice(&run);
        }
        prop_assert_eq!(all, [text.as_bytes(), &tail].concat());
    }
}

/// The records of a JSON stream say what its fields are, as in the daemon: the first one for now, the first ones for
/// good. Only what is chosen is declared.
#[test]
fn events_decide_what_their_fields_hold() {
    let d = tempfile::tempdir().unwrap();
    let lines: String = (0..300)
        .map(|i| format!("{{\"data\":{{\"status\":{},\"ms\":{}}}}}\n", [200, 404, 500][i * i % 7 % 3], i * 37 % 101))
        .collect();
    let f = write(&d, "e.ndjson", lines);
    let mut s = open(std::slice::from_ref(&f), None, |_| ()).unwrap();
    assert_eq!(kinds(&s), [("status".into(), FieldKind::Number), ("ms".into(), FieldKind::Number)]);
    assert!(s.declared_schema().fields.is_empty());
    let decided = s.decided_schema();
    assert_eq!(decided.fields.iter().map(|f| f.kind).collect::<Vec<_>>(), [FieldKind::Category, FieldKind::Number]);
    assert_eq!(records(s).len(), 300, "what was read ahead comes all the same");
    let chosen = open(std::slice::from_ref(&f), None, |o| o.fields = vec!["status:number".parse().unwrap()]).unwrap();
    assert_eq!(chosen.declared_schema(), *chosen.schema());
    let seen =
        crate::inspect(&SourceOptions { files: vec![f], ..SourceOptions::default() }, "s", None, |_| ()).unwrap();
    assert!(seen.toml.contains("name = \"status\", kind = \"category\""), "{}", seen.toml);
    assert_eq!(seen.notes, ["the first events decide that \"status\" is a category"]);
}
