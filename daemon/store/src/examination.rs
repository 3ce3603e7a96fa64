//! An examination of a data directory that changes nothing: which streams it holds, how far, what is damaged, and what
//! a start would do about it. It reads the files without sled, so it works on a copy, too.

use crate::entry::{EntryCopies, StreamEntry, live_streams};
use crate::error::StoreError;
use crate::finding::{Finding, Severity};
use crate::identity::StreamId;
use crate::lock::user_of;
use crate::progress;
use crate::registry;
use crate::rewriting;
use crate::salvage::{CheckpointContents, LogContents, left_out_words};
use crate::sled_file::{self, FileFault};
use crate::store::unknown_files;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a data directory holds.
#[derive(Debug, Serialize)]
pub struct Examination {
    /// What it says of its own format; none if it is of a version that did not say it, or empty.
    pub format: Option<String>,
    /// The databases.
    pub databases: Vec<ExaminedDatabase>,
    /// The streams, by number.
    pub streams: Vec<ExaminedStream>,
    /// What a person should know, and what a start would do about it.
    pub findings: Vec<Finding>,
    /// Who uses the directory meanwhile, so that what was found may be half written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_use_by: Option<String>,
}

/// One database.
#[derive(Debug, Serialize)]
pub struct ExaminedDatabase {
    /// Its name.
    pub name: &'static str,
    /// Bytes of its file.
    pub bytes: u64,
    /// Where its file is not whole.
    pub faults: Vec<FileFault>,
    /// Snapshots of sled that were left unfinished.
    pub unfinished_snapshots: usize,
}

/// One stream.
#[derive(Debug, Serialize)]
pub struct ExaminedStream {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: u32,
    /// Which incarnation of the name it is.
    pub epoch: u32,
    /// The offset before which its log was deleted on purpose.
    pub trimmed_before: u64,
    /// Ranges of offsets of which the log has the events: from the first up to, not including, the second.
    pub log: Vec<(u64, u64)>,
    /// The offset before which everything was acknowledged, as far as that is known.
    pub acknowledged: u64,
    /// Ranges of offsets whose events were lost, and told, before.
    pub lost: Vec<(u64, u64)>,
    /// Its checkpoints, oldest first.
    pub checkpoints: Vec<ExaminedCheckpoint>,
    /// What a start would do with it.
    pub start: String,
}

/// One checkpoint of a stream.
#[derive(Debug, Serialize)]
pub struct ExaminedCheckpoint {
    /// Its number.
    pub generation: u64,
    /// The first offset that it does not cover.
    pub offset: u64,
    /// When it was made, in microseconds since 1970.
    pub time_us: i64,
    /// Bytes of the state.
    pub bytes: u64,
    /// Whether all of it is there.
    pub is_whole: bool,
    /// Key pages that it counts on.
    pub pages: u64,
}

