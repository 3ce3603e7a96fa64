//! One description of a piece of state, used four ways: written, read, hashed and measured.
//!
//! A type implements [`Persist`] once. The same walk over its parts encodes a checkpoint, decodes it, computes
//! `state_hash` and counts `state_bytes`, so that none of the four can forget a part that another one has. Numbers
//! are little-endian; arrays carry their name and length, so that a reader that is out of step fails at once with the
//! name of the part, never with silently wrong weights.

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
    /// Another part stands where this one was expected.
    #[error("state holds another part where {0:?} was expected")]
    Mismatch(&'static str),
    /// A part has a value that cannot be.
    #[error("state holds an impossible value for {0:?}")]
    Invalid(&'static str),
    /// Bytes are left over after the last part.
    #[error("{0} bytes are left after the state")]
    Trailing(usize),
}

/// Something that can be written to and read from a checkpoint.
pub trait Persist {
    /// Walks over every part that decides what is predicted from here on, in a fixed order.
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError>;

    /// The encoded state.
    fn encode(&mut self) -> Vec<u8> {
        // the measuring walk is short: arrays are not looked at
        let mut s = State { mode: Mode::Write(Vec::with_capacity(self.measure() as usize)) };
        self.persist(&mut s).expect("writing a state cannot fail");
        match s.mode {
            Mode::Write(v) => v,
            _ => unreachable!("the mode was set above"),
        }
    }

    /// Reads an encoded state into `self`, which was built with the same options.
    fn decode(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let mut s = State { mode: Mode::Read(bytes) };
        self.persist(&mut s)?;
        match s.mode {
            Mode::Read([]) => Ok(()),
            Mode::Read(rest) => Err(StateError::Trailing(rest.len())),
            _ => unreachable!("the mode was set above"),
        }
    }

    /// A 128-bit hash of the encoded state, without building it.
    fn hash_state(&mut self) -> u128 {
        let mut s = State { mode: Mode::Hash(Box::new(Xxh3::new())) };
        self.persist(&mut s).expect("hashing a state cannot fail");
        match s.mode {
            Mode::Hash(h) => h.digest128(),
            _ => unreachable!("the mode was set above"),
        }
    }

    /// The length of the encoded state in bytes, without building it.
    fn measure(&mut self) -> u64 {
        let mut s = State { mode: Mode::Measure(0) };
        self.persist(&mut s).expect("measuring a state cannot fail");
        match s.mode {
            Mode::Measure(n) => n,
            _ => unreachable!("the mode was set above"),
        }
    }
}

enum Mode<'a> {
    Write(Vec<u8>),
    Read(&'a [u8]),
    Hash(Box<Xxh3>),
    Measure(u64),
}

/// A walk over a state in progress; see [`Persist`].
pub struct State<'a> {
    mode: Mode<'a>,
}

