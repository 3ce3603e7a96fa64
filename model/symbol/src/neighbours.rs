//! The nearest past events: which symbols came with numbers like these (PREDICTOR §11).

use surmise_lanes::{LANES, kernels, madd};
use surmise_state::{Persist, State, StateError};

/// Past events that are taken for the nearest (PREDICTOR §11).
pub const NEAREST: usize = 8;

/// A ring of past vectors and the symbols that came with them, searched in full.
///
/// A neighbour's weight falls with its squared distance in units of the mean of the nearest eight, so that there is no
/// scale to choose.
///
/// Source: Fix and Hodges (1951), "Discriminatory analysis"; Dudani, "The distance-weighted k-nearest-neighbor rule"
/// (1976).
#[derive(Clone)]
pub struct Neighbours {
    /// Numbers of a vector.
    width: usize,
    /// Events that it holds at most.
    events_max: usize,
    /// `[events / LANES, width, LANES]`: the same number of several events lies side by side, so that distances to them
    /// are summed without a sum across lanes.
    vectors: Vec<f32>,
    /// `[events]`.
    symbols: Vec<u32>,
    /// Which event gives way next.
    next: usize,
}

/// The symbols of the nearest events and their weights, which sum to 1.
#[derive(Clone, Default)]
pub struct NearestEvents {
    /// Symbol and weight.
    pub list: [(u32, f32); NEAREST],
    /// How many there are.
    pub len: usize,
}

impl Neighbours {
    /// A ring of at most `events_max` vectors of `width` numbers, a multiple of 16.
    pub fn new(width: usize, events_max: usize) -> Self {
        Neighbours { width, events_max, vectors: Vec::new(), symbols: Vec::new(), next: 0 }
    }

    /// The past events nearest to a vector, `[width]`.
    pub fn nearest(&self, x: &[f32]) -> NearestEvents {
        let mut best = [(f32::MAX, 0u32); NEAREST];
        find_nearest(&self.vectors, &self.symbols, x, &mut best);
        let len = self.symbols.len().min(NEAREST);
        // the unit of distance is the mean over the nearest, so that there is no scale to choose
        let mean = best[..len].iter().map(|b| b.0).sum::<f32>() / len.max(1) as f32 + 1e-9;
        let mut nearest_events = NearestEvents { len, ..NearestEvents::default() };
        let mut total = 0.0;
        for (event, (distance, symbol)) in nearest_events.list.iter_mut().zip(&best[..len]) {
            // exp(4 (1 − d²/mean d²))
            *event = (*symbol, falling(4.0 * (1.0 - distance / mean)));
            total += event.1;
        }
        nearest_events.list[..len].iter_mut().for_each(|event| event.1 /= total);
        nearest_events
    }

    /// Remembers a vector, `[width]`, and its symbol, in place of the oldest where the ring is full.
    pub fn push(&mut self, x: &[f32], symbol: u32) {
        let event = if self.symbols.len() < self.events_max {
            self.symbols.push(symbol);
            self.vectors.resize(self.symbols.len().div_ceil(LANES) * self.width * LANES, 0.0);
            self.symbols.len() - 1
        } else {
            let oldest = self.next;
            self.symbols[oldest] = symbol;
            self.next = (self.next + 1) % self.events_max;
            oldest
        };
        let block = &mut self.vectors[event / LANES * self.width * LANES..];
        for (lanes, x) in block.as_chunks_mut::<LANES>().0.iter_mut().zip(x) {
            lanes[event % LANES] = *x;
        }
    }
}

impl Persist for Neighbours {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s("neighbour symbols", &mut self.symbols)?;
        s.f32s("neighbour vectors", &mut self.vectors)?;
        s.len("neighbour next", &mut self.next)?;
        let n = self.symbols.len();
        if n > self.events_max
            || self.vectors.len() != n.div_ceil(LANES) * self.width * LANES
            || (self.next > 0 && self.next >= n)
        {
            return Err(StateError::Invalid("neighbours"));
        }
        Ok(())
    }
}

kernels! {
/// Finds the nearest vectors, `[events / LANES, width, LANES]`, to `x`, `[width]`; `best` are squared distances and
/// symbols, rising.
fn find_nearest[FMA](vectors: &[f32], symbols: &[u32], x: &[f32], best: &mut [(f32, u32); NEAREST]) -> () {
    for (block, symbols) in vectors.chunks_exact(x.len() * LANES).zip(symbols.chunks(LANES)) {
        let mut distances = [0f32; LANES];
        for (v, x) in block.as_chunks::<LANES>().0.iter().zip(x) {
            for q in 0..LANES {
                let d = v[q] - x;
                distances[q] = madd::<FMA>(d, d, distances[q]);
            }
        }
        // hardly any block holds one of the nearest
        let worst = best[NEAREST - 1].0;
        if distances.iter().map(|d| u32::from(*d < worst)).sum::<u32>() == 0 {
            continue;
        }
        for (d, s) in distances.iter().zip(symbols) {
            // insert it among the best, which are sorted
            if *d < best[NEAREST - 1].0 {
                let mut i = NEAREST - 1;
                while i > 0 && best[i - 1].0 > *d {
                    best[i] = best[i - 1];
                    i -= 1;
                }
                best[i] = (*d, *s);
            }
        }
    }
}

/// The exponential function.
fn falling[FMA](x: f32) -> f32 {
    surmise_lanes::exp::<FMA>(x)
}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_found_and_the_oldest_give_way() {
        let mut n = Neighbours::new(16, 32);
        let v = |i: usize| std::array::from_fn::<f32, 16, _>(|j| ((i * 31 + j * 7) % 23) as f32);
        for i in 0..50 {
            n.push(&v(i), i as u32);
        }
        let x = v(40);
        let near = n.nearest(&x);
        let mut want: Vec<(f32, u32)> =
            (18..50).map(|i| (v(i).iter().zip(&x).map(|(a, b)| (a - b) * (a - b)).sum(), i as u32)).collect();
        want.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!((near.len, want[0].0), (8, 0.0));
        assert!(near.list.iter().all(|(s, _)| want.iter().any(|w| w.1 == *s && w.0 <= want[7].0)), "{:?}", near.list);
        assert!((near.list.iter().map(|l| l.1).sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(near.list[0].1 >= near.list[7].1);
    }
}
