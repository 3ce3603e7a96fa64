//! Logistic mixing: predictions meet in the stretched domain, under weights that small contexts select.
//!
//! Mahoney, "Adaptive Weighing of Context Models for Lossless Data Compression" (2005), and its successors. A set has
//! a row of weights for each of its contexts; rows appear when they are first learnt, so that a quiet stream stays
//! small. The decisions of a nibble are predicted together and then learnt together.

use crate::inputs::{GROUPS, Row};
use crate::node::TOGETHER;
use surmise_lanes::{Block, LANES, add_scaled, add_scaled_each, dot, dots, madd};
use surmise_state::{Persist, State, StateError};

/// A row's rate of learning falls from the sum of these to the second.
const RATE_FIRST: f32 = 0.018;
/// See [`RATE_FIRST`].
const RATE_MIN: f32 = 0.001;

/// Weights of one block, on a cache line of their own.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Weights(Block);

/// All sets' weights; see the module.
#[derive(Clone)]
pub struct Mixer {
    /// Where each set's contexts begin in `index`.
    starts: Vec<u32>,
    /// Row of each context of each set; at first the set's initial row.
    index: Vec<u32>,
    /// Rows of so many blocks; first the initial ones, one for each kind.
    blocks: Vec<Weights>,
    groups: usize,
    kinds: usize,
    /// What each row has learnt from: 8 e² + .2 for every error e.
    learnt: Vec<f32>,
}

impl Mixer {
    /// Sets of so many contexts over so many blocks of inputs, each with the kind of row that all of its contexts start
    /// from.
    pub fn new(sets: impl IntoIterator<Item = (usize, usize)>, groups: usize, initial: &[Row]) -> Self {
        let (mut starts, mut index) = (Vec::new(), Vec::new());
        for (contexts, kind) in sets {
            starts.push(index.len() as u32);
            index.resize(index.len() + contexts, kind as u32);
        }
        let blocks = initial.iter().flat_map(|r| r[..groups].iter().map(|b| Weights(*b))).collect();
        Mixer { starts, index, blocks, groups, kinds: initial.len(), learnt: vec![0.0; initial.len()] }
    }

    /// Turns the context of each set into the place of its row.
    #[inline(always)]
    pub fn locate(&self, contexts: &mut [u32; LANES]) {
        for (c, start) in contexts.iter_mut().zip(&self.starts) {
            *c += start;
        }
    }

    /// Every set's mixed prediction in the stretched domain, and zeros behind them.
    #[inline(always)]
    pub fn outputs<const FMA: bool>(&self, places: &[u32; LANES], inputs: &Row) -> Block {
        match self.groups {
            3 => self.outputs_of::<FMA, 3>(places, inputs),
            4 => self.outputs_of::<FMA, 4>(places, inputs),
            _ => self.outputs_of::<FMA, GROUPS>(places, inputs),
        }
    }

    #[inline(always)]
    fn outputs_of<const FMA: bool, const G: usize>(&self, places: &[u32; LANES], inputs: &Row) -> Block {
        let mut out = [0.0; LANES];
        let rows = places[..self.starts.len()].iter().map(|p| self.row::<G>(self.index[*p as usize] as usize));
        dots::<FMA, G>(rows, inputs.first_chunk().expect("there are so many blocks"), &mut out);
        out
    }

    /// Moves the weights along the levelled inputs of several decisions against the sets' errors (bit − probability);
    /// an error of 0 is none.
    ///
    /// A row's rate falls with the squared errors that it has seen rather than with the stream's length: a row that is
    /// met for the first time late still learns fast, and one that is seldom wrong keeps its rate for when it is. The
    /// floor keeps every row able to follow.
    #[inline(always)]
    pub fn learn<const FMA: bool>(
        &mut self,
        places: &[[u32; LANES]; TOGETHER],
        levelled: &[Row; TOGETHER],
        errors: &[Block; TOGETHER],
    ) {
        match self.groups {
            3 => self.learn_of::<FMA, 3>(places, levelled, errors),
            4 => self.learn_of::<FMA, 4>(places, levelled, errors),
            _ => self.learn_of::<FMA, GROUPS>(places, levelled, errors),
        }
    }

    #[inline(always)]
    fn learn_of<const FMA: bool, const G: usize>(
        &mut self,
        places: &[[u32; LANES]; TOGETHER],
        levelled: &[Row; TOGETHER],
        errors: &[Block; TOGETHER],
    ) {
        let levelled = levelled.each_ref().map(|r| r.first_chunk::<G>().expect("there are so many blocks"));
        for q in 0..self.starts.len() {
            let (p, e) = (places.each_ref().map(|p| p[q]), errors.each_ref().map(|e| e[q]));
            if p[0] == p[1] && p[0] == p[2] && p[0] == p[3] {
                // one row learns all of it at one rate
                if e == [0.0; TOGETHER] {
                    continue;
                }
                let at = self.own(p[0]);
                let mut n = self.learnt[at];
                for e in e {
                    n = madd::<FMA>(8.0 * e, e, n + if e == 0.0 { 0.0 } else { 0.2 });
                }
                let rate = rate::<FMA>(&mut self.learnt[at], n);
                add_scaled_each::<FMA, G, TOGETHER>(self.row_mut(at), levelled, &e.map(|e| e * rate));
                continue;
            }
            for j in 0..TOGETHER {
                if e[j] != 0.0 {
                    let at = self.own(p[j]);
                    let n = madd::<FMA>(8.0 * e[j], e[j], self.learnt[at] + 0.2);
                    let rate = rate::<FMA>(&mut self.learnt[at], n);
                    add_scaled::<FMA, G>(self.row_mut(at), levelled[j], e[j] * rate);
                }
            }
        }
    }

