//! What the symbols of an event say of its numbers: an offset and a scale per (column, symbol).
//!
//! Offsets of several symbols add up and are learnt together from their common error, in units of the stack's scale.
//! The table is direct-mapped and bounded; a symbol that is met again after its place was taken starts anew.

use surmise_state::{Persist, State, StateError};

/// The most symbols of one event that are looked at.
const EVENT_SYMBOLS_MAX: usize = 8;

/// Offsets and scales of one column by symbol, in units of the stack's scale: a table of `slots` entries.
#[derive(Clone, Debug)]
pub(crate) struct SymbolOffsets {
    slots: usize,
    tag: Vec<u32>,
    offset: Vec<f32>,
    error: Vec<f32>,
    n: Vec<f32>,
}

impl SymbolOffsets {
    /// A table of `slots` entries, a power of two; nothing is allocated before the first symbol.
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots, tag: Vec::new(), offset: Vec::new(), error: Vec::new(), n: Vec::new() }
    }

    /// The entry of a symbol: the upper bits of its product with ⌊2³²/φ⌋.
    fn place(&self, symbol: u32) -> usize {
        (symbol.wrapping_mul(0x9e37_79b1) >> 12) as usize & (self.slots - 1)
    }

    /// Offset and scale that the symbols of an event say, both in units of the stack's scale.
    pub(crate) fn predict(&self, symbols: &[u32]) -> (f64, f64) {
        let (mut offset, mut scale, mut n) = (0.0f64, 0.0f64, 0.0f64);
        if !self.tag.is_empty() {
            for &s in symbols.iter().take(EVENT_SYMBOLS_MAX) {
                let i = self.place(s);
                if self.tag[i] == s && self.n[i] > 0.0 {
                    offset += self.offset[i] as f64;
                    let sure = (self.n[i] as f64 / 8.0).min(1.0);
                    scale += self.error[i] as f64 * sure + (1.0 - sure);
                    n += 1.0;
                }
            }
        }
        (offset.clamp(-30.0, 30.0), if n > 0.0 { scale / n } else { 1.0 })
    }

    /// Learns from `error`: what the outcome was beyond the offset, in units of the stack's scale.
    pub(crate) fn learn(&mut self, symbols: &[u32], error: f64) {
        if symbols.is_empty() || !error.is_finite() {
            return;
        }
        if self.tag.is_empty() {
            self.tag = vec![0; self.slots];
            self.offset = vec![0.0; self.slots];
            self.error = vec![1.0; self.slots];
            self.n = vec![0.0; self.slots];
        }
        let many = symbols.len().min(EVENT_SYMBOLS_MAX) as f32;
        let error = error.clamp(-8.0, 8.0) as f32;
        for &s in symbols.iter().take(EVENT_SYMBOLS_MAX) {
            let i = self.place(s);
            if self.tag[i] != s {
                (self.tag[i], self.offset[i], self.error[i], self.n[i]) = (s, 0.0, 1.0, 0.0);
            }
            let rate = (1.0 / (self.n[i] + 2.0)).max(0.02);
            self.offset[i] += rate * error / many;
            self.error[i] += rate * (error.abs() - self.error[i]);
            self.n[i] = (self.n[i] + 1.0).min(1e6);
        }
    }
}

impl Persist for SymbolOffsets {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("symbols")?;
        s.len("slots", &mut self.slots)?;
        s.u32s("tag", &mut self.tag)?;
        s.f32s("offset", &mut self.offset)?;
        s.f32s("error", &mut self.error)?;
        s.f32s("n", &mut self.n)?;
        let n = self.tag.len();
        let fine = (n == 0 || n == self.slots) && [&self.offset, &self.error, &self.n].iter().all(|v| v.len() == n);
        if fine && self.slots.is_power_of_two() && self.slots <= 1 << 20 {
            Ok(())
        } else {
            Err(StateError::Invalid("symbols"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_two_symbols_add_up() {
        let mut t = SymbolOffsets::new(64);
        for i in 0..4000u32 {
            let (a, b) = (i % 3, 10 + (i / 3) % 2);
            let truth = a as f64 - 0.5 * (b - 10) as f64;
            let (o, _) = t.predict(&[a, b]);
            t.learn(&[a, b], truth - o);
        }
        assert!((t.predict(&[2, 11]).0 - 1.5).abs() < 0.05);
        assert!(t.predict(&[2, 11]).1 < 0.1);
    }
}
