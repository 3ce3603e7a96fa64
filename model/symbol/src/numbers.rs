//! What the numbers of an event say of its symbol.
//!
//! Two learners of different kinds see the event's numbers in common units: a layer of rectified units with a softmax
//! over the symbols (with units at the nodes of the code tree instead, once there are more symbols than
//! [`CLASSES_MAX`]), and the nearest past events. Codes by arrival group symbols arbitrarily, so a probability at a
//! node is the share of the symbols below it, never a regression of its own, as long as the symbols are few. Both
//! logits are inputs of the mixer; their own mixture is an expert of the outer share.

use crate::code::{Code, Path};
use crate::neighbours::{Near, Neighbours};
use crate::node::Place;
use crate::standard::Standard;
use surmise_lanes::{madd, sigmoid, stretch};
use surmise_network::{DenseLayer, SoftmaxHead, TreeHead};
use surmise_state::{Persist, State, StateError};

/// Most numbers that a model is told of.
pub const NUMBERS_MAX: usize = 1024;
/// Symbols beyond which the softmax gives way to units at nodes.
const CLASSES_MAX: usize = 64;
/// Probability that each side of a node has besides what the layer, or the nearest events, give it: what little lies
/// below a node must not decide.
const DOUBT: [f32; 2] = [2e-4, 1e-2];
/// Learning rate of the units at nodes.
const NODE_RATE: f32 = 5e-3;
/// Learning rate of the expert's two weights.
const BLEND_RATE: f32 = 0.01;

/// The learners; see the module.
#[derive(Clone)]
pub struct Numbers {
    standard: Standard,
    layer: DenseLayer,
    classes: SoftmaxHead,
    nodes: TreeHead,
    /// Whether a symbol beyond [`CLASSES_MAX`] has come.
    wide: bool,
    past: Neighbours,
    paths: Vec<Path>,
    /// The expert's weights of the two logits.
    blend: [f32; 2],
    gradient: Vec<f32>,
}

/// What is known before the symbol comes.
#[derive(Clone, Default)]
pub struct Reading {
    inputs: Vec<f32>,
    features: Vec<f32>,
    classes: Vec<f32>,
    near: Near,
    near_paths: [Path; crate::neighbours::NEAREST],
}

/// What the numbers say at a node, as logits.
#[derive(Clone, Copy, Default)]
pub struct Opinion {
    /// Of the layer, and of the nearest events.
    pub logits: [f32; 2],
    /// The probability of a 1 by the two together.
    pub probability: f32,
}

impl Numbers {
    /// For so many numbers, within about so many bytes.
    pub fn new(columns: usize, bytes: usize, seed: u64) -> Self {
        let columns = columns.min(NUMBERS_MAX);
        let width = Standard::width(columns);
        let hidden = if width * 64 * 8 > bytes / 2 { 16 } else { 64 };
        let layer = DenseLayer::new(width, hidden, seed);
        let features = layer.width();
        let nodes = (bytes / 4 / (features * 8)).max(64).ilog2();
        Numbers {
            standard: Standard::new(columns),
            classes: SoftmaxHead::new(features, CLASSES_MAX),
            nodes: TreeHead::new(features, 1 << nodes.min(14), NODE_RATE),
            wide: false,
            past: Neighbours::new(width, (bytes / 4 / (width * 4)).clamp(64, 1024).min((1 << 17) / width)),
            paths: Vec::new(),
            blend: [0.6; 2],
            gradient: vec![0.0; features],
            layer,
        }
    }

    /// Looks at an event's numbers.
    pub fn read(&self, numbers: &[f64], code: Code, r: &mut Reading) {
        self.standard.inputs(numbers, &mut r.inputs);
        self.layer.features(&r.inputs, &mut r.features);
        if self.wide {
            r.classes.clear();
        } else {
            self.classes.probabilities(&r.features, &mut r.classes);
        }
        r.near = self.past.near(&r.inputs);
        for (p, (s, _)) in r.near_paths.iter_mut().zip(&r.near.list) {
            *p = code.path(*s);
        }
    }

    /// What they say at a node.
    #[inline(always)]
    pub fn opinion<const FMA: bool>(&self, r: &Reading, at: &Place) -> Opinion {
        let layer = if self.wide {
            self.nodes.logit(at.number, &r.features).clamp(-8.0, 8.0)
        } else {
            logit::<FMA>(self.paths.iter().zip(r.classes.iter().copied()), at, DOUBT[0])
        };
        let near = &r.near.list[..r.near.len];
        let near = logit::<FMA>(r.near_paths.iter().zip(near.iter().map(|n| n.1)), at, DOUBT[1]);
        let joint = madd::<FMA>(self.blend[0], layer, self.blend[1] * near).clamp(-12.0, 12.0);
        Opinion { logits: [layer, near], probability: sigmoid::<FMA>(joint) }
    }

    /// Learns a bit at a node.
    #[inline(always)]
    pub fn learn_bit<const FMA: bool>(&mut self, r: &Reading, at: &Place, o: &Opinion, bit: f32) {
        if self.wide {
            let error = sigmoid::<FMA>(o.logits[0]) - bit;
            self.nodes.learn(at.number, error, &r.features, &mut self.gradient);
        }
        let step = (bit - o.probability) * BLEND_RATE;
        for k in 0..2 {
            self.blend[k] = madd::<FMA>(step, o.logits[k], self.blend[k]).clamp(0.0, 2.0);
        }
    }

    /// Learns the symbol that came.
    pub fn learn(&mut self, numbers: &[f64], code: Code, r: &Reading, symbol: u32) {
        self.wide |= symbol as usize >= CLASSES_MAX;
        if !self.wide {
            while self.paths.len() <= symbol as usize {
                self.paths.push(code.path(self.paths.len() as u32));
            }
            self.classes.learn(symbol as usize, &r.classes, &r.features, &mut self.gradient);
        }
        self.layer.learn(&r.features, &self.gradient);
        self.gradient.fill(0.0);
        self.past.push(&r.inputs, symbol);
        self.standard.learn(numbers);
    }
}

/// ln of the odds that one of these symbols lies on the side of 1, given that it lies below the node.
#[inline(always)]
fn logit<'a, const FMA: bool>(symbols: impl Iterator<Item = (&'a Path, f32)>, at: &Place, doubt: f32) -> f32 {
    let mut sides = [doubt; 2];
    for (path, p) in symbols {
        let x = u32::from(path.nibbles[at.depth]);
        let below = path.len as usize > at.depth
            && (x | 16) >> (at.shift + 1) == at.node
            && path.nibbles[..at.depth] == at.nibbles[..at.depth];
        sides[(x >> at.shift & 1) as usize] += if below { p } else { 0.0 };
    }
    stretch::<FMA>(sides[1] / (sides[0] + sides[1]))
}

impl Persist for Numbers {
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

impl Numbers {
    /// Makes what follows from a state that was read.
    pub fn restore(&mut self, code: Code) {
        self.paths = (0..self.classes.classes() as u32).map(|c| code.path(c)).collect();
    }
}
