//! The targets: what is parsed, and what must hold of it.

use std::cell::RefCell;
use std::path::PathBuf;
use surmise_config::Config;
use surmise_event::{Data, Datum, Limits, Record};
use surmise_learner::Learner;
use surmise_lines::{LineLimits, LineModel};
use surmise_protocol::{EventLine, ProducerLine, Reply, parse_bare, parse_line, parse_plain};
use surmise_recording::{Format, Source, SourceOptions};
use surmise_store::group::decode;
use surmised::untrusted::{self, PostedForm};

/// Records of a recording, or lines of a log, of which an input may have more.
const READ_MAX: usize = 2000;

/// An event that was read is written and reads back as the same.
pub(crate) fn reads_back(event: &EventLine) {
    let mut written = Vec::new();
    // what JSON cannot carry says so
    if event.write_line(&mut written).is_ok() {
        let again = parse_line(&written);
        let same = matches!(&again, Ok(ProducerLine::Event(read)) if read == event);
        assert!(same, "{event:?} was written as {:?} and read as {again:?}", String::from_utf8_lossy(&written));
    }
}

/// Lines of a producer, in each of the three syntaxes.
pub fn wire_lines(data: &[u8]) {
    for parsed in [parse_line(data), parse_plain(data), parse_bare(data).map(ProducerLine::Event)] {
        match parsed {
            Ok(ProducerLine::Event(event)) => reads_back(&event),
            Ok(ProducerLine::Hello(hello)) => {
                let mut written = Vec::new();
                hello.write_line(&mut written);
                assert!(matches!(parse_line(&written), Ok(ProducerLine::Hello(_))), "{hello:?}");
            }
            Err(refusal) => assert!(!refusal.reason.is_empty()),
        }
    }
}

/// Lines of the daemon, as clients read them.
pub fn replies(data: &[u8]) {
    if let Ok(reply) = Reply::parse(data) {
        let mut written = Vec::new();
        reply.write_line(&mut written);
        assert!(Reply::parse(&written).is_ok(), "{reply:?}");
    }
}

/// The body of posted events: wherever the network cuts it, it means the same.
pub fn bodies(data: &[u8]) {
    let [first, body @ ..] = data else { return };
    let whole = untrusted::posted(body, PostedForm::Lines, usize::MAX, 1 << 20);
    let in_pieces = untrusted::posted(body, PostedForm::Lines, 1 + *first as usize, 1 << 20);
    assert_eq!(whole, in_pieces, "pieces of {} bytes", 1 + *first as usize);
}

thread_local! {
    /// A folder for recordings, in memory where the system has one there.
    static FOLDER: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
}

/// A file with these bytes.
fn file_of(data: &[u8], ending: &str) -> PathBuf {
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| {
            let in_memory = tempfile::Builder::new().prefix("surmise-fuzz").tempdir_in("/dev/shm");
            in_memory.or_else(|_| tempfile::tempdir()).expect("a folder can be made")
        });
        let path = folder.path().join(format!("recording.{ending}"));
        std::fs::write(&path, data).expect("the folder can be written");
        path
    })
}

/// A recording of every format; the first byte says which, or that it is to be recognised.
pub fn recordings(data: &[u8]) {
    let [first, data @ ..] = data else { return };
    let formats = Format::ALL.len();
    let format = Format::ALL.get(*first as usize % (formats + 1)).copied();
    let ending = format.map_or("dat", Format::name);
    let strict = *first as usize / (formats + 1) % 2 == 1;
    let options = SourceOptions { files: vec![file_of(data, ending)], format, strict, ..SourceOptions::default() };
    match Source::open(&options) {
        Ok(source) => {
            let oddities = source.oddities();
            // an error is the last item, and says what is wrong and where
            for item in source.take(READ_MAX) {
                if let Err(e) = item {
                    assert!(!e.to_string().is_empty());
                    break;
                }
            }
            oddities.list();
        }
        Err(e) => assert!(!e.to_string().is_empty()),
    }
}

/// A checkpoint whose checksum is right, so that its structure is looked at. What loads also predicts, learns, saves
/// and loads again.
pub fn checkpoints(data: &[u8]) {
    let mut bytes = data.to_vec();
    if let Some(body) = bytes.len().checked_sub(4) {
        let sum = crc32fast::hash(&bytes[..body]);
        bytes[body..].copy_from_slice(&sum.to_le_bytes());
    }
    let Ok(mut learner) = Learner::load(&bytes) else { return };
    learner.predict(None, 3);
    for text in ["a", "b"] {
        let record = Record { data: Data::One(Datum::Text(text.into())), ..Record::default() };
        if let Ok(event) = learner.bind(&record, &Limits::default()) {
            learner.observe(&event);
        }
    }
    assert!(Learner::load(&learner.save()).is_ok(), "what was loaded cannot be saved");
}

/// A configuration.
pub fn configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Config::from_toml(&text) {
        Ok(config) => {
            let _ = config.check();
            for name in ["", "web", "a/b"] {
                let rule = config.rule(name).map(|(_, rule)| rule);
                let _ = config.options(rule);
            }
        }
        Err(e) => assert!(!e.to_string().is_empty()),
    }
}

/// A group of the log whose length and checksum are right.
pub fn groups(data: &[u8]) {
    let mut bytes = data.to_vec();
    if let Some(payload) = bytes.len().checked_sub(12) {
        let sum = crc32fast::hash(&bytes[12..]);
        bytes[4..8].copy_from_slice(&(payload as u32).to_le_bytes());
        bytes[8..12].copy_from_slice(&sum.to_le_bytes());
    }
    let _ = decode(data);
    if let Ok(group) = decode(&bytes) {
        // no record takes less than a byte
        assert!(group.records.len() <= bytes.len());
    }
}

/// Lines of a log, read as templates with slots.
pub fn log_lines(data: &[u8]) {
    let mut model = LineModel::new(LineLimits { templates: 64, inner_templates: 64, slots: 256 });
    for (number, line) in data.split(|byte| *byte == b'\n').take(READ_MAX).enumerate() {
        let reading = model.read(line, Some(number as i64 * 1_000_000));
        let outcome = model.observe(&reading, 1.0);
        assert!(outcome.slot_nats.is_finite() && outcome.slot_nats >= 0.0, "{} nats", outcome.slot_nats);
        assert!(outcome.evidence.iter().all(|evidence| evidence.bits.is_finite()));
        model.parts(reading.template, &outcome);
    }
}
