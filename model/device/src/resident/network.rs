//! The resident network: weights, hidden states and the head stay on the machine, only symbols go in.

use super::setup::{self, ResidentLayer, ResidentParam, Sizes};
use crate::{
    backward::{BackwardBuffers, DeviceChunk, DeviceGroups, DeviceSums, backward},
    buffer::DeviceBuffer,
    machine::{
        BeginUpdate, Gather, Machine, Memory, Product, Scan, SoftmaxError, SoftmaxJoin, SoftmaxPart, Update, words_mut,
    },
    product::DeviceMatrix,
    row_groups::RowSums,
};
use surmise_network::{DeviceError, LayerWeights, NONE, Rates, Shape};

/// Words of `struct progress` of `kernels.cu`.
const PROGRESS_WORDS: usize = 6;
/// The place of the word `spoilt` in it.
const PROGRESS_SPOILT: usize = 3;
/// The place of the word `updates`, which `rejected` follows.
const PROGRESS_UPDATES: usize = 4;

/// Parts into which the softmax of a row is cut.
const SOFTMAX_PARTS: usize = 32;

/// A network with a softmax over symbols, for very many sequences at once: each chunk is T steps of every one of them,
/// forward, loss, backward and update, in about thirty launches however many sequences there are.
///
/// The network and its update rule are those of `surmise_network::Recurrence` with a chunk of all these steps; losses
/// are summed. A chunk with a gradient that is not finite changes no weight.
///
/// Shapes: S sequences, T = `shape.chunk` steps, rows of a chunk in the order of time: row t·S + s.
///
/// Determinism: on one machine equal calls give equal bits.
///
/// Errors: the machine lacks memory or failed, or the inputs do not fit the network.
pub struct ResidentNetwork {
    machine: Box<dyn Machine>,
    sizes: Sizes,
    rates: Rates,
    /// `struct progress` of `kernels.cu`.
    progress: Memory,
    layers: Vec<ResidentLayer>,
    /// Wo and, as one more row, its bias: `[width + 1, symbols]`.
    head: ResidentParam,
    head_gradient: Memory,
    links: Memory,
    groups: DeviceGroups,
    /// `[T · S, width]`.
    y: Memory,
    dy: Memory,
    /// Logits, which become dL/dlogits, `[T · S, symbols]`.
    logits: Memory,
    /// The largest logit of each part of each row, `[T · S, 32]`.
    top: Memory,
    /// Σ exp(logit - largest) of each part of each row, `[T · S, 32]`.
    total: Memory,
    /// `[T · S]`.
    loss: Memory,
    /// The sum of all rows, for the gradient of the head's bias.
    all_rows: DeviceSums,
    input: DeviceBuffer,
    sums: DeviceBuffer,
    updated_rows: DeviceBuffer,
    backward: BackwardBuffers,
    partial: DeviceBuffer,
}

impl ResidentNetwork {
    /// A network with these weights, every table of which has `symbols` rows, and a head `[width + 1, symbols]`, whose
    /// last row is its bias. Hidden states start at zero.
    ///
    /// # Errors
    /// The machine lacks memory or failed, or the weights do not fit: there are no dense inputs here.
    pub fn new(
        mut machine: Box<dyn Machine>,
        shape: Shape,
        sequences: usize,
        symbols: usize,
        rates: Rates,
        weights: &[LayerWeights],
        head: &[f32],
    ) -> Result<ResidentNetwork, DeviceError> {
        let sizes = Sizes { shape, sequences, symbols };
        sizes.check(weights, head)?;
        let (n, width) = (sizes.rows(), shape.width());
        let m = machine.as_mut();
        // the powers of beta2 start at 1, a double in two words
        let one = 1f64.to_bits();
        let progress = setup::hold(m, &[one as u32, (one >> 32) as u32, 0, 0, 0, 0])?;
        let layers: Result<Vec<_>, _> = weights.iter().map(|w| ResidentLayer::new(m, &sizes, w)).collect();
        Ok(ResidentNetwork {
            sizes,
            rates,
            progress,
            layers: layers?,
            head: setup::param(m, head)?,
            head_gradient: m.allocate(head.len())?,
            links: setup::links(m, &sizes)?,
            groups: setup::groups(m, &sizes)?,
            y: m.allocate(n * width)?,
            dy: m.allocate(n * width)?,
            logits: m.allocate(n * symbols)?,
            top: m.allocate(n * SOFTMAX_PARTS)?,
            total: m.allocate(n * SOFTMAX_PARTS)?,
            loss: m.allocate(n)?,
            all_rows: DeviceSums::upload(&RowSums::of(&[], 0, n), &mut DeviceBuffer::default(), m)?,
            input: DeviceBuffer::default(),
            sums: DeviceBuffer::default(),
            updated_rows: DeviceBuffer::default(),
            backward: BackwardBuffers::default(),
            partial: DeviceBuffer::default(),
            machine,
        })
    }