    #[inline(always)]
    fn row<const G: usize>(&self, row: usize) -> &[Block; G] {
        let blocks = &self.blocks[row * G..(row + 1) * G];
        // SAFETY: `Weights` is one block without padding, and there are G of them.
        unsafe { &*blocks.as_ptr().cast() }
    }

    #[inline(always)]
    fn row_mut<const G: usize>(&mut self, row: usize) -> &mut [Block; G] {
        let blocks = &mut self.blocks[row * G..(row + 1) * G];
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { &mut *blocks.as_mut_ptr().cast() }
    }

    /// Makes a weight of a context zero.
    #[inline(always)]
    pub fn clear(&mut self, place: u32, input: usize) {
        let row = self.index[place as usize] as usize;
        self.blocks[row * self.groups + input / LANES].0[input % LANES] = 0.0;
    }

    /// The row of a context, which gets one of its own if it has none.
    #[inline(always)]
    fn own(&mut self, place: u32) -> usize {
        let slot = self.index[place as usize] as usize;
        if slot < self.kinds { self.make(place, slot) } else { slot }
    }

    #[cold]
    fn make(&mut self, place: u32, initial: usize) -> usize {
        let row = self.learnt.len();
        self.index[place as usize] = row as u32;
        self.blocks.extend_from_within(initial * self.groups..(initial + 1) * self.groups);
        self.learnt.push(0.0);
        row
    }
}

/// Stores what a row has learnt from; returns its rate.
#[inline(always)]
fn rate<const FMA: bool>(learnt: &mut f32, n: f32) -> f32 {
    *learnt = n.min(1e6);
    RATE_MIN + RATE_FIRST / madd::<FMA>(0.002, *learnt, 1.0)
}

impl Persist for Mixer {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s_fixed("mixer index", &mut self.index)?;
        let n = s.begin("mixer rows", self.learnt.len(), self.groups * std::mem::size_of::<Block>())?;
        if s.is_reading() {
            self.blocks.resize(n * self.groups, Weights::default());
            self.learnt.resize(n, 0.0);
        }
        if n < self.kinds || self.index.iter().any(|i| *i as usize >= n) {
            return Err(StateError::Invalid("mixer index"));
        }
        self.blocks.iter_mut().try_for_each(|b| s.f32s_fixed("mixer row", &mut b.0))?;
        s.f32s_fixed("mixer learnt", &mut self.learnt)
    }
}

/// A final mixer's weights for a context, on a cache line of their own.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Final(Block);

/// A final mixer: weights over the sets' outputs, by a selecting context.
#[derive(Clone)]
pub struct FinalMixer {
    rows: Vec<Final>,
}

impl FinalMixer {
    /// Of `sets` outputs, for 256 contexts.
    pub fn new(sets: usize) -> Self {
        let mut b = [0f32; LANES];
        b[..sets].fill(1.0 / sets as f32);
        FinalMixer { rows: vec![Final(b); 256] }
    }

    /// The mixed prediction in the stretched domain.
    #[inline(always)]
    pub fn dot<const FMA: bool>(&self, context: u32, outputs: &Block) -> f32 {
        dot::<FMA>(std::slice::from_ref(&self.rows[context as usize].0), std::slice::from_ref(outputs))
    }

    /// Moves the weights along the outputs.
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
        self.rows.iter_mut().try_for_each(|b| s.f32s_fixed("final mixer row", &mut b.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row that is met late learns as fast as the first one did, and a row that was seldom wrong faster than one that
    /// was often wrong; none falls below the floor.
    #[test]
    fn rows_keep_the_rate_that_their_own_errors_leave_them() {
        let initial = [[0f32; LANES]; GROUPS];
        let mut x = initial;
        x[2][5] = 1.0;
        let moved = |s: &mut Mixer, c: u32, error: f32| {
            let places = std::array::from_fn(|j| if j == 0 { [c; LANES] } else { [3; LANES] });
            let errors = std::array::from_fn(|j| if j == 0 { [error; LANES] } else { [0.0; LANES] });
            let before = s.outputs::<false>(&places[0], &x)[0];
            s.learn::<false>(&places, &[x; TOGETHER], &errors);
            (s.outputs::<false>(&places[0], &x)[0] - before) / error
        };
        let mut s = Mixer::new([(4, 0)], GROUPS, &[initial]);
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
