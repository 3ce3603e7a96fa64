//! What a stream was made with, as records that are kept in three places.

use crate::bytes::Damaged;
use crate::identity::StreamId;
use crate::record::{RecordHead, RecordKind, START_SHIFT, unseal_prefix};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use surmise_event::Schema;
use surmise_learner::Options;

/// Ranges of lost offsets that an entry names; when there are more, the oldest are joined.
const LOST_RANGES_MAX: usize = 64;

/// Names that an entry remembers.
const NAMES_MAX: usize = 16;

/// What a stream was made with: all that recovery without a checkpoint has to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamEntry {
    /// The number of the stream in the log. No two streams ever have the same.
    pub number: u32,
    /// Which incarnation of the name the stream is; the first is 1.
    #[serde(default = "first_epoch")]
    pub epoch: u32,
    /// The name of the stream.
    pub name: String,
    /// The pattern of the configuration that the name fell under; empty if it fell under none.
    #[serde(default)]
    pub group: String,
    /// The schema that was declared for it.
    pub schema: Schema,
    /// The options that the stream's learner was made with.
    pub options: Options,
    /// When the stream was made, in microseconds since 1970.
    pub created_us: i64,
    /// Bytes that were deleted at the beginning of the stream's log.
    #[serde(default)]
    pub trimmed_bytes: u64,
    /// The offset before which the log was deleted on purpose.
    #[serde(default)]
    pub trimmed_before: u64,
    /// Offsets whose events were damaged before they were in a checkpoint: from the first up to, not including, the
    /// second of each pair.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<(u64, u64)>,
    /// The stream in whose place this one came, by its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<u32>,
    /// Where the stream ended in whose place this one came, as long as that one can be brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<StreamEnd>,
    /// Where the stream itself ended, if it was deleted and can be brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_end: Option<StreamEnd>,
    /// The number under which its producers are kept in the store, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer_table: Option<u32>,
    /// The names that it has had, if it was renamed: the first one, and the latest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The offset with which its log begins.
    #[serde(default, skip_serializing_if = "is_default")]
    pub first_offset: u64,
    /// The logs of earlier streams that lead to this one's beginning, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<LogPart>,
    /// Whether the logs of earlier streams were deleted for want of room.
    #[serde(default, skip_serializing_if = "is_default")]
    pub past_is_lost: bool,
    /// The checkpoint of another stream with whose knowledge it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<LikeStream>,
    /// Whether the stream is still being made, and replaces nothing yet.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pending: bool,
    /// Whether the stream was deleted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deleted: bool,
    /// Whether nothing is left of it but this entry.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cleared: bool,
}

/// The streams that live, of all entries: not those that were deleted, that another one has replaced, or that were
/// never finished. Of two with one name, the later incarnation lives.
pub fn live_streams(entries: Vec<StreamEntry>) -> Vec<StreamEntry> {
    let replaced: BTreeSet<u32> = entries.iter().filter(|e| !e.pending).filter_map(|e| e.replaces).collect();
    let mut by_name: BTreeMap<String, StreamEntry> = BTreeMap::new();
    for entry in entries.into_iter().filter(|e| !e.deleted && !e.pending && !replaced.contains(&e.number)) {
        let is_later = by_name.get(&entry.name).is_none_or(|o| (o.epoch, o.number) < (entry.epoch, entry.number));
        if is_later {
            by_name.insert(entry.name.clone(), entry);
        }
    }
    let mut live: Vec<StreamEntry> = by_name.into_values().collect();
    live.sort_unstable_by_key(|entry| entry.number);
    live
}

/// A checkpoint of a stream with whose knowledge another one began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LikeStream {
    /// The name that the stream had.
    pub name: String,
    /// Its number.
    pub number: u32,
    /// The generation of the checkpoint.
    pub generation: u64,
    /// The offset of the first event that the checkpoint does not contain.
    pub offset: u64,
}

/// The end of a stream that was replaced or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEnd {
    /// The offset that its next event would have had.
    pub offset: u64,
    /// When it ended, in microseconds since 1970.
    pub time_us: i64,
}

/// A part of the log of a stream that another one goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPart {
    /// The number of the stream.
    pub number: u32,
    /// The first offset.
    pub from: u64,
    /// The offset after the last.
    pub to: u64,
    /// About how many bytes it takes.
    #[serde(default)]
    pub bytes: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn first_epoch() -> u32 {
    1
}

impl StreamEntry {
    /// The number under which its producers are kept in the store.
    pub fn producers(&self) -> u32 {
        self.producer_table.unwrap_or(self.number)
    }

    /// The entry of a stream of which nothing else is left: it keeps the number from being given again.
    pub fn into_tombstone(self) -> StreamEntry {
        StreamEntry {
            deleted: true,
            cleared: true,
            schema: Schema::default(),
            options: Options::default(),
            past: Vec::new(),
            lost: Vec::new(),
            ..self
        }
    }

