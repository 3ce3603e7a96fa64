//! Tables whose keys are hashes already, written to a checkpoint in the order of their keys.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use surmise_state::{Persist, State, StateError};
use xxhash_rust::xxh3::xxh3_64;

/// A table by a key that is a hash.
pub(crate) type KeyTable<V> = HashMap<u64, V, BuildHasherDefault<KeyHasher>>;

/// Takes a key of 64 well-mixed bits as its hash.
#[derive(Clone, Copy, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// The hash of some bytes.
#[inline]
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// Mixes the bits of a number, as the last step of splitmix64 (Steele, Lea and Flood, 2014).
#[inline]
pub(crate) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The hash of two numbers in their order.
#[inline]
pub(crate) fn pair(a: u64, b: u64) -> u64 {
    mix(a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.rotate_left(32) ^ 0x51)
}

/// Walks over a table in the order of its keys, so that equal tables have equal bytes.
pub(crate) fn persist_table<V: Default>(
    s: &mut State<'_>,
    name: &'static str,
    table: &mut KeyTable<V>,
    mut one: impl FnMut(&mut State<'_>, &mut V) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let n = s.begin(name, table.len(), 8)?;
    if s.is_reading() {
        table.clear();
        for _ in 0..n {
            let (mut key, mut value) = (0, V::default());
            s.u64("key", &mut key)?;
            one(s, &mut value)?;
            table.insert(key, value);
        }
        return Ok(());
    }
    let mut keys: Vec<u64> = table.keys().copied().collect();
    keys.sort_unstable();
    for mut key in keys {
        s.u64("key", &mut key)?;
        if let Some(value) = table.get_mut(&key) {
            one(s, value)?;
        }
    }
    Ok(())
}

/// Text that a person may see, of any bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Box<[u8]>);

impl Persist for Text {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut bytes = std::mem::take(&mut self.0).into_vec();
        let done = s.u8s("text", &mut bytes);
        self.0 = bytes.into_boxed_slice();
        done
    }
}

/// log₂ of a positive number by this workspace's own polynomial, the same on every machine; error below 3e-6.
#[inline]
pub(crate) fn log2(x: f64) -> f64 {
    f64::from(surmise_lanes::ln::<false>(x.clamp(1e-30, 1e30) as f32)) * std::f64::consts::LOG2_E
}

/// e^x for x ≤ 0 by this workspace's own polynomial, the same on every machine.
#[inline]
pub(crate) fn exp(x: f64) -> f64 {
    if x < -60.0 { 0.0 } else { f64::from(surmise_lanes::exp::<false>(x as f32)) }
}
