//! Whatever the bytes are: nothing panics, compression changes nothing, and the same lines are the same events through
//! every door.

use proptest::prelude::*;
use std::io::Write;
use std::path::PathBuf;
use surmise_event::{Event, Limits, Record, Schema};
use surmise_protocol::{EventLine, ProducerLine, parse_line, parse_plain};
use surmise_recording::{Format, Source, SourceOptions};

fn write(dir: &tempfile::TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Everything that is read of a file: the schema, the records, the error at the end, and what was odd.
fn read(file: PathBuf, format: Option<Format>, strict: bool) -> (Option<Schema>, Vec<Record>, Option<String>, usize) {
    let options = SourceOptions { files: vec![file.clone()], format, strict, ..SourceOptions::default() };
    // messages name the file, which differs
    let name = file.display().to_string();
    let source = match Source::open(&options) {
        Ok(source) => source,
        Err(e) => return (None, Vec::new(), Some(e.to_string().replace(&name, "")), 0),
    };
    let (schema, odd) = (source.schema().clone(), source.oddities());
    let (mut records, mut error) = (Vec::new(), None);
    for item in source {
        match item {
            Ok(item) => records.push(item.record),
            Err(e) => error = Some(e.to_string().replace(&name, "")),
        }
    }
    (Some(schema), records, error, odd.list().len())
}

fn compressed(bytes: &[u8]) -> [Vec<u8>; 3] {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(bytes).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    [gzip.finish().unwrap(), zstd, bzip2.finish().unwrap()]
}

/// Bytes that are nearly a file of some format.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let cell = "(|1|1\\.5|-|NA|inf|x y|\"a,b\"|2026-01-0[1-9]|0[1-3]/0[1-3]/2026|1\\.234,5|12 ms|\\{\"a\":1\\})";
    let line = prop::collection::vec(cell, 1..4);
    let table = prop::collection::vec(line, 0..30).prop_map(|rows| {
        let rows: Vec<String> = rows.into_iter().map(|row| row.join(",")).collect();
        rows.join("\n").into_bytes()
    });
    prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..300),
        4 => table.clone(),
        2 => (table, any::<u8>(), 0usize..200).prop_map(|(mut bytes, byte, at)| {
            let at = at.min(bytes.len());
            bytes.insert(at, byte);
            bytes
        }),
    ]
}

/// Lines of JSON, most of them good.
fn line() -> impl Strategy<Value = String> {
    let value =
        "(1|2\\.5|\"up\"|\"down\"|\"7\"|true|null|\"-\"|\\[1,2\\]|\\[\"a\",1\\]|\\{\"b\":1\\}|9007199254740993)";
    let time = prop_oneof![
        3 => Just(String::new()),
        1 => (0u32..60).prop_map(|s| format!("\"ts\":\"2026-01-01T00:00:{s:02}Z\",")),
        1 => (0u32..60).prop_map(|s| format!("\"time\":{},", 1_767_225_600_000u64 + u64::from(s))),
    ];
    prop_oneof![
        12 => (time, value, value).prop_map(|(t, a, c)| format!("{{{t}\"a\":{a},\"c\":{c}}}")),
        2 => value.prop_map(|a| format!("{{\"key\":\"k\",\"data\":{{\"a\":{a}}}}}")),
        1 => Just("{\"key\":\"k\",\"end\":true}".to_owned()),
        1 => Just("{broken".to_owned()),
    ]
}

/// The events of records, as a stream binds them that begins with a schema.
fn bind(schema: &mut Schema, records: impl IntoIterator<Item = Record>) -> Vec<Event> {
    let limits = Limits::default();
    let arrived = |r: Record| Record { arrival_us: Some(1_767_225_600_000_000), ..r };
    records.into_iter().filter_map(|r| schema.bind(&arrived(r), &limits).ok()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_bytes_make_a_reader_panic_and_compression_changes_nothing(bytes in content(), strict: bool) {
        let dir = tempfile::tempdir().unwrap();
        for format in Format::ALL.map(Some).into_iter().chain([None]) {
            let want = read(write(&dir, "plain", &bytes), format, strict);
            // what looks compressed already, or is an archive, is another matter
            prop_assume!(!want.2.as_ref().is_some_and(|e| e.contains("pipe `") || e.contains("cut off")));
            for (name, squeezed) in ["a.gz", "a.zst", "a.bz2"].into_iter().zip(compressed(&bytes)) {
                prop_assert_eq!(&read(write(&dir, name, &squeezed), format, strict), &want, "{:?}", format);
            }
        }
    }

    #[test]
    fn the_same_lines_are_the_same_events_through_all_doors(lines in prop::collection::vec(line(), 1..25)) {
        let dir = tempfile::tempdir().unwrap();
        let text = lines.join("\n");
        let file = write(&dir, "lines.ndjson", text.as_bytes());
        let (schema, records, _, _) = read(file, None, false);
        // replay
        let mut replayed = schema.unwrap_or_default();
        let by_replay = bind(&mut replayed, records.clone());
        // send: each record as a line of a connection with a hello
        let sent = records.into_iter().map(|record| {
            let mut line = Vec::new();
            EventLine { seq: None, id: None, stream: None, record }.write_line(&mut line).unwrap();
            match parse_line(&line).unwrap() {
                ProducerLine::Event(event) => event.record,
                ProducerLine::Hello(_) => unreachable!("an event was written"),
            }
        });
        let mut by_socket_schema = Schema::default();
        prop_assert_eq!(&bind(&mut by_socket_schema, sent), &by_replay);
        prop_assert_eq!(&by_socket_schema, &replayed);
        // the lines as they are, over a plain connection or HTTP
        let plain = lines.iter().filter_map(|l| match parse_plain(l.as_bytes()).ok()? {
            ProducerLine::Event(event) => Some(event.record),
            ProducerLine::Hello(_) => None,
        });
        let mut plain_schema = Schema::default();
        prop_assert_eq!(&bind(&mut plain_schema, plain), &by_replay);
        prop_assert_eq!(&plain_schema, &replayed);
    }
}
