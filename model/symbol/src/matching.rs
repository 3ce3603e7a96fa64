//! Match models: what followed the last time that the same few symbols were seen (PREDICTOR §4).

use crate::code::{Code, NIBBLES_MAX, Path};
use crate::component::SymbolComponent;
use crate::hash::mix;
use crate::key::{MATCH_SYMBOLS_MAX, RECENT_SYMBOLS_MAX, SymbolKey};
use crate::node::{NIBBLE_BITS, TreeNode};
use crate::past_symbols::{NO_POSITION, PastSymbols};
use crate::source::{AfterSymbol, BeforeSymbol, EvidenceSource, INITIAL_WEIGHT, MixerInput, StatePlace, UsedBy};
use crate::spec::Spec;
use surmise_lanes::{prefetch, stretch};
use surmise_state::{Persist, SnapshotVec, State, StateError, incremental_copy};

/// Symbols that are compared at most when a new match is looked for.
const SEARCH_SYMBOLS_MAX: usize = 48;
/// Symbols that must agree, for the first match model and the second (PREDICTOR §4).
const MATCH_SYMBOLS_MIN: [usize; 2] = [4, 8];
/// Rate at which the trust in matches of a length follows what came.
const TRUST_RATE: f32 = 0.005;

/// A match model: it finds where a key's last symbols stood before, and learns how far such a place can be trusted.
#[derive(Clone)]
struct MatchModel {
    /// Which of a key's matches it keeps.
    which: usize,
    /// Symbols that must agree.
    minimum: usize,
    /// Position of the latest symbol that ended such a context, by hash.
    table: SnapshotVec<u32>,
    entries_max: usize,
    inserted: usize,
    /// Bytes that the index may still grow by.
    room: usize,
    /// Probability that the expected bit comes, by match length: `[MATCH_SYMBOLS_MAX + 1]`.
    trust: Vec<f32>,
}

/// The symbol that a match model expects next.
#[derive(Clone, Copy, Default)]
pub struct Expectation {
    /// The expected symbol's path.
    pub path: Path,
    /// Length of the match; 0 when there is none.
    pub length: u32,
}

impl Expectation {
    /// The expected bit at a node, if the expected symbol's path runs through it. `is_below` says whether it runs
    /// through the nibble.
    #[inline(always)]
    fn bit(&self, is_below: bool, node: &TreeNode) -> Option<u32> {
        let nibble = u32::from(self.path.nibbles[node.depth]);
        if is_below && self.length > 0 && node.covers(nibble) { Some(node.bit(nibble)) } else { None }
    }
}

impl MatchModel {
    /// A model of matches of at least `minimum` symbols, with an index of at most `entries_max` entries.
    fn new(which: usize, minimum: usize, entries_max: usize) -> Self {
        let trust = (0..=MATCH_SYMBOLS_MAX).map(|length| 1.0 - 0.5 / (length as f32 + 1.5)).collect();
        let table = SnapshotVec::new(vec![NO_POSITION; 256]);
        MatchModel { which, minimum, table, entries_max, inserted: 0, room: usize::MAX, trust }
    }

    /// What is expected of the key's next symbol.
    #[inline]
    fn expect(&self, key: &SymbolKey, past: &PastSymbols, code: Code) -> Expectation {
        let (position, length) = key.matches[self.which];
        if length == 0 || !past.holds(position) {
            return Expectation::default();
        }
        Expectation { path: code.path(past.symbol(position)), length }
    }

    /// The hash of the context that ends with a symbol which is about to come; prefetches its entry.
    #[inline]
    fn prefetch_entry(&self, key: &SymbolKey, symbol: u32) -> u32 {
        let latest = mix(0, symbol + 1);
        let hash = (1..self.minimum.min(RECENT_SYMBOLS_MAX)).fold(latest, |hash, k| mix(hash, key.at(k)));
        prefetch(&self.table[self.slot(hash)]);
        hash
    }

    /// Prefetches the symbol at the entry of a hash, which [`MatchModel::prefetch_entry`] fetched a while ago.
    #[inline]
    fn prefetch_symbol(&self, hash: u32, past: &PastSymbols) {
        past.prefetch(self.table[self.slot(hash)]);
    }

    #[inline(always)]
    fn slot(&self, hash: u32) -> usize {
        (hash >> 8) as usize & (self.table.len() - 1)
    }

