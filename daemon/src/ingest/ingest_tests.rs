//! Tests of ingestion: the two doors read alike, and what an event does not say comes from its sender.

use super::numbering::{ProducerEpoch, RisingNumbers};
use super::*;
use proptest::prelude::*;
use surmise_config::{ByteSize, LimitsTable};
use surmise_event::{Data, Datum, Record};

const LINE_BYTES_MAX: usize = 100;
const ARRIVAL_US: i64 = 1_795_435_200_000_000;

fn intake(door: Door, syntax: LineSyntax) -> Intake {
    let limits =
        LimitsTable { line_bytes: ByteSize(LINE_BYTES_MAX as u64), name_bytes: ByteSize(16), ..LimitsTable::default() };
    Intake::new(door, syntax, "s".into(), &limits)
}

/// What became of one line: the event, or the code and the field of its refusal.
#[derive(Clone, Debug, PartialEq)]
enum LineResult {
    Accepted { stream: Arc<str>, record: Record, seq: Option<u64>, bytes: usize },
    Refused { code: RefusalCode, field: String },
}

/// Reads parts of bytes as they come in, and returns what became of each line that is not blank, by its number.
fn read(intake: &mut Intake, parts: &[&[u8]]) -> Vec<(u64, LineResult)> {
    let mut cutter = LineCutter::new(LINE_BYTES_MAX);
    let mut results = Vec::new();
    let mut keep = |chunk: LineChunk| {
        assert!(chunk.lines <= CHUNK_LINES_MAX);
        assert_eq!(chunk.counts.rejected, chunk.refusals.len() as u64);
        for (stream, InboxEvent { record, seq, line, bytes, .. }) in chunk.events {
            results.push((line, LineResult::Accepted { stream, record, seq, bytes }));
        }
        for LineRefusal { line, refusal, .. } in chunk.refusals {
            results.push((line, LineResult::Refused { code: refusal.code, field: refusal.field }));
        }
    };
    for (part, end) in parts.iter().map(|part| (*part, InputEnd::Open)).chain([(&[][..], InputEnd::Reached)]) {
        cutter.buffer().extend_from_slice(part);
        loop {
            let chunk = intake.read_chunk(&mut cutter, end, ARRIVAL_US);
            if chunk.lines == 0 {
                break;
            }
            keep(chunk);
        }
    }
    results.sort_by_key(|(line, _)| *line);
    results
}

