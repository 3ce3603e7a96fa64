//! The numbers of an event as a source of evidence about its symbol (PREDICTOR §11).

use crate::component::SymbolComponent;
use crate::node::{NIBBLE_BITS, TreeNode};
use crate::number_learners::{NumberLearners, NumbersAtSymbol, NumbersView};
use crate::source::{AfterSymbol, BeforeSymbol, EvidenceSource, MixerInput, StatePlace, UsedBy, copied_at_once};
use crate::spec::Spec;
use surmise_state::{Persist, State, StateError};

/// The source of evidence of the event's numbers; it is empty if the model is given none.
#[derive(Clone)]
pub struct EventNumbers {
    learners: Option<Box<NumberLearners>>,
}

/// What the numbers said at N decisions.
#[derive(Clone)]
pub struct EventNumbersSaid<const N: usize> {
    views: [NumbersView; N],
}

impl<const N: usize> Default for EventNumbersSaid<N> {
    fn default() -> Self {
        EventNumbersSaid { views: [NumbersView::default(); N] }
    }
}

impl<const N: usize> EventNumbersSaid<N> {
    /// The logits of the layer and of the nearest events, at one decision.
    #[inline(always)]
    pub fn logits(&self, j: usize) -> [f32; 2] {
        self.views[j].logits
    }

    /// The probability of a 1 by both together, at one decision.
    #[inline(always)]
    pub fn probability(&self, j: usize) -> f32 {
        self.views[j].probability
    }
}

copied_at_once!(EventNumbers { learners });

impl EvidenceSource for EventNumbers {
    const NAME: &'static str = "numbers";
    const COMPONENT: Option<SymbolComponent> = Some(SymbolComponent::Numbers);
    const INPUTS: &'static [MixerInput] = &[
        MixerInput { name: "logit of the layer over the numbers", initial_weight: 0.3, used_by: UsedBy::AllButCounts },
        MixerInput { name: "logit of the nearest events", initial_weight: 0.3, used_by: UsedBy::AllButCounts },
    ];
    const STATE: StatePlace = StatePlace::AfterMixtures;

    type AtSymbol = NumbersAtSymbol;
    type AtNibble = ();
    type Said<const N: usize> = EventNumbersSaid<N>;
    type Inputs = [f32; 2];

    fn new(spec: &Spec) -> Self {
        let learners =
            (spec.numbers > 0).then(|| Box::new(NumberLearners::new(spec.numbers, spec.numbers_bytes, spec.seed)));
        EventNumbers { learners }
    }

    fn is_present(spec: &Spec) -> bool {
        spec.numbers > 0
    }

    fn begin_symbol(&self, before: &BeforeSymbol<'_>, symbol: &mut NumbersAtSymbol) {
        if let Some(learners) = &self.learners {
            learners.read(before.event.numbers, before.spec.code, symbol);
        }
    }

    #[inline(always)]
    fn predict<const FMA: bool, const N: usize>(
        &self,
        symbol: &NumbersAtSymbol,
        (): &(),
        nodes: &[TreeNode; N],
        said: &mut EventNumbersSaid<N>,
    ) {
        if let Some(learners) = &self.learners {
            for j in 0..N {
                said.views[j] = learners.at_node::<FMA>(symbol, &nodes[j]);
            }
        }
    }

    #[inline(always)]
    fn inputs<const N: usize>(said: &EventNumbersSaid<N>, j: usize) -> [f32; 2] {
        said.views[j].logits
    }

    #[inline(always)]
    fn learn_bits<const FMA: bool>(
        &mut self,
        symbol: &NumbersAtSymbol,
        nodes: &[TreeNode; NIBBLE_BITS],
        said: &EventNumbersSaid<NIBBLE_BITS>,
        _: &[f32; NIBBLE_BITS],
        bits: &[u32; NIBBLE_BITS],
    ) {
        if let Some(learners) = &mut self.learners {
            for j in 0..NIBBLE_BITS {
                learners.learn_bit::<FMA>(symbol, &nodes[j], &said.views[j], bits[j] as f32);
            }
        }
    }

    fn learn_symbol(&mut self, after: &mut AfterSymbol<'_>, symbol: &NumbersAtSymbol) {
        if let Some(learners) = &mut self.learners {
            learners.learn(after.event.numbers, after.spec.code, symbol, after.symbol);
        }
    }

    fn persist(&mut self, spec: &Spec, s: &mut State<'_>) -> Result<(), StateError> {
        match &mut self.learners {
            Some(learners) => {
                learners.persist(s)?;
                learners.restore(spec.code);
                Ok(())
            }
            None => Ok(()),
        }
    }
}