    /// Learns from a chunk: `ids` `[T · S, tables]` and `targets` `[T · S]`, all below the number of symbols (an id
    /// may be `NONE`). Returns before the work is done.
    ///
    /// # Errors
    /// The machine failed, or the inputs do not fit.
    pub fn chunk(&mut self, ids: &[u32], targets: &[u32]) -> Result<(), DeviceError> {
        let Sizes { shape, symbols, .. } = self.sizes;
        let n = self.sizes.rows();
        let known = |id: &u32| (*id as usize) < symbols;
        let fit = ids.iter().all(|id| *id == NONE || known(id)) && targets.iter().all(known);
        if ids.len() != n * shape.tables || targets.len() != n || !fit {
            return Err(DeviceError::Misfit("the chunk does not fit the network".into()));
        }
        let m = self.machine.as_mut();
        // one copy for both
        let input: Vec<u32> = ids.iter().chain(targets).copied().collect();
        let ids_at = self.input.upload_words(m, &input)?;
        let sums = RowSums::of(ids, shape.tables, n);
        let sums_at = DeviceSums::upload(&sums, &mut self.sums, m)?;
        self.forward(ids_at)?;
        self.head(ids_at.after(ids.len()))?;
        self.backward(&sums, &sums_at)?;
        self.update(&sums)
    }

    /// Features of every row; `ids`: `[T · S, tables]`.
    fn forward(&mut self, ids: Memory) -> Result<(), DeviceError> {
        let Sizes { shape, sequences, symbols } = self.sizes;
        let (n, hidden, gates, width) = (self.sizes.rows(), shape.hidden, shape.gates(), shape.width());
        for (l, layer) in self.layers.iter().enumerate() {
            let m = self.machine.as_mut();
            let gather = Gather {
                n: n as i64,
                gates: gates as i64,
                tables: shape.tables as i64,
                rows: symbols as i64,
                ids: ids.address,
                weights: layer.rows.w.address,
                u: layer.arrays.gates.address,
            };
            let scan = Scan {
                sequences: sequences as i64,
                hidden: hidden as i64,
                width: width as i64,
                offset: (l * hidden) as i64,
                starts: self.groups.starts.address,
                rows: self.groups.rows.address,
                gates: layer.arrays.gates.address,
                before: layer.arrays.before.address,
                h: layer.arrays.h.address,
                y: self.y.address,
                carry: layer.carry.address,
            };
            // SAFETY: ids are below the number of rows, and all arrays have n rows.
            unsafe {
                gather.run(m, n * gates)?;
                if let Some(w) = layer.arrays.below {
                    let y = DeviceMatrix::new(self.y.after((l - 1) * hidden), width);
                    let (w, u) = (DeviceMatrix::new(w, gates), DeviceMatrix::new(layer.arrays.gates, gates));
                    m.product(&Product::of([n, hidden, gates], y, w, u).added())?;
                }
                scan.run(m, sequences * hidden)?;
            }
        }
        Ok(())
    }

    /// Loss, dL/dlogits, and the gradients of the head and of the features; `targets`: `[T · S]`.
    fn head(&mut self, targets: Memory) -> Result<(), DeviceError> {
        let m = self.machine.as_mut();
        let (n, width, symbols) = (self.sizes.rows(), self.sizes.shape.width(), self.sizes.symbols);
        let (logits, top, total) = (self.logits.address, self.top.address, self.total.address);
        let bias = self.head.w.after(width * symbols).address;
        let (rows, columns, targets) = (n as i64, symbols as i64, targets.address);
        let part = SoftmaxPart { n: rows, width: columns, logits, bias, top, total };
        let join = SoftmaxJoin { n: rows, width: columns, logits, targets, top, total, loss: self.loss.address };
        let error = SoftmaxError { n: rows, width: columns, logits, targets, top, total };
        let (y, dy) = (DeviceMatrix::new(self.y, width), DeviceMatrix::new(self.dy, width));
        let [wo, d_logits, gradient] =
            [self.head.w, self.logits, self.head_gradient].map(|memory| DeviceMatrix::new(memory, symbols));
        // SAFETY: targets are below the number of symbols, and all arrays have n rows.
        unsafe {
            m.product(&Product::of([n, width, symbols], y, wo, d_logits))?;
            part.run(m, n * SOFTMAX_PARTS)?;
            join.run(m, n)?;
            error.run(m, n * symbols)?;
            m.product(&Product::of([n, symbols, width], d_logits, wo, dy).transposed_b())?;
            m.product(&Product::of([width, n, symbols], y, d_logits, gradient).transposed_a())?;
        }
        let bias_gradient = self.head_gradient.after(width * symbols);
        self.all_rows.run(m, symbols, self.logits, &mut self.partial, bias_gradient)
    }

