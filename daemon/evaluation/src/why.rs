//! Why an event of a recording was as surprising as it was.

use crate::error::ReplayError;
use crate::options::ReplayOptions;
use crate::start::{learner, start_workers};
use std::path::Path;
use surmise_event::{Data, Datum, LastSeen, Record};
use surmise_learner::{Inquiry, Learner};
use surmise_protocol::WhyAnswer;
use surmise_recording::{Item, Source, SourceOptions};

/// Bytes of a stream of bytes that are explained together.
const EXPLAINED_BYTES: usize = 64;

/// Learns a recording up to the event at `offset`, and tells the event's parts with what was expected instead. The
/// recording is read twice: the second time for when the like of each part was last seen.
///
/// # Errors
/// The recording, an option or a record is at fault, or the recording ends before the event.
pub fn replay_why(recording: &SourceOptions, options: &ReplayOptions, offset: u64) -> Result<WhyAnswer, ReplayError> {
    let mut source = Source::open(recording)?;
    let mut learner = learner(&mut source, options)?;
    let _workers = start_workers(&mut learner, options)?;
    let name = recording.files.first().map_or("-", |file| stem(file)).into();
    let mut inquiry = Inquiry::new(offset);
    for item in source {
        let item = item?;
        for record in pieces(&item, &learner, offset) {
            let event = learner.bind(&record, &options.limits).map_err(|r| item.refused(r))?;
            if let Some(found) = inquiry.learn(&mut learner, &event)? {
                let mut answer = WhyAnswer::new(name, &record, found.outcome, found.parts, found.learnt);
                let mut seen = LastSeen::new(std::mem::take(&mut answer.parts), learner.schema());
                look_before(recording, found.learnt, &mut seen)?;
                answer.parts = seen.finish();
                return Ok(answer);
            }
        }
    }
    Err(ReplayError::NoEvent { offset, end: learner.offset() })
}

/// The name of a file without its folder.
fn stem(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).unwrap_or("-")
}

/// An item's record; a run of bytes is divided at the event that is asked about, as each of its bytes is an event.
fn pieces(item: &Item, learner: &Learner, offset: u64) -> Vec<Record> {
    let Data::One(Datum::Bytes(run)) = &item.record.data else { return vec![item.record.clone()] };
    let before = offset.saturating_sub(learner.offset()) as usize;
    if !learner.schema().is_bytes() || before >= run.len() {
        return vec![item.record.clone()];
    }
    let piece = |bytes: &[u8]| Record { data: Data::One(Datum::Bytes(bytes.into())), ..item.record.clone() };
    let (before, from) = run.split_at(before);
    vec![piece(before), piece(&from[..from.len().min(EXPLAINED_BYTES)])]
}

/// Looks at the first `records` records of a recording.
fn look_before(recording: &SourceOptions, records: u64, seen: &mut LastSeen) -> Result<(), ReplayError> {
    let mut offset = 0;
    let source = Source::open(recording)?;
    if source.schema().is_bytes() {
        return Ok(());
    }
    for item in source.take(usize::try_from(records).unwrap_or(usize::MAX)) {
        let record = item?.record;
        seen.look(offset, &record);
        offset += record.offsets(false);
    }
    Ok(())
}
