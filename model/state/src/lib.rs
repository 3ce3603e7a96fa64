//! The state of a model: one walk over its parts writes, reads, hashes and measures it, and copies are made in slices.
//!
//! A type implements [`Persist`] once. The same walk over its parts encodes a checkpoint, decodes it, computes
//! `state_hash` and counts `state_bytes`, so that none of the four can forget a part that another one has. Numbers
//! are little-endian; arrays carry their name and length, so that a reader that is out of step fails at once with the
//! name of the part, never with silently wrong weights.
//!
//! ```
//! use surmise_state::{Persist, State, StateError};
//!
//! #[derive(Default)]
//! struct Counter {
//!     events: u64,
//!     weights: Vec<f32>,
//! }
//!
//! impl Persist for Counter {
//!     fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
//!         s.section("counter")?;
//!         s.u64("events", &mut self.events)?;
//!         s.f32s("weights", &mut self.weights)
//!     }
//! }
//!
//! let mut counter = Counter { events: 3, weights: vec![0.5; 8] };
//! let mut restored = Counter::default();
//! restored.decode(&counter.encode())?;
//! assert_eq!(counter.hash_state(), restored.hash_state());
//! # Ok::<(), StateError>(())
//! ```
//!
//! [`IncrementalCopy`] makes a copy of such a state while the state keeps changing: a checkpoint is
//! encoded, and readers are answered, from copies.

mod incremental_copy;
mod snapshot_vec;

pub use incremental_copy::IncrementalCopy;
pub use snapshot_vec::SnapshotVec;
use xxhash_rust::xxh3::Xxh3;

