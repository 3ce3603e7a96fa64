//! The mixer: predictions meet in the stretched domain, under weights that small contexts select.
//!
//! The output of a weight set is σ(w·x), where x are the inputs and w is the row of weights that the set selects. A set
//! has a row for each of its contexts; rows appear when they are first learnt, so that a quiet stream stays small. The
//! decisions of a nibble are predicted together and then learnt together (PREDICTOR §6).
//!
//! Source: Mahoney, "Adaptive Weighing of Context Models for Lossless Data Compression" (2005), and its successors.

use crate::inputs::{BLOCKS_MAX, InputRow};
use crate::node::NIBBLE_BITS;
use surmise_lanes::{Block, LANES, add_scaled, add_scaled_each, dots, madd};
use surmise_state::{Persist, State, StateError};

/// A row's rate of learning begins at the sum of this and [`RATE_MIN`] (PREDICTOR §6).
const RATE_FIRST: f32 = 0.018;
/// A row's rate of learning falls to this, which keeps every row able to follow (PREDICTOR §6).
const RATE_MIN: f32 = 0.001;
/// How fast a row's rate falls with what it has learnt from (PREDICTOR §6).
const RATE_FALL: f32 = 0.002;
/// What a row has learnt from, beyond which its rate stays as it is.
const LEARNT_MAX: f32 = 1e6;

/// One block of weights, on a cache line of its own.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct WeightBlock(Block);

/// The weights of all sets.
#[derive(Clone)]
pub struct Mixer {
    /// Where each set's contexts begin in `index`.
    starts: Vec<u32>,
    /// The row of each context of each set; at first an initial row of the set.
    index: Vec<u32>,
    /// All rows: `[rows, blocks_per_row]`, the initial ones first.
    blocks: Vec<WeightBlock>,
    blocks_per_row: usize,
    /// How many rows are initial ones, which no set may change.
    initial_rows: usize,
    /// What each row has learnt from: 8 e² + .2 for every error e.
    learnt: Vec<f32>,
}

impl Mixer {
    /// A mixer of sets, each with the number of its contexts and the initial row that all of them start from.
    /// `initial`: `[initial rows]`, each of `blocks_per_row` blocks.
    pub fn new(sets: impl IntoIterator<Item = (usize, usize)>, blocks_per_row: usize, initial: &[InputRow]) -> Self {
        let (mut starts, mut index) = (Vec::new(), Vec::new());
        for (contexts, row) in sets {
            starts.push(index.len() as u32);
            index.resize(index.len() + contexts, row as u32);
        }
        let blocks = initial.iter().flat_map(|row| row[..blocks_per_row].iter().map(|block| WeightBlock(*block)));
        let blocks = blocks.collect();
        let learnt = vec![0.0; initial.len()];
        Mixer { starts, index, blocks, blocks_per_row, initial_rows: initial.len(), learnt }
    }

    /// Turns the context of each set into the place of its row.
    #[inline(always)]
    pub fn locate(&self, contexts: &mut [u32; LANES]) {
        for (context, start) in contexts.iter_mut().zip(&self.starts) {
            *context += start;
        }
    }

    /// Bytes of the rows.
    pub fn bytes(&self) -> usize {
        self.blocks.len() * size_of::<WeightBlock>()
    }

    /// How many sets there are.
    pub fn sets(&self) -> usize {
        self.starts.len()
    }

    /// Every input times its weight in a row, in the order of the row's lanes.
    pub fn products(&self, place: u32, inputs: &InputRow) -> impl Iterator<Item = f64> {
        let row = self.index[place as usize] as usize;
        let blocks = &self.blocks[row * self.blocks_per_row..][..self.blocks_per_row];
        let weights = blocks.iter().flat_map(|block| block.0);
        weights.zip(inputs.as_flattened()).map(|(weight, input)| f64::from(weight) * f64::from(*input))
    }

    /// Every set's mixed prediction in the stretched domain, and zeros behind them: `[LANES]`. `places`: `[LANES]`, one
    /// for each set, as [`Mixer::locate`] left them.
    #[inline(always)]
    pub fn outputs<const FMA: bool>(&self, places: &[u32; LANES], inputs: &InputRow) -> Block {
        // the number of blocks is known to the compiler inside
        match self.blocks_per_row {
            3 => self.outputs_of::<FMA, 3>(places, inputs),
            4 => self.outputs_of::<FMA, 4>(places, inputs),
            _ => self.outputs_of::<FMA, BLOCKS_MAX>(places, inputs),
        }
    }

    #[inline(always)]
    fn outputs_of<const FMA: bool, const B: usize>(&self, places: &[u32; LANES], inputs: &InputRow) -> Block {
        let mut outputs = [0.0; LANES];
        let rows = places[..self.starts.len()].iter().map(|p| self.row::<B>(self.index[*p as usize] as usize));
        dots::<FMA, B>(rows, inputs.first_chunk().expect("there are so many blocks"), &mut outputs);
        outputs
    }

    /// Moves the weights along the scaled inputs of several decisions against the sets' errors (bit − probability); an
    /// error of 0 is none. `places` and `errors`: `[NIBBLE_BITS, LANES]`, one for each set.
    ///
    /// A row's rate falls with the squared errors that it has seen rather than with the stream's length: a row that is
    /// met for the first time late still learns fast, and one that is seldom wrong keeps its rate for when it is. The
    /// floor keeps every row able to follow.
    #[inline(always)]
    pub fn learn<const FMA: bool>(
        &mut self,
        places: &[[u32; LANES]; NIBBLE_BITS],
        scaled: &[InputRow; NIBBLE_BITS],
        errors: &[Block; NIBBLE_BITS],
    ) {
        match self.blocks_per_row {
            3 => self.learn_of::<FMA, 3>(places, scaled, errors),
            4 => self.learn_of::<FMA, 4>(places, scaled, errors),
            _ => self.learn_of::<FMA, BLOCKS_MAX>(places, scaled, errors),
        }
    }

