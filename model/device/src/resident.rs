//! A whole network on the machine: weights, hidden states and the head stay there, only symbols go in.

use crate::{
    backward::{ChunkAt, LayerAt, SumsAt, Work, backward},
    groups::Sums,
    machine::{
        BeginUpdate, Gather, Machine, Memory, Product, Scan, SoftmaxError, SoftmaxJoin, SoftmaxPart, Update, words,
        words_mut,
    },
    room::Room,
};
use surmise_network::{DeviceError, LayerWeights, Rates, Shape};

/// Words of `struct progress`, and the place of its `spoilt`.
const PROGRESS: (usize, usize) = (6, 3);

/// A network with a softmax over symbols, for very many sequences at once: each chunk is T steps of every one of them, forward,
/// loss, backward and update, in about thirty launches however many sequences there are.
///
/// The same network and update rule as `surmise_network::Recurrence` with a chunk of all these steps; losses are summed. A chunk
/// with a gradient that is not finite changes no weight.
///
/// Shapes: S sequences, T = `shape.chunk` steps, rows of a chunk in the order of time: row t·S + s.
///
/// Determinism: on one machine equal calls give equal bits.
pub struct Resident {
    machine: Box<dyn Machine>,
    shape: Shape,
    sequences: usize,
    symbols: usize,
    rates: Rates,
    progress: Memory,
    layers: Vec<Layer>,
    /// Wo and, as one more row, its bias: `[width + 1, symbols]`; weights, second moments, gradient.
    head: [Memory; 3],
    links: Memory,
    runs: [Memory; 2],
    y: Memory,
    dy: Memory,
    logits: Memory,
    top: Memory,
    total: Memory,
    loss: Memory,
    all_rows: SumsAt,
    input: Room,
    sums: Room,
    rows: Room,
    work: Work,
    partial: Room,
}

/// The part of one layer.
struct Layer {
    at: LayerAt,
    /// Tables one after another and then the bias, `[tables · symbols + 1, 3H]`, and second moments.
    rows: [Memory; 2],
    below_moments: Memory,
    rows_gradient: Room,
    carry: Memory,
}

