//! The mixing of all inputs into one probability: the mixer, the final mixers, and the probability maps (PREDICTOR §6).

use crate::decisions::{Decisions, Mixed};
use crate::final_mixer::{FINAL_ROWS, FinalMixer};
use crate::hash::mix;
use crate::input_scale::InputScale;
use crate::inputs::{BLOCKS_MAX, InputLayout, InputRow, SetInputs};
use crate::mixer::Mixer;
use crate::node::{NIBBLE_BITS, TreeNode};
use crate::probability_map::ProbabilityMap;
use crate::sources::Sources;
use crate::spec::Spec;
use crate::symbol_inputs::SymbolInputs;
use crate::threshold::unsettled;
use crate::weight_sets::{Decision, select_rows, weight_sets};
use surmise_lanes::{Block, LANES, sigmoid};
use surmise_state::{Persist, State, StateError};

/// Stretched predictions stay within ± this.
const STRETCHED_MAX: f32 = 15.0;
/// Rate of the final mixers (PREDICTOR §6).
const FINAL_RATE: f32 = 0.0028;
/// Rate of the probability maps.
const MAP_RATE: f32 = 0.02;
/// Weight of the final mixers in the answer (PREDICTOR §6).
const MIXED_WEIGHT: f32 = 0.3;
/// Weight of each of the two probability maps in the answer.
const MAP_WEIGHT: f32 = 0.35;

/// The mixer and what stands behind it.
#[derive(Clone)]
pub struct Mixing {
    layout: InputLayout,
    mixer: Mixer,
    /// The weight set that is the counts' own mixture, a whole expert: there is one if there is a network beside them.
    counts_set: Option<usize>,
    scale: InputScale,
    finals: [FinalMixer; 3],
    maps: [ProbabilityMap; 2],
}

impl Mixing {
    /// The mixing of a recipe's inputs, which has learnt nothing.
    pub fn new(spec: &Spec) -> Self {
        let layout = InputLayout::new(spec, Sources::inputs(spec));
        let sets = weight_sets(spec);
        let counts_set = spec.network.is_some().then_some(sets.len());
        let (all, counts_only) = (layout.initial_row(SetInputs::All), layout.initial_row(SetInputs::CountsOnly));
        let rows = |rows: usize| rows.min(spec.mixer_rows);
        // rows of the counts' own set start without weights for what does not come from counting
        let ordinary = sets.iter().map(|set| (rows(set.rows), 0));
        let own = counts_set.map(|_| (rows(FINAL_ROWS), 1));
        assert!(
            sets.len() + usize::from(own.is_some()) <= LANES,
            "a recipe has more than {LANES} weight sets: {sets:?}"
        );
        Mixing {
            mixer: Mixer::new(ordinary.chain(own), layout.blocks(), &[all, counts_only]),
            counts_set,
            scale: InputScale::default(),
            finals: std::array::from_fn(|_| FinalMixer::new(sets.len())),
            maps: [ProbabilityMap::new(FINAL_ROWS), ProbabilityMap::new(spec.map_rows)],
            layout,
        }
    }

    /// Bytes of the mixer's own rows.
    pub fn bytes(&self) -> usize {
        self.mixer.bytes()
    }

    /// Where the inputs are.
    #[inline(always)]
    pub fn layout(&self) -> &InputLayout {
        &self.layout
    }

    /// Selects the rows of a decision's weights.
    #[inline(always)]
    pub fn select<const N: usize>(&self, spec: &Spec, at: &Decision<'_, N>, mixed: &mut Mixed<N>) {
        let mut rows = select_rows(spec, at);
        mixed.final_rows[at.j] = [at.node_row, at.match_row, at.last_row];
        // under a low ceiling contexts share rows
        let node_row = at.node_row & (spec.mixer_rows as u32 - 1);
        if spec.ablation.weight_sets {
            rows = [node_row; LANES];
        }
        if spec.ablation.final_mixers {
            mixed.final_rows[at.j] = [at.node_row; 3];
        }
        if let Some(counts_set) = self.counts_set {
            rows[counts_set] = node_row;
        }
        self.mixer.locate(&mut rows);
        mixed.rows[at.j] = rows;
    }

    /// Mixes the inputs in two layers, with the rows that were selected.
    #[inline(always)]
    pub fn mix<const FMA: bool, const N: usize>(&self, inputs: &[InputRow; N], mixed: &mut Mixed<N>) {
        for j in 0..N {
            let outputs = self.mixer.outputs::<FMA>(&mixed.rows[j], &inputs[j]);
            for i in 0..LANES {
                mixed.outputs[j][i] = outputs[i].clamp(-STRETCHED_MAX, STRETCHED_MAX);
            }
            for i in 0..LANES {
                mixed.probabilities[j][i] = sigmoid::<FMA>(mixed.outputs[j][i]);
            }
            if let Some(counts_set) = self.counts_set {
                // the counts' own mixture is an expert by itself, and no input of the final mixers
                mixed.counts_only[j] = mixed.probabilities[j][counts_set];
                mixed.outputs[j][counts_set] = 0.0;
            }
            for k in 0..3 {
                mixed.final_outputs[k][j] = self.finals[k].dot::<FMA>(mixed.final_rows[j][k], &mixed.outputs[j]);
            }
        }
        // the final mixers are averaged in the stretched domain
        let [a, b, c] = &mixed.final_outputs;
        for j in 0..N {
            mixed.stretched[j] = ((a[j] + b[j] + c[j]) * (1.0 / 3.0)).clamp(-STRETCHED_MAX, STRETCHED_MAX);
        }
        for j in 0..N {
            mixed.probability[j] = sigmoid::<FMA>(mixed.stretched[j]);
        }
    }

