//! Inputs to begin from: small ones of every form that a parser knows.

use surmise_event::{Data, Datum, Limits, Record, Schema};
use surmise_learner::{Learner, NetworkSize, Options};
use surmise_recording::{Format, RecordingForm, WrittenColumns};
use surmise_store::group::{EventId, GroupBuilder, Origin};

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const LINES: &[&str] = &[
    r#"{"hello":{"protocol":1,"producer":"web-7","epoch":3,"stream":"web","want":["ack","next","outcome"]}}"#,
    r#"{"hello":{"protocol":1,"format":"lines","stream":"log","key":"host-1"}}"#,
    r#"{"seq":42,"key":"user-7","time":"2026-11-23T12:00:00.123+01:00","data":{"page":"/cart","ms":132.5}}"#,
    r#"{"seq":43,"stream":"web","data":"/cart"}"#,
    r#"{"key":"user-7","end":true}"#,
    r#"{"time":1700000000123,"data":[1,2.5,-3e-7]}"#,
    r#"{"data":{"a":{"b":[true,false,null]},"c":"\u00e4\ud83d\ude00","d":-0.0}}"#,
    r#"{"page":"/cart","level":"warn","msg":"slow"}"#,
    "plain text",
    "-17.25",
];

pub fn wire_lines() -> Vec<Vec<u8>> {
    texts(LINES)
}

pub fn replies() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"welcome":{"protocol":1,"server":"surmised 0.1.0","committed_seq":41,"line_bytes_max":1048576}}"#,
        r#"{"ack":41}"#,
        r#"{"error":{"code":"wrong_type","field":"ms","reason":"text","seq":4,"line":9}}"#,
        concat!(
            r#"{"outcome":{"seq":42,"stream":"web","key":"user-7","offset":1042,"surprise_bits":3.21,"#,
            r#""excess_bits":0.6,"anomaly_score":0.41,"rarity_events":20.0,"fields":{"page":{"surprise_bits":2.9,"#,
            r#""excess_bits":0.5}}}}"#
        ),
    ])
}

pub fn bodies() -> Vec<Vec<u8>> {
    let mut all = texts(&["\x05", "\x01{\"data\":1}\n\n{\"data\":2}", "\x00a\r\nb\r\n\r\nc"]);
    all.push(format!("\x11{}\n", LINES.join("\n")).into_bytes());
    all
}

pub fn recordings() -> Vec<Vec<u8>> {
    let contents = [
        "abcabc".to_owned(),
        "a line\nand another\n".to_owned(),
        "open read close\nopen write close\n".to_owned(),
        "2026-01-02 03:04:05 host app[7]: took 5 ms\n2026-01-02 03:04:06 host app[7]: took 7 ms\n".to_owned(),
        "time,sensor,celsius\n2026-01-02T03:04:05Z,kitchen,\"21,5\"\n1700000000,cellar,NA\n".to_owned(),
        format!("{}\n", LINES[2..6].join("\n")),
        "a;b;c\n1;2,5;x\n\n3;4;\"y\ny\"\n".to_owned(),
    ];
    let mut contents: Vec<Vec<u8>> = contents.into_iter().map(String::into_bytes).collect();
    // before the one whose format is to be recognised
    contents.insert(6, parquet());
    contents.iter().enumerate().map(|(i, content)| [&[i as u8], content.as_slice()].concat()).collect()
}

/// A Parquet file of a few records.
fn parquet() -> Vec<u8> {
    let records: Vec<Record> = (0..9)
        .map(|i| Record {
            key: Some(format!("k{}", i % 2).into()),
            time_us: Some(1_700_000_000_000_000 + i),
            ..one(Datum::Number(i as f64 / 2.0))
        })
        .collect();
    let mut columns = WrittenColumns::default();
    records.iter().for_each(|record| columns.see(record));
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    let form = RecordingForm { format: Format::Parquet, compression: None };
    let output = file.reopen().expect("a file can be opened twice");
    let mut writer = form.begin(Box::new(output), columns).expect("the file can be written");
    records.iter().for_each(|record| writer.write(record).expect("the file can be written"));
    writer.finish().expect("the file can be written");
    std::fs::read(file.path()).expect("the file can be read")
}

/// Learners of few fields and little memory, so that an input is short.
pub fn checkpoints() -> Vec<Vec<u8>> {
    let options = Options { memory_mib: 1, network: NetworkSize::Off, ..Options::default() };
    let records: [fn(u64) -> Record; 3] = [
        |i| one(Datum::Text(["a", "b", "c"][i as usize % 3].into())),
        |i| one(Datum::Number(i as f64 * 0.25)),
        |i| Record {
            key: Some(format!("k{}", i % 3).into()),
            end: i % 7 == 0,
            ..one(Datum::Bytes(b"GET /x".as_slice().into()))
        },
    ];
    let learnt = |record: fn(u64) -> Record| {
        let mut learner = Learner::new(Schema::default(), options.clone()).expect("the options fit");
        for i in 0..8 {
            let event = learner.bind(&record(i), &Limits::default()).expect("the record fits");
            learner.observe(&event);
        }
        learner.save()
    };
    records.into_iter().map(learnt).collect()
}

fn one(datum: Datum) -> Record {
    Record { data: Data::One(datum), ..Record::default() }
}

pub fn configuration() -> Vec<Vec<u8>> {
    let mut all = texts(&[
        "[listen]\nhttp = \"127.0.0.1:7070\"\n[store]\ndir = \"x\"\ncheckpoint_interval = \"60s\"\nlog_bytes_max = \"1GiB\"\n",
        "[model]\nnetwork = \"small\"\nmemory_mib = 1\nkeys = 40\n[alarm]\nbudget = \"1/day\"\n",
        "[streams.\"web*\"]\nfields = [{ name = \"page\", kind = \"category\" }, { name = \"ms\", kind = \"number\" }]\n",
    ]);
    all.push(include_bytes!("../../../config/surmised.toml").to_vec());
    all
}

pub fn groups() -> Vec<Vec<u8>> {
    let mut group = GroupBuilder::new(3, 40);
    let origin = Origin { producer: "p".into(), epoch: 2, seq: 9, safe: Some(8) };
    let fields = vec![("page".into(), Datum::Text("/a".into())), ("v".into(), Datum::Numbers(vec![1.0, 0.5]))];
    group.push(
        &Record { key: Some("k".into()), time_us: Some(7), data: Data::Fields(fields), ..Record::default() },
        Some(&origin),
        Some(EventId(7)),
    );
    group.push(&Record { end: true, arrival_us: Some(-5), ..one(Datum::Bytes(vec![0, 255].into())) }, None, None);
    vec![group.finish(43).bytes, GroupBuilder::new(0, 0).finish(0).bytes]
}

pub fn log_lines() -> Vec<Vec<u8>> {
    texts(&[
        "Jan  2 03:04:05 host sshd[71]: Failed password for root from 10.0.0.7 port 4022 ssh2\n",
        "10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] \"GET /a?b=c HTTP/1.1\" 502 1734 \"-\" \"curl/8\"\n",
        "2026-01-02T03:04:05.123Z ERROR [pool-3] com.acme.Db - took=15ms id=4f3c-aa \"x y\"\n  at com.acme.Db.run(Db.java:7)\n",
        "I0102 03:04:05.000001 1 main.go:7] \u{1b}[31mstarted\u{1b}[0m in 0x1f, 12.5%\n",
        "{\"level\":\"info\",\"msg\":\"up\",\"n\":[1,2]}\n<34>1 2026-01-02T03:04:05Z h a 7 - - x\n",
    ])
}
