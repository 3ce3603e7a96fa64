//! Final mixers: each mixes the outputs of all weight sets once more (PREDICTOR §6).

use surmise_lanes::{Block, LANES, add_scaled, dot};
use surmise_state::{Persist, State, StateError};

/// Contexts of a final mixer.
pub const FINAL_ROWS: usize = 256;

/// A final mixer's weights for a context, on a cache line of their own.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct FinalRow(Block);

/// A final mixer: weights over the sets' outputs, by a selecting context.
#[derive(Clone)]
pub struct FinalMixer {
    rows: Vec<FinalRow>,
}

impl FinalMixer {
    /// The mean of `sets` outputs, under each of [`FINAL_ROWS`] contexts.
    pub fn new(sets: usize) -> Self {
        // every set counts alike at first
        let mut weights = [0f32; LANES];
        weights[..sets].fill(1.0 / sets as f32);
        FinalMixer { rows: vec![FinalRow(weights); FINAL_ROWS] }
    }

    /// The weights of the sets' outputs under a context: `[LANES]`.
    pub fn weights(&self, context: u32) -> &Block {
        &self.rows[context as usize].0
    }

    /// The mixed prediction in the stretched domain. `outputs`: `[LANES]`, one for each set.
    #[inline(always)]
    pub fn dot<const FMA: bool>(&self, context: u32, outputs: &Block) -> f32 {
        dot::<FMA>(std::slice::from_ref(&self.rows[context as usize].0), std::slice::from_ref(outputs))
    }

    /// Moves the weights along the outputs, `[LANES]`.
    #[inline(always)]
    pub fn learn<const FMA: bool>(&mut self, context: u32, outputs: &Block, step: f32) {
        add_scaled::<FMA, 1>(
            std::array::from_mut(&mut self.rows[context as usize].0),
            std::array::from_ref(outputs),
            step,
        );
    }
}

impl Persist for FinalMixer {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("final mixer")?;
        self.rows.iter_mut().try_for_each(|row| s.f32s_fixed("final mixer row", &mut row.0))
    }
}
