//! What every context has seen at a node: counts or bit histories, in one form that predictions read (PREDICTOR §3).

use crate::bits::BitHistory;
use crate::code::Path;
use crate::context::Context;
use crate::count_table::{CountTable, FRESH, UNSEEN};
use crate::followers::Followers;
use crate::hash::mix;
use crate::history_table::HistoryTable;
use crate::inputs::{CONFIDENCE_BLOCK, COUNT_BLOCK, InputRow};
use crate::key::SymbolKey;
use crate::node::{NIBBLE_BITS, TreeNode};
use crate::spec::Spec;
use surmise_lanes::{Block, LANES, madd, stretch};
use surmise_state::{Persist, State, StateError, incremental_copy};

/// Contexts of a model at most: each takes one lane.
pub const CONTEXTS_MAX: usize = LANES;
/// Nibbles of a path whose lines are fetched ahead of their use.
pub const NIBBLES_AHEAD: usize = 2;

/// The contexts of a model, and the tables of what they have seen.
#[derive(Clone)]
pub struct Contexts {
    /// How many contexts there are.
    count: usize,
    /// How many of them are plain orders, which come first.
    orders: usize,
    /// The contexts that count, as a mask; the others keep bit histories.
    counted: u32,
    counts: CountTable,
    histories: HistoryTable,
}

/// Keys of every context's line at the first nibbles of a path: `[NIBBLES_AHEAD, CONTEXTS_MAX]`.
pub type LineKeys = [[u32; CONTEXTS_MAX]; NIBBLES_AHEAD];

/// What the contexts have seen at N decisions.
#[derive(Clone)]
pub struct ContextsSaid<const N: usize> {
    /// Raw statistics of every lane, see [`FRESH`].
    pub slots: [[u32; LANES]; N],
    /// 1 in lanes whose context has been seen.
    pub seen: [Block; N],
    /// How far every lane's count is believed, 0 to 1.
    pub confidence: [Block; N],
    /// Probability of a 1: by counts in lanes that count, by history elsewhere.
    pub probability: [Block; N],
}

impl<const N: usize> Default for ContextsSaid<N> {
    fn default() -> Self {
        ContextsSaid {
            slots: [[0; LANES]; N],
            seen: [[0.0; LANES]; N],
            confidence: [[0.0; LANES]; N],
            probability: [[0.0; LANES]; N],
        }
    }
}

/// The hash of a context's line at a nibble that comes after `prefix`, never 0.
#[inline(always)]
fn line_key(context: u32, depth: usize, prefix: u32) -> u32 {
    let key = if depth == 0 { context } else { mix(context, prefix.wrapping_mul(8).wrapping_add(depth as u32)) };
    if key == 0 { 1 } else { key }
}

/// Finding lines.
impl Contexts {
    /// The contexts of a recipe, which have seen nothing.
    pub fn new(spec: &Spec) -> Self {
        Contexts {
            count: spec.contexts.len(),
            orders: spec.contexts.iter().take_while(|(context, _)| matches!(context, Context::Order(_))).count(),
            counted: (0..LANES).filter(|lane| spec.is_counted(*lane)).fold(0, |mask, lane| mask | 1 << lane),
            counts: CountTable::new(spec.count_lines),
            histories: HistoryTable::new(spec.history_rows),
        }
    }

    /// Bytes of the tables.
    pub fn bytes(&self) -> usize {
        self.counts.bytes() + self.histories.bytes()
    }

    /// Sets by how many bytes each table may still grow.
    pub fn set_room(&mut self, room: usize) {
        self.counts.set_room(room);
        self.histories.set_room(room);
    }

    /// How many contexts are plain orders.
    pub fn orders(&self) -> usize {
        self.orders
    }

    #[inline(always)]
    fn is_counted(&self, lane: usize) -> bool {
        self.counted >> lane & 1 == 1
    }

    /// Hashes every context of a recipe for a key's next symbol. `side` are hashes of the event's other fields.
    #[inline]
    pub fn hash(spec: &Spec, key: &SymbolKey, followers: &Followers, side: &[u32], hashes: &mut [u32; CONTEXTS_MAX]) {
        for (lane, (context, _)) in spec.contexts.iter().enumerate() {
            hashes[lane] = context.hash(lane, key, followers, side);
        }
    }

    /// Hashes the contexts of the first nibbles and prefetches what tells where their lines are;
    /// [`Contexts::prefetch_counts`] is the second step.
    pub fn prefetch_contexts(&self, hashes: &[u32; CONTEXTS_MAX], path: &Path, keys: &mut LineKeys) {
        for depth in 0..(path.len as usize).min(NIBBLES_AHEAD) {
            let prefix = if depth == 0 { 0 } else { u32::from(path.nibbles[0]) };
            for i in 0..self.count {
                let key = line_key(hashes[i], depth, prefix);
                keys[depth][i] = key;
                if self.is_counted(i) { self.counts.prefetch_tags(key) } else { self.histories.prefetch(key) }
            }
        }
    }

