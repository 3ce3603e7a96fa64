//! Logistic mixing: predictions meet in the stretched domain, under weights that small contexts select.
//!
//! Mahoney, "Adaptive Weighing of Context Models for Lossless Data Compression" (2005), and its successors. Rows of
//! weights appear when they are first learnt, so that a quiet stream stays small.

use surmise_lanes::{Block, LANES, add_scaled, dot, madd, prefetch};
use surmise_state::{Persist, State, StateError};

/// Blocks of inputs: probabilities, histories, the ISSE chain, confidences, and everything else.
pub const GROUPS: usize = 5;

/// A row's rate of learning falls from the sum of these to the second.
const RATE_FIRST: f32 = 0.018;
/// See [`RATE_FIRST`].
const RATE_MIN: f32 = 0.001;

/// One weight per input.
pub type Row = [Block; GROUPS];

/// A row of weights on cache lines of its own.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Weights(Row);

/// Weights by a selecting context.
#[derive(Clone)]
pub struct WeightSet {
    /// Row of each context; 0 is the initial row that all start from.
    index: Vec<u32>,
    rows: Vec<Weights>,
    /// What each row has learnt from: 8 e² + .2 for every error e.
    learnt: Vec<f32>,
}

impl WeightSet {
    /// A set for `contexts` contexts that all start from `initial`.
    pub fn new(contexts: usize, initial: Row) -> Self {
        WeightSet { index: vec![0; contexts], rows: vec![Weights(initial)], learnt: vec![0.0] }
    }

    /// The mixed prediction in the stretched domain.
    #[inline(always)]
    pub fn dot<const FMA: bool>(&self, context: u32, inputs: &Row) -> f32 {
        dot::<FMA, GROUPS>(&self.rows[self.index[context as usize] as usize].0, inputs)
    }

    /// Asks the processor for a context's row ahead of its use.
    #[inline(always)]
    pub fn prefetch(&self, context: u32) {
        self.rows[self.index[context as usize] as usize].0.iter().for_each(prefetch);
    }

    /// Moves the weights along the levelled inputs against an error (bit − probability); returns the row.
    ///
    /// A row's rate falls with the squared errors that it has seen rather than with the stream's length: a row that is
    /// met for the first time late still learns fast, and one that is seldom wrong keeps its rate for when it is. The
    /// floor keeps every row able to follow.
    #[inline(always)]
    pub fn learn<const FMA: bool>(&mut self, context: u32, levelled: &Row, error: f32) -> &mut Row {
        let slot = &mut self.index[context as usize];
        if *slot == 0 {
            *slot = self.rows.len() as u32;
            self.rows.push(self.rows[0]);
            self.learnt.push(0.0);
        }
        let n = &mut self.learnt[*slot as usize];
        *n = madd::<FMA>(8.0 * error, error, *n + 0.2).min(1e6);
        let rate = RATE_MIN + RATE_FIRST / madd::<FMA>(0.002, *n, 1.0);
        let row = &mut self.rows[*slot as usize].0;
        add_scaled::<FMA, GROUPS>(row, levelled, error * rate);
        row
    }
}

impl Persist for WeightSet {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s_fixed("mixer index", &mut self.index)?;
        let n = s.begin("mixer rows", self.rows.len(), std::mem::size_of::<Row>())?;
        if s.is_reading() {
            self.rows.resize(n, Weights([[0.0; LANES]; GROUPS]));
            self.learnt.resize(n, 0.0);
        }
        if self.index.iter().any(|i| *i as usize >= self.rows.len()) {
            return Err(StateError::Invalid("mixer index"));
        }
        self.rows.iter_mut().flat_map(|r| &mut r.0).try_for_each(|b| s.f32s_fixed("mixer row", b))?;
        s.f32s_fixed("mixer learnt", &mut self.learnt)
    }
}

/// The mean square of every input, by which steps are levelled: inputs that are small learn as fast as large ones.
///
/// A diagonal preconditioner as in RMSprop, but of the inputs alone and shared by all rows, so it costs one pass per
/// decision and no state per weight.
#[derive(Clone)]
pub struct Levels {
    decisions: u64,
    power: Row,
    scale: Row,
}

impl Default for Levels {
    fn default() -> Self {
        Levels { decisions: 0, power: [[0.0; LANES]; GROUPS], scale: [[1.0; LANES]; GROUPS] }
    }
}