/// A line as senders write them: mostly good, sometimes with a fault.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: &str| Just(text.as_bytes().to_vec());
    prop_oneof![
        8 => "[a-z ]{1,12}".prop_map(String::into_bytes),
        4 => any::<f64>().prop_map(|number| number.to_string().into_bytes()),
        4 => (0u64..9, "[a-z]{0,3}").prop_map(|(seq, data)| format!(r#"{{"seq":{seq},"data":"{data}"}}"#).into_bytes()),
        4 => "[a-z]{1,3}".prop_map(|key| format!(r#"{{"stream":"s","key":"{key}","data":{{"a":1}}}}"#).into_bytes()),
        2 => text(r#"{"page":"/a","ms":3}"#),
        2 => text(r#"{"key":"k","end":true}"#),
        1 => text(r#"{"hello":{"protocol":1}}"#),
        1 => text(r#"{"data":{"ms":1e400}}"#),
        1 => text(r#"{"dta":1}"#),
        1 => text("{broken"),
        2 => "[ \t\r]{0,3}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (90usize..130).prop_map(|length| vec![b'x'; length]),
    ]
}

fn split<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut parts = Vec::new();
    for length in lengths {
        let (part, more) = rest.split_at((*length).min(rest.len()));
        parts.push(part);
        rest = more;
    }
    parts.push(rest);
    parts
}

proptest! {
    #[test]
    fn the_same_bytes_through_both_doors_are_accepted_and_refused_alike(
        lines in prop::collection::vec(line(), 0..600),
        socket_parts in prop::collection::vec(1usize..5000, 0..8),
        http_parts in prop::collection::vec(1usize..5000, 0..8),
        ends_with_line_end: bool,
    ) {
        let mut bytes = lines.join(&b'\n');
        if ends_with_line_end {
            bytes.push(b'\n');
        }
        let over_socket = read(&mut intake(Door::EventSocket, LineSyntax::Plain), &split(&bytes, &socket_parts));
        let over_http = read(&mut intake(Door::Http, LineSyntax::Plain), &split(&bytes, &http_parts));
        prop_assert_eq!(over_socket, over_http);
    }

    #[test]
    fn every_line_that_is_not_blank_is_an_event_or_a_refusal(lines in prop::collection::vec(line(), 0..600)) {
        let bytes = lines.join(&b'\n');
        let not_blank = |line: &&[u8]| line.len() > LINE_BYTES_MAX || !line.iter().all(u8::is_ascii_whitespace);
        let expected = bytes.split(|byte| *byte == b'\n').filter(not_blank).count();
        prop_assert_eq!(read(&mut intake(Door::Http, LineSyntax::Plain), &[&bytes]).len(), expected);
        prop_assert_eq!(read(&mut intake(Door::EventSocket, LineSyntax::Json), &[&bytes]).len(), expected);
        prop_assert_eq!(read(&mut intake(Door::EventSocket, LineSyntax::Bare), &[&bytes]).len(), expected);
    }
}

#[test]
fn an_event_may_name_another_stream_on_the_socket_only() {
    let lines = br#"{"stream":"other","data":1}
{"stream":"a/b","data":1}
{"stream":"s","data":1}"#;
    let streams = |door: Door| -> Vec<Result<Arc<str>, RefusalCode>> {
        let results = read(&mut intake(door, LineSyntax::Plain), &[lines]);
        let stream = |result: LineResult| match result {
            LineResult::Accepted { stream, .. } => Ok(stream),
            LineResult::Refused { code, .. } => Err(code),
        };
        results.into_iter().map(|(_, result)| stream(result)).collect()
    };
    let bad = || Err(RefusalCode::BadStream);
    assert_eq!(streams(Door::EventSocket), [Ok("other".into()), bad(), Ok("s".into())]);
    assert_eq!(streams(Door::Http), [bad(), bad(), Ok("s".into())]);
}

#[test]
fn an_event_takes_what_it_does_not_say_from_its_sender() {
    let mut intake = intake(Door::EventSocket, LineSyntax::Bare);
    intake.set_key(Some("host-1".into()));
    intake.set_stream("log".into());
    let results = read(&mut intake, &[b"up\r\n"]);
    let data = Data::One(Datum::Text("up".into()));
    let record = Record { key: Some("host-1".into()), arrival_us: Some(ARRIVAL_US), data, ..Record::default() };
    assert_eq!(results, [(1, LineResult::Accepted { stream: "log".into(), record, seq: None, bytes: 2 })]);
}

#[test]
fn a_line_that_cannot_be_read_is_refused_by_its_number() {
    let mut intake = intake(Door::EventSocket, LineSyntax::Json);
    let mut cutter = LineCutter::new(1000);
    let digits = "1".repeat(400);
    for line in [format!(r#"{{"seq":7,"data":{digits}}}"#), r#"{"seq":8,"data":{"#.to_owned(), "up".to_owned()] {
        cutter.buffer().extend_from_slice(format!("{line}\n").as_bytes());
    }
    let chunk = intake.read_chunk(&mut cutter, InputEnd::Open, ARRIVAL_US);
    let refused: Vec<_> = chunk.refusals.iter().map(|refused| (refused.seq, refused.refusal.code)).collect();
    let codes = [RefusalCode::NotFinite, RefusalCode::BadJson, RefusalCode::BadJson];
    assert_eq!(refused, [Some(7), Some(8), None].into_iter().zip(codes).collect::<Vec<_>>());
}

#[test]
fn a_number_that_does_not_rise_ends_its_chunk_and_is_decided_about_alone() {
    let mut intake = intake(Door::EventSocket, LineSyntax::Json);
    let producer = ProducerEpoch { producer: "p".into(), epoch: 1 };
    intake.number_by(Numbering::Rising(RisingNumbers::new(Some(3), Some(producer), "s".into(), Arc::default())));
    let mut cutter = LineCutter::new(LINE_BYTES_MAX);
    for seq in [3, 4, 9, 5, 6] {
        cutter.buffer().extend_from_slice(format!("{{\"seq\":{seq},\"data\":1}}\n").as_bytes());
    }
    let mut chunk = intake.read_chunk(&mut cutter, InputEnd::Open, ARRIVAL_US);
    let seqs = |chunk: &LineChunk| chunk.events.iter().filter_map(|(_, event)| event.seq).collect::<Vec<_>>();
    assert_eq!((chunk.lines, seqs(&chunk), chunk.counts.duplicates, chunk.counts.high), (4, vec![4, 9], 1, Some(3)));
    let (stream, event) = chunk.not_rising.take().unwrap();
    assert_eq!((event.seq, event.line), (Some(5), 4));
    // 9 was refused by its owner, so 5 rises above all that was learnt
    let resolved = intake.resolve_not_rising(stream, event, Some(4));
    assert_eq!((resolved.lines, seqs(&resolved), resolved.refusals.len()), (1, vec![5], 0));
    assert!(resolved.events[0].1.origin.is_some());
    let rest = intake.read_chunk(&mut cutter, InputEnd::Open, ARRIVAL_US);
    assert_eq!((rest.lines, seqs(&rest)), (1, vec![6]));
    // had 9 been learnt, 5 would be refused
    let event = InboxEvent { record: Record::default(), origin: None, id: None, seq: Some(5), line: 7, bytes: 0 };
    let refused = intake.resolve_not_rising("s".into(), event, Some(9));
    assert_eq!((refused.refusals[0].refusal.code, refused.refusals[0].line), (RefusalCode::SeqNotRising, 7));
}