    /// Prefetches the lines of counts of the first nibbles.
    pub fn prefetch_counts(&self, path: &Path, keys: &LineKeys) {
        for keys in &keys[..(path.len as usize).min(NIBBLES_AHEAD)] {
            for i in (0..self.count).filter(|i| self.is_counted(*i)) {
                self.counts.prefetch(keys[i]);
            }
        }
    }

    /// Finds every context's line at a nibble, and makes those that there are not. `keys` are those of the first
    /// nibbles.
    #[inline(always)]
    pub fn claim(
        &mut self,
        hashes: &[u32; CONTEXTS_MAX],
        keys: &LineKeys,
        depth: usize,
        prefix: u32,
        lines: &mut [u32; CONTEXTS_MAX],
    ) {
        let keys =
            keys.get(depth).copied().unwrap_or_else(|| std::array::from_fn(|i| line_key(hashes[i], depth, prefix)));
        // no line of histories is held here yet, so the table may grow now
        self.histories.grow_if_full();
        for i in 0..self.count {
            if !self.is_counted(i) {
                lines[i] = self.histories.claim(keys[i]);
            }
        }
        for i in 0..self.count {
            if self.is_counted(i) {
                if self.counts.is_full() {
                    // growing moves all lines, so those that were found already are found anew
                    self.counts.grow();
                    let counted = self.counted;
                    for j in (0..i).filter(|j| counted >> j & 1 == 1) {
                        lines[j] = self.counts.claim(keys[j]);
                    }
                }
                lines[i] = self.counts.claim(keys[i]);
            }
        }
    }

    /// Reads the raw statistics of every context at the nodes of a nibble's path. `slots`: `[NIBBLE_BITS, LANES]`.
    #[inline(always)]
    pub fn look(
        &self,
        lines: &[u32; CONTEXTS_MAX],
        nodes: &[TreeNode; NIBBLE_BITS],
        slots: &mut [[u32; LANES]; NIBBLE_BITS],
    ) {
        for i in 0..self.count {
            if self.is_counted(i) {
                let line = self.counts.line(lines[i]);
                for j in 0..NIBBLE_BITS {
                    slots[j][i] = line[nodes[j].index as usize & 15];
                }
            } else {
                let line = self.histories.line(lines[i]);
                let slot = &BitHistory::get().slot;
                for j in 0..NIBBLE_BITS {
                    slots[j][i] = slot[line[nodes[j].index as usize & 15] as usize];
                }
            }
        }
    }

    /// The raw statistics of every node of a nibble, for a question: `[LANES, 16]`. No line is made.
    pub fn look_ahead(&self, hashes: &[u32; CONTEXTS_MAX], depth: usize, prefix: u32) -> [[u32; 16]; LANES] {
        let mut slots = [[0u32; 16]; LANES];
        // all lines are fetched before the first is waited for
        for i in 0..self.count {
            let key = line_key(hashes[i], depth, prefix);
            if self.is_counted(i) { self.counts.prefetch(key) } else { self.histories.prefetch(key) }
        }
        for i in 0..self.count {
            let key = line_key(hashes[i], depth, prefix);
            if self.is_counted(i) {
                let line = self.counts.find(key);
                slots[i] = if line == UNSEEN { [FRESH; 16] } else { *self.counts.line(line) };
            } else if let Some(line) = self.histories.get(key) {
                for node in 1..16 {
                    slots[i][node] = BitHistory::get().slot[line[node] as usize];
                }
            }
        }
        slots
    }
}

/// Predicting and learning.
impl Contexts {
    /// Reads counts out of the raw statistics in `said.slots`.
    #[inline(always)]
    pub fn predict<const N: usize>(&self, said: &mut ContextsSaid<N>) {
        for j in 0..N {
            for i in 0..LANES {
                let slot = said.slots[j][i];
                // conf(n) = min(1, .3 + .25 n)
                let n = (slot >> 16 & 255) as i32;
                said.seen[j][i] = if n > 0 { 1.0 } else { 0.0 };
                said.confidence[j][i] = if n > 0 { (0.3 + 0.25 * n as f32).min(1.0) } else { 0.0 };
                said.probability[j][i] = ((slot & 0xffff) as i32 as f32 + 0.5) * (1.0 / 65536.0);
            }
        }
    }