    /// Corrects a decision's mixed probability by what such predictions were worth.
    #[inline(always)]
    pub fn correct<const N: usize>(
        &self,
        spec: &Spec,
        symbol: &SymbolInputs,
        node: &TreeNode,
        j: usize,
        mixed: &mut Mixed<N>,
    ) {
        let (by_node, first) = self.maps[0].refine(mixed.final_rows[j][0], mixed.stretched[j]);
        let (by_hash, second) = self.maps[1].refine(map_row(spec, symbol, node), mixed.stretched[j]);
        mixed.places[j] = [first, second];
        mixed.answer[j] = if spec.ablation.maps {
            mixed.probability[j]
        } else {
            MIXED_WEIGHT * mixed.probability[j] + MAP_WEIGHT * (by_node + by_hash)
        };
    }

    /// What every input added to a decision's mixed logit, through all sets and final mixers: `[BLOCKS_MAX · LANES]`.
    /// They sum to the mixed logit: where an output was clamped, all that made it shrink alike.
    pub fn input_logits(&self, inputs: &InputRow, mixed: &Mixed<1>) -> [f64; BLOCKS_MAX * LANES] {
        let shrunk = |clamped: f32, sum: f64| if sum == 0.0 { 1.0 } else { f64::from(clamped) / sum };
        let mut logits = [0.0; BLOCKS_MAX * LANES];
        for set in 0..self.mixer.sets() {
            let finals = self.finals.iter().zip(mixed.final_rows[0]);
            let weight = finals.map(|(mixer, row)| f64::from(mixer.weights(row)[set])).sum::<f64>() / 3.0;
            let products = || self.mixer.products(mixed.rows[0][set], inputs);
            let weight = weight * shrunk(mixed.outputs[0][set], products().sum());
            for (logit, product) in logits.iter_mut().zip(products()) {
                *logit += weight * product;
            }
        }
        let factor = shrunk(mixed.stretched[0], logits.iter().sum());
        logits.map(|logit| logit * factor)
    }

    /// Prefetches the rows of the hashed probability map.
    #[inline(always)]
    pub fn prefetch_maps<const N: usize>(&self, spec: &Spec, symbol: &SymbolInputs, nodes: &[TreeNode; N]) {
        for node in nodes {
            self.maps[1].prefetch(map_row(spec, symbol, node));
        }
    }

    /// Learns the bits that came, `y`, in the weights of both layers and in the probability maps.
    #[inline(always)]
    pub fn learn<const FMA: bool>(&mut self, d: &Decisions<NIBBLE_BITS>, y: &[f32; NIBBLE_BITS]) {
        let mixed = &d.mixed;
        let scaled = self.scale.scale::<FMA>(self.layout.blocks(), &d.inputs);
        let mut errors: [Block; NIBBLE_BITS] = [[0.0; LANES]; NIBBLE_BITS];
        for j in 0..NIBBLE_BITS {
            for q in 0..LANES {
                errors[j][q] = unsettled(y[j] - mixed.probabilities[j][q]);
            }
        }
        self.mixer.learn::<FMA>(&mixed.rows, &scaled, &errors);
        if let Some(counts_set) = self.counts_set {
            // weights for what does not come from counting stay zero in the counts' own mixture
            for input in self.layout.not_counted() {
                mixed.rows.iter().for_each(|rows| self.mixer.clear(rows[counts_set], *input));
            }
        }
        // each final mixer learns from its own error, not from that of their mean
        for k in 0..3 {
            let mut error = [0f32; NIBBLE_BITS];
            for j in 0..NIBBLE_BITS {
                error[j] = unsettled(y[j] - sigmoid::<FMA>(mixed.final_outputs[k][j]));
            }
            for j in 0..NIBBLE_BITS {
                if error[j] != 0.0 {
                    self.finals[k].learn::<FMA>(mixed.final_rows[j][k], &mixed.outputs[j], error[j] * FINAL_RATE);
                }
            }
        }
        // the probability maps learn from every decision, settled or not
        for j in 0..NIBBLE_BITS {
            for k in 0..2 {
                self.maps[k].learn(&mixed.places[j][k], y[j], MAP_RATE);
            }
        }
    }
}

/// The row of the hashed probability map: by the last two symbols and the node.
#[inline(always)]
fn map_row(spec: &Spec, symbol: &SymbolInputs, node: &TreeNode) -> u32 {
    let last = mix(symbol.last[0], symbol.last[1]);
    mix(mix(last, node.prefix * 16 + node.index), node.depth as u32) & (spec.map_rows as u32 - 1)
}

impl Persist for Mixing {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.mixer.persist(s)?;
        self.scale.persist(s)?;
        self.finals.iter_mut().try_for_each(|mixer| mixer.persist(s))?;
        self.maps.iter_mut().try_for_each(|map| map.persist(s))
    }
}