impl Examination {
    /// The gravest of what was found.
    pub fn gravest(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Examines a data directory.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(dir: &Path) -> Result<Examination, StoreError> {
        let listed = std::fs::read_dir(dir).map_err(StoreError::io("cannot read", dir))?;
        drop(listed);
        let format = std::fs::read_to_string(dir.join(crate::format::FILE_NAME)).ok();
        let (databases, streams, findings) = (Vec::new(), Vec::new(), Vec::new());
        let mut found = Examination { format, databases, streams, findings, in_use_by: user_of(dir) };
        let sizes = std::fs::read(dir.join(progress::FILE_NAME)).unwrap_or_default();
        let sizes = progress::scan(&sizes);
        let acknowledged = |id: StreamId| progress::offset_in(&sizes, id.number, id.epoch);
        for (place, name) in [(1, "log"), (2, "checkpoints"), (3, "keys")] {
            found.look(dir, name, progress::size_in(&sizes, place), acknowledged)?;
        }
        let mut log = LogContents::read(&rewriting::whole(dir, "log"))?;
        let left_out = log.leave_out_unfinished(acknowledged)?;
        let checkpoints = CheckpointContents::read(&rewriting::whole(dir, "checkpoints"))?;
        let file = EntryCopies::scan(&std::fs::read(dir.join(registry::FILE_NAME)).unwrap_or_default());
        if file.damaged > 0 {
            let what = format!("{} records are damaged; a start takes them from the databases", file.damaged);
            found.add(Severity::Mended, registry::FILE_NAME, None, what);
        }
        let mut entries: BTreeMap<u32, (u64, StreamEntry)> = BTreeMap::new();
        for (write, entry) in [&file, &log.entries, &checkpoints.entries].into_iter().flat_map(|copies| &copies.entries)
        {
            match entries.get(&entry.number) {
                Some((known, _)) if known >= write => {}
                _ => drop(entries.insert(entry.number, (*write, entry.clone()))),
            }
        }
        let is_older = found.format.is_none() && dir.join("log").is_dir();
        if is_older {
            let what =
                "it is of the format before, whose records do not name their streams; a start converts it".into();
            found.add(Severity::Note, "log", None, what);
        }
        let entries: Vec<StreamEntry> = entries.into_values().map(|(_, entry)| entry).collect();
        for (id, from) in left_out {
            let entry = entries.iter().find(|entry| entry.number == id.number);
            found.add(Severity::Mended, "log", entry.map(|entry| &*entry.name), left_out_words(from));
        }
        let live: BTreeSet<u32> = live_streams(entries.clone()).iter().map(|entry| entry.number).collect();
        for entry in entries.iter().filter(|entry| !entry.cleared) {
            let acknowledged = acknowledged(entry.id());
            let is_live = live.contains(&entry.number);
            found.examine_stream(entry, is_live, &log, &checkpoints, acknowledged)?;
        }
        found.name_strangers(&log, &entries);
        for name in unknown_files(dir) {
            found.add(Severity::Note, &name, None, "the file is none of the store's; a start leaves it alone".into());
        }
        Ok(found)
    }

    fn add(&mut self, severity: Severity, place: &str, stream: Option<&str>, what: String) {
        self.findings.push(Finding { severity, place: place.into(), stream: stream.map(Into::into), what });
    }

    /// Looks through the file of a database.
    fn look(
        &mut self,
        dir: &Path,
        name: &'static str,
        known_bytes: u64,
        acknowledged: impl Fn(StreamId) -> u64,
    ) -> Result<(), StoreError> {
        let path = rewriting::whole(dir, name);
        if rewriting::is_interrupted(dir, name) {
            let what = "a rewriting of it was interrupted; a start removes what is left, and nothing is lost by that";
            self.add(Severity::Note, name, None, what.into());
        }
        let bytes = std::fs::metadata(path.join("db")).map_or(0, |file| file.len());
        let faults = sled_file::faults(&path, acknowledged)?;
        let files = std::fs::read_dir(&path).into_iter().flatten().flatten();
        let is_unfinished = |name: &str| name.starts_with("snap.") && name.ends_with(".generating");
        let unfinished_snapshots = files.filter(|file| is_unfinished(&file.file_name().to_string_lossy())).count();
        if unfinished_snapshots > 0 {
            let what = "sled's snapshot was left unfinished; a start removes it, and nothing is lost by that".into();
            self.add(Severity::Note, name, None, what);
        }
        let what = match faults.first() {
            Some(fault) => Some(format!("{} at byte {}, {} faults in all", fault.what, fault.at, faults.len())),
            None if bytes < known_bytes => Some(format!("its file has {bytes} bytes and had {known_bytes}")),
            None => None,
        };
        if let Some(what) = what {
            let then = match name {
                "keys" => "a start sets it aside, and the log makes the states of keys anew",
                _ => "a start sets it aside and takes out of it what is whole",
            };
            self.add(Severity::Mended, name, None, format!("{what}; {then}"));
        }
        self.databases.push(ExaminedDatabase { name, bytes, faults, unfinished_snapshots });
        Ok(())
    }

    fn examine_stream(
        &mut self,
        entry: &StreamEntry,
        is_live: bool,
        log: &LogContents,
        checkpoints: &CheckpointContents,
        acknowledged: u64,
    ) -> Result<(), StoreError> {
        let id = entry.id();
        let ranges = log.ranges(id, entry.trimmed_before)?;
        let generations = checkpoints.generations.iter().filter(|generation| generation.id == id);
        let checkpoints: Vec<ExaminedCheckpoint> = generations
            .map(|generation| ExaminedCheckpoint {
                generation: generation.meta.generation,
                offset: generation.meta.offset,
                time_us: generation.meta.time_us,
                bytes: generation.meta.bytes,
                is_whole: generation.is_whole(),
                pages: generation.meta.pages,
            })
            .collect();
        let from = checkpoints
            .iter()
            .rev()
            .find(|checkpoint| checkpoint.is_whole)
            .map_or(entry.first_offset, |whole| whole.offset);
        let mut next = from;
        for (begin, end) in ranges.iter().copied().chain([(acknowledged, acknowledged)]) {
            if begin > next && is_live && !entry.lost.iter().any(|(a, b)| *a <= next && begin <= *b) {
                let what = format!(
                    "the events of offsets {next} to {} are damaged or gone; the stream goes on after them",
                    begin - 1
                );
                self.add(Severity::Lost, "log", Some(&entry.name), what);
            }
            next = next.max(end);
        }
        let start = match from {
            _ if entry.pending => "nothing: it was never finished".to_owned(),
            _ if !is_live => "nothing: it was deleted, or another took its place".to_owned(),
            from if checkpoints.is_empty() && from == next => "it begins with nothing".to_owned(),
            0 => format!("it learns the log again, up to offset {next}"),
            from if from == next => format!("it begins at its checkpoint at offset {from}"),
            from => {
                format!("it begins at its checkpoint at offset {from} and learns the log again, up to offset {next}")
            }
        };
        self.streams.push(ExaminedStream {
            name: entry.name.clone(),
            number: entry.number,
            epoch: entry.epoch,
            trimmed_before: entry.trimmed_before,
            log: ranges,
            acknowledged,
            lost: entry.lost.clone(),
            checkpoints,
            start,
        });
        Ok(())
    }

    /// Names groups of the log whose streams nobody knows.
    fn name_strangers(&mut self, log: &LogContents, entries: &[StreamEntry]) {
        let known: BTreeSet<u32> = entries.iter().map(|entry| entry.number).collect();
        let strangers: Vec<StreamId> = log.groups.keys().filter(|id| !known.contains(&id.number)).copied().collect();
        for id in strangers {
            let what = format!("it holds groups of {id}, which no list of streams names; they are left");
            self.add(Severity::Note, "log", None, what);
        }
    }
}
