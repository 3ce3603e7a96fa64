//! Reading a file of sled without sled: is every message whole, and which records of ours does it hold?
//!
//! sled 0.34 trusts what it opens. A flipped bit makes it take the rest of the file for the torn end of a crash, which
//! it then *overwrites with zeros*; a damaged head of a segment makes it leave the segment out without a word. So this
//! looks first, and a file that is not whole is never opened by sled again: its records, which name themselves, are
//! taken out one by one.
//!
//! A file is a sequence of segments. Each begins with a head (checksum, log number, both inverted) of 20 bytes, and is
//! filled with messages: checksum (u32), kind (u8), length, number of the segment, page (integers of one to nine
//! bytes), then the content. The segment with the highest log number is the end of the log, and its end may be torn.

use crate::database::SEGMENT_BYTES;
use crate::error::StoreError;
use crate::identity::StreamId;
use crate::record::{HEADER_BYTES, MAGIC, RecordHead, RecordKind, unseal_prefix};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of the head of a segment.
const SEGMENT_HEAD_BYTES: usize = 20;
/// Fewer bytes than this at the end of a segment hold no message.
const MESSAGE_HEAD_BYTES_MAX: usize = 32;
/// The kind of a message that fills the rest of its segment.
const KIND_CAP: u8 = 2;
/// The kind of a message that begins a batch, and says where in the log the batch ends.
const KIND_BATCH: u8 = 3;
/// The largest kind of a message.
const KIND_MAX: u8 = 11;

/// A place where a file is not whole.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FileFault {
    /// Where in the file, in bytes.
    pub at: u64,
    /// What is wrong there.
    pub what: &'static str,
}

/// A message of a segment.
struct Message {
    kind: u8,
    segment_number: u64,
    /// Bytes of the message with its head.
    length: usize,
}

/// Reads one of sled's integers. Returns it and the rest.
fn integer(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    match *first {
        0..=240 => Some((u64::from(*first), rest)),
        241..=248 => {
            let (second, rest) = rest.split_first()?;
            Some((240 + 256 * (u64::from(*first) - 241) + u64::from(*second), rest))
        }
        249 => {
            let (two, rest) = rest.split_first_chunk::<2>()?;
            Some((2288 + 256 * u64::from(two[0]) + u64::from(two[1]), rest))
        }
        250..=255 => {
            let (used, rest) = rest.split_at_checked(usize::from(*first) - 247)?;
            let mut all = [0; 8];
            all[..used.len()].copy_from_slice(used);
            Some((u64::from_le_bytes(all), rest))
        }
    }
}

/// Reads the head of the message that the bytes begin with, and where its body begins.
fn message_head(bytes: &[u8]) -> Option<(Message, usize)> {
    let (kind, rest) = bytes.get(4..)?.split_first()?;
    if !(1..=KIND_MAX).contains(kind) {
        return None;
    }
    let (length, rest) = integer(rest)?;
    let (segment_number, rest) = integer(rest)?;
    let (_page, rest) = integer(rest)?;
    let body = bytes.len() - rest.len();
    let length = body.checked_add(usize::try_from(length).ok()?)?;
    Some((Message { kind: *kind, segment_number, length }, body))
}

/// Reads the message that the bytes begin with, if it is whole.
fn message(bytes: &[u8]) -> Option<Message> {
    let (message, body) = message_head(bytes)?;
    let mut found = crc32fast::Hasher::new();
    found.update(bytes.get(body..message.length)?);
    found.update(&bytes[4..body]);
    let is_whole = found.finalize() ^ u32::MAX == u32::from_le_bytes(*bytes.first_chunk()?);
    is_whole.then_some(message)
}

/// The number of a segment in the log, from its head.
fn segment_number(head: &[u8]) -> Option<u64> {
    let (crc, rest) = head.split_first_chunk::<4>()?;
    let rest = rest.get(..SEGMENT_HEAD_BYTES - 4)?;
    let log_number = u64::from_le_bytes(*rest.first_chunk::<8>()?) ^ (u64::MAX >> 1);
    let is_whole = crc32fast::hash(rest) == u32::from_le_bytes(*crc) ^ u32::MAX;
    (is_whole && log_number.is_multiple_of(SEGMENT_BYTES as u64)).then_some(log_number / SEGMENT_BYTES as u64)
}

/// Lets what is read of a file come from the disk, and not from what memory has of it.
fn read_from_disk(file: &File) {
    // a system that cannot do so reads what it has
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    #[cfg(target_vendor = "apple")]
    let _ = rustix::fs::fcntl_nocache(file, true);
    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    let _ = file;
}