    /// Follows the key's match over the symbol that has just come, or looks for a new one; `hash` is what
    /// [`MatchModel::prefetch_entry`] returned.
    #[inline]
    fn follow(&mut self, after: &mut AfterSymbol<'_>, hash: u32) {
        let past = after.past;
        let (position, length) = after.key.matches[self.which];
        let mut following = (NO_POSITION, 0);
        // a match that was right goes on, unless it would expect the symbol that has just come
        if length > 0 && past.holds(position) && past.symbol(position) == after.symbol {
            let next = past.next(position);
            if next != NO_POSITION && next != after.position {
                following = (next, (length + 1).min(MATCH_SYMBOLS_MAX));
            }
        }
        if after.key.length as usize >= self.minimum {
            self.grow_if_full();
            let slot = self.slot(hash);
            // the index is asked only where no match goes on
            if following.1 == 0 {
                following = self.search(after.key, past, self.table[slot]);
            }
            self.table[slot] = after.position;
            self.inserted += 1;
        }
        after.key.matches[self.which] = following;
    }

    /// The position after a place that the index found and the length of its match, if it is long enough.
    fn search(&self, key: &SymbolKey, past: &PastSymbols, found: u32) -> (u32, u32) {
        // entries of other contexts share a slot, so what the index found is compared backwards
        let (mut position, mut length) = (found, 0);
        while length < SEARCH_SYMBOLS_MAX && past.holds(position) && key.at(length + 1) == past.symbol(position) + 1 {
            length += 1;
            position = past.previous(position);
        }
        let next = if length >= self.minimum { past.next(found) } else { NO_POSITION };
        if next == NO_POSITION { (NO_POSITION, 0) } else { (next, length as u32) }
    }

    fn grow_if_full(&mut self) {
        let has_room = self.table.len() < self.entries_max && self.table.len() * size_of::<u32>() <= self.room;
        if self.inserted >= self.table.len() && has_room {
            // the larger index of a hash is its smaller one, with or without one more bit
            self.table.all_mut().extend_from_within(..);
            self.inserted = 0;
        }
    }
}

incremental_copy!(MatchModel { large: table; small: which, minimum, entries_max, inserted, room, trust });

impl Persist for MatchModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s("match index", self.table.walk(s))?;
        if !self.table.len().is_power_of_two() {
            return Err(StateError::Invalid("match index"));
        }
        s.len("match inserted", &mut self.inserted)?;
        s.f32s_fixed("match trust", &mut self.trust)
    }
}

/// The source of evidence of the match models: one of short matches, one of long ones.
#[derive(Clone)]
pub struct Matches {
    models: [MatchModel; 2],
}

/// What the match models expect of the next symbol.
#[derive(Clone, Default)]
pub struct MatchesAtSymbol {
    /// Of each model.
    expected: [Expectation; 2],
    /// Of each model, the hash of the context that ends with the symbol that is about to come.
    hashes: [u32; 2],
}

impl MatchesAtSymbol {
    /// What the model with the longest match expects, among those whose symbol lies below the nibble.
    #[inline(always)]
    pub fn longest(&self, below: &[bool; 2]) -> Option<&Expectation> {
        (0..2).rev().find(|q| below[*q] && self.expected[*q].length > 0).map(|q| &self.expected[q])
    }
}

/// Values of the inputs of the mixer: two of each model.
type MatchInputs = [f32; 4];

/// What the match models said at N decisions.
#[derive(Clone)]
pub struct MatchesSaid<const N: usize> {
    /// The bit that each model expects.
    pub bits: [[Option<u32>; 2]; N],
    /// Length of the longest match, 0 if no model expects a bit.
    pub length: [u32; N],
    inputs: [MatchInputs; N],
}

impl<const N: usize> Default for MatchesSaid<N> {
    fn default() -> Self {
        MatchesSaid { bits: [[None; 2]; N], length: [0; N], inputs: [MatchInputs::default(); N] }
    }
}

impl Matches {
    /// Bytes of the indices.
    pub fn bytes(&self) -> usize {
        self.models.iter().map(|model| model.table.len() * size_of::<u32>()).sum()
    }

    /// Sets by how many bytes each index may still grow.
    pub fn set_room(&mut self, room: usize) {
        self.models.iter_mut().for_each(|model| model.room = room);
    }

    /// Prefetches the index entries of a symbol that is about to be learnt.
    #[inline]
    pub fn prefetch_entries(&self, key: &SymbolKey, symbol: u32, at: &mut MatchesAtSymbol) {
        at.hashes = self.models.each_ref().map(|model| model.prefetch_entry(key, symbol));
    }

    /// Prefetches the symbols that those entries lead to.
    #[inline]
    pub fn prefetch_symbols(&self, past: &PastSymbols, at: &MatchesAtSymbol) {
        self.models.iter().zip(at.hashes).for_each(|(model, hash)| model.prefetch_symbol(hash, past));
    }