    /// An entry of a stream that begins with nothing.
    pub fn new(number: u32, name: &str, group: &str, schema: Schema, options: Options, created_us: i64) -> StreamEntry {
        StreamEntry {
            number,
            epoch: first_epoch(),
            name: name.to_owned(),
            group: group.to_owned(),
            schema,
            options,
            created_us,
            trimmed_bytes: 0,
            trimmed_before: 0,
            lost: Vec::new(),
            replaces: None,
            replaced: None,
            own_end: None,
            producer_table: None,
            names: Vec::new(),
            first_offset: 0,
            past: Vec::new(),
            past_is_lost: false,
            like: None,
            pending: false,
            deleted: false,
            cleared: false,
        }
    }

    /// Gives it another name, and remembers those that it has had.
    pub fn rename(&mut self, to: &str) {
        for name in [&self.name, to] {
            if !self.names.iter().any(|known| known == name) {
                self.names.push(name.to_owned());
            }
        }
        if self.names.len() > NAMES_MAX {
            // what stands first has a meaning of its own, and of the others the present one must stay
            let oldest = (1..self.names.len()).find(|place| self.names[*place] != to).unwrap_or(1);
            self.names.remove(oldest);
        }
        self.name = to.to_owned();
    }

    /// The identity that the records of the stream carry.
    pub fn id(&self) -> StreamId {
        StreamId::new(self.number, self.epoch, &self.name)
    }

    /// Notes that the events from one offset up to, not including, another are lost. Returns whether that is news.
    pub fn note_lost(&mut self, from: u64, to: u64) -> bool {
        if from >= to || self.lost.iter().any(|(known_from, known_to)| *known_from <= from && to <= *known_to) {
            return false;
        }
        self.lost.push((from, to));
        self.lost.sort_unstable();
        if self.lost.len() > LOST_RANGES_MAX {
            let second = self.lost.remove(1);
            self.lost[0].1 = self.lost[0].1.max(second.1);
        }
        true
    }

    /// The entry of a stream `s` with a number.
    #[cfg(test)]
    pub(crate) fn sample(number: u32) -> StreamEntry {
        StreamEntry::new(number, &format!("s{number}"), "", Schema::default(), Options::default(), 1)
    }

    /// The entry as records, one for each piece.
    pub(crate) fn records(&self, write: u64) -> Vec<Vec<u8>> {
        let payload = serde_json::to_vec(self).expect("invariant: a stream's entry can be written as JSON");
        RecordHead::new(RecordKind::Entry, self.id(), 0, write).cut(&payload).collect()
    }
}

/// The copies of entries in one place, as far as they can be read.
#[derive(Default)]
pub(crate) struct EntryCopies {
    /// Each entry with the number of the write that it came with.
    pub entries: Vec<(u64, StreamEntry)>,
    /// Records that are damaged, or do not make a whole entry.
    pub damaged: u64,
    /// The largest number of a stream that is used up, plus one.
    pub next_number: u32,
    /// The largest count of starts.
    pub starts: u64,
    joined: Option<(RecordHead, Vec<u8>)>,
}

impl EntryCopies {
    /// Takes a record; those of one entry come in the order of its pieces.
    pub fn push(&mut self, head: RecordHead, payload: &[u8]) {
        self.starts = self.starts.max(head.write >> START_SHIFT);
        match head.kind {
            RecordKind::Marks => {
                let number = payload.first_chunk::<4>().map_or(0, |number| u32::from_le_bytes(*number));
                self.next_number = self.next_number.max(number);
                self.starts = self.starts.max(head.at);
            }
            RecordKind::Entry => self.push_piece(head, payload),
            _ => self.damaged += 1,
        }
    }

    fn push_piece(&mut self, head: RecordHead, payload: &[u8]) {
        self.next_number = self.next_number.max(head.id.number.saturating_add(1));
        let (first, mut bytes) = match self.joined.take() {
            None if head.piece == 0 => (head, Vec::new()),
            Some((first, bytes)) if RecordHead { piece: first.piece + 1, ..first } == head => (head, bytes),
            None | Some(_) => {
                self.damaged += 1;
                if head.piece != 0 {
                    return;
                }
                (head, Vec::new())
            }
        };
        bytes.extend_from_slice(payload);
        if first.piece + 1 < first.pieces {
            self.joined = Some((first, bytes));
            return;
        }
        match serde_json::from_slice::<StreamEntry>(&bytes) {
            Ok(entry) if entry.id() == head.id => self.entries.push((head.write, entry)),
            Ok(_) | Err(_) => self.damaged += 1,
        }
    }

    /// Takes all records of a file, and passes over what is none.
    pub fn scan(bytes: &[u8]) -> EntryCopies {
        let mut copies = EntryCopies::default();
        let mut at = 0;
        while at < bytes.len() {
            match unseal_prefix(&bytes[at..], "a record of the list of streams") {
                Ok((head, payload)) => {
                    copies.push(head, payload);
                    at += crate::record::HEADER_BYTES + payload.len();
                }
                Err(Damaged(_)) => {
                    copies.damaged += 1;
                    at += 1 + next_magic(&bytes[at + 1..]);
                }
            }
        }
        copies.damaged += u64::from(copies.joined.take().is_some());
        copies
    }
}

/// Where the next record may begin.
pub(crate) fn next_magic(bytes: &[u8]) -> usize {
    let magic = crate::record::MAGIC;
    bytes.windows(magic.len()).position(|window| window == magic).unwrap_or(bytes.len())
}
