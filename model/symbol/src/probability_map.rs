//! Adaptive probability maps: what a stretched prediction was worth, by a small context ("secondary symbol
//! estimation").
//!
//! Source: Mahoney, "Adaptive Weighing of Context Models for Lossless Data Compression" (2005), and its successors.

use surmise_lanes::prefetch;
use surmise_state::{Persist, State, StateError};

/// Buckets of a probability map: one at every half unit of the stretched prediction.
const BUCKETS: usize = 33;
/// Stretched predictions are mapped within ± this, so that the last bucket has a neighbour.
const STRETCHED_MAX: f32 = 7.99;

/// An adaptive probability map: what a stretched prediction was worth, by a small context, interpolated between
/// buckets.
#[derive(Clone)]
pub struct ProbabilityMap {
    /// Row of each context; 0, the identity, until a context is learnt.
    index: Vec<u32>,
    rows: Vec<[f32; BUCKETS]>,
}

/// Where a prediction fell in a map: a bucket, and how far it lies towards the next one.
#[derive(Clone, Copy, Default)]
pub struct MapPlace {
    context: u32,
    bucket: u32,
    weight: f32,
}

impl ProbabilityMap {
    /// The identity under each of `contexts` contexts.
    pub fn new(contexts: usize) -> Self {
        let identity = std::array::from_fn(|bucket| surmise_lanes::sigmoid::<false>((bucket as f32 - 16.0) * 0.5));
        ProbabilityMap { index: vec![0; contexts], rows: vec![identity] }
    }

    /// Prefetches a context's buckets.
    #[inline(always)]
    pub fn prefetch(&self, context: u32) {
        let row = &self.rows[self.index[context as usize] as usize];
        // most predictions of a settled stream lie near its ends
        prefetch(&row[0]);
        prefetch(&row[16]);
        prefetch(&row[32]);
    }

    /// The refined probability of a stretched prediction.
    #[inline(always)]
    pub fn refine(&self, context: u32, stretched: f32) -> (f32, MapPlace) {
        let position = (stretched.clamp(-STRETCHED_MAX, STRETCHED_MAX) + 8.0) * 2.0;
        let bucket = position as u32;
        let weight = position - bucket as f32;
        let row = &self.rows[self.index[context as usize] as usize];
        let p = row[bucket as usize] * (1.0 - weight) + row[bucket as usize + 1] * weight;
        (p, MapPlace { context, bucket, weight })
    }

    /// Learns the bit that came, in the two buckets that the prediction lay between.
    #[inline(always)]
    pub fn learn(&mut self, place: &MapPlace, bit: f32, rate: f32) {
        let slot = &mut self.index[place.context as usize];
        if *slot == 0 {
            *slot = self.rows.len() as u32;
            self.rows.push(self.rows[0]);
        }
        let row = &mut self.rows[*slot as usize];
        let bucket = place.bucket as usize;
        row[bucket] += (bit - row[bucket]) * rate * (1.0 - place.weight);
        row[bucket + 1] += (bit - row[bucket + 1]) * rate * place.weight;
    }
}

impl Persist for ProbabilityMap {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s_fixed("map index", &mut self.index)?;
        let n = s.begin("map rows", self.rows.len(), BUCKETS * 4)?;
        if s.is_reading() {
            self.rows.resize(n, [0.0; BUCKETS]);
        }
        if self.index.iter().any(|i| *i as usize >= self.rows.len()) {
            return Err(StateError::Invalid("map index"));
        }
        self.rows.iter_mut().try_for_each(|r| s.f32s_fixed("map row", r))
    }
}
