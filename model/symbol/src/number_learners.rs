//! Learners of a symbol by its event's numbers (PREDICTOR §11).
//!
//! Two learners of different kinds see the event's numbers in common units: a layer of rectified units with a softmax
//! over the symbols (with units at the nodes of the code tree instead, once there are more symbols than
//! [`CLASSES_MAX`]), and the nearest past events. Codes by arrival group symbols arbitrarily, so a probability at a
//! node is the share of the symbols below it, never a regression of its own, as long as the symbols are few. The
//! product mixture of both, with two learnt weights, is a whole expert.

use crate::code::{Code, Path};
use crate::neighbours::{NEAREST, NearestEvents, Neighbours};
use crate::node::TreeNode;
use crate::standard::Standard;
use surmise_lanes::{madd, sigmoid, stretch};
use surmise_network::{DenseLayer, SoftmaxHead, TreeHead};
use surmise_state::{Persist, State, StateError};

/// Numbers at most that a prediction may use (PREDICTOR §11).
pub const NUMBERS_MAX: usize = 1024;
/// Symbols beyond which the softmax gives way to units at nodes (PREDICTOR §11).
const CLASSES_MAX: usize = 64;
/// Rectified units of the layer, and where they would take too many bytes (PREDICTOR §11).
const LAYER_UNITS: [usize; 2] = [64, 16];
/// Past events that are searched for the nearest, at least and at most (PREDICTOR §11).
const PAST_EVENTS: [usize; 2] = [64, 1024];
/// Numbers of all past events at most, which bounds the time of a search.
const PAST_NUMBERS_MAX: usize = 1 << 17;
/// Bytes of a weight: itself and its mean squared gradient.
const WEIGHT_BYTES: usize = 8;
/// Probability that each side of a node has besides what the layer, or the nearest events, give it: what little lies
/// below a node must not decide.
const DOUBT: [f32; 2] = [2e-4, 1e-2];
/// Learning rate of the units at nodes.
const NODE_RATE: f32 = 5e-3;
/// Logits of the units at nodes stay within ± this.
const NODE_LOGIT_MAX: f32 = 8.0;
/// Learning rate of the expert's two weights.
const BLEND_RATE: f32 = 0.01;
/// The expert's two weights at first.
const BLEND_FIRST: f32 = 0.6;
/// The expert's two weights stay within 0 and this.
const BLEND_MAX: f32 = 2.0;
/// The expert's logit stays within ± this.
const BLEND_LOGIT_MAX: f32 = 12.0;

/// The learners, common to all keys.
#[derive(Clone)]
pub struct NumberLearners {
    standard: Standard,
    layer: DenseLayer,
    classes: SoftmaxHead,
    nodes: TreeHead,
    /// Whether a symbol beyond [`CLASSES_MAX`] has come.
    wide: bool,
    past: Neighbours,
    /// The path of every class.
    paths: Vec<Path>,
    /// The expert's weights of the two logits.
    blend: [f32; 2],
    /// Scratch: the gradient of the layer's features.
    gradient: Vec<f32>,
}

/// What the numbers say of all symbols, before one comes.
#[derive(Clone, Default)]
pub struct NumbersAtSymbol {
    /// The numbers in common units: `[Standard::width]`.
    inputs: Vec<f32>,
    /// The layer's features: `[DenseLayer::width]`.
    features: Vec<f32>,
    /// Probability of every class; empty once there are too many symbols.
    classes: Vec<f32>,
    nearest: NearestEvents,
    nearest_paths: [Path; NEAREST],
}

/// What the numbers say at one node.
#[derive(Clone, Copy, Default)]
pub struct NumbersView {
    /// The logits of the layer and of the nearest events.
    pub logits: [f32; 2],
    /// The probability of a 1 by the two together.
    pub probability: f32,
}

impl NumberLearners {
    /// Learners for a number of columns, within about so many bytes.
    pub fn new(columns: usize, bytes: usize, seed: u64) -> Self {
        // half of the bytes for the layer, a quarter each for the units at nodes and for past events
        let columns = columns.min(NUMBERS_MAX);
        let width = Standard::width(columns);
        let units = if width * LAYER_UNITS[0] * WEIGHT_BYTES > bytes / 2 { LAYER_UNITS[1] } else { LAYER_UNITS[0] };
        let layer = DenseLayer::new(width, units, seed);
        let features = layer.width();
        let nodes = (bytes / 4 / (features * WEIGHT_BYTES)).max(64).ilog2();
        let [past_min, past_max] = PAST_EVENTS;
        let past = (bytes / 4 / (width * 4)).clamp(past_min, past_max).min(PAST_NUMBERS_MAX / width);
        NumberLearners {
            standard: Standard::new(columns),
            classes: SoftmaxHead::new(features, CLASSES_MAX),
            nodes: TreeHead::new(features, 1 << nodes.min(14), NODE_RATE),
            wide: false,
            past: Neighbours::new(width, past),
            paths: Vec::new(),
            blend: [BLEND_FIRST; 2],
            gradient: vec![0.0; features],
            layer,
        }
    }

