//! Recency: the few symbols that came last in a key, and in which order (PREDICTOR §4).

use crate::code::{Code, NIBBLES_MAX, Path};
use crate::component::SymbolComponent;
use crate::key::SymbolKey;
use crate::node::{NIBBLE_BITS, TreeNode};
use crate::source::{BeforeSymbol, EvidenceSource, INITIAL_WEIGHT, MixerInput, StatePlace, UsedBy, copied_at_once};
use crate::spec::Spec;
use surmise_lanes::stretch;
use surmise_state::{State, StateError};

/// Distinct symbols that are looked at (PREDICTOR §4).
const DISTINCT_SYMBOLS_MAX: usize = 16;
/// How many symbols back they are looked for.
const REACH_SYMBOLS_MAX: usize = 48;
/// Symbols on one side of a node beyond this count as this.
const SIDE_SYMBOLS_MAX: usize = 3;
/// Decisions that a counter averages over, beyond which it forgets.
const SEEN_MAX: f32 = 400.0;
/// Counters of one kind: sixteen cases at sixteen places in the tree.
const COUNTERS: usize = 256;

/// The most recent distinct symbols of a key, newest first.
#[derive(Clone)]
pub struct RecentSymbols {
    paths: [Path; DISTINCT_SYMBOLS_MAX],
    len: usize,
}

impl Default for RecentSymbols {
    fn default() -> Self {
        RecentSymbols { paths: [Path::default(); DISTINCT_SYMBOLS_MAX], len: 0 }
    }
}

impl RecentSymbols {
    #[inline]
    fn of(key: &SymbolKey, code: Code) -> RecentSymbols {
        let mut recent = RecentSymbols::default();
        let mut seen = [0u32; DISTINCT_SYMBOLS_MAX];
        for k in 1..=REACH_SYMBOLS_MAX {
            let symbol = key.at(k);
            if symbol == 0 || recent.len == DISTINCT_SYMBOLS_MAX {
                break;
            }
            // only the newest of equal symbols counts
            if !seen[..recent.len].contains(&symbol) {
                seen[recent.len] = symbol;
                recent.paths[recent.len] = code.path(symbol - 1);
                recent.len += 1;
            }
        }
        recent
    }

    /// Those whose path runs through a nibble, as a mask.
    #[inline]
    fn below(&self, nibbles: &[u8; NIBBLES_MAX], depth: usize) -> u32 {
        (0..self.len).fold(0, |mask, i| mask | u32::from(self.paths[i].starts_with(nibbles, depth)) << i)
    }
}

/// What the recent symbols say at one node.
#[derive(Clone, Copy, Default)]
pub struct RecentView {
    /// Whether any recent symbol lies below the node.
    pub any: bool,
    /// The counter of how many lie on each side; it also selects weights of the mixer.
    pub sides: usize,
    /// The counter of the newest one's rank.
    rank: usize,
    /// The newest one's bit.
    bit: bool,
}

impl RecentView {
    /// Looks at a node for the recent symbols in `mask`, those below its nibble.
    #[inline(always)]
    fn of(recent: &RecentSymbols, mut mask: u32, node: &TreeNode) -> RecentView {
        let (mut zeros, mut ones, mut newest) = (0usize, 0usize, None);
        while mask != 0 {
            let rank = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let nibble = u32::from(recent.paths[rank].nibbles[node.depth]);
            if node.covers(nibble) {
                let bit = node.bit(nibble) == 1;
                (zeros, ones) = (zeros + usize::from(!bit), ones + usize::from(bit));
                newest = newest.or(Some((rank, bit)));
            }
        }
        // cases are told apart by how deep in the tree the node lies
        let place = (node.shift as usize) * 4 + node.depth.min(3);
        let (rank, bit) = newest.unwrap_or_default();
        RecentView {
            any: zeros + ones > 0,
            sides: (ones.min(SIDE_SYMBOLS_MAX) * 4 + zeros.min(SIDE_SYMBOLS_MAX)) * 16 + place,
            rank: rank * 16 + place,
            bit,
        }
    }
}

/// Counters of one kind: the mean of what came in each case.
#[derive(Clone)]
struct CaseCounters {
    probability: Vec<f32>,
    seen: Vec<f32>,
}

impl CaseCounters {
    fn new() -> Self {
        CaseCounters { probability: vec![0.5; COUNTERS], seen: vec![0.0; COUNTERS] }
    }

