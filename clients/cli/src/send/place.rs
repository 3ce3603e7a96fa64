//! The numbers of the events that `surmise send` sends: the place of each in what is read, and what was read up to it.
//!
//! A daemon remembers how far it has a producer by the number of an event alone. So that number also holds a
//! fingerprint: another file under the same name is told from the one that was sent before, wherever its sender or the
//! daemon was killed, and nothing else has to be kept that could be ahead of the log or behind it.

use surmise_event::{Data, Datum};
use surmise_recording::{Fingerprint, Item};

/// Bits of a number, from below, that are a fingerprint; the place is above them.
const PRINT_BITS: u32 = 24;
/// Bits of the fingerprint, from below, that are the latest record's alone.
const LATEST_BITS: u32 = 12;
/// The largest place: records, or bytes where every byte is an event.
pub(super) const PLACE_MAX: u64 = (1 << (64 - PRINT_BITS)) - 1;

/// The place in what is read that a number says.
pub(super) fn place_of(number: u64) -> u64 {
    number >> PRINT_BITS
}

/// How far something was read, and what was read.
///
/// Places are records, since a file that grows has the records before as they were. Where every byte is an event they
/// are bytes: where one record of those ends depends on how much of the file was there.
#[derive(Clone, Copy, Default)]
pub(super) struct ReadSoFar {
    place: u64,
    /// What was read before the latest record.
    before: Fingerprint,
    /// The latest record, where records are counted.
    latest: Option<Fingerprint>,
    all: Fingerprint,
}

/// How what was read now is to what was sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// It is the same.
    Same,
    /// Only the latest record is another one: it was not whole then.
    LatestDiffers,
    /// It is something else.
    Other,
}

impl ReadSoFar {
    /// The place of the latest record.
    pub(super) fn place(&self) -> u64 {
        self.place
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, item: &Item) {
        self.before = self.all;
        match &item.record.data {
            Data::One(Datum::Bytes(run)) => {
                self.place += run.len() as u64;
                self.all.add(run);
                self.latest = None;
            }
            _ => {
                self.place += 1;
                self.all.add_print(item.print);
                self.latest = Some(item.print);
            }
        }
    }

    /// The number of the latest record; none if its place is beyond [`PLACE_MAX`].
    pub(super) fn number(&self) -> Option<u64> {
        (self.place <= PLACE_MAX).then(|| (self.place << PRINT_BITS) | self.print())
    }

    fn print(&self) -> u64 {
        match self.latest {
            Some(latest) => (self.before.bits(PRINT_BITS - LATEST_BITS) << LATEST_BITS) | latest.bits(LATEST_BITS),
            None => self.all.bits(PRINT_BITS),
        }
    }

    /// Compares what was read with what was sent under a number of this place.
    pub(super) fn likeness(&self, number: u64) -> Likeness {
        let sent = number & ((1 << PRINT_BITS) - 1);
        let begins_alike = sent >> LATEST_BITS == self.print() >> LATEST_BITS;
        match () {
            () if place_of(number) != self.place => Likeness::Other,
            () if sent == self.print() => Likeness::Same,
            // of a lone record nothing says that it belongs to the same file
            () if begins_alike && self.latest.is_some() && self.place > 1 => Likeness::LatestDiffers,
            () => Likeness::Other,
        }
    }
}

/// Divides a run of bytes behind its first `length` ones; other records stay whole.
pub(super) fn divide(item: Item, length: u64) -> (Item, Option<Item>) {
    let Data::One(Datum::Bytes(run)) = &item.record.data else { return (item, None) };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length >= run.len() {
        return (item, None);
    }
    let part = |bytes: &[u8]| {
        let mut part = item.clone();
        part.record.data = Data::One(Datum::Bytes(bytes.into()));
        part
    };
    (part(&run[..length]), Some(part(&run[length..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_recording::{Format, Source, SourceOptions};

    fn items(format: Format, text: &str) -> Vec<Item> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, text).unwrap();
        let options = SourceOptions { files: vec![file], format: Some(format), ..SourceOptions::default() };
        Source::open(&options).unwrap().map(Result::unwrap).collect()
    }

    fn read(items: &[Item]) -> ReadSoFar {
        let mut read = ReadSoFar::default();
        items.iter().for_each(|item| read.take(item));
        read
    }

    #[test]
    fn what_grew_is_what_was_sent_and_another_file_is_not() {
        let sent = read(&items(Format::Lines, "up\ndown\nup\n")).number().unwrap();
        assert_eq!(place_of(sent), 3);
        for (now, likeness) in [
            ("up\ndown\nup\ndown\n", Likeness::Same),
            ("up\ndown\nupper\n", Likeness::LatestDiffers),
            ("up\nup\nup\n", Likeness::Other),
            ("down\ndown\nup\nup\n", Likeness::Other),
            ("up\ndown\n", Likeness::Other),
        ] {
            let first: Vec<Item> = items(Format::Lines, now).into_iter().take(3).collect();
            assert_eq!(read(&first).likeness(sent), likeness, "{now:?}");
        }
        // nothing of a file with one record says that it is the same file
        let lone = read(&items(Format::Lines, "up\n")).number().unwrap();
        assert_eq!(read(&items(Format::Lines, "upper\n")).likeness(lone), Likeness::Other);
    }

    #[test]
    fn bytes_are_counted_wherever_runs_end() {
        let sent = read(&items(Format::Text, "abcde")).number().unwrap();
        let [run]: [Item; 1] = items(Format::Text, "abcdefg").try_into().unwrap();
        let (passed, rest) = divide(run, place_of(sent));
        assert_eq!(read(std::slice::from_ref(&passed)).likeness(sent), Likeness::Same);
        let rest = rest.unwrap();
        assert_eq!(rest.record.data, Data::One(Datum::Bytes(b"fg".as_slice().into())));
        // the rest is numbered as if it had been read in one run
        assert_eq!(read(&[passed, rest]).number(), read(&items(Format::Text, "abcdefg")).number());
        assert_eq!(read(&items(Format::Text, "abcdx")).likeness(sent), Likeness::Other);
    }

    #[test]
    fn numbers_rise_with_places() {
        let mut read = ReadSoFar::default();
        let mut last = 0;
        for item in items(Format::Lines, "a\nb\nc\nd\ne\nf\n") {
            read.take(&item);
            let number = read.number().unwrap();
            assert!(number > last);
            last = number;
        }
        assert_eq!(ReadSoFar { place: PLACE_MAX + 1, ..read }.number(), None);
    }
}