/// A file of segments that is being read.
struct SegmentFile {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl SegmentFile {
    fn open(path: &Path) -> Result<Option<SegmentFile>, StoreError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::io("cannot open", path)(e)),
        };
        // where a sync failed, memory holds what the disk does not: what is trusted has to be read from the disk
        read_from_disk(&file);
        let bytes = file.metadata().map_err(StoreError::io("cannot read", path))?.len();
        Ok(Some(SegmentFile { file, path: path.into(), bytes }))
    }

    /// The places where segments begin.
    fn segments(&self) -> impl Iterator<Item = u64> + use<> {
        (0..self.bytes).step_by(SEGMENT_BYTES)
    }

    fn read(&self, at: u64, buffer: &mut Vec<u8>) -> Result<(), StoreError> {
        let length = (self.bytes.saturating_sub(at)).min(SEGMENT_BYTES as u64) as usize;
        buffer.resize(length, 0);
        self.file.read_exact_at(buffer, at).map_err(StoreError::io("cannot read", &self.path))
    }

    /// The highest number of a segment.
    fn tip(&self) -> Result<Option<u64>, StoreError> {
        let mut tip = None;
        let mut head = [0; SEGMENT_HEAD_BYTES];
        for at in self.segments().filter(|at| at + SEGMENT_HEAD_BYTES as u64 <= self.bytes) {
            self.file.read_exact_at(&mut head, at).map_err(StoreError::io("cannot read", &self.path))?;
            tip = tip.max(segment_number(&head));
        }
        Ok(tip)
    }
}

/// Looks through the file of a database, of whose groups those with a place before `acknowledged` were acknowledged.
/// Nothing is changed.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn faults(database: &Path, acknowledged: impl Fn(StreamId) -> u64) -> Result<Vec<FileFault>, StoreError> {
    let Some(file) = SegmentFile::open(&database.join("db"))? else { return Ok(Vec::new()) };
    let tip = file.tip()?;
    let mut walk = Walk { tip, batches: Vec::new(), torn: None };
    let mut faults = Vec::new();
    let mut numbers = Vec::new();
    let mut segment = Vec::new();
    for at in file.segments() {
        file.read(at, &mut segment)?;
        numbers.push(segment_number(&segment));
        if let Some(fault) = walk.segment_fault(&segment) {
            faults.push(FileFault { at: at + fault.at, what: fault.what });
        }
    }
    if let Some(dropped) = walk.dropped()
        && holds_acknowledged(database, &numbers, &dropped, acknowledged)?
    {
        let segment = numbers.iter().position(|number| *number == tip).unwrap_or(0);
        let at = segment as u64 * SEGMENT_BYTES as u64 + walk.torn.map_or(0, |torn| torn.start % SEGMENT_BYTES as u64);
        faults.push(FileFault { at, what: "a message that was acknowledged is damaged" });
    }
    Ok(faults)
}

/// Whether the places of the log that sled would drop for a torn end hold whole groups that were acknowledged and that
/// are nowhere else: then no crash tore it, as nothing is acknowledged before all of its batch is written.
fn holds_acknowledged(
    database: &Path,
    numbers: &[Option<u64>],
    dropped: &Range<u64>,
    acknowledged: impl Fn(StreamId) -> u64,
) -> Result<bool, StoreError> {
    let is_within = |found: &FoundRecord| {
        let number = numbers.get((found.at / SEGMENT_BYTES as u64) as usize).copied().flatten();
        let in_log = number.map(|number| log_place(number, (found.at % SEGMENT_BYTES as u64) as usize));
        found.file == 0 && in_log.is_some_and(|place| dropped.contains(&place))
    };
    // a batch is small, and the rest of the file is not
    let mut within = BTreeSet::new();
    records(database, |found, _| {
        let RecordHead { kind, id, at, piece, .. } = found.head;
        if kind == RecordKind::Group && at < acknowledged(id) && is_within(&found) {
            within.insert((id, at, piece));
        }
    })?;
    if !within.is_empty() {
        records(database, |found, _| {
            if found.head.kind == RecordKind::Group && !is_within(&found) {
                within.remove(&(found.head.id, found.head.at, found.head.piece));
            }
        })?;
    }
    Ok(!within.is_empty())
}

/// A place in the log, which goes through segments in the order of their numbers.
fn log_place(segment_number: u64, at: usize) -> u64 {
    segment_number * SEGMENT_BYTES as u64 + at as u64
}