    #[inline(always)]
    fn learn_of<const FMA: bool, const B: usize>(
        &mut self,
        places: &[[u32; LANES]; NIBBLE_BITS],
        scaled: &[InputRow; NIBBLE_BITS],
        errors: &[Block; NIBBLE_BITS],
    ) {
        let scaled = scaled.each_ref().map(|row| row.first_chunk::<B>().expect("there are so many blocks"));
        for q in 0..self.starts.len() {
            let (p, e) = (places.each_ref().map(|p| p[q]), errors.each_ref().map(|e| e[q]));
            if p[0] == p[1] && p[0] == p[2] && p[0] == p[3] {
                // one row learns all of it at one rate
                if e == [0.0; NIBBLE_BITS] {
                    continue;
                }
                let row = self.own_row(p[0]);
                let mut learnt = self.learnt[row];
                for e in e {
                    learnt = madd::<FMA>(8.0 * e, e, learnt + if e == 0.0 { 0.0 } else { 0.2 });
                }
                let rate = rate::<FMA>(&mut self.learnt[row], learnt);
                add_scaled_each::<FMA, B, NIBBLE_BITS>(self.row_mut(row), scaled, &e.map(|e| e * rate));
                continue;
            }
            for j in 0..NIBBLE_BITS {
                if e[j] != 0.0 {
                    let row = self.own_row(p[j]);
                    let learnt = madd::<FMA>(8.0 * e[j], e[j], self.learnt[row] + 0.2);
                    let rate = rate::<FMA>(&mut self.learnt[row], learnt);
                    add_scaled::<FMA, B>(self.row_mut(row), scaled[j], e[j] * rate);
                }
            }
        }
    }

    #[inline(always)]
    fn row<const B: usize>(&self, row: usize) -> &[Block; B] {
        let blocks = &self.blocks[row * B..(row + 1) * B];
        // SAFETY: `WeightBlock` is one block without padding, and there are B of them.
        unsafe { &*blocks.as_ptr().cast() }
    }

    #[inline(always)]
    fn row_mut<const B: usize>(&mut self, row: usize) -> &mut [Block; B] {
        let blocks = &mut self.blocks[row * B..(row + 1) * B];
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { &mut *blocks.as_mut_ptr().cast() }
    }

    /// Makes a weight of a context zero.
    #[inline(always)]
    pub fn clear(&mut self, place: u32, input: usize) {
        let row = self.index[place as usize] as usize;
        self.blocks[row * self.blocks_per_row + input / LANES].0[input % LANES] = 0.0;
    }

    /// The row of a context. A context that shares an initial row gets one of its own.
    #[inline(always)]
    fn own_row(&mut self, place: u32) -> usize {
        let row = self.index[place as usize] as usize;
        if row < self.initial_rows { self.copy_row(place, row) } else { row }
    }

    #[cold]
    fn copy_row(&mut self, place: u32, initial: usize) -> usize {
        let row = self.learnt.len();
        self.index[place as usize] = row as u32;
        self.blocks.extend_from_within(initial * self.blocks_per_row..(initial + 1) * self.blocks_per_row);
        self.learnt.push(0.0);
        row
    }
}

/// Stores in `learnt` what a row has learnt from by now, and returns the row's rate.
#[inline(always)]
fn rate<const FMA: bool>(learnt: &mut f32, now: f32) -> f32 {
    *learnt = now.min(LEARNT_MAX);
    RATE_MIN + RATE_FIRST / madd::<FMA>(RATE_FALL, *learnt, 1.0)
}

impl Persist for Mixer {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s_fixed("mixer index", &mut self.index)?;
        let rows = s.begin("mixer rows", self.learnt.len(), self.blocks_per_row * std::mem::size_of::<Block>())?;
        if s.is_reading() {
            self.blocks.resize(rows * self.blocks_per_row, WeightBlock::default());
            self.learnt.resize(rows, 0.0);
        }
        if rows < self.initial_rows || self.index.iter().any(|row| *row as usize >= rows) {
            return Err(StateError::Invalid("mixer index"));
        }
        self.blocks.iter_mut().try_for_each(|block| s.f32s_fixed("mixer row", &mut block.0))?;
        s.f32s_fixed("mixer learnt", &mut self.learnt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row that is met late learns as fast as the first one did, and a row that was seldom wrong faster than one that
    /// was often wrong; none falls below the floor.
    #[test]
    fn rows_keep_the_rate_that_their_own_errors_leave_them() {
        let initial = [[0f32; LANES]; BLOCKS_MAX];
        let mut x = initial;
        x[2][5] = 1.0;
        let moved = |s: &mut Mixer, c: u32, error: f32| {
            let places = std::array::from_fn(|j| if j == 0 { [c; LANES] } else { [3; LANES] });
            let errors = std::array::from_fn(|j| if j == 0 { [error; LANES] } else { [0.0; LANES] });
            let before = s.outputs::<false>(&places[0], &x)[0];
            s.learn::<false>(&places, &[x; NIBBLE_BITS], &errors);
            (s.outputs::<false>(&places[0], &x)[0] - before) / error
        };
        let mut s = Mixer::new([(4, 0)], BLOCKS_MAX, &[initial]);
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
