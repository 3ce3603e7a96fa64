//! The arrays of a resident network, allocated and filled.

use crate::{
    backward::{DeviceGroups, DeviceLayer},
    buffer::DeviceBuffer,
    machine::{Machine, Memory, words},
};
use surmise_network::{DeviceError, LayerWeights, NONE, Shape};

/// The sizes of a resident network.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub shape: Shape,
    /// S.
    pub sequences: usize,
    /// Rows of every table, and columns of the head.
    pub symbols: usize,
}

impl Sizes {
    /// Rows of a chunk, T · S.
    pub fn rows(&self) -> usize {
        self.sequences * self.shape.chunk
    }

    /// Checks the sizes and the weights of a network that is to be made.
    pub fn check(&self, weights: &[LayerWeights], head: &[f32]) -> Result<(), DeviceError> {
        let Sizes { shape, sequences, symbols } = *self;
        let gates = shape.gates();
        let fits = |(l, layer): (usize, &LayerWeights)| {
            let tables_fit = layer.tables.iter().all(|table| table.len() == symbols * gates);
            let below = if l == 0 { 0 } else { shape.hidden * gates };
            layer.tables.len() == shape.tables
                && tables_fit
                && layer.bias.len() == gates
                && layer.below.len() == below
                && layer.dense.is_empty()
        };
        let layers_fit = weights.len() == shape.layers && weights.iter().enumerate().all(fits);
        let head_fits = head.len() == (shape.width() + 1) * symbols;
        if !layers_fit || !head_fits || shape.dense > 0 || shape != shape.valid() {
            return Err(DeviceError::Misfit("the weights do not fit the network".into()));
        }
        // a quarter, as kernels number words by 32 bits and a row has several
        if sequences == 0 || symbols == 0 || self.rows() > u32::MAX as usize / 4 {
            let text = format!("a network cannot have {sequences} sequences of {symbols} symbols");
            return Err(DeviceError::Misfit(text));
        }
        Ok(())
    }
}

/// An array of weights on the machine, with its second moments.
#[derive(Clone, Copy)]
pub(super) struct ResidentParam {
    pub w: Memory,
    pub v: Memory,
}

/// The arrays of one layer.
pub(super) struct ResidentLayer {
    pub arrays: DeviceLayer,
    /// Tables one after another and then the bias, `[tables · symbols + 1, 3H]`.
    pub rows: ResidentParam,
    /// Second moments of W, `[H, 3H]`; nothing in the first layer.
    pub below_moments: Memory,
    /// Where the gradients of rows go, as many as the chunk names.
    pub rows_gradient: DeviceBuffer,
    /// h of every sequence after the chunk, `[S, H]`.
    pub carry: Memory,
}

impl ResidentLayer {
    /// The arrays of one layer with these weights.
    pub fn new(machine: &mut dyn Machine, sizes: &Sizes, weights: &LayerWeights) -> Result<Self, DeviceError> {
        let (n, hidden, gates) = (sizes.rows(), sizes.shape.hidden, sizes.shape.gates());
        let rows: Vec<f32> = weights.tables.iter().flatten().chain(&weights.bias).copied().collect();
        let rows = param(machine, &rows)?;
        let below = match &weights.below[..] {
            [] => None,
            below => Some(hold(machine, words(below))?),
        };
        let below_words = weights.below.len();
        Ok(ResidentLayer {
            arrays: DeviceLayer {
                gates: machine.allocate(n * gates)?,
                before: machine.allocate(n * hidden)?,
                h: machine.allocate(n * hidden)?,
                below,
                // set for every chunk
                rows_gradient: Memory::NONE,
                dense_gradient: Memory::NONE,
                below_gradient: machine.allocate(below_words)?,
            },
            rows,
            below_moments: machine.allocate(below_words)?,
            rows_gradient: DeviceBuffer::default(),
            carry: machine.allocate(sizes.sequences * hidden)?,
        })
    }
}

/// Memory that holds these words for as long as the machine.
pub(super) fn hold(machine: &mut dyn Machine, words: &[u32]) -> Result<Memory, DeviceError> {
    let memory = machine.allocate(words.len())?;
    machine.write(memory, words)?;
    Ok(memory)
}

/// These weights, with second moments of zero.
pub(super) fn param(machine: &mut dyn Machine, weights: &[f32]) -> Result<ResidentParam, DeviceError> {
    Ok(ResidentParam { w: hold(machine, words(weights))?, v: machine.allocate(weights.len())? })
}

/// The links of a chunk `[T · S]`: row t·S + s follows row (t-1)·S + s; the first step of a sequence has no link.
pub(super) fn links(machine: &mut dyn Machine, sizes: &Sizes) -> Result<Memory, DeviceError> {
    let link = |row: usize| row.checked_sub(sizes.sequences).map_or(NONE, |before| before as u32);
    let links: Vec<u32> = (0..sizes.rows()).map(link).collect();
    hold(machine, &links)
}

/// The rows of each sequence in the order of time.
pub(super) fn groups(machine: &mut dyn Machine, sizes: &Sizes) -> Result<DeviceGroups, DeviceError> {
    let (sequences, steps) = (sizes.sequences, sizes.shape.chunk);
    let starts: Vec<u32> = (0..=sequences).map(|s| (s * steps) as u32).collect();
    let rows: Vec<u32> = (0..sizes.rows()).map(|i| (i % steps * sequences + i / steps) as u32).collect();
    Ok(DeviceGroups { count: sequences, starts: hold(machine, &starts)?, rows: hold(machine, &rows)? })
}