/// A walk through the messages of all segments.
struct Walk {
    /// The number of the last segment of the log.
    tip: Option<u64>,
    /// The batches, from the places in the log of their first messages to those of their last bytes. sled keeps all of
    /// a batch or none.
    batches: Vec<(u64, u64)>,
    /// The places in the log of a message at its end of which a crash may have written a part.
    torn: Option<Range<u64>>,
}

impl Walk {
    /// The first fault of a segment.
    fn segment_fault(&mut self, segment: &[u8]) -> Option<FileFault> {
        let fault = |at: usize, what| Some(FileFault { at: at as u64, what });
        let Some(number) = segment_number(segment) else {
            // never written, or freed
            let is_empty = segment.iter().all(|byte| *byte == 0);
            return if is_empty { None } else { fault(0, "the head of a segment is damaged") };
        };
        let mut at = SEGMENT_HEAD_BYTES;
        while at + MESSAGE_HEAD_BYTES_MAX <= SEGMENT_BYTES {
            let rest = segment.get(at..).unwrap_or_default();
            let next = message(rest).filter(|message| message.segment_number == number);
            match next {
                Some(Message { kind: KIND_CAP, .. }) => return None,
                Some(message) => {
                    if let (KIND_BATCH, Some(end)) = (message.kind, rest[..message.length].last_chunk()) {
                        self.batches.push((log_place(number, at), u64::from_le_bytes(*end)));
                    }
                    at += message.length;
                }
                None if Some(number) != self.tip => return fault(at, "a message is damaged"),
                None if goes_on(segment, at, number) => return fault(at, "a message before the last one is damaged"),
                None => {
                    // what an earlier use of the segment has left is of another number
                    let torn = message_head(rest).filter(|(message, _)| message.segment_number == number);
                    let place = log_place(number, at);
                    self.torn = torn.map(|(message, _)| place..place + message.length as u64);
                    return None;
                }
            }
        }
        None
    }

    /// The places in the log that sled would drop for its torn end.
    fn dropped(&self) -> Option<Range<u64>> {
        let torn = self.torn.clone()?;
        let of = self.batches.iter().filter(|(_, end)| *end >= torn.start).map(|(begin, _)| *begin);
        Some(of.min().unwrap_or(torn.start)..torn.end)
    }
}

/// Whether a whole message of the same segment follows somewhere after a place: that place is not its torn end.
fn goes_on(segment: &[u8], at: usize, number: u64) -> bool {
    let after = at + 1..segment.len();
    after.into_iter().any(|at| {
        // a zero is no kind: most of an unused end is passed over quickly
        segment.get(at + 4).is_some_and(|kind| *kind != 0)
            && message(&segment[at..]).is_some_and(|message| message.segment_number == number)
    })
}

/// A record in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoundRecord {
    pub head: RecordHead,
    /// Which file of the database, by its place in [`files`].
    pub file: usize,
    /// Where in the file.
    pub at: u64,
    /// Bytes of the record.
    pub length: usize,
}

/// The files of a database that hold records: that of the segments, and those of values too long for it.
pub(crate) fn files(database: &Path) -> Vec<PathBuf> {
    let mut files = vec![database.join("db")];
    if let Ok(blobs) = std::fs::read_dir(database.join("blobs")) {
        files.extend(blobs.flatten().map(|blob| blob.path()));
    }
    files
}

/// Finds every whole record in the files of a database, also in messages that are damaged. What does not matter to the
/// caller it may forget. Nothing is changed.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn records(database: &Path, mut found: impl FnMut(FoundRecord, &[u8])) -> Result<(), StoreError> {
    for (number, path) in files(database).iter().enumerate() {
        let Some(file) = SegmentFile::open(path)? else { continue };
        let mut segment = Vec::new();
        for base in file.segments() {
            file.read(base, &mut segment)?;
            let mut at = 0;
            while at + HEADER_BYTES <= segment.len() {
                at += crate::entry::next_magic(&segment[at..]);
                let Ok((head, payload)) = unseal_prefix(segment.get(at..).unwrap_or_default(), "a record") else {
                    at += MAGIC.len();
                    continue;
                };
                let length = HEADER_BYTES + payload.len();
                found(FoundRecord { head, file: number, at: base + at as u64, length }, payload);
                at += length;
            }
        }
    }
    Ok(())
}

/// Reads a record again that was found.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read(file: &Path, found: &FoundRecord) -> Result<Vec<u8>, StoreError> {
    let mut value = vec![0; found.length];
    let read = File::open(file).and_then(|file| file.read_exact_at(&mut value, found.at));
    read.map_err(StoreError::io("cannot read", file))?;
    Ok(value)
}
