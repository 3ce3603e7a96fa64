//! The network of a symbol model: a recurrence over the last symbols and the other fields, and a head at the nodes of
//! the code tree.

use crate::code::Code;
use crate::node::TOGETHER;
use crate::spec::Spec;
use surmise_lanes::{kernels, sigmoid};
use surmise_network::{Rates, Recurrence, Sequence, Shape, TreeHead};
use surmise_state::{Persist, State, StateError, incremental_copy};

/// Logits are held within ± this.
pub(crate) const LOGIT_MAX: f32 = 12.0;

/// See the module.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) core: Recurrence,
    pub(crate) head: TreeHead,
    pub(crate) lags: usize,
}

impl Network {
    /// The network of a recipe, if it has one; `number` tells a stream's networks apart, and 0 is the first.
    pub(crate) fn new(spec: &Spec, number: u64) -> Option<Network> {
        let n = spec.network.as_ref()?;
        let tables = n.lags + spec.sides.min(4);
        let shape = Shape { layers: n.layers, hidden: n.hidden, tables, dense: 0, chunk: n.chunk };
        let rates = Rates { lr: n.rate, ..Rates::default() };
        let seed = spec.seed.wrapping_add(number.wrapping_mul(0xD1B5_4A32_D192_ED03));
        let core = Recurrence::new(shape, rates, n.rows_max, seed, n.engine).delayed(n.delay_chunks);
        let head = TreeHead::new(core.width(), n.nodes_max, n.head_rate);
        Some(Network { core, head, lags: n.lags })
    }

    /// Bytes that it takes now, nearly.
    pub(crate) fn bytes(&self) -> usize {
        let width = self.core.width();
        // a weight and its mean squared gradient; gates, states and gradients of the open chunk; jobs
        let open = 32 * width * self.core.shape().chunk;
        8 * self.core.parameters() + (8 * width + 12) * self.head.nodes() + open + self.core.pending_jobs_bytes()
    }
}

kernels! {
/// Predicts a symbol by the network alone and learns it; returns its nats.
pub(crate) fn learn_alone[FMA](n: &mut Network, key: &mut Sequence, ids: &[u32], code: Code, symbol: u32) -> f64 {
    n.core.step(key, ids, &[]);
    let path = code.path(symbol);
    let (mut prefix, mut likelihood) = (0, 1f64);
    for depth in 0..path.len as usize {
        let nibble = u32::from(path.nibbles[depth]);
        let nodes: [u32; TOGETHER] =
            std::array::from_fn(|j| code.node(depth, prefix, (nibble | 16) >> (TOGETHER - j)));
        let logits = n.head.logits::<FMA, TOGETHER>(&nodes, n.core.features());
        let mut errors = [0f32; TOGETHER];
        for j in 0..TOGETHER {
            let bit = nibble >> (TOGETHER - 1 - j) & 1;
            let p = sigmoid::<FMA>(logits[j].clamp(-LOGIT_MAX, LOGIT_MAX));
            likelihood *= f64::from(if bit == 1 { p } else { 1.0 - p });
            errors[j] = p - bit as f32;
        }
        let (features, gradient) = n.core.features_and_gradient();
        n.head.learn_all::<FMA, TOGETHER>(&nodes, &errors, features, gradient);
        prefix = prefix << 4 | nibble;
    }
    n.core.finish();
    -libm::log(likelihood)
}
}

incremental_copy!(Network { large: core, head; small: lags });

impl Persist for Network {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.core.persist(s)?;
        self.head.persist(s)
    }
}
