//! Adaptive probability maps: what a stretched prediction was worth, by a small context ("secondary symbol estimation").

use surmise_lanes::prefetch;
use surmise_state::{Persist, State, StateError};

/// Buckets of a probability map.
const BUCKETS: usize = 33;

/// An adaptive probability map: what a stretched prediction was worth, by a small context, interpolated between
/// buckets ("secondary symbol estimation").
#[derive(Clone)]
pub struct ProbabilityMap {
    index: Vec<u32>,
    rows: Vec<[f32; BUCKETS]>,
}

/// Where a prediction fell in a map.
#[derive(Clone, Copy, Default)]
pub struct MapPlace {
    context: u32,
    bucket: u32,
    weight: f32,
}

impl ProbabilityMap {
    /// For `contexts` contexts.
    pub fn new(contexts: usize) -> Self {
        let identity = std::array::from_fn(|j| surmise_lanes::sigmoid::<false>((j as f32 - 16.0) * 0.5));
        ProbabilityMap { index: vec![0; contexts], rows: vec![identity] }
    }

    /// Asks the processor for a context's buckets ahead of their use.
    #[inline(always)]
    pub fn prefetch(&self, context: u32) {
        let r = &self.rows[self.index[context as usize] as usize];
        // most predictions of a settled stream lie near its ends
        prefetch(&r[0]);
        prefetch(&r[16]);
        prefetch(&r[32]);
    }

    /// The refined probability of a stretched prediction.
    #[inline(always)]
    pub fn refine(&self, context: u32, stretched: f32) -> (f32, MapPlace) {
        let pos = (stretched.clamp(-7.99, 7.99) + 8.0) * 2.0;
        let bucket = pos as u32;
        let weight = pos - bucket as f32;
        let r = &self.rows[self.index[context as usize] as usize];
        let p = r[bucket as usize] * (1.0 - weight) + r[bucket as usize + 1] * weight;
        (p, MapPlace { context, bucket, weight })
    }

    /// Learns the bit that came.
    #[inline(always)]
    pub fn learn(&mut self, at: &MapPlace, bit: f32, rate: f32) {
        let slot = &mut self.index[at.context as usize];
        if *slot == 0 {
            *slot = self.rows.len() as u32;
            self.rows.push(self.rows[0]);
        }
        let r = &mut self.rows[*slot as usize];
        let b = at.bucket as usize;
        r[b] += (bit - r[b]) * rate * (1.0 - at.weight);
        r[b + 1] += (bit - r[b + 1]) * rate * at.weight;
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