    /// Reads an event's numbers, `[columns]`, of which any may be missing (NaN).
    pub fn read(&self, numbers: &[f64], code: Code, at: &mut NumbersAtSymbol) {
        self.standard.inputs(numbers, &mut at.inputs);
        self.layer.features(&at.inputs, &mut at.features);
        // beyond CLASSES_MAX symbols the units at nodes predict, and need features alone
        if self.wide {
            at.classes.clear();
        } else {
            self.classes.probabilities(&at.features, &mut at.classes);
        }
        at.nearest = self.past.nearest(&at.inputs);
        for (path, (symbol, _)) in at.nearest_paths.iter_mut().zip(&at.nearest.list) {
            *path = code.path(*symbol);
        }
    }

    /// What the numbers say at a node.
    #[inline(always)]
    pub fn at_node<const FMA: bool>(&self, at: &NumbersAtSymbol, node: &TreeNode) -> NumbersView {
        let layer = if self.wide {
            self.nodes.logit(node.number, &at.features).clamp(-NODE_LOGIT_MAX, NODE_LOGIT_MAX)
        } else {
            logit::<FMA>(self.paths.iter().zip(at.classes.iter().copied()), node, DOUBT[0])
        };
        let nearest = at.nearest.list[..at.nearest.len].iter().map(|(_, weight)| *weight);
        let nearest = logit::<FMA>(at.nearest_paths.iter().zip(nearest), node, DOUBT[1]);
        // the product mixture of both: their logits are added by weight
        let joint = madd::<FMA>(self.blend[0], layer, self.blend[1] * nearest);
        let joint = joint.clamp(-BLEND_LOGIT_MAX, BLEND_LOGIT_MAX);
        NumbersView { logits: [layer, nearest], probability: sigmoid::<FMA>(joint) }
    }

    /// Learns the bit that came at a node.
    #[inline(always)]
    pub fn learn_bit<const FMA: bool>(&mut self, at: &NumbersAtSymbol, node: &TreeNode, view: &NumbersView, bit: f32) {
        if self.wide {
            let error = sigmoid::<FMA>(view.logits[0]) - bit;
            self.nodes.learn(node.number, error, &at.features, &mut self.gradient);
        }
        let step = (bit - view.probability) * BLEND_RATE;
        for k in 0..2 {
            self.blend[k] = madd::<FMA>(step, view.logits[k], self.blend[k]).clamp(0.0, BLEND_MAX);
        }
    }

    /// Learns the symbol that came with these numbers, `[columns]`.
    pub fn learn(&mut self, numbers: &[f64], code: Code, at: &NumbersAtSymbol, symbol: u32) {
        // the layer's gradient comes from the softmax, or from the units at nodes, which have learnt bit by bit
        self.wide |= symbol as usize >= CLASSES_MAX;
        if !self.wide {
            while self.paths.len() <= symbol as usize {
                self.paths.push(code.path(self.paths.len() as u32));
            }
            self.classes.learn(symbol as usize, &at.classes, &at.features, &mut self.gradient);
        }
        self.layer.learn(&at.features, &self.gradient);
        self.gradient.fill(0.0);
        // last, as the inputs above were made with the statistics of before
        self.past.push(&at.inputs, symbol);
        self.standard.learn(numbers);
    }

    /// Makes anew what follows from a state that was read.
    pub fn restore(&mut self, code: Code) {
        self.paths = (0..self.classes.classes() as u32).map(|class| code.path(class)).collect();
    }
}

/// The logit of a 1 at a node, by symbols' paths and probabilities: ln of the odds that one of the symbols lies on the
/// side of 1, given that it lies below the node.
#[inline(always)]
fn logit<'a, const FMA: bool>(symbols: impl Iterator<Item = (&'a Path, f32)>, node: &TreeNode, doubt: f32) -> f32 {
    let mut sides = [doubt; 2];
    for (path, p) in symbols {
        let nibble = u32::from(path.nibbles[node.depth]);
        let is_below = node.covers(nibble) && path.starts_with(&node.nibbles, node.depth);
        sides[node.bit(nibble) as usize] += if is_below { p } else { 0.0 };
    }
    stretch::<FMA>(sides[1] / (sides[0] + sides[1]))
}

impl Persist for NumberLearners {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("numbers of a symbol")?;
        self.standard.persist(s)?;
        self.layer.persist(s)?;
        self.classes.persist(s)?;
        self.nodes.persist(s)?;
        s.bool("wide", &mut self.wide)?;
        self.past.persist(s)?;
        s.f32s_fixed("blend", &mut self.blend)
    }
}
