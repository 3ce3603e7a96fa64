//! Mutations of inputs: the usual ones of fuzzers, from a seed.

use surmise_fixtures::Random;

/// Pieces of text that parsers look for.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\n",
    "\r\n",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "1e999",
    "-0",
    "NaN",
    "18446744073709551616",
    "9007199254740993",
    "\"seq\":",
    "\"data\":",
    "\"time\":",
    "\"key\":",
    "\"end\":true",
    "\"hello\":",
    "2026-02-30T25:61:61Z",
    "1970-01-01",
    "-9223372036854775808",
    " ",
    "\t",
    "\u{feff}",
    "=",
    "[[",
    "]]",
    "GET / HTTP/1.1",
    "192.168.0.1",
    "0x",
    "'",
    "%",
];

/// Bytes of an input beyond which it is not made longer.
const LENGTH_MAX: usize = 1 << 16;

/// Numbers at the edges of what machines count with.
const EDGES: &[u64] = &[0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 32, i64::MAX as u64, u64::MAX];

fn place(random: &mut Random, length: usize) -> usize {
    random.below(length as u64 + 1) as usize
}

/// A range within `length` bytes, mostly a short one.
fn range(random: &mut Random, length: usize) -> std::ops::Range<usize> {
    let start = place(random, length);
    let longest = 1 << random.below(12);
    start..(start + place(random, longest)).min(length)
}

/// Changes an input in one to eight places. `other` is an input that pieces are taken from.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..1 << random.below(4) {
        let length = input.len();
        match random.below(10) {
            0..=2 if length > 0 => {
                let at = random.below(length as u64) as usize;
                input[at] ^= 1 << random.below(8);
            }
            3 if length > 0 => {
                let at = random.below(length as u64) as usize;
                input[at] = random.below(256) as u8;
            }
            4 => {
                let range = range(random, length);
                input.drain(range);
            }
            5 if length < LENGTH_MAX => {
                let range = range(random, length);
                let (copy, at) = (input[range].to_vec(), place(random, length));
                input.splice(at..at, copy);
            }
            6 if length < LENGTH_MAX => {
                let (word, at) = (WORDS[random.below(WORDS.len() as u64) as usize], place(random, length));
                input.splice(at..at, word.bytes());
            }
            7 => {
                let edge = EDGES[random.below(EDGES.len() as u64) as usize].to_le_bytes();
                let (size, at) = (1 << random.below(4), place(random, length));
                let end = (at + size).min(length);
                input[at..end].copy_from_slice(&edge[..end - at]);
            }
            8 => {
                let (from, at) = (range(random, other.len()), place(random, length));
                let end = (at + from.len()).min(length);
                input.splice(at..end, other[from].iter().copied());
            }
            _ => input.truncate(place(random, length)),
        }
    }
}