macro_rules! scalars { ($($n:ident $t:ty),*) => { $(
    #[doc = concat!("One `", stringify!($t), "`.")]
    pub fn $n(&mut self, name: &'static str, v: &mut $t) -> Result<(), StateError> {
        let mut b = v.to_le_bytes();
        self.raw(name, &mut b)?;
        *v = <$t>::from_le_bytes(b);
        Ok(())
    }
)* } }

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
        if let Mode::Measure(n) = &mut self.mode { *n += (v.len() * W) as u64; return Ok(()); }
        let mut buf = [0u8; 1024];
        for part in v.chunks_mut(1024 / W) {
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
    /// Whether parts are being overwritten with what a checkpoint holds.
    pub fn is_reading(&self) -> bool {
        matches!(self.mode, Mode::Read(_))
    }

    /// Whether a hash is being computed: a part that may lie in any order, or elsewhere, can give a digest of itself.
    pub fn is_hashing(&self) -> bool {
        matches!(self.mode, Mode::Hash(_))
    }

    fn raw(&mut self, name: &'static str, b: &mut [u8]) -> Result<(), StateError> {
        match &mut self.mode {
            Mode::Write(v) => v.extend_from_slice(b),
            Mode::Hash(h) => h.update(b),
            Mode::Measure(n) => *n += b.len() as u64,
            Mode::Read(r) => {
                let (head, rest) = r.split_at_checked(b.len()).ok_or(StateError::Truncated(name))?;
                b.copy_from_slice(head);
                *r = rest;
            }
        }
        Ok(())
    }

    /// A marker that names what follows; a reader that finds another name is out of step.
    pub fn section(&mut self, name: &'static str) -> Result<(), StateError> {
        let want = (xxhash_rust::xxh3::xxh3_64(name.as_bytes()) as u32).to_le_bytes();
        let mut b = want;
        self.raw(name, &mut b)?;
        if b == want { Ok(()) } else { Err(StateError::Mismatch(name)) }
    }

    /// Starts a part of `len` items of `width` bytes; returns the length that is in force. Reading, a length that the
    /// bytes cannot hold is refused before anything is allocated.
    pub fn begin(&mut self, name: &'static str, len: usize, width: usize) -> Result<usize, StateError> {
        self.section(name)?;
        let mut n = len as u64;
        self.u64(name, &mut n)?;
        if let Mode::Read(r) = &self.mode
            && n.checked_mul(width.max(1) as u64).is_none_or(|b| b > r.len() as u64)
        {
            return Err(StateError::Truncated(name));
        }
        Ok(n as usize)
    }

    scalars!(u8 u8, u16 u16, u32 u32, u64 u64, u128 u128, i64 i64, f32 f32, f64 f64);
    arrays!(u8s u8s_fixed u8, u16s u16s_fixed u16, u32s u32s_fixed u32, u64s u64s_fixed u64, i64s i64s_fixed i64, f32s f32s_fixed f32, f64s f64s_fixed f64);

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

    /// A list of parts, each of which persists itself; `make` builds an empty part when reading.
    pub fn list<T: Persist>(
        &mut self,
        name: &'static str,
        v: &mut Vec<T>,
        mut make: impl FnMut() -> T,
    ) -> Result<(), StateError> {
        let n = self.begin(name, v.len(), 1)?;
        if self.is_reading() {
            v.clear();
            v.resize_with(n, &mut make);
        }
        v.iter_mut().try_for_each(|x| x.persist(self))
    }

    /// A part that may be absent.
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
    struct Toy {
        a: u32,
        w: Vec<f32>,
        s: String,
        b: bool,
    }
    impl Persist for Toy {
        fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
            s.section("toy")?;
            s.u32("a", &mut self.a)?;
            s.f32s("w", &mut self.w)?;
            s.string("s", &mut self.s)?;
            s.bool("b", &mut self.b)
        }
    }

    #[test]
    fn four_walks_agree() {
        let mut t = Toy { a: 7, w: (0..700).map(|i| i as f32 * 0.5).collect(), s: "größe".into(), b: true };
        let bytes = t.encode();
        assert_eq!(bytes.len() as u64, t.measure());
        let mut u = Toy::default();
        u.decode(&bytes).unwrap();
        assert_eq!(t, u);
        assert_eq!(t.hash_state(), u.hash_state());
        assert_eq!(t.hash_state(), xxhash_rust::xxh3::xxh3_128(&bytes));
        u.w[3] += 1.0;
        assert_ne!(t.hash_state(), u.hash_state());
    }

    #[test]
    fn damage_is_found_not_obeyed() {
        let mut t = Toy { a: 7, w: vec![1.0; 9], s: "x".into(), b: false };
        let bytes = t.encode();
        for n in 0..bytes.len() {
            assert!(Toy::default().decode(&bytes[..n]).is_err(), "cut at {n}");
        }
        let mut long = bytes.clone();
        long.push(0);
        assert_eq!(Toy::default().decode(&long), Err(StateError::Trailing(1)));
        let mut huge = bytes;
        huge[12..20].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(Toy::default().decode(&huge).is_err());
    }
}
