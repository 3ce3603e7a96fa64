//! One network that predicts symbols: a recurrence over the last symbols and the other fields, and a head at the nodes
//! of the code tree (PREDICTOR §5).

use crate::code::{Code, NIBBLES_MAX};
use crate::hash::mix;
use crate::key::SymbolKey;
use crate::node::NIBBLE_BITS;
use crate::spec::{NETWORK_SIDES_MAX, Spec};
use crate::threshold::unsettled;
use surmise_lanes::{kernels, sigmoid};
use surmise_network::{NONE, Rates, Recurrence, Sequence, Shape, TreeHead};
use surmise_state::{Persist, State, StateError, incremental_copy};

/// Logits of the head are held within ± this.
pub(crate) const LOGIT_MAX: f32 = 12.0;

/// Most inputs of a network at a step: its lags and the other fields that it sees.
pub(crate) const NETWORK_IDS_MAX: usize = 16;

/// A network that predicts symbols.
#[derive(Clone)]
pub(crate) struct SymbolNetwork {
    pub(crate) core: Recurrence,
    pub(crate) head: TreeHead,
    /// Past symbols that it sees at each step.
    lags: usize,
    /// Other fields that it sees at each step.
    sides: usize,
}

impl SymbolNetwork {
    /// The network of a recipe, if it has one; `number` tells a stream's networks apart, and 0 is the first.
    pub(crate) fn new(spec: &Spec, number: u64) -> Option<SymbolNetwork> {
        let (n, shape) = (spec.network.as_ref()?, SymbolNetwork::shape(spec)?);
        let sides = spec.sides.min(NETWORK_SIDES_MAX);
        let rates = Rates { lr: n.rate, ..Rates::default() };
        let seed = spec.seed.wrapping_add(number.wrapping_mul(0xD1B5_4A32_D192_ED03));
        let core = Recurrence::new(shape, rates, n.rows_max, seed, n.engine).delayed(n.delay_chunks);
        let head = TreeHead::new(core.width(), n.nodes_max, n.head_rate);
        Some(SymbolNetwork { core, head, lags: n.lags, sides })
    }

    /// The shape of a recipe's networks, if it has one.
    pub(crate) fn shape(spec: &Spec) -> Option<Shape> {
        let n = spec.network.as_ref()?;
        let tables = n.lags + spec.sides.min(NETWORK_SIDES_MAX);
        Some(Shape { layers: n.layers, hidden: n.hidden, tables, dense: 0, chunk: n.chunk }.valid())
    }

    /// The network's inputs for the symbol that comes after a key's past and the symbols in `coming`, which are yet to
    /// come; returns how many of `ids` are used. `side` are hashes of the event's other fields.
    pub(crate) fn ids<S: Copy + Into<u32>>(
        &self,
        key: &SymbolKey,
        coming: &[S],
        side: &[u32],
        ids: &mut [u32; NETWORK_IDS_MAX],
    ) -> usize {
        for k in 0..self.lags {
            ids[k] = match coming.len().checked_sub(k + 1) {
                Some(i) => coming[i].into(),
                None => match key.at(k + 1 - coming.len()) {
                    0 => NONE,
                    symbol => symbol - 1,
                },
            };
        }
        for i in 0..self.sides {
            ids[self.lags + i] = side.get(i).map_or(NONE, |x| mix(*x, i as u32) & 255);
        }
        self.lags + self.sides
    }

    /// Bytes that the network takes now, nearly.
    pub(crate) fn bytes(&self) -> usize {
        let width = self.core.width();
        // a weight and its mean squared gradient; gates, states and gradients of the open chunk; jobs
        let open = 32 * width * self.core.shape().chunk;
        8 * self.core.parameters() + (8 * width + 12) * self.head.nodes() + open + self.core.pending_jobs_bytes()
    }
}

/// How much of the head's error is the network's own; the rest is the mixer's (PREDICTOR §5).
const OWN_ERROR_SHARE: f32 = 0.5;

/// The errors that the head learns from at the decisions of a nibble: means of the network's own and the mixer's, or 0
/// where a mean is settled. `own` and `mixed` are probabilities of a 1.
#[inline(always)]
pub(crate) fn head_errors(
    own: &[f32; NIBBLE_BITS],
    mixed: &[f32; NIBBLE_BITS],
    bits: &[u32; NIBBLE_BITS],
) -> [f32; NIBBLE_BITS] {
    let mut errors = [0.0; NIBBLE_BITS];
    for j in 0..NIBBLE_BITS {
        let p = OWN_ERROR_SHARE * own[j] + (1.0 - OWN_ERROR_SHARE) * mixed[j];
        errors[j] = unsettled(p - bits[j] as f32);
    }
    errors
}

kernels! {
/// Predicts a symbol of a key by the network alone and learns it beside the mixture that predicted it; returns the nats
/// that the network paid. `ids` are the network's inputs, as [`SymbolNetwork::ids`] makes them; `mixed` are the mixer's
/// probabilities of a 1, nibble by nibble.
pub(crate) fn learn_beside[FMA](
    network: &mut SymbolNetwork,
    sequence: &mut Sequence,
    ids: &[u32],
    code: Code,
    symbol: u32,
    mixed: &[[f32; NIBBLE_BITS]; NIBBLES_MAX],
) -> f64 {
    network.core.step(sequence, ids, &[]);
    let path = code.path(symbol);
    let (mut prefix, mut likelihood) = (0, 1f64);
    for depth in 0..path.len as usize {
        let nibble = u32::from(path.nibbles[depth]);
        let nodes: [u32; NIBBLE_BITS] =
            std::array::from_fn(|j| code.node(depth, prefix, (nibble | 16) >> (NIBBLE_BITS - j)));
        let logits = network.head.logits::<FMA, NIBBLE_BITS>(&nodes, network.core.features());
        let (mut p, mut bits) = ([0f32; NIBBLE_BITS], [0; NIBBLE_BITS]);
        for j in 0..NIBBLE_BITS {
            bits[j] = nibble >> (NIBBLE_BITS - 1 - j) & 1;
            p[j] = sigmoid::<FMA>(logits[j].clamp(-LOGIT_MAX, LOGIT_MAX));
            likelihood *= f64::from(if bits[j] == 1 { p[j] } else { 1.0 - p[j] });
        }
        let errors = head_errors(&p, &mixed[depth], &bits);
        let (features, gradient) = network.core.features_and_gradient();
        network.head.learn_all::<FMA, NIBBLE_BITS>(&nodes, &errors, features, gradient);
        prefix = prefix << 4 | nibble;
    }
    network.core.finish();
    -libm::log(likelihood)
}
}

incremental_copy!(SymbolNetwork { large: core, head; small: lags, sides });

impl Persist for SymbolNetwork {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.core.persist(s)?;
        self.head.persist(s)
    }
}
