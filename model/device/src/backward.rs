//! The backward pass through a chunk whose arrays are in the memory of a machine.

use crate::{
    buffer::DeviceBuffer,
    machine::{Machine, Memory, Product, ScanBack, SumRows},
    product::DeviceMatrix,
    row_groups::RowSums,
};
use surmise_network::{DeviceError, Shape};

/// The arrays of a chunk of n rows, with the shapes of `surmise_network::FullChunk`.
pub(crate) struct DeviceChunk<'a> {
    pub n: usize,
    pub dense: Memory,
    pub links: Memory,
    pub y: Memory,
    pub dy: Memory,
    pub layers: &'a [DeviceLayer],
    pub groups: DeviceGroups,
    pub sums: &'a DeviceSums,
}

/// The arrays of a layer; the backward pass turns gates into dL/du.
#[derive(Clone, Copy)]
pub(crate) struct DeviceLayer {
    /// `[n, 3H]`.
    pub gates: Memory,
    /// h of the step before, `[n, H]`.
    pub before: Memory,
    /// `[n, H]`.
    pub h: Memory,
    /// W `[H, 3H]`; nothing in the first layer.
    pub below: Option<Memory>,
    /// Where the gradients of the bias and of rows of tables go, `[sums, 3H]`.
    pub rows_gradient: Memory,
    /// Where the gradient of D goes, `[dense, 3H]`.
    pub dense_gradient: Memory,
    /// Where the gradient of W goes, `[H, 3H]`.
    pub below_gradient: Memory,
}

/// Groups of linked rows in the memory of a machine, see [`RowGroups`](crate::row_groups::RowGroups).
#[derive(Clone, Copy)]
pub(crate) struct DeviceGroups {
    pub count: usize,
    /// `[count + 1]`.
    pub starts: Memory,
    /// `[n]`.
    pub rows: Memory,
}

/// [`RowSums`] in the memory of a machine.
pub(crate) struct DeviceSums {
    sums: usize,
    parts: usize,
    /// Whether every sum is one part, so that one launch is enough.
    one_step: bool,
    starts: Memory,
    part_starts: Memory,
    part_rows: Memory,
}

impl DeviceSums {
    /// Copies the sums to the machine, into `buffer`.
    pub fn upload(
        sums: &RowSums,
        buffer: &mut DeviceBuffer,
        machine: &mut dyn Machine,
    ) -> Result<DeviceSums, DeviceError> {
        // one copy instead of three
        let all: Vec<u32> =
            [&sums.starts, &sums.parts.starts, &sums.parts.rows].into_iter().flatten().copied().collect();
        let starts = buffer.upload_words(machine, &all)?;
        let part_starts = starts.after(sums.starts.len());
        Ok(DeviceSums {
            sums: sums.count(),
            parts: sums.parts.count(),
            one_step: sums.are_parts(),
            starts,
            part_starts,
            part_rows: part_starts.after(sums.parts.starts.len()),
        })
    }

    /// Writes the sums of rows of `x` `[n, width]` to `out` `[sums, width]`. `partial` is memory for the parts.
    pub fn run(
        &self,
        machine: &mut dyn Machine,
        width: usize,
        x: Memory,
        partial: &mut DeviceBuffer,
        out: Memory,
    ) -> Result<(), DeviceError> {
        let first_out = match self.one_step {
            true => out,
            false => partial.reserve(machine, self.parts * width)?,
        };
        let parts = SumRows {
            sums: self.parts as i64,
            width: width as i64,
            starts: self.part_starts.address,
            rows: self.part_rows.address,
            x: x.address,
            out: first_out.address,
        };
        // SAFETY: rows are rows of `x`, and the memory for the parts and for the sums is long enough.
        unsafe { parts.run(machine, self.parts * width)? };
        if self.one_step {
            return Ok(());
        }
        let sums = SumRows {
            sums: self.sums as i64,
            starts: self.starts.address,
            // parts of a sum follow one another, so their rows need no list
            rows: 0,
            x: first_out.address,
            out: out.address,
            ..parts
        };
        // SAFETY: as above.
        unsafe { sums.run(machine, self.sums * width) }
    }
}

/// Memory that the backward pass uses on the way.
#[derive(Default)]
pub(crate) struct BackwardBuffers {
    dh: DeviceBuffer,
    partial: DeviceBuffer,
}

/// Completes `dy`, turns gates into dL/du, and computes every gradient. Sets `spoilt` (one word) to 1 if one is not
/// finite.
pub(crate) fn backward(
    machine: &mut dyn Machine,
    shape: &Shape,
    chunk: &DeviceChunk<'_>,
    buffers: &mut BackwardBuffers,
    spoilt: Memory,
) -> Result<(), DeviceError> {
    let (n, hidden, gates, width) = (chunk.n, shape.hidden, shape.gates(), shape.width());
    let dh = buffers.dh.reserve(machine, n * hidden)?;
    for (l, layer) in chunk.layers.iter().enumerate().rev() {
        machine.clear(dh)?;
        let scan = ScanBack {
            groups: chunk.groups.count as i64,
            hidden: hidden as i64,
            width: width as i64,
            offset: (l * hidden) as i64,
            starts: chunk.groups.starts.address,
            rows: chunk.groups.rows.address,
            links: chunk.links.address,
            gates: layer.gates.address,
            before: layer.before.address,
            h: layer.h.address,
            dy: chunk.dy.address,
            dh: dh.address,
            spoilt: spoilt.address,
        };
        // SAFETY: all arrays have n rows; groups and links name rows among them.
        unsafe { scan.run(machine, chunk.groups.count * hidden)? };
        let du = DeviceMatrix::new(layer.gates, gates);
        if let (Some(w), Some(below)) = (layer.below, l.checked_sub(1)) {
            let y = DeviceMatrix::new(chunk.y.after(below * hidden), width);
            let dy = DeviceMatrix::new(chunk.dy.after(below * hidden), width);
            let (w, gradient) = (DeviceMatrix::new(w, gates), DeviceMatrix::new(layer.below_gradient, gates));
            // SAFETY: rows of the layer below lie within `y` and `dy`; W and its gradient are [H, 3H].
            unsafe {
                machine.product(&Product::of([n, gates, hidden], du, w, dy).transposed_b().added())?;
                machine.product(&Product::of([hidden, n, gates], y, du, gradient).transposed_a())?;
            }
        }
        if shape.dense > 0 {
            let dense = DeviceMatrix::new(chunk.dense, shape.dense);
            let gradient = DeviceMatrix::new(layer.dense_gradient, gates);
            // SAFETY: D's gradient is [dense, 3H].
            unsafe { machine.product(&Product::of([shape.dense, n, gates], dense, du, gradient).transposed_a())? };
        }
        chunk.sums.run(machine, gates, layer.gates, &mut buffers.partial, layer.rows_gradient)?;
    }
    Ok(())
}
