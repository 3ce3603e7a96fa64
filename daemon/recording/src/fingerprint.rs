//! Fingerprints of what records were read of, by which a sender tells whether a file is the one that it sent before.
//!
//! A daemon keeps them within the numbers of events, so what is computed here never changes. They hold against files
//! that come under one name, not against somebody who makes two of one fingerprint.

use surmise_event::{Data, Datum, Record};

/// The fingerprint of bytes in their order: FNV-1a of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

/// What a fingerprint of nothing is, and what each byte multiplies it by.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// A byte that text does not have, which ends a part.
const PART_END: u8 = 0xff;

impl Default for Fingerprint {
    fn default() -> Fingerprint {
        Fingerprint(FNV_BASIS)
    }
}

impl Fingerprint {
    /// The fingerprint of bytes.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Fingerprint {
        let mut print = Fingerprint::default();
        print.add(bytes);
        print
    }

    /// The fingerprint of texts, which says where each ends.
    pub(crate) fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Fingerprint {
        let mut print = Fingerprint::default();
        texts.into_iter().for_each(|text| print.add_part(text.as_bytes()));
        print
    }

    /// The fingerprint of a record whose file says itself what its values are.
    pub(crate) fn of_record(record: &Record) -> Fingerprint {
        let mut print = Fingerprint::default();
        print.add_part(record.key.as_deref().unwrap_or_default().as_bytes());
        print.add(&record.time_us.unwrap_or(i64::MIN).to_le_bytes());
        print.add(&[u8::from(record.end)]);
        match &record.data {
            Data::One(datum) => print.add_datum(datum),
            Data::Fields(fields) => {
                for (name, datum) in fields {
                    print.add_part(name.as_bytes());
                    print.add_datum(datum);
                }
            }
            // files of such records hold no others
            Data::None | Data::Feedback(_) => {}
        }
        print
    }

    fn add_datum(&mut self, datum: &Datum) {
        match datum {
            Datum::Null => self.add(&[0]),
            Datum::Bool(is) => self.add(&[1, u8::from(*is)]),
            Datum::Number(number) => self.add(&number.to_bits().to_le_bytes()),
            Datum::Text(text) => self.add_part(text.as_bytes()),
            Datum::Numbers(numbers) => numbers.iter().for_each(|number| self.add(&number.to_bits().to_le_bytes())),
            Datum::Bytes(bytes) => self.add(bytes),
        }
    }

    fn add_part(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.add(&[PART_END]);
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |print, byte| (print ^ u64::from(*byte)).wrapping_mul(FNV_PRIME));
    }

    /// Adds what another fingerprint is of, as one part.
    pub fn add_print(&mut self, other: Fingerprint) {
        self.add(&other.0.to_le_bytes());
    }

    /// The fingerprint in so many bits, at most 64, each of which depends on all bytes.
    pub fn bits(self, count: u32) -> u64 {
        // the low bits of the product depend on the low bits of bytes alone: a last mixing spreads them
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> (64 - count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_stays_what_it_is() {
        // daemons keep these numbers
        assert_eq!(Fingerprint::of_bytes(b"foobar").0, 0x8594_4171_f739_67e8);
        assert_ne!(Fingerprint::of_texts(["ab", "c"]), Fingerprint::of_texts(["a", "bc"]));
        assert!(Fingerprint::of_bytes(b"up").bits(12) < 1 << 12);
        assert_ne!(Fingerprint::of_bytes(b"up").bits(12), Fingerprint::of_bytes(b"down").bits(12));
    }
}