    /// Takes the probabilities of lanes that keep histories from `history`, `[N, LANES]`, and writes the mixer's
    /// inputs.
    #[inline(always)]
    pub fn write_inputs<const FMA: bool, const N: usize>(
        &self,
        said: &mut ContextsSaid<N>,
        history: &[Block; N],
        rows: &mut [InputRow; N],
    ) {
        for j in 0..N {
            for i in 0..LANES {
                let is_counted = self.is_counted(i);
                let (confidence, counted) = (said.confidence[j][i], said.probability[j][i]);
                let p = if is_counted { counted } else { history[j][i] };
                said.probability[j][i] = p;
                rows[j][COUNT_BLOCK][i] = if is_counted { stretch::<FMA>(p) * confidence } else { 0.0 };
                rows[j][CONFIDENCE_BLOCK][i] = (p - 0.5) * (4.0 * confidence);
            }
        }
    }

    /// How many plain orders were seen at a decision.
    #[inline(always)]
    pub fn orders_seen<const N: usize>(&self, said: &ContextsSaid<N>, j: usize) -> u32 {
        said.seen[j][..self.orders].iter().filter(|seen| **seen != 0.0).count() as u32
    }

    /// Learns the bits that came at the nodes of a nibble's path, in every context's line. Where a burst
    /// `holds_up` learning, settled decisions keep their probabilities, but for those of the first context, order 0.
    #[inline(always)]
    pub fn learn<const FMA: bool>(
        &mut self,
        lines: &[u32; CONTEXTS_MAX],
        nodes: &[TreeNode; NIBBLE_BITS],
        said: &ContextsSaid<NIBBLE_BITS>,
        bits: &[u32; NIBBLE_BITS],
        holds_up: bool,
    ) {
        let histories = BitHistory::get();
        // every lane is computed, as that is one vector; lanes of histories are not used
        let mut next = [[0u32; LANES]; NIBBLE_BITS];
        for j in 0..NIBBLE_BITS {
            next[j] = counted_slots::<FMA>(&said.slots[j], bits[j]);
        }
        if holds_up {
            for j in 0..NIBBLE_BITS {
                hold_up(&said.slots[j], &mut next[j]);
            }
        }
        for i in 0..self.count {
            if self.is_counted(i) {
                let line = self.counts.line_mut(lines[i]);
                for j in 0..NIBBLE_BITS {
                    line[nodes[j].index as usize & 15] = next[j][i];
                }
            } else {
                let line = self.histories.line_mut(lines[i]);
                for j in 0..NIBBLE_BITS {
                    let state = &mut line[nodes[j].index as usize & 15];
                    *state = histories.next[*state as usize][bits[j] as usize & 1];
                }
            }
        }
    }
}

/// The next slots of counts after a bit, in every lane: p += (b − p)/(n + 1.3), n ≤ 255 (PREDICTOR §3).
#[inline(always)]
fn counted_slots<const FMA: bool>(slots: &[u32; LANES], bit: u32) -> [u32; LANES] {
    let y = bit as f32;
    let mut next = [0u32; LANES];
    for i in 0..LANES {
        let slot = slots[i];
        let n = slot >> 16 & 255;
        let rate = (1.0 / (n as i32 as f32 + 1.3)).max(1.0 / 256.5);
        let p = ((slot & 0xffff) as i32 as f32 + 0.5) * (1.0 / 65536.0);
        let q = (madd::<FMA>(rate, y - p, p) * 65536.0).clamp(16.0, 65519.0);
        // SAFETY: the clamp keeps it far inside the range of the type.
        let q = unsafe { q.to_int_unchecked::<i32>() } as u32;
        // the last seven bits, behind a sentinel
        let history = slot >> 24 << 1 | bit;
        let history = if history > 255 { history & 127 | 128 } else { history };
        let n = if n < 255 { n + 1 } else { 255 };
        next[i] = q | n << 16 | history << 24;
    }
    next
}

/// Count from which on a decision is settled: a burst holds up its learning.
const SETTLED_COUNT: u32 = 12;

/// Puts probabilities and counts of settled decisions back to what they were, in all lanes but the first. The latest
/// bits stay, by which something new is soon told from noise.
#[inline(always)]
fn hold_up(slots: &[u32; LANES], next: &mut [u32; LANES]) {
    for i in 1..LANES {
        if slots[i] >> 16 & 255 >= SETTLED_COUNT {
            next[i] = slots[i] & 0x00ff_ffff | next[i] & 0xff00_0000;
        }
    }
}

incremental_copy!(Contexts { large: counts, histories; small: count, orders, counted });

impl Persist for Contexts {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.counts.persist(s)?;
        self.histories.persist(s)
    }
}

#[cfg(test)]
impl Contexts {
    /// A digest of what was counted.
    pub fn hash_counts(&mut self) -> u128 {
        self.counts.hash_state()
    }
}
