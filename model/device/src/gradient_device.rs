//! Gradient jobs of the network, worked out on a machine.

use crate::{
    backward::{ChunkAt, LayerAt, SumsAt, Work, backward},
    groups::{Runs, Sums},
    machine::{Machine, Memory, words_mut},
    room::Room,
};
use std::sync::{Arc, Mutex, OnceLock};
use surmise_network::{Device, DeviceError, FullChunk, JobSink, LayerGradients};

/// A [`Device`] that works out one chunk after another on a machine.
///
/// A chunk goes there as it is, with its weights; its gradients come back. Nothing stays on the machine from chunk to chunk,
/// so one device serves networks of any number and size. A device that failed once refuses what comes later: what is learnt
/// then does not depend on which chunks it might still have done.
pub struct GradientDevice {
    name: String,
    fault: OnceLock<DeviceError>,
    inner: Mutex<(Box<dyn Machine>, Rooms)>,
}

#[derive(Default)]
struct Rooms {
    dense: Room,
    links: Room,
    y: Room,
    dy: Room,
    starts: Room,
    rows: Room,
    sums: Room,
    spoilt: Room,
    layers: Vec<LayerRooms>,
    work: Work,
}

#[derive(Default)]
struct LayerRooms {
    gates: Room,
    before: Room,
    h: Room,
    below: Room,
    gradients: Room,
}

impl GradientDevice {
    /// A device on a machine.
    pub fn new(machine: Box<dyn Machine>) -> GradientDevice {
        GradientDevice { name: machine.name(), fault: OnceLock::new(), inner: Mutex::new((machine, Rooms::default())) }
    }

    /// Why it works no more, if so.
    pub fn fault(&self) -> Option<&DeviceError> {
        self.fault.get()
    }
}

impl Device for GradientDevice {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn gradients(&self, chunk: &FullChunk<'_>) -> Result<Option<Vec<LayerGradients>>, DeviceError> {
        let (machine, rooms) = &mut *self.inner.lock().unwrap_or_else(|e| e.into_inner());
        match self.fault.get() {
            Some(fault) => Err(fault.clone()),
            None => rooms.gradients(machine.as_mut(), chunk).map_err(|e| self.fault.get_or_init(|| e).clone()),
        }
    }
}

impl Rooms {
    fn gradients(
        &mut self,
        m: &mut dyn Machine,
        chunk: &FullChunk<'_>,
    ) -> Result<Option<Vec<LayerGradients>>, DeviceError> {
        let shape = chunk.shape;
        let (n, g) = (shape.chunk, 3 * shape.hidden);
        let sums = Sums::of(chunk.ids, shape.tables, n);
        let groups = Runs::linked(chunk.links);
        self.layers.resize_with(self.layers.len().max(shape.layers), LayerRooms::default);
        let below = |l: usize| chunk.layers[l].below.len();
        let mut layers = Vec::with_capacity(shape.layers);
        for (l, (from, room)) in chunk.layers.iter().zip(&mut self.layers).enumerate() {
            // the three gradients lie one after another, so that they come back together
            let rows_gradient = room.gradients.reach(m, (sums.count() + shape.dense) * g + below(l))?;
            let dense_gradient = rows_gradient.after(sums.count() * g);
            layers.push(LayerAt {
                gates: room.gates.hold(m, from.gates)?,
                before: room.before.hold(m, from.before)?,
                h: room.h.hold(m, from.h)?,
                below: if from.below.is_empty() { None } else { Some(room.below.hold(m, from.below)?) },
                rows_gradient,
                dense_gradient,
                below_gradient: dense_gradient.after(shape.dense * g),
            });
        }
        let spoilt = self.spoilt.hold_words(m, &[0])?;
        let at = ChunkAt {
            n,
            dense: self.dense.hold(m, chunk.dense)?,
            links: self.links.hold_words(m, chunk.links)?,
            y: self.y.hold(m, chunk.y)?,
            dy: self.dy.hold(m, chunk.dy)?,
            layers: &layers,
            groups: (
                groups.count(),
                self.starts.hold_words(m, &groups.starts)?,
                self.rows.hold_words(m, &groups.rows)?,
            ),
            sums: &SumsAt::of(&sums, &mut self.sums, m)?,
        };
        backward(m, shape, &at, &mut self.work, spoilt)?;
        let mut bad = [0];
        m.read(spoilt, &mut bad)?;
        if bad[0] != 0 {
            return Ok(None);
        }
        let read = |m: &mut dyn Machine, (l, at): (usize, &LayerAt)| {
            let mut all = vec![0f32; (sums.count() + shape.dense) * g + below(l)];
            m.read(Memory { words: all.len(), ..at.rows_gradient }, words_mut(&mut all))?;
            Ok(split(all, &sums, shape.dense * g, g))
        };
        layers.iter().enumerate().map(|l| read(m, l)).collect::<Result<Vec<_>, _>>().map(Some)
    }
}

/// Gradients of the bias, the rows of tables, D and W, which lie one after another.
fn split(mut all: Vec<f32>, sums: &Sums, dense: usize, g: usize) -> LayerGradients {
    let mut rest = all.split_off(sums.count() * g);
    let below = rest.split_off(dense);
    let ends = sums.tables.iter().skip(1).copied().chain([sums.count()]);
    let table =
        |(start, end): (usize, usize)| (sums.ids[start - 1..end - 1].to_vec(), all[start * g..end * g].to_vec());
    LayerGradients {
        tables: sums.tables.iter().copied().zip(ends).map(table).collect(),
        bias: all[..g].to_vec(),
        dense: rest,
        below,
    }
}

/// A job sink who has every job worked out on a device, by another job sink's threads, or when it is due if there are none.
pub fn job_sink(device: Arc<dyn Device>, threads: Option<JobSink>) -> JobSink {
    Arc::new(move |job| {
        job.assign(&device);
        if let Some(threads) = &threads {
            threads(job);
        }
    })
}