    /// The gradients of the layers.
    fn backward(&mut self, sums: &RowSums, sums_at: &DeviceSums) -> Result<(), DeviceError> {
        let m = self.machine.as_mut();
        let gates = self.sizes.shape.gates();
        // the rows that a chunk names differ in number, so the memory of their gradients may have to grow
        let mut layers = Vec::with_capacity(self.layers.len());
        for layer in &mut self.layers {
            layer.arrays.rows_gradient = layer.rows_gradient.reserve(m, sums.count() * gates)?;
            layers.push(layer.arrays);
        }
        let spoilt = Memory { words: 1, ..self.progress.after(PROGRESS_SPOILT) };
        m.clear(spoilt)?;
        let chunk = DeviceChunk {
            n: self.sizes.rows(),
            dense: Memory::NONE,
            links: self.links,
            y: self.y,
            dy: self.dy,
            layers: &layers,
            groups: self.groups,
            sums: sums_at,
        };
        backward(m, &self.sizes.shape, &chunk, &mut self.backward, spoilt)
    }

    /// Updates every weight that the chunk touched, unless a gradient is not finite.
    fn update(&mut self, sums: &RowSums) -> Result<(), DeviceError> {
        let m = self.machine.as_mut();
        let (tables, gates, symbols) = (self.sizes.shape.tables, self.sizes.shape.gates(), self.sizes.symbols);
        // sum 0 is the bias, which is the row after all tables
        let mut to = vec![(tables * symbols) as u32; 1];
        let ends = sums.tables.iter().skip(1).copied().chain([sums.count()]);
        for (k, (start, end)) in sums.tables.iter().copied().zip(ends).enumerate() {
            to.extend(sums.ids[start - 1..end - 1].iter().map(|id| (k * symbols) as u32 + id));
        }
        let to = self.updated_rows.upload_words(m, &to)?;
        let progress = self.progress.address;
        let (rate, floor) = (self.rates.rate(), self.rates.floor());
        let begin = BeginUpdate { progress, rate, unused: 0 };
        // `to`: the row that each gradient belongs to, or 0 where gradients have the order of their rows
        let update = |width: usize, to: u64, gradient: Memory, param: ResidentParam| Update {
            sums: (gradient.words / width) as i64,
            width: width as i64,
            to,
            gradient: gradient.address,
            w: param.w.address,
            v: param.v.address,
            progress,
            lr: self.rates.lr,
            rate,
            floor,
            unused: 0,
        };
        // SAFETY: every gradient has the width of its weights, and `to` names rows that they have.
        unsafe {
            begin.run(m, 1)?;
            for layer in &self.layers {
                let gradient = layer.arrays.rows_gradient;
                update(gates, to.address, gradient, layer.rows).run(m, gradient.words)?;
                if let Some(w) = layer.arrays.below {
                    let below = ResidentParam { w, v: layer.below_moments };
                    update(gates, 0, layer.arrays.below_gradient, below).run(m, w.words)?;
                }
            }
            update(symbols, 0, self.head_gradient, self.head).run(m, self.head.w.words)
        }
    }

    /// The loss of each row of the latest chunk, `[T · S]`, in nats.
    ///
    /// # Errors
    /// The machine failed.
    pub fn losses(&mut self) -> Result<Vec<f32>, DeviceError> {
        read(self.machine.as_mut(), self.loss)
    }

    /// The features of each row of the latest chunk, `[T · S, width]`.
    ///
    /// # Errors
    /// The machine failed.
    pub fn features(&mut self) -> Result<Vec<f32>, DeviceError> {
        read(self.machine.as_mut(), self.y)
    }

    /// The weights as they are now, and the head `[width + 1, symbols]`.
    ///
    /// # Errors
    /// The machine failed.
    pub fn weights(&mut self) -> Result<(Vec<LayerWeights>, Vec<f32>), DeviceError> {
        let Sizes { shape, symbols, .. } = self.sizes;
        let (m, gates) = (self.machine.as_mut(), shape.gates());
        let mut all = Vec::new();
        for layer in &self.layers {
            let mut rows = read(m, layer.rows.w)?;
            let bias = rows.split_off(shape.tables * symbols * gates);
            let tables = rows.chunks_exact(symbols * gates).map(<[f32]>::to_vec).collect();
            let below = layer.arrays.below.map_or(Ok(Vec::new()), |w| read(m, w))?;
            all.push(LayerWeights { tables, dense: Vec::new(), below, bias });
        }
        Ok((all, read(m, self.head.w)?))
    }

    /// Updates that were made, and chunks that were thrown away.
    ///
    /// # Errors
    /// The machine failed.
    pub fn updates(&mut self) -> Result<(u32, u32), DeviceError> {
        let mut progress = [0u32; PROGRESS_WORDS];
        self.machine.read(self.progress, &mut progress)?;
        Ok((progress[PROGRESS_UPDATES], progress[PROGRESS_UPDATES + 1]))
    }

    /// Returns when all chunks are done.
    ///
    /// # Errors
    /// The machine failed.
    pub fn wait(&mut self) -> Result<(), DeviceError> {
        self.machine.wait()
    }
}

/// All numbers of some memory.
fn read(machine: &mut dyn Machine, from: Memory) -> Result<Vec<f32>, DeviceError> {
    let mut all = vec![0f32; from.words];
    machine.read(from, words_mut(&mut all))?;
    Ok(all)
}