impl Levels {
    /// The inputs, each divided by its own root mean square; learns that from them.
    #[inline(always)]
    pub fn level<const FMA: bool>(&mut self, inputs: &Row) -> Row {
        // a nibble has four decisions: every third one sees all four places in turn
        if self.decisions.is_multiple_of(3) {
            let rate = (1.0 / ((self.decisions / 3) as f32 + 2.5)).max(0.0015);
            for (p, x) in self.power.iter_mut().zip(inputs) {
                for i in 0..LANES {
                    p[i] = madd::<FMA>(rate, madd::<FMA>(x[i], x[i], -p[i]), p[i]);
                }
            }
        }
        if self.decisions & 63 == 0 {
            for (s, p) in self.scale.iter_mut().zip(&self.power) {
                for i in 0..LANES {
                    s[i] = 3.0 / (p[i] + 0.1).sqrt();
                }
            }
        }
        self.decisions += 1;
        let mut levelled = *inputs;
        for (x, s) in levelled.iter_mut().zip(&self.scale) {
            for i in 0..LANES {
                x[i] *= s[i];
            }
        }
        levelled
    }
}

impl Persist for Levels {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("levels decisions", &mut self.decisions)?;
        self.power.iter_mut().chain(&mut self.scale).try_for_each(|b| s.f32s_fixed("levels", b))
    }
}

/// A final mixer: weights over the sets' outputs, by a selecting context.
#[derive(Clone)]
pub struct FinalMixer {
    rows: Vec<Block>,
}

impl FinalMixer {
    /// Of `sets` outputs, for 256 contexts.
    pub fn new(sets: usize) -> Self {
        let mut b = [0f32; LANES];
        b[..sets].fill(1.0 / sets as f32);
        FinalMixer { rows: vec![b; 256] }
    }

    /// The mixed prediction in the stretched domain.
    #[inline(always)]
    pub fn dot<const FMA: bool>(&self, context: u32, outputs: &Block) -> f32 {
        dot::<FMA, 1>(std::array::from_ref(&self.rows[context as usize]), std::array::from_ref(outputs))
    }

    /// Moves the weights along the outputs.
    #[inline(always)]
    pub fn learn<const FMA: bool>(&mut self, context: u32, outputs: &Block, step: f32) {
        add_scaled::<FMA, 1>(
            std::array::from_mut(&mut self.rows[context as usize]),
            std::array::from_ref(outputs),
            step,
        );
    }
}

impl Persist for FinalMixer {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("final mixer")?;
        self.rows.iter_mut().try_for_each(|b| s.f32s_fixed("final mixer row", b))
    }
}

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
        prefetch(&r[0]);
        prefetch(&r[16]);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Large inputs are levelled to three times their sign, whatever their scale, and small ones are not blown up.
    #[test]
    fn inputs_are_levelled_by_their_root_mean_square() {
        let mut levels = Levels::default();
        let mut last = [[0f32; LANES]; GROUPS];
        for t in 0..5000 {
            let sign = if t % 7 < 3 { -1.0 } else { 1.0 };
            let mut x = [[0f32; LANES]; GROUPS];
            (x[0][0], x[1][3], x[4][15]) = (8.0 * sign, 2.0 * sign, 1e-4 * sign);
            last = levels.level::<false>(&x);
            assert!(last.iter().flatten().all(|v| v.is_finite()));
            assert_eq!(last[0][0].signum(), sign);
        }
        assert!((last[0][0].abs() - 3.0).abs() < 0.05, "{}", last[0][0]);
        assert!((last[1][3].abs() - 3.0).abs() < 0.1, "{}", last[1][3]);
        assert!(last[4][15].abs() < 1.1e-3, "{}", last[4][15]);
    }

    /// A row that is met late learns as fast as the first one did, and a row that was seldom wrong faster than one that
    /// was often wrong; none falls below the floor.
    #[test]
    fn rows_keep_the_rate_that_their_own_errors_leave_them() {
        let initial = [[0f32; LANES]; GROUPS];
        let mut x = initial;
        x[2][5] = 1.0;
        let moved = |s: &mut WeightSet, c: u32, error: f32| {
            let before = s.dot::<false>(c, &x);
            s.learn::<false>(c, &x, error);
            (s.dot::<false>(c, &x) - before) / error
        };
        let mut s = WeightSet::new(4, initial);
        let first = moved(&mut s, 0, 0.5);
        for t in 0..20_000 {
            moved(&mut s, 0, if t % 2 == 0 { 0.5 } else { -0.5 });
            moved(&mut s, 1, if t % 2 == 0 { 0.01 } else { -0.01 });
        }
        let (wrong, right, late) = (moved(&mut s, 0, 0.5), moved(&mut s, 1, 0.5), moved(&mut s, 2, 0.5));
        assert!((late - first).abs() < 1e-5 && (first - RATE_FIRST - RATE_MIN).abs() < 2e-4, "{late} {first}");
        assert!(RATE_MIN * 0.99 < wrong && wrong < right && right < late, "{wrong} {right} {late}");
    }
}
