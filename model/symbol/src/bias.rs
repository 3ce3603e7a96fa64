//! The bias: a constant input of the mixer, by which a set of weights can lean to 0 or 1 on no other evidence.

use crate::component::SymbolComponent;
use crate::node::TreeNode;
use crate::source::{EvidenceSource, MixerInput, StatePlace, UsedBy, copied_at_once};
use crate::spec::Spec;
use surmise_state::{State, StateError};

/// The constant, in the stretched domain.
const BIAS_INPUT: f32 = 0.3;

/// The source of the constant input.
#[derive(Clone)]
pub struct Bias;

copied_at_once!(Bias {});

impl EvidenceSource for Bias {
    const NAME: &'static str = "bias";
    const COMPONENT: Option<SymbolComponent> = None;
    const INPUTS: &'static [MixerInput] =
        &[MixerInput { name: "a constant", initial_weight: 0.0, used_by: UsedBy::AllSets }];
    const STATE: StatePlace = StatePlace::AfterMixtures;

    type AtSymbol = ();
    type AtNibble = ();
    type Said<const N: usize> = ();
    type Inputs = [f32; 1];

    fn new(_: &Spec) -> Self {
        Bias
    }

    fn is_present(_: &Spec) -> bool {
        true
    }

    #[inline(always)]
    fn predict<const FMA: bool, const N: usize>(&self, (): &(), (): &(), _: &[TreeNode; N], (): &mut ()) {}

    #[inline(always)]
    fn inputs<const N: usize>((): &(), _: usize) -> [f32; 1] {
        [BIAS_INPUT]
    }

    fn persist(&mut self, _: &Spec, _: &mut State<'_>) -> Result<(), StateError> {
        Ok(())
    }
}
