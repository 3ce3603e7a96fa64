//! Targets of the doors beside the event socket: what is posted in other forms, what Prometheus and syslog send, what
//! brokers deliver, and what is asked over HTTP.

use crate::targets::reads_back;
use std::cell::RefCell;
use surmise_event::{Data, Datum, Limits, Record, Refusal, Schema};
use surmise_learner::{Learner, NetworkSize, Options};
use surmise_protocol::{EventLine, ProducerLine, parse_cloud_event, parse_line};
use surmised::untrusted::{self, PostedForm};

/// Bytes of a line, an item or a message; short, so that inputs have longer ones.
const LINE_BYTES_MAX: usize = 300;
/// Bytes that a piece of a compressed body may become: deflate makes 1,032 of one at most, of 4 KiB at once.
const UNPACKED_BYTES_MAX: usize = 1032 * 4096 + (64 << 10);
/// Bytes of a request of remote write, unpacked.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// 2026-01-02T03:04:05Z, at which messages arrive.
const ARRIVAL_US: i64 = 1_767_323_045_000_000;

/// What was read is refused with a reason, or is written and reads back as the same.
fn is_told(read: Result<EventLine, Refusal>) {
    match read {
        Ok(event) => reads_back(&event),
        Err(refusal) => assert!(!refusal.reason.is_empty()),
    }
}

/// Bodies that may be arrays, of lines or of CloudEvents: wherever the network cuts them, they mean the same.
pub fn arrays(data: &[u8]) {
    let [first, body @ ..] = data else { return };
    let piece_bytes = 1 + usize::from(first >> 1);
    let form = if first & 1 == 0 { PostedForm::Json } else { PostedForm::CloudEvents };
    let whole = untrusted::posted(body, form, usize::MAX, LINE_BYTES_MAX);
    let in_pieces = untrusted::posted(body, form, piece_bytes, LINE_BYTES_MAX);
    assert_eq!(whole, in_pieces, "pieces of {piece_bytes} bytes");
    assert!(whole.lines >= whole.events.len() + whole.refusals.len(), "{whole:?}");
}

/// One event of CloudEvents, whole or with its attributes in headers, which are the first lines.
pub fn cloud_events(data: &[u8]) {
    // a line has one word for source and id
    let without_id = |event: EventLine| EventLine { id: None, ..event };
    is_told(parse_cloud_event(data).map(without_id));
    let names = ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "ce-subject"];
    let lines: Vec<&[u8]> = data.splitn(names.len() + 1, |byte| *byte == b'\n').collect();
    let (attributes, body) = lines.split_at(names.len().min(lines.len()));
    let attributes: Vec<_> = names.into_iter().zip(attributes.iter().copied()).filter(|(_, v)| !v.is_empty()).collect();
    is_told(untrusted::cloud_event_of_headers(&attributes, body.first().copied().unwrap_or_default()).map(without_id));
}

/// Compressed bodies: what becomes of a piece is bounded, and how they are cut changes nothing.
pub fn compressed(data: &[u8]) {
    let [first, packed @ ..] = data else { return };
    let coding = if first & 1 == 0 { "gzip" } else { "deflate" };
    let whole = untrusted::unpack(coding, packed, usize::MAX);
    let in_pieces = untrusted::unpack(coding, packed, 1 + usize::from(first >> 1));
    match (whole, in_pieces) {
        (Ok((whole, most)), Ok((in_pieces, _))) => {
            assert!(most <= UNPACKED_BYTES_MAX, "a piece became {most} bytes");
            assert!(whole == in_pieces, "{coding} in pieces of {}", 1 + (first >> 1));
        }
        (Err(_), Err(_)) => {}
        (whole, in_pieces) => panic!("{coding}: {:?}, in pieces {:?}", whole.err(), in_pieces.err()),
    }
}

/// Requests of remote write: blocks of snappy, or messages that are packed here, so that their structure is looked at.
pub fn remote_write(data: &[u8]) {
    let [first, body @ ..] = data else { return };
    let packed = match first & 1 {
        0 => snap::raw::Encoder::new().compress_vec(body).expect("a short message can be packed"),
        _ => body.to_vec(),
    };
    for stream in untrusted::remote_write(&packed, REQUEST_BYTES_MAX).unwrap_or_default() {
        assert!(stream.iter().all(|(_, value)| value.is_finite()), "{stream:?}");
        assert!(stream.is_sorted_by_key(|(time_ms, _)| *time_ms), "{stream:?}");
    }
}

