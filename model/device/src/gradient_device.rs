//! The device that computes gradient jobs on a machine.

use crate::{
    backward::{BackwardBuffers, DeviceChunk, DeviceGroups, DeviceLayer, DeviceSums, backward},
    buffer::DeviceBuffer,
    machine::{Machine, Memory, words_mut},
    row_groups::{RowGroups, RowSums},
};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use surmise_network::{Device, DeviceError, FullChunk, JobSink, LayerGradients};

/// A [`Device`] that computes one chunk after another on a machine.
///
/// A chunk goes there as it is, with its weights; its gradients come back. Nothing that matters stays on the machine
/// from chunk to chunk, so one device serves networks of any number and size. A device that failed once refuses what
/// comes later: what is learnt then does not depend on which chunks it might still have done.
///
/// Threads: any thread may ask; one chunk is computed at a time, behind a lock.
pub struct GradientDevice {
    name: String,
    fault: OnceLock<DeviceError>,
    machine: Mutex<(Box<dyn Machine>, ChunkBuffers)>,
}

/// The memory of the machine for the arrays of a chunk, kept from one to the next.
#[derive(Default)]
struct ChunkBuffers {
    dense: DeviceBuffer,
    links: DeviceBuffer,
    y: DeviceBuffer,
    dy: DeviceBuffer,
    group_starts: DeviceBuffer,
    group_rows: DeviceBuffer,
    sums: DeviceBuffer,
    spoilt: DeviceBuffer,
    layers: Vec<LayerBuffers>,
    backward: BackwardBuffers,
}

#[derive(Default)]
struct LayerBuffers {
    gates: DeviceBuffer,
    before: DeviceBuffer,
    h: DeviceBuffer,
    below: DeviceBuffer,
    gradients: DeviceBuffer,
}

impl GradientDevice {
    /// A device on a machine.
    pub fn new(machine: Box<dyn Machine>) -> GradientDevice {
        let name = machine.name();
        GradientDevice { name, fault: OnceLock::new(), machine: Mutex::new((machine, ChunkBuffers::default())) }
    }

    /// The error with which the device failed, if it did.
    pub fn fault(&self) -> Option<&DeviceError> {
        self.fault.get()
    }
}

impl Device for GradientDevice {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn gradients(&self, chunk: &FullChunk<'_>) -> Result<Option<Vec<LayerGradients>>, DeviceError> {
        let (machine, buffers) = &mut *self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        // a fault is for good, see the type
        match self.fault.get() {
            Some(fault) => Err(fault.clone()),
            None => buffers.gradients(machine.as_mut(), chunk).map_err(|e| self.fault.get_or_init(|| e).clone()),
        }
    }
}

impl ChunkBuffers {
    fn gradients(
        &mut self,
        machine: &mut dyn Machine,
        chunk: &FullChunk<'_>,
    ) -> Result<Option<Vec<LayerGradients>>, DeviceError> {
        let shape = chunk.shape;
        let (n, gates) = (shape.chunk, shape.gates());
        let sums = RowSums::of(chunk.ids, shape.tables, n);
        let groups = RowGroups::linked(chunk.links);
        let layers = self.upload_layers(machine, chunk, &sums)?;
        let spoilt = self.spoilt.upload_words(machine, &[0])?;
        let on_device = DeviceChunk {
            n,
            dense: self.dense.upload(machine, chunk.dense)?,
            links: self.links.upload_words(machine, chunk.links)?,
            y: self.y.upload(machine, chunk.y)?,
            dy: self.dy.upload(machine, chunk.dy)?,
            layers: &layers,
            groups: DeviceGroups {
                count: groups.count(),
                starts: self.group_starts.upload_words(machine, &groups.starts)?,
                rows: self.group_rows.upload_words(machine, &groups.rows)?,
            },
            sums: &DeviceSums::upload(&sums, &mut self.sums, machine)?,
        };
        backward(machine, shape, &on_device, &mut self.backward, spoilt)?;
        // reading waits for the kernels
        let mut is_spoilt = [0];
        machine.read(spoilt, &mut is_spoilt)?;
        if is_spoilt != [0] {
            return Ok(None);
        }
        let mut all = Vec::with_capacity(layers.len());
        for (layer, from) in layers.iter().zip(&chunk.layers) {
            // rows of tables, D and W at once
            let mut words = vec![0f32; (sums.count() + shape.dense) * gates + from.below.len()];
            machine.read(Memory { words: words.len(), ..layer.rows_gradient }, words_mut(&mut words))?;
            all.push(split(words, &sums, shape.dense * gates, gates));
        }
        Ok(Some(all))
    }

    /// Copies the arrays of every layer to the machine, and reserves the memory of its gradients.
    fn upload_layers(
        &mut self,
        machine: &mut dyn Machine,
        chunk: &FullChunk<'_>,
        sums: &RowSums,
    ) -> Result<Vec<DeviceLayer>, DeviceError> {
        let (dense, gates) = (chunk.shape.dense, chunk.shape.gates());
        self.layers.resize_with(self.layers.len().max(chunk.layers.len()), LayerBuffers::default);
        let mut layers = Vec::with_capacity(chunk.layers.len());
        for (from, buffers) in chunk.layers.iter().zip(&mut self.layers) {
            // the three gradients lie one after another, so that one copy brings them back
            let gradient_words = (sums.count() + dense) * gates + from.below.len();
            let rows_gradient = buffers.gradients.reserve(machine, gradient_words)?;
            let dense_gradient = rows_gradient.after(sums.count() * gates);
            let below = match from.below {
                [] => None,
                below => Some(buffers.below.upload(machine, below)?),
            };
            layers.push(DeviceLayer {
                gates: buffers.gates.upload(machine, from.gates)?,
                before: buffers.before.upload(machine, from.before)?,
                h: buffers.h.upload(machine, from.h)?,
                below,
                rows_gradient,
                dense_gradient,
                below_gradient: dense_gradient.after(dense * gates),
            });
        }
        Ok(layers)
    }
}

/// Cuts `all` into the gradients of the bias and of rows of tables `[sums, gates]`, of D (`dense` numbers) and of W.
fn split(mut all: Vec<f32>, sums: &RowSums, dense: usize, gates: usize) -> LayerGradients {
    let mut rest = all.split_off(sums.count() * gates);
    let below = rest.split_off(dense);
    // sum 0 is the bias; each table's sums end where those of the next begin
    let ends = sums.tables.iter().skip(1).copied().chain([sums.count()]);
    let table = |(start, end): (usize, usize)| {
        (sums.ids[start - 1..end - 1].to_vec(), all[start * gates..end * gates].to_vec())
    };
    LayerGradients {
        tables: sums.tables.iter().copied().zip(ends).map(table).collect(),
        bias: all[..gates].to_vec(),
        dense: rest,
        below,
    }
}

/// A job sink that assigns every job to a device, and then passes it on to `workers`, whose threads ask the device for
/// its gradient; without `workers` the network asks when the update is due.
pub fn job_sink(device: Arc<dyn Device>, workers: Option<JobSink>) -> JobSink {
    Arc::new(move |job| {
        job.assign(&device);
        if let Some(workers) = &workers {
            workers(job);
        }
    })
}