    /// Moves the matches of a copied key over a symbol as if it had come.
    pub fn advance(key: &mut SymbolKey, past: &PastSymbols, symbol: u32) {
        for (position, length) in &mut key.matches {
            let is_hit = *length > 0 && past.holds(*position) && past.symbol(*position) == symbol;
            *position = if is_hit { past.next(*position) } else { NO_POSITION };
            *length = if *position == NO_POSITION { 0 } else { (*length + 1).min(MATCH_SYMBOLS_MAX) };
        }
    }
}

incremental_copy!(Matches { large: models; small: });

const fn match_input(name: &'static str) -> MixerInput {
    MixerInput { name, initial_weight: INITIAL_WEIGHT, used_by: UsedBy::AllSets }
}

impl EvidenceSource for Matches {
    const NAME: &'static str = "matches";
    const COMPONENT: Option<SymbolComponent> = Some(SymbolComponent::Matches);
    const INPUTS: &'static [MixerInput] = &[
        match_input("trust in a match of 4 or more, stretched"),
        match_input("trust in a match of 4 or more, linear"),
        match_input("trust in a match of 8 or more, stretched"),
        match_input("trust in a match of 8 or more, linear"),
    ];
    const STATE: StatePlace = StatePlace::BeforeMixer;

    type AtSymbol = MatchesAtSymbol;
    /// Of each model, whether the expected symbol's path runs through the nibble.
    type AtNibble = [bool; 2];
    type Said<const N: usize> = MatchesSaid<N>;
    type Inputs = MatchInputs;

    fn new(spec: &Spec) -> Self {
        let models = [0, 1].map(|which| {
            // ablated, no match is ever long enough
            let minimum = if spec.ablation.matches { usize::MAX } else { MATCH_SYMBOLS_MIN[which] };
            MatchModel::new(which, minimum, spec.match_entries)
        });
        Matches { models }
    }

    fn is_present(_: &Spec) -> bool {
        true
    }

    #[inline]
    fn begin_symbol(&self, before: &BeforeSymbol<'_>, symbol: &mut MatchesAtSymbol) {
        symbol.expected = self.models.each_ref().map(|model| model.expect(before.key, before.past, before.spec.code));
    }

    #[inline(always)]
    fn begin_nibble(symbol: &MatchesAtSymbol, nibbles: &[u8; NIBBLES_MAX], depth: usize) -> [bool; 2] {
        symbol.expected.each_ref().map(|expected| expected.path.starts_with(nibbles, depth))
    }

    #[inline(always)]
    fn predict<const FMA: bool, const N: usize>(
        &self,
        symbol: &MatchesAtSymbol,
        below: &[bool; 2],
        nodes: &[TreeNode; N],
        said: &mut MatchesSaid<N>,
    ) {
        for j in 0..N {
            said.length[j] = 0;
            for q in 0..2 {
                let expected = &symbol.expected[q];
                let bit = expected.bit(below[q], &nodes[j]);
                let (stretched, linear) = match bit {
                    None => (0.0, 0.0),
                    Some(bit) => {
                        // the second model's match is the longer one, and comes last
                        said.length[j] = expected.length;
                        let trust = self.models[q].trust[expected.length as usize];
                        let (stretched, linear) = (stretch::<FMA>(trust), (trust - 0.5) * 4.0);
                        if bit == 1 { (stretched, linear) } else { (-stretched, -linear) }
                    }
                };
                said.bits[j][q] = bit;
                (said.inputs[j][2 * q], said.inputs[j][2 * q + 1]) = (stretched, linear);
            }
        }
    }

    #[inline(always)]
    fn inputs<const N: usize>(said: &MatchesSaid<N>, j: usize) -> MatchInputs {
        said.inputs[j]
    }

    #[inline(always)]
    fn learn_bits<const FMA: bool>(
        &mut self,
        symbol: &MatchesAtSymbol,
        _: &[TreeNode; NIBBLE_BITS],
        said: &MatchesSaid<NIBBLE_BITS>,
        _: &[f32; NIBBLE_BITS],
        bits: &[u32; NIBBLE_BITS],
    ) {
        for j in 0..NIBBLE_BITS {
            for q in 0..2 {
                if let Some(expected) = said.bits[j][q] {
                    let is_hit = expected == bits[j];
                    let trust = &mut self.models[q].trust[symbol.expected[q].length as usize];
                    *trust += (f32::from(u8::from(is_hit)) - *trust) * TRUST_RATE;
                }
            }
        }
    }

    #[inline]
    fn learn_symbol(&mut self, after: &mut AfterSymbol<'_>, symbol: &MatchesAtSymbol) {
        for (model, hash) in self.models.iter_mut().zip(symbol.hashes) {
            model.follow(after, hash);
        }
    }

    fn persist(&mut self, _: &Spec, s: &mut State<'_>) -> Result<(), StateError> {
        self.models.iter_mut().try_for_each(|model| model.persist(s))
    }
}
