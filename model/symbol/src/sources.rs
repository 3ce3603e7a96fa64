//! The list of the sources of evidence.
//!
//! A source is one line here and one type that implements [`EvidenceSource`]; everything else is made of the list: the
//! fields of [`Sources`], what is kept at a symbol, a nibble and a decision, the mixer's inputs, checkpoints, copies
//! and the documentation. The order of the lines is the order of the inputs' lanes.

use crate::bias::Bias;
use crate::code::NIBBLES_MAX;
use crate::event_numbers::EventNumbers;
use crate::inputs::{InputLayout, InputRow, SINGLE_INPUTS_MAX, SingleInput};
use crate::matching::Matches;
use crate::networks::Networks;
use crate::node::{NIBBLE_BITS, TreeNode};
use crate::recency::Recency;
use crate::source::{AfterSymbol, BeforeSymbol, EvidenceSource, StatePlace};
use crate::spec::Spec;
use surmise_state::{State, StateError, incremental_copy};

/// Makes the structs that hold one value of each source, and what is done to all sources in turn. Calls are static.
macro_rules! sources {
    ($($field:ident: $source:ty),+ $(,)?) => {
        /// Every source of evidence of a model.
        #[derive(Clone)]
        pub struct Sources { $(pub $field: $source),+ }

        incremental_copy!(Sources { large: $($field),+; small: });

        /// What the sources keep while one symbol is predicted.
        #[derive(Clone, Default)]
        pub struct SourcesAtSymbol { $(pub $field: <$source as EvidenceSource>::AtSymbol),+ }

        /// What the sources keep while one nibble is predicted.
        #[derive(Clone, Copy, Default)]
        pub struct SourcesAtNibble { $(pub $field: <$source as EvidenceSource>::AtNibble),+ }

        /// What the sources said at N decisions.
        #[derive(Clone, Default)]
        pub struct SourcesSaid<const N: usize> { $(pub $field: <$source as EvidenceSource>::Said<N>),+ }

        const INPUTS: usize = 0 $(+ <$source as EvidenceSource>::INPUTS.len())+;

        impl Sources {
            /// Sources that have seen nothing.
            pub fn new(spec: &Spec) -> Self {
                Sources { $($field: <$source>::new(spec)),+ }
            }

            /// Every input that the sources declare, and whether models of a recipe have it.
            pub fn inputs(spec: &Spec) -> Vec<SingleInput> {
                let mut inputs = Vec::new();
                $({
                    let is_present = <$source>::is_present(spec);
                    let (source, component) = (<$source>::NAME, <$source>::COMPONENT);
                    let declared = <$source as EvidenceSource>::INPUTS.iter();
                    inputs.extend(declared.map(|input| SingleInput { input: *input, source, component, is_present }));
                })+
                inputs
            }

            /// Prepares for a symbol that is about to be predicted.
            #[inline]
            pub fn begin_symbol(&self, before: &BeforeSymbol<'_>, symbol: &mut SourcesAtSymbol) {
                $(self.$field.begin_symbol(before, &mut symbol.$field);)+
            }

            /// Prepares for the nibble that comes after the first `depth` of these.
            #[inline(always)]
            pub fn begin_nibble(
                symbol: &SourcesAtSymbol,
                nibbles: &[u8; NIBBLES_MAX],
                depth: usize,
            ) -> SourcesAtNibble {
                SourcesAtNibble { $($field: <$source>::begin_nibble(&symbol.$field, nibbles, depth)),+ }
            }

            /// Forms every source's evidence at nodes of one nibble, and writes it into the mixer's input rows.
            #[inline(always)]
            pub fn predict<const FMA: bool, const N: usize>(
                &self,
                layout: &InputLayout,
                symbol: &SourcesAtSymbol,
                nibble: &SourcesAtNibble,
                nodes: &[TreeNode; N],
                said: &mut SourcesSaid<N>,
                rows: &mut [InputRow; N],
            ) {
                let mut first = 0;
                $(
                    self.$field.predict::<FMA, N>(&symbol.$field, &nibble.$field, nodes, &mut said.$field);
                    first = write_inputs::<$source, N>(layout, first, &said.$field, rows);
                )+
                let _ = first;
            }

            /// Lets every source learn the bits that came at the nodes of a nibble's path.
            #[inline(always)]
            pub fn learn_bits<const FMA: bool>(
                &mut self,
                symbol: &SourcesAtSymbol,
                nodes: &[TreeNode; NIBBLE_BITS],
                said: &SourcesSaid<NIBBLE_BITS>,
                mixed: &[f32; NIBBLE_BITS],
                bits: &[u32; NIBBLE_BITS],
            ) {
                $(self.$field.learn_bits::<FMA>(&symbol.$field, nodes, &said.$field, mixed, bits);)+
            }

            /// Lets every source learn the symbol that came.
            #[inline]
            pub fn learn_symbol(&mut self, after: &mut AfterSymbol<'_>, symbol: &SourcesAtSymbol) {
                $(self.$field.learn_symbol(after, &symbol.$field);)+
            }

            /// Walks over the states that stand at one place of a checkpoint.
            pub fn persist(&mut self, place: StatePlace, spec: &Spec, s: &mut State<'_>) -> Result<(), StateError> {
                $(if <$source as EvidenceSource>::STATE == place {
                    self.$field.persist(spec, s)?;
                })+
                Ok(())
            }
        }
    };
}

sources! {
    matches: Matches,
    networks: Networks,
    bias: Bias,
    recency: Recency,
    numbers: EventNumbers,
}

const _: () =
    assert!(INPUTS <= SINGLE_INPUTS_MAX, "the sources declare more inputs than a row of the mixer has room for");

/// Writes one source's inputs, of which the first is the row's input number `first`; returns the number after the last.
#[inline(always)]
fn write_inputs<S: EvidenceSource, const N: usize>(
    layout: &InputLayout,
    first: usize,
    said: &S::Said<N>,
    rows: &mut [InputRow; N],
) -> usize {
    const {
        assert!(
            size_of::<S::Inputs>() == size_of::<f32>() * S::INPUTS.len(),
            "the names in a source's INPUTS and its type Inputs differ in number"
        );
    }
    // a source's inputs are all there or none is
    if layout.has(first) {
        for (j, row) in rows.iter_mut().enumerate() {
            let values = S::inputs::<N>(said, j);
            for (k, value) in values.as_ref().iter().enumerate() {
                row.as_flattened_mut()[layout.place(first + k)] = *value;
            }
        }
    }
    first + S::INPUTS.len()
}
