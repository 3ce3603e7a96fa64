//! The databases of one data directory, opened together.

use crate::audit::{self, AuditLog};
use crate::checkpoints::Checkpoints;
use crate::database::{self, Database};
use crate::entry::StreamEntry;
use crate::error::StoreError;
use crate::finding::{Findings, Severity};
use crate::format;
use crate::group::Group;
use crate::identity::StreamId;
use crate::lock::DirLock;
use crate::log::{Log, ProducerMark};
use crate::older;
use crate::opening::CarefulOpening;
use crate::pages::KeyPages;
use crate::progress::{self, Progress};
use crate::registry::{self, Registry};
use crate::rewriting::{self, Looseness};
use crate::room::DiskRoom;
use crate::salvage;
use crate::set_aside::{ASIDE, SetAside};
use std::path::Path;
use std::sync::Arc;

/// The databases, and the lock of the directory.
pub struct Store {
    /// Events and streams.
    pub log: Log,
    /// States of learners.
    pub checkpoints: Checkpoints,
    /// Key pages: states of keys that memory has no room for.
    pub pages: KeyPages,
    /// What operators did.
    pub audit: AuditLog,
    /// What was found since the start that a person should know.
    pub findings: Arc<Findings>,
    /// The room that the databases may take.
    pub disk: DiskRoom,
    pub(crate) registry: Arc<Registry>,
    progress: Arc<Progress>,
    pub(crate) aside: Arc<SetAside>,
    // declared last, so that the lock is given back after the databases are closed
    _lock: DirLock,
}

impl Store {
    /// Opens the store in a directory, which is made if it does not exist. Of each stream, `generations` checkpoints
    /// are kept.
    ///
    /// # Errors
    /// Another daemon uses the directory, or the store cannot be read.
    pub fn open(dir: &Path, generations: u32) -> Result<Store, StoreError> {
        let lock = DirLock::take(dir)?;
        format::check(dir)?;
        let findings = Arc::new(Findings::default());
        let (registry, damaged) = Registry::read(dir)?;
        if damaged > 0 {
            let what = format!("{damaged} records are damaged; the databases have copies of them");
            findings.add(Severity::Mended, registry::FILE_NAME, None, what);
        }
        let (registry, progress) = (Arc::new(registry), Arc::new(Progress::open(dir)?));
        for name in rewriting::DATABASES {
            rewriting::finish(dir, name, &findings)?;
        }
        let aside = Arc::new(SetAside::of(dir));
        let opening = CarefulOpening {
            dir: dir.into(),
            findings: findings.clone(),
            progress: progress.clone(),
            aside: aside.clone(),
        };
        let log = open_log(&opening, &registry)?;
        let checkpoints = open_checkpoints(&opening, generations, &registry)?;
        let pages = KeyPages::new(&dir.join("keys"), registry.clone(), findings.clone(), Some(opening));
        // every copy is whole again before anything is written
        registry.settle()?;
        log.settle()?;
        checkpoints.settle()?;
        for database in [&log.database, &checkpoints.database] {
            database.rewrite_and_tell(Looseness::AT_START, &findings);
        }
        format::write(dir)?;
        note_unknown_files(dir, &findings);
        database::sync_dir(dir)?;
        // sled has written to what it was to tell of producers
        aside.count();
        let audit = AuditLog::new(dir);
        let disk = DiskRoom::default();
        Ok(Store { disk, log, checkpoints, pages, audit, registry, progress, aside, findings, _lock: lock })
    }

    /// Makes new streams, groups and marks durable, all of them together, and notes how far the streams are. `time_us`,
    /// in microseconds since 1970, dates the marks.
    ///
    /// # Errors
    /// The database or the file system refuses.
    pub fn commit(
        &self,
        entries: &[StreamEntry],
        groups: &[Group],
        marks: &[ProducerMark],
        time_us: i64,
    ) -> Result<(), StoreError> {
        // what says less than an event is written beyond the bound, too: it may be what gives room back
        if !groups.is_empty() {
            self.disk.check(self.disk_bytes())?;
        }
        self.log.commit(entries, groups, marks, time_us)?;
        let epoch = |number| self.registry.id(number).map_or(0, |id| id.epoch);
        self.progress
            .note(groups.iter().map(|group| (group.stream, epoch(group.stream), group.first_offset + group.span)))
    }

    /// Bytes that the disk keeps for the databases: log, checkpoints, key pages, and what was set aside and may go.
    pub fn disk_bytes(&self) -> u64 {
        let [log, checkpoints] = [&self.log.database, &self.checkpoints.database].map(Database::allocated_bytes);
        log + checkpoints + self.pages.allocated_bytes() + self.aside.bytes()
    }

    /// Deletes the oldest of what was set aside as damaged and may go, until so many bytes are gone. Returns how many
    /// that were.
    pub fn delete_set_aside(&self, bytes: u64) -> u64 {
        self.aside.delete_oldest(bytes)
    }