/// Connections and packets of syslog: however a connection is cut, it brings the same messages.
pub fn syslog(data: &[u8]) {
    is_told(untrusted::syslog_packet(data, ARRIVAL_US));
    let [first, bytes @ ..] = data else { return };
    let piece_bytes = 1 + usize::from(*first);
    let whole = untrusted::syslog(bytes, usize::MAX, LINE_BYTES_MAX, ARRIVAL_US);
    let in_pieces = untrusted::syslog(bytes, piece_bytes, LINE_BYTES_MAX, ARRIVAL_US);
    assert_eq!(whole, in_pieces, "pieces of {piece_bytes} bytes");
    whole.into_iter().for_each(is_told);
}

/// Messages of brokers, entries of Redis and rows of tables. The first line is the topic, the second a filter or an id.
pub fn messages(data: &[u8]) {
    let [first, data @ ..] = data else { return };
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let text = |at: usize| String::from_utf8_lossy(lines.get(at).copied().unwrap_or_default());
    let payload = data.splitn(3, |byte| *byte == b'\n').last().unwrap_or_default();
    let key_field = Some("key").filter(|_| first & 2 != 0);
    is_told(untrusted::message(payload, first & 1 != 0, key_field, &text(0)));
    if let Ok(name) = untrusted::stream_of_topic(&text(0), usize::from(first >> 4), 64) {
        assert!(name.len() <= 64 && !name.contains(['/', '?', '#', '*', '%', '\\']), "{name:?}");
    }
    assert!(untrusted::is_named(&text(0), &text(0)) || text(0).contains(['+', '#', '$']), "{:?}", text(0));
    untrusted::is_named(&text(0), &text(1));
    let fields = lines.iter().skip(2).map(|line| {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b'=').unwrap_or(line.len()));
        (name.to_vec(), value.to_vec())
    });
    let json_field = Some("data").filter(|_| first & 4 != 0);
    if let Ok((event, _, is_same)) = untrusted::redis_entry(&text(1), fields.collect(), json_field, key_field) {
        assert!(is_same, "{:?} is another id than its number says", text(1));
        reads_back(&event);
    }
    untrusted::table(&lines).into_iter().for_each(is_told);
}

thread_local! {
    /// What questions are asked of.
    static LEARNER: RefCell<Option<Learner>> = const { RefCell::new(None) };
}

/// A stream of pages and times that has learnt a little.
fn learnt() -> Learner {
    let options = Options { memory_mib: 1, network: NetworkSize::Off, ..Options::default() };
    let mut learner = Learner::new(Schema::default(), options).expect("the options fit");
    for i in 0..32 {
        let fields = vec![
            ("page".into(), Datum::Text(["/a", "/b", "/c"][i % 3].into())),
            ("ms".into(), Datum::Number(i as f64)),
            ("ok".into(), Datum::Bool(i % 2 == 0)),
        ];
        let record = Record { key: Some("k".into()), data: Data::Fields(fields), ..Record::default() };
        let event = learner.bind(&record, &Limits::default()).expect("the record fits");
        learner.observe(&event);
    }
    learner
}

/// Bodies of questions and orders: what the Open Inference Protocol asks, what is said of an incident, what is to be
/// forgotten.
pub fn questions(data: &[u8]) {
    if let Some(known) = untrusted::inference(data) {
        LEARNER.with_borrow_mut(|learner| {
            let learner = learner.get_or_insert_with(learnt);
            if let Err(refusal) = learner.predict_given(&known, &Limits::default(), 5) {
                assert!(!refusal.reason.is_empty());
            }
        });
    }
    if let Some((feedback, line)) = untrusted::feedback(data) {
        let read = parse_line(&line);
        let is_same = matches!(&read, Ok(ProducerLine::Event(EventLine { record: Record { data: Data::Feedback(said), .. }, .. }))
            if **said == feedback);
        assert!(is_same, "{feedback:?} was written as {:?} and read as {read:?}", String::from_utf8_lossy(&line));
    }
    untrusted::forgotten(data);
}