/// Why a state could not be read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StateError {
    /// The bytes end inside a part.
    #[error("state ends inside {0:?}")]
    Truncated(&'static str),
    /// The bytes hold another part than the one that was expected.
    #[error("state holds another part where {0:?} was expected")]
    Mismatch(&'static str),
    /// A part has a value that no valid state has.
    #[error("state holds an impossible value for {0:?}")]
    Invalid(&'static str),
    /// So many bytes are left over after the last part.
    #[error("{0} bytes are left after the state")]
    Trailing(usize),
}

/// A state that can be written to a checkpoint, read from it, hashed and measured.
pub trait Persist {
    /// Walks over every part that decides what is predicted from here on, in a fixed order.
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError>;

    /// The encoded state.
    fn encode(&mut self) -> Vec<u8> {
        // measuring is cheap, as it reads the lengths of arrays and not their contents
        let out = Vec::with_capacity(self.measure() as usize);
        self.encode_after(out)
    }

    /// The encoded state behind the bytes of `out`.
    fn encode_after(&mut self, out: Vec<u8>) -> Vec<u8> {
        let mut s = State { mode: WalkMode::Write(out) };
        self.persist(&mut s).expect("writing a state cannot fail");
        match s.mode {
            WalkMode::Write(v) => v,
            _ => unreachable!("the mode was set above"),
        }
    }

    /// Reads an encoded state into `self`, which was built with the same options.
    fn decode(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let mut s = State { mode: WalkMode::Read(bytes) };
        self.persist(&mut s)?;
        match s.mode {
            WalkMode::Read([]) => Ok(()),
            WalkMode::Read(rest) => Err(StateError::Trailing(rest.len())),
            _ => unreachable!("the mode was set above"),
        }
    }

    /// A 128-bit hash of the encoded state, without building it.
    fn hash_state(&mut self) -> u128 {
        let mut s = State { mode: WalkMode::Hash(Box::new(Xxh3::new())) };
        self.persist(&mut s).expect("hashing a state cannot fail");
        match s.mode {
            WalkMode::Hash(h) => h.digest128(),
            _ => unreachable!("the mode was set above"),
        }
    }

    /// The length of the encoded state in bytes, without building it.
    fn measure(&mut self) -> u64 {
        let mut s = State { mode: WalkMode::Measure(0) };
        self.persist(&mut s).expect("measuring a state cannot fail");
        match s.mode {
            WalkMode::Measure(n) => n,
            _ => unreachable!("the mode was set above"),
        }
    }
}

/// What a walk does with each part that it comes to.
enum WalkMode<'a> {
    /// Appends the part to these bytes.
    Write(Vec<u8>),
    /// Overwrites the part with the first of these bytes, which are then taken off.
    Read(&'a [u8]),
    /// Adds the bytes of the part to this hash.
    Hash(Box<Xxh3>),
    /// Adds the length of the part to this count of bytes.
    Measure(u64),
}

/// A walk over the parts of a state, which [`Persist::persist`] hands to every part in turn.
pub struct State<'a> {
    mode: WalkMode<'a>,
}

/// Bytes of an array that are converted at a time.
const BUFFER_BYTES: usize = 1024;

// Numbers: each type has a method of its own, so that the width of a part is written where the part is.
macro_rules! scalars { ($($n:ident $t:ty),*) => { $(
    #[doc = concat!("One `", stringify!($t), "`.")]
    pub fn $n(&mut self, name: &'static str, v: &mut $t) -> Result<(), StateError> {
        let mut b = v.to_le_bytes();
        self.raw(name, &mut b)?;
        *v = <$t>::from_le_bytes(b);
        Ok(())
    }
)* } }

// Arrays go through a buffer of bytes, which the compiler turns into plain copies on little-endian machines.
macro_rules! arrays { ($($n:ident $fixed:ident $t:ty),*) => { $(
    #[doc = concat!("An array of `", stringify!($t), "` whose length may change.")]
    pub fn $n(&mut self, name: &'static str, v: &mut Vec<$t>) -> Result<(), StateError> {
        let n = self.begin(name, v.len(), std::mem::size_of::<$t>())?;
        if self.is_reading() { v.clear(); v.resize(n, Default::default()); }
        self.$fixed(name, v)
    }
    #[doc = concat!("An array of `", stringify!($t), "` of known length.")]
    pub fn $fixed(&mut self, name: &'static str, v: &mut [$t]) -> Result<(), StateError> {
        const W: usize = std::mem::size_of::<$t>();
        if let WalkMode::Measure(n) = &mut self.mode { *n += (v.len() * W) as u64; return Ok(()); }
        let mut buf = [0u8; BUFFER_BYTES];
        for part in v.chunks_mut(BUFFER_BYTES / W) {
            let b = &mut buf[..part.len() * W];
            for (x, b) in part.iter().zip(b.chunks_exact_mut(W)) { b.copy_from_slice(&x.to_le_bytes()); }
            self.raw(name, b)?;
            if self.is_reading() {
                for (x, b) in part.iter_mut().zip(b.chunks_exact(W)) {
                    *x = <$t>::from_le_bytes(b.try_into().expect("the chunk has the width of the type"));
                }
            }
        }
        Ok(())
    }
)* } }

impl State<'_> {
    /// Whether this walk overwrites parts with the contents of a checkpoint.
    pub fn is_reading(&self) -> bool {
        matches!(self.mode, WalkMode::Read(_))
    }

    /// Whether this walk computes a hash. A part that has no fixed order, or that lies elsewhere, can then pass a
    /// digest of itself instead of its contents.
    pub fn is_hashing(&self) -> bool {
        matches!(self.mode, WalkMode::Hash(_))
    }

    /// Writes, reads, hashes or measures the bytes of one number.
    fn raw(&mut self, name: &'static str, b: &mut [u8]) -> Result<(), StateError> {
        match &mut self.mode {
            WalkMode::Write(v) => v.extend_from_slice(b),
            WalkMode::Hash(h) => h.update(b),
            WalkMode::Measure(n) => *n += b.len() as u64,
            WalkMode::Read(r) => {
                // the bytes may be damaged, so nothing here may panic
                let (head, rest) = r.split_at_checked(b.len()).ok_or(StateError::Truncated(name))?;
                b.copy_from_slice(head);
                *r = rest;
            }
        }
        Ok(())
    }

    /// A marker with the name of the part that follows. Reading another name is [`StateError::Mismatch`].
    pub fn section(&mut self, name: &'static str) -> Result<(), StateError> {
        // four bytes of a hash: short, and enough to notice a reader that is out of step
        let want = (xxhash_rust::xxh3::xxh3_64(name.as_bytes()) as u32).to_le_bytes();
        let mut b = want;
        self.raw(name, &mut b)?;
        if b == want { Ok(()) } else { Err(StateError::Mismatch(name)) }
    }

    /// Starts a part of `len` items of at least `width` bytes each; returns `len`, or the length in the checkpoint if
    /// this walk reads. A length that the bytes cannot hold is refused before anything is allocated.
    pub fn begin(&mut self, name: &'static str, len: usize, width: usize) -> Result<usize, StateError> {
        self.section(name)?;
        let mut n = len as u64;
        self.u64(name, &mut n)?;
        if let WalkMode::Read(r) = &self.mode
            && n.checked_mul(width.max(1) as u64).is_none_or(|b| b > r.len() as u64)
        {
            return Err(StateError::Truncated(name));
        }
        Ok(n as usize)
    }

    scalars!(u8 u8, u16 u16, u32 u32, u64 u64, u128 u128, i64 i64, f32 f32, f64 f64);
    arrays!(u8s u8s_fixed u8, u16s u16s_fixed u16, u32s u32s_fixed u32, u64s u64s_fixed u64);
    arrays!(i64s i64s_fixed i64, f32s f32s_fixed f32, f64s f64s_fixed f64);

    /// A `usize`, as 64 bits.
    pub fn len(&mut self, name: &'static str, v: &mut usize) -> Result<(), StateError> {
        let mut n = *v as u64;
        self.u64(name, &mut n)?;
        *v = n as usize;
        Ok(())
    }

    /// A truth value.
    pub fn bool(&mut self, name: &'static str, v: &mut bool) -> Result<(), StateError> {
        let mut b = u8::from(*v);
        self.u8(name, &mut b)?;
        *v = match b {
            0 => false,
            1 => true,
            _ => return Err(StateError::Invalid(name)),
        };
        Ok(())
    }

    /// A string.
    pub fn string(&mut self, name: &'static str, v: &mut String) -> Result<(), StateError> {
        let n = self.begin(name, v.len(), 1)?;
        // the buffer of the old string is used again
        let mut b = std::mem::take(v).into_bytes();
        b.resize(n, 0);
        self.raw(name, &mut b)?;
        *v = String::from_utf8(b).map_err(|_| StateError::Invalid(name))?;
        Ok(())
    }

    /// A named tensor: its dimensions, then its values in row-major order.
    pub fn tensor(&mut self, name: &'static str, dims: &[usize], v: &mut [f32]) -> Result<(), StateError> {
        self.section(name)?;
        for d in dims {
            let mut n = *d as u64;
            self.u64(name, &mut n)?;
            if n != *d as u64 {
                return Err(StateError::Mismatch(name));
            }
        }
        debug_assert_eq!(dims.iter().product::<usize>(), v.len());
        self.f32s_fixed(name, v)
    }

    /// A list of parts, each of which persists itself; `make` builds an empty part for a walk that reads.
    pub fn list<T: Persist>(
        &mut self,
        name: &'static str,
        v: &mut Vec<T>,
        mut make: impl FnMut() -> T,
    ) -> Result<(), StateError> {
        let n = self.begin(name, v.len(), 1)?;
        if !self.is_reading() {
            return v.iter_mut().try_for_each(|x| x.persist(self));
        }
        // one by one: a part may take far more memory than bytes, and false bytes must not ask for many of them
        v.clear();
        for _ in 0..n {
            let mut part = make();
            part.persist(self)?;
            v.push(part);
        }
        Ok(())
    }

    /// A part that may be absent; `make` builds an empty part for a walk that reads.
    pub fn option<T: Persist>(
        &mut self,
        name: &'static str,
        v: &mut Option<T>,
        make: impl FnOnce() -> T,
    ) -> Result<(), StateError> {
        let mut some = v.is_some();
        self.bool(name, &mut some)?;
        if self.is_reading() {
            *v = some.then(make);
        }
        v.as_mut().map_or(Ok(()), |x| x.persist(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Debug, PartialEq, Clone)]
    struct Example {
        number: u32,
        array: Vec<f32>,
        text: String,
        truth: bool,
    }
    impl Persist for Example {
        fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
            s.section("toy")?;
            s.u32("a", &mut self.number)?;
            s.f32s("w", &mut self.array)?;
            s.string("s", &mut self.text)?;
            s.bool("b", &mut self.truth)
        }
    }

    #[test]
    fn four_walks_agree() {
        let mut written =
            Example {
                number: 7, array: (0..700).map(|i| i as f32 * 0.5).collect(), text: "größe".into(), truth: true
            };
        let bytes = written.encode();
        assert_eq!(bytes.len() as u64, written.measure());
        let mut read = Example::default();
        read.decode(&bytes).unwrap();
        assert_eq!(written, read);
        assert_eq!(written.hash_state(), read.hash_state());
        assert_eq!(written.hash_state(), xxhash_rust::xxh3::xxh3_128(&bytes));
        read.array[3] += 1.0;
        assert_ne!(written.hash_state(), read.hash_state());
    }

    #[test]
    fn a_false_length_of_a_list_makes_no_more_parts_than_the_bytes_hold() {
        struct Parts(Vec<Example>, usize);
        impl Persist for Parts {
            fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
                let made = &mut self.1;
                let make = || {
                    *made += 1;
                    Example { array: vec![0.0; 1000], ..Example::default() }
                };
                s.list("parts", &mut self.0, make)
            }
        }
        let mut bytes = Parts(vec![Example::default(); 3], 0).encode();
        let left = bytes.len() as u64 - 12;
        bytes[4..12].copy_from_slice(&left.to_le_bytes());
        let mut read = Parts(Vec::new(), 0);
        assert!(read.decode(&bytes).is_err());
        assert!(read.1 <= 4, "{} parts were made", read.1);
    }

    #[test]
    fn damage_is_found_not_obeyed() {
        let mut written = Example { number: 7, array: vec![1.0; 9], text: "x".into(), truth: false };
        let bytes = written.encode();
        for n in 0..bytes.len() {
            assert!(Example::default().decode(&bytes[..n]).is_err(), "cut at {n}");
        }
        let mut long = bytes.clone();
        long.push(0);
        assert_eq!(Example::default().decode(&long), Err(StateError::Trailing(1)));
        let mut huge = bytes;
        huge[12..20].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(Example::default().decode(&huge).is_err());
    }
}