    /// Rewrites databases whose files are larger than that, each while what uses it waits. Returns the bytes that the
    /// file system has back.
    pub fn rewrite_loose(&self, than: Looseness) -> u64 {
        let before = self.disk_bytes();
        for database in [&self.log.database, &self.checkpoints.database] {
            database.rewrite_and_tell(than, &self.findings);
        }
        self.pages.rewrite_loose(than);
        before.saturating_sub(self.disk_bytes())
    }

    /// The offset before which everything of a stream was acknowledged, as far as that is known.
    pub fn acknowledged(&self, number: u32) -> u64 {
        self.registry.id(number).map_or(0, |id| self.progress.of(number, id.epoch))
    }

    /// Notes that events of a stream are lost, once: in the stream's entry, in the log of the program, and for those
    /// that ask.
    ///
    /// # Errors
    /// The list of streams cannot be written.
    pub fn note_lost(&self, number: u32, from: u64, to: u64, why: &str) -> Result<(), StoreError> {
        let Some(mut entry) = self.registry.entry(number) else {
            return Ok(());
        };
        if entry.note_lost(from, to) {
            let what = format!("the events of offsets {from} to {} are lost: {why}; it goes on after them", to - 1);
            self.findings.add(Severity::Lost, "log", Some(&entry.name), what);
            self.registry.note(&[entry])?;
        }
        Ok(())
    }

    /// Deletes what is left of a stream: its checkpoints and key pages, its log unless others go on from it, and its
    /// producers unless another one has them. Its entry stays.
    ///
    /// # Errors
    /// A database refuses.
    pub fn clear_stream(&self, number: u32, keep_log: bool, keep_producers: bool) -> Result<(), StoreError> {
        self.checkpoints.clear(number)?;
        self.pages.truncate(number, 0)?;
        if !keep_log {
            self.log.clear(number)?;
        }
        if !keep_producers {
            self.log.producers.clear(number)?;
        }
        Ok(())
    }

    /// Copies the key pages that a checkpoint with `pages` pages of a stream sees to a stream that goes on from it.
    ///
    /// # Errors
    /// The database refuses, or a page is damaged.
    pub fn copy_pages(&self, from: u32, to: StreamId, pages: u64) -> Result<bool, StoreError> {
        self.pages.copy(self.registry.id(from)?, to, pages)
    }

    /// The identity of a stream.
    ///
    /// # Errors
    /// There is none of this number.
    pub fn id(&self, number: u32) -> Result<StreamId, StoreError> {
        self.registry.id(number)
    }

    /// A number for a stream that no stream has ever had.
    pub fn next_number(&self) -> u32 {
        self.registry.next_number()
    }
}

/// Opens the log. Of one that was damaged, what is whole is taken over; one of the format before is converted.
fn open_log(opening: &CarefulOpening, registry: &Arc<Registry>) -> Result<Log, StoreError> {
    let (log, aside) = Log::open(opening, registry.clone())?;
    if let Some(aside) = aside {
        salvage::log(&aside, &log, &opening.progress, &opening.findings)?;
        opening.aside.set_done(&aside)?;
    }
    if log.database.is_older {
        older::convert_log(&log)?;
    }
    log.tell_registry()?;
    Ok(log)
}

/// Opens the checkpoints in the same way.
fn open_checkpoints(
    opening: &CarefulOpening,
    generations: u32,
    registry: &Arc<Registry>,
) -> Result<Checkpoints, StoreError> {
    let (checkpoints, aside) = Checkpoints::open(opening, generations, registry.clone())?;
    if let Some(aside) = aside {
        salvage::checkpoints(&aside, &checkpoints, generations.max(1) as usize, &opening.findings)?;
        opening.aside.set_done(&aside)?;
    }
    if checkpoints.database.is_older {
        older::convert_checkpoints(&checkpoints)?;
    }
    checkpoints.read_manifests(&opening.findings)?;
    Ok(checkpoints)
}

/// The folder of a data directory in which the daemon remembers what its sinks have delivered.
pub const SINKS_DIR: &str = "sinks";

/// Names of a data directory that are known, beside those that were set aside and sockets.
pub(crate) const KNOWN_NAMES: [&str; 12] = [
    "log",
    "checkpoints",
    "keys",
    registry::FILE_NAME,
    progress::FILE_NAME,
    format::FILE_NAME,
    audit::FILES[0],
    audit::FILES[1],
    SINKS_DIR,
    "surmised.lock",
    "streams.new",
    "progress.new",
];

/// Names files that nobody knows, and leaves them.
fn note_unknown_files(dir: &Path, findings: &Findings) {
    for name in unknown_files(dir) {
        findings.add(Severity::Note, &name, None, "the file is none of the store's; it is left alone".into());
    }
}

/// The files of a data directory that are none of the store's.
pub(crate) fn unknown_files(dir: &Path) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(dir) else { return Vec::new() };
    let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    let is_unknown = |name: &String| {
        !KNOWN_NAMES.contains(&&**name)
            && !rewriting::is_left_over(name)
            && !name.starts_with(ASIDE)
            && !name.ends_with(".sock")
    };
    let mut names: Vec<String> = names.filter(is_unknown).collect();
    names.sort();
    names
}