    #[inline(always)]
    fn learn(&mut self, case: usize, is_hit: bool) {
        // p += (hit − p)/(n + 1.5)
        let (p, n) = (&mut self.probability[case], &mut self.seen[case]);
        *p = (*p + (f32::from(u8::from(is_hit)) - *p) / (*n + 1.5)).clamp(0.0002, 0.9998);
        *n = (*n + 1.0).min(SEEN_MAX);
    }
}

/// The source of evidence of recency: how often a 1 came by how many recent symbols lie on each side of a node, and how
/// often the newest one's bit came by its rank.
#[derive(Clone)]
pub struct Recency {
    is_present: bool,
    by_sides: CaseCounters,
    by_rank: CaseCounters,
}

/// Values of the inputs of the mixer.
type RecencyInputs = [f32; 2];

/// What recency said at N decisions.
#[derive(Clone)]
pub struct RecencySaid<const N: usize> {
    /// The recent symbols at each node.
    pub views: [RecentView; N],
    inputs: [RecencyInputs; N],
}

impl<const N: usize> Default for RecencySaid<N> {
    fn default() -> Self {
        RecencySaid { views: [RecentView::default(); N], inputs: [RecencyInputs::default(); N] }
    }
}

copied_at_once!(Recency { is_present, by_sides, by_rank });

impl EvidenceSource for Recency {
    const NAME: &'static str = "recency";
    const COMPONENT: Option<SymbolComponent> = Some(SymbolComponent::Recency);
    const INPUTS: &'static [MixerInput] = &[
        MixerInput { name: "recent symbols on each side", initial_weight: INITIAL_WEIGHT, used_by: UsedBy::AllSets },
        MixerInput { name: "side of the newest symbol", initial_weight: INITIAL_WEIGHT, used_by: UsedBy::AllSets },
    ];
    const STATE: StatePlace = StatePlace::BeforeMixer;

    type AtSymbol = RecentSymbols;
    /// The recent symbols whose path runs through the nibble, as a mask.
    type AtNibble = u32;
    type Said<const N: usize> = RecencySaid<N>;
    type Inputs = RecencyInputs;

    fn new(spec: &Spec) -> Self {
        Recency { is_present: spec.recency, by_sides: CaseCounters::new(), by_rank: CaseCounters::new() }
    }

    fn is_present(spec: &Spec) -> bool {
        spec.recency
    }

    #[inline]
    fn begin_symbol(&self, before: &BeforeSymbol<'_>, symbol: &mut RecentSymbols) {
        if self.is_present {
            *symbol = RecentSymbols::of(before.key, before.spec.code);
        }
    }

    #[inline(always)]
    fn begin_nibble(symbol: &RecentSymbols, nibbles: &[u8; NIBBLES_MAX], depth: usize) -> u32 {
        symbol.below(nibbles, depth)
    }

    #[inline(always)]
    fn predict<const FMA: bool, const N: usize>(
        &self,
        symbol: &RecentSymbols,
        below: &u32,
        nodes: &[TreeNode; N],
        said: &mut RecencySaid<N>,
    ) {
        if !self.is_present {
            return;
        }
        for j in 0..N {
            // where no recent symbol lies below the node, there is no evidence for either side
            let view = RecentView::of(symbol, *below, &nodes[j]);
            said.inputs[j] = if view.any {
                let newest = stretch::<FMA>(self.by_rank.probability[view.rank]);
                let sides = stretch::<FMA>(self.by_sides.probability[view.sides]);
                [sides, if view.bit { newest } else { -newest }]
            } else {
                RecencyInputs::default()
            };
            said.views[j] = view;
        }
    }

    #[inline(always)]
    fn inputs<const N: usize>(said: &RecencySaid<N>, j: usize) -> RecencyInputs {
        said.inputs[j]
    }

    #[inline(always)]
    fn learn_bits<const FMA: bool>(
        &mut self,
        _: &RecentSymbols,
        _: &[TreeNode; NIBBLE_BITS],
        said: &RecencySaid<NIBBLE_BITS>,
        _: &[f32; NIBBLE_BITS],
        bits: &[u32; NIBBLE_BITS],
    ) {
        for (view, bit) in said.views.iter().zip(bits).filter(|(view, _)| view.any && self.is_present) {
            self.by_sides.learn(view.sides, *bit == 1);
            self.by_rank.learn(view.rank, (*bit == 1) == view.bit);
        }
    }

    fn persist(&mut self, _: &Spec, s: &mut State<'_>) -> Result<(), StateError> {
        for counters in [&mut self.by_sides, &mut self.by_rank] {
            s.f32s_fixed("recency", &mut counters.probability)?;
            s.f32s_fixed("recency", &mut counters.seen)?;
        }
        Ok(())
    }
}
