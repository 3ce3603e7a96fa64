//! What a source of evidence declares and does.
//!
//! A source of evidence is anything besides the contexts that says how likely a 1 is at a node of the code tree: match
//! models, the network, recency, the event's numbers. It is one type in one file, listed once in `sources.rs`. It sees
//! three spans of time: a symbol, a nibble of its path, and a decision at a node. At each it may keep what it needs at
//! the next.

use crate::code::NIBBLES_MAX;
use crate::component::SymbolComponent;
use crate::event_inputs::EventInputs;
use crate::key::SymbolKey;
use crate::node::{NIBBLE_BITS, TreeNode};
use crate::past_symbols::PastSymbols;
use crate::spec::Spec;
use surmise_state::{IncrementalCopy, State, StateError};

/// Weight that most inputs of the mixer start with in every row.
pub const INITIAL_WEIGHT: f32 = 0.12;

/// One input of the mixer, as its source declares it.
#[derive(Clone, Copy, Debug)]
pub struct MixerInput {
    /// What the input is, in reports.
    pub name: &'static str,
    /// Its weight in every row at first.
    pub initial_weight: f32,
    /// Whether the counts' own mixture, the whole expert "counts", may use it.
    pub used_by: UsedBy,
}

/// Which weight sets of the mixer use an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedBy {
    /// Every set.
    AllSets,
    /// Every set but that of the counts' own mixture: the input does not come from counting.
    AllButCounts,
}

/// Where in a checkpoint a source's state stands. The order is fixed, as stored checkpoints have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatePlace {
    /// Before the mixer's state.
    BeforeMixer,
    /// After the outer mixture's state: new sources go here.
    AfterMixtures,
}

/// What is known before a symbol comes.
#[derive(Clone, Copy)]
pub struct BeforeSymbol<'a> {
    /// The model's recipe.
    pub spec: &'a Spec,
    /// The key whose next symbol is predicted.
    pub key: &'a SymbolKey,
    /// The latest symbols of all keys.
    pub past: &'a PastSymbols,
    /// The event's other fields.
    pub event: EventInputs<'a>,
}

/// What is known once a symbol has come.
pub struct AfterSymbol<'a> {
    /// The model's recipe.
    pub spec: &'a Spec,
    /// The symbol's key, which has the symbol already.
    pub key: &'a mut SymbolKey,
    /// The latest symbols of all keys, this one included.
    pub past: &'a PastSymbols,
    /// The symbol's position in `past`.
    pub position: u32,
    /// The event's other fields.
    pub event: EventInputs<'a>,
    /// The symbol.
    pub symbol: u32,
}

/// A source of evidence.
pub trait EvidenceSource: IncrementalCopy + Clone {
    /// The source's name in reports.
    const NAME: &'static str;
    /// The component with which ablation leaves the source out; `None` if it is always kept.
    const COMPONENT: Option<SymbolComponent>;
    /// The source's inputs of the mixer; as many as [`Inputs`](Self::Inputs) has.
    const INPUTS: &'static [MixerInput];
    /// Where in a checkpoint the source's state stands.
    const STATE: StatePlace;

    /// What the source keeps while one symbol is predicted.
    type AtSymbol: Clone + Default;
    /// What the source keeps while one nibble of a symbol is predicted.
    type AtNibble: Copy + Default;
    /// What the source said at N decisions that are predicted together, and what learning needs of it.
    type Said<const N: usize>: Clone + Default;
    /// Values of the mixer's inputs at one decision: an array of `f32`.
    type Inputs: AsRef<[f32]>;

    /// A source that has seen nothing.
    fn new(spec: &Spec) -> Self;

    /// Whether models of a recipe have the source. Inputs of a source that is not there take no lanes.
    fn is_present(spec: &Spec) -> bool;

    /// Prepares for a symbol that is about to be predicted.
    fn begin_symbol(&self, _before: &BeforeSymbol<'_>, _symbol: &mut Self::AtSymbol) {}

    /// Prepares for the nibble that comes after the first `depth` of these.
    #[inline(always)]
    fn begin_nibble(_symbol: &Self::AtSymbol, _nibbles: &[u8; NIBBLES_MAX], _depth: usize) -> Self::AtNibble {
        Self::AtNibble::default()
    }

    /// Forms the evidence at nodes of one nibble. It must be the same whichever other nodes it is formed with.
    fn predict<const FMA: bool, const N: usize>(
        &self,
        symbol: &Self::AtSymbol,
        nibble: &Self::AtNibble,
        nodes: &[TreeNode; N],
        said: &mut Self::Said<N>,
    );

    /// The mixer's inputs at the decision `j` of those that are predicted together.
    fn inputs<const N: usize>(said: &Self::Said<N>, j: usize) -> Self::Inputs;

    /// Learns the bits that came at the nodes of a nibble's path. `mixed` are the probabilities of a 1 that the mixer
    /// made of all sources' evidence.
    #[inline(always)]
    fn learn_bits<const FMA: bool>(
        &mut self,
        _symbol: &Self::AtSymbol,
        _nodes: &[TreeNode; NIBBLE_BITS],
        _said: &Self::Said<NIBBLE_BITS>,
        _mixed: &[f32; NIBBLE_BITS],
        _bits: &[u32; NIBBLE_BITS],
    ) {
    }

    /// Learns the symbol that came, after the key has taken it in.
    fn learn_symbol(&mut self, _after: &mut AfterSymbol<'_>, _symbol: &Self::AtSymbol) {}

    /// Walks over the source's state.
    fn persist(&mut self, spec: &Spec, s: &mut State<'_>) -> Result<(), StateError>;
}

/// Implements [`IncrementalCopy`] for a type whose parts are small: all of it is copied when a copy begins.
macro_rules! copied_at_once {
    ($name:ident { $($field:ident),* }) => {
        impl surmise_state::IncrementalCopy for $name {
            fn empty_copy(&self) -> Self {
                $name { $($field: self.$field.clone()),* }
            }
            fn reserve(&self, _: &mut Self, _: &mut usize) -> bool {
                true
            }
            fn begin_copy(&mut self, _copy: &mut Self) {
                $(_copy.$field.clone_from(&self.$field);)*
            }
            fn copy_some(&mut self, _: &mut usize) -> bool {
                true
            }
            fn finish_copy(&mut self) {}
        }
    };
}
pub(crate) use copied_at_once;