impl Resident {
    /// A network with these weights, every table of which has `symbols` rows, and a head `[width + 1, symbols]`, whose last row
    /// is its bias. Hidden states start at zero.
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
    ) -> Result<Resident, DeviceError> {
        let (h, g, width) = (shape.hidden, 3 * shape.hidden, shape.width());
        let fits = |(l, w): (usize, &LayerWeights)| {
            let tables = w.tables.len() == shape.tables && w.tables.iter().all(|t| t.len() == symbols * g);
            tables && w.bias.len() == g && w.below.len() == if l == 0 { 0 } else { h * g } && w.dense.is_empty()
        };
        let all_fit = weights.len() == shape.layers && weights.iter().enumerate().all(fits);
        if !all_fit || shape.dense > 0 || head.len() != (width + 1) * symbols || shape != shape.valid() {
            return Err(DeviceError::Misfit("the weights do not fit the network".into()));
        }
        let n = sequences * shape.chunk;
        if sequences == 0 || symbols == 0 || n > u32::MAX as usize / 4 {
            return Err(DeviceError::Misfit(format!("{sequences} sequences of {symbols} symbols cannot be")));
        }
        let m = machine.as_mut();
        let mut hold = |x: &[u32]| -> Result<Memory, DeviceError> {
            let memory = m.allocate(x.len())?;
            m.write(memory, x)?;
            Ok(memory)
        };
        let one = 1f64.to_bits();
        let progress = hold(&[one as u32, (one >> 32) as u32, 0, 0, 0, 0])?;
        let links: Vec<u32> =
            (0..n).map(|r| r.checked_sub(sequences).map_or(surmise_network::NONE, |r| r as u32)).collect();
        let links = hold(&links)?;
        let starts: Vec<u32> = (0..=sequences).map(|s| (s * shape.chunk) as u32).collect();
        let rows: Vec<u32> = (0..n).map(|i| (i % shape.chunk * sequences + i / shape.chunk) as u32).collect();
        let runs = [hold(&starts)?, hold(&rows)?];
        let wo = hold(words(head))?;
        let mut layers = Vec::with_capacity(shape.layers);
        for w in weights {
            let rows: Vec<f32> = w.tables.iter().flatten().chain(&w.bias).copied().collect();
            let (rows, below) = (hold(words(&rows))?, hold(words(&w.below))?);
            layers.push((rows, (!w.below.is_empty()).then_some(below)));
        }
        let mut zeros = |words: usize| m.allocate(words);
        let layer = |(rows, below): (Memory, Option<Memory>)| -> Result<Layer, DeviceError> {
            Ok(Layer {
                at: LayerAt {
                    gates: zeros(n * g)?,
                    before: zeros(n * h)?,
                    h: zeros(n * h)?,
                    below,
                    rows_gradient: Memory { address: 0, words: 0 },
                    dense_gradient: Memory { address: 0, words: 0 },
                    below_gradient: zeros(below.map_or(0, |b| b.words))?,
                },
                rows: [rows, zeros(rows.words)?],
                below_moments: zeros(below.map_or(0, |b| b.words))?,
                rows_gradient: Room::default(),
                carry: zeros(sequences * h)?,
            })
        };
        let layers = layers.into_iter().map(layer).collect::<Result<Vec<_>, _>>()?;
        let head = [wo, zeros(wo.words)?, zeros(wo.words)?];
        let (y, dy, logits) = (zeros(n * width)?, zeros(n * width)?, zeros(n * symbols)?);
        let (top, total, loss) = (zeros(n * 32)?, zeros(n * 32)?, zeros(n)?);
        let all_rows = SumsAt::of(&Sums::of(&[], 0, n), &mut Room::default(), m)?;
        Ok(Resident {
            shape,
            sequences,
            symbols,
            rates,
            progress,
            layers,
            head,
            links,
            runs,
            y,
            dy,
            logits,
            top,
            total,
            loss,
            all_rows,
            input: Room::default(),
            sums: Room::default(),
            rows: Room::default(),
            work: Work::default(),
            partial: Room::default(),
            machine,
        })
    }

    /// Learns from a chunk: `ids` `[T · S, tables]` and `targets` `[T · S]`, all below the number of symbols (an id may be
    /// `NONE`). Returns before the work is done.
    ///
    /// # Errors
    /// The machine failed, or the inputs do not fit.
    pub fn chunk(&mut self, ids: &[u32], targets: &[u32]) -> Result<(), DeviceError> {
        let n = self.sequences * self.shape.chunk;
        let known = |id: &u32| (*id as usize) < self.symbols;
        let fit = ids.iter().all(|id| *id == surmise_network::NONE || known(id)) && targets.iter().all(known);
        if ids.len() != n * self.shape.tables || targets.len() != n || !fit {
            return Err(DeviceError::Misfit("the chunk does not fit the network".into()));
        }
        let m = self.machine.as_mut();
        let input: Vec<u32> = ids.iter().chain(targets).copied().collect();
        let ids_at = self.input.hold_words(m, &input)?;
        let sums = Sums::of(ids, self.shape.tables, n);
        let sums_at = SumsAt::of(&sums, &mut self.sums, m)?;
        self.forward(ids_at)?;
        self.head(ids_at.after(ids.len()))?;
        self.backward(&sums, &sums_at)?;
        self.update(&sums)
    }

    fn forward(&mut self, ids: Memory) -> Result<(), DeviceError> {
        let Shape { hidden: h, tables, chunk, .. } = self.shape;
        let (n, g, width) = (self.sequences * chunk, 3 * h, self.shape.width());
        for (l, layer) in self.layers.iter().enumerate() {
            let m = self.machine.as_mut();
            let gather = Gather {
                n: n as i64,
                gates: g as i64,
                tables: tables as i64,
                rows: self.symbols as i64,
                ids: ids.address,
                weights: layer.rows[0].address,
                u: layer.at.gates.address,
            };
            let scan = Scan {
                sequences: self.sequences as i64,
                hidden: h as i64,
                width: width as i64,
                off: (l * h) as i64,
                starts: self.runs[0].address,
                rows: self.runs[1].address,
                gates: layer.at.gates.address,
                before: layer.at.before.address,
                h: layer.at.h.address,
                y: self.y.address,
                carry: layer.carry.address,
            };
            // SAFETY: ids are below the number of rows, and all arrays have n rows.
            unsafe {
                gather.run(m, n * g)?;
                if let Some(w) = layer.at.below {
                    let y = self.y.after((l - 1) * h);
                    m.product(&Product::of([n, h, g], y, width, w, g, layer.at.gates, g).added())?;
                }
                scan.run(m, self.sequences * h)?;
            }
        }
        Ok(())
    }

    /// Loss, dL/dlogits, and the gradient of the head and of the features.
    fn head(&mut self, targets: Memory) -> Result<(), DeviceError> {
        let m = self.machine.as_mut();
        let (n, width, v) = (self.sequences * self.shape.chunk, self.shape.width(), self.symbols);
        let (wo, gradient) = (self.head[0], self.head[2]);
        let (logits, top, total) = (self.logits.address, self.top.address, self.total.address);
        let bias = wo.after(width * v).address;
        let (rows, columns, targets) = (n as i64, v as i64, targets.address);
        let part = SoftmaxPart { n: rows, width: columns, logits, bias, top, total };
        let join = SoftmaxJoin { n: rows, width: columns, logits, targets, top, total, loss: self.loss.address };
        let error = SoftmaxError { n: rows, width: columns, logits, targets, top, total };
        // SAFETY: targets are below the number of symbols, and all arrays have n rows.
        unsafe {
            m.product(&Product::of([n, width, v], self.y, width, wo, v, self.logits, v))?;
            part.run(m, n * 32)?;
            join.run(m, n)?;
            error.run(m, n * v)?;
            m.product(&Product::of([n, v, width], self.logits, v, wo, v, self.dy, width).second_turned())?;
            m.product(&Product::of([width, n, v], self.y, width, self.logits, v, gradient, v).first_turned())?;
        }
        self.all_rows.run(m, v, self.logits, &mut self.partial, gradient.after(width * v))
    }

    fn backward(&mut self, sums: &Sums, sums_at: &SumsAt) -> Result<(), DeviceError> {
        let m = self.machine.as_mut();
        let g = 3 * self.shape.hidden;
        let mut layers = Vec::with_capacity(self.layers.len());
        for l in &mut self.layers {
            l.at.rows_gradient = l.rows_gradient.reach(m, sums.count() * g)?;
            layers.push(l.at);
        }
        let spoilt = Memory { words: 1, ..self.progress.after(PROGRESS.1) };
        m.clear(spoilt)?;
        let at = ChunkAt {
            n: self.sequences * self.shape.chunk,
            dense: self.y,
            links: self.links,
            y: self.y,
            dy: self.dy,
            layers: &layers,
            groups: (self.sequences, self.runs[0], self.runs[1]),
            sums: sums_at,
        };
        backward(m, &self.shape, &at, &mut self.work, spoilt)
    }

    fn update(&mut self, sums: &Sums) -> Result<(), DeviceError> {
        let m = self.machine.as_mut();
        let (g, v) = (3 * self.shape.hidden, self.symbols);
        // sum 0 is the bias, which is the row after all tables
        let mut to = vec![(self.shape.tables * v) as u32; 1];
        let ends = sums.tables.iter().skip(1).copied().chain([sums.count()]);
        for (k, (start, end)) in sums.tables.iter().copied().zip(ends).enumerate() {
            to.extend(sums.ids[start - 1..end - 1].iter().map(|id| (k * v) as u32 + id));
        }
        let to = self.rows.hold_words(m, &to)?;
        let progress = self.progress.address;
        let (rate, floor) = (self.rates.rate(), self.rates.floor());
        let begin = BeginUpdate { progress, rate, unused: 0 };
        let update = |width: usize, to: u64, gradient: Memory, w: Memory, v: Memory| Update {
            sums: (gradient.words / width) as i64,
            width: width as i64,
            to,
            gradient: gradient.address,
            w: w.address,
            v: v.address,
            progress,
            lr: self.rates.lr,
            rate,
            floor,
            unused: 0,
        };
        // SAFETY: every gradient has the width of its weights, and `to` names rows that they have.
        unsafe {
            begin.run(m, 1)?;
            for l in &self.layers {
                update(g, to.address, l.at.rows_gradient, l.rows[0], l.rows[1]).run(m, l.at.rows_gradient.words)?;
                if let Some(w) = l.at.below {
                    update(g, 0, l.at.below_gradient, w, l.below_moments).run(m, w.words)?;
                }
            }
            let [w, moments, gradient] = self.head;
            update(v, 0, gradient, w, moments).run(m, w.words)
        }
    }

    /// The loss of each row of the latest chunk, in nats.
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

    /// The weights as they are now, and the head.
    ///
    /// # Errors
    /// The machine failed.
    pub fn weights(&mut self) -> Result<(Vec<LayerWeights>, Vec<f32>), DeviceError> {
        let (m, g) = (self.machine.as_mut(), 3 * self.shape.hidden);
        let mut all = Vec::new();
        for l in &self.layers {
            let mut rows = read(m, l.rows[0])?;
            let bias = rows.split_off(self.shape.tables * self.symbols * g);
            let tables = rows.chunks_exact(self.symbols * g).map(<[f32]>::to_vec).collect();
            let below = l.at.below.map_or(Ok(Vec::new()), |w| read(m, w))?;
            all.push(LayerWeights { tables, dense: Vec::new(), below, bias });
        }
        Ok((all, read(m, self.head[0])?))
    }

    /// Updates that were made, and chunks that were thrown away.
    ///
    /// # Errors
    /// The machine failed.
    pub fn updates(&mut self) -> Result<(u32, u32), DeviceError> {
        let mut p = [0u32; PROGRESS.0];
        self.machine.read(self.progress, &mut p)?;
        Ok((p[4], p[5]))
    }

    /// Returns when all chunks are done.
    ///
    /// # Errors
    /// The machine failed.
    pub fn wait(&mut self) -> Result<(), DeviceError> {
        self.machine.wait()
    }
}

fn read(machine: &mut dyn Machine, from: Memory) -> Result<Vec<f32>, DeviceError> {
    let mut all = vec![0f32; from.words];
    machine.read(from, words_mut(&mut all))?;
    Ok(all)
}
