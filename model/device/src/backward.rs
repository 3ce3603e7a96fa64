//! The backward pass through a chunk, on arrays that are in the machine's memory.

use crate::{
    groups::Sums,
    machine::{Machine, Memory, Product, ScanBack, SumRows},
    room::Room,
};
use surmise_network::{DeviceError, Shape};

/// The arrays of a chunk of n rows; see `surmise_network::FullChunk` for what they hold.
pub(crate) struct ChunkAt<'a> {
    pub n: usize,
    pub dense: Memory,
    pub links: Memory,
    pub y: Memory,
    pub dy: Memory,
    pub layers: &'a [LayerAt],
    /// Runs of linked rows: how many, where they start, which rows.
    pub groups: (usize, Memory, Memory),
    pub sums: &'a SumsAt,
}

/// The arrays of a layer; gates become dL/du.
#[derive(Clone, Copy)]
pub(crate) struct LayerAt {
    pub gates: Memory,
    pub before: Memory,
    pub h: Memory,
    /// W; nothing in the first layer.
    pub below: Option<Memory>,
    /// Where the gradients go: of the bias and the tables' rows `[sums, 3H]`, of D, of W.
    pub rows_gradient: Memory,
    pub dense_gradient: Memory,
    pub below_gradient: Memory,
}

/// [`Sums`] in the machine's memory.
pub(crate) struct SumsAt {
    sums: usize,
    parts: usize,
    one_step: bool,
    starts: Memory,
    part_starts: Memory,
    part_rows: Memory,
}

impl SumsAt {
    /// A copy.
    pub fn of(sums: &Sums, room: &mut Room, machine: &mut dyn Machine) -> Result<SumsAt, DeviceError> {
        let all: Vec<u32> =
            [&sums.starts, &sums.parts.starts, &sums.parts.rows].into_iter().flatten().copied().collect();
        let at = room.hold_words(machine, &all)?;
        let part_starts = at.after(sums.starts.len());
        Ok(SumsAt {
            sums: sums.count(),
            parts: sums.parts.count(),
            one_step: sums.are_parts(),
            starts: at,
            part_starts,
            part_rows: part_starts.after(sums.parts.starts.len()),
        })
    }

    /// out = the sums of rows of `x`.
    pub fn run(
        &self,
        machine: &mut dyn Machine,
        width: usize,
        x: Memory,
        partial: &mut Room,
        out: Memory,
    ) -> Result<(), DeviceError> {
        let first = match self.one_step {
            true => out,
            false => partial.reach(machine, self.parts * width)?,
        };
        let parts = SumRows {
            sums: self.parts as i64,
            width: width as i64,
            starts: self.part_starts.address,
            rows: self.part_rows.address,
            x: x.address,
            out: first.address,
        };
        // SAFETY: rows are rows of `x`, and there is room for the parts and for the sums.
        unsafe { parts.run(machine, self.parts * width)? };
        if self.one_step {
            return Ok(());
        }
        let sums = SumRows {
            sums: self.sums as i64,
            starts: self.starts.address,
            rows: 0,
            x: first.address,
            out: out.address,
            ..parts
        };
        // SAFETY: as above.
        unsafe { sums.run(machine, self.sums * width) }
    }
}

/// Room of the backward pass.
#[derive(Default)]
pub(crate) struct Work {
    dh: Room,
    partial: Room,
}

/// Completes `dy`, turns gates to dL/du, and computes every gradient. Sets `spoilt` to 1 if one is not finite.
pub(crate) fn backward(
    machine: &mut dyn Machine,
    shape: &Shape,
    chunk: &ChunkAt<'_>,
    work: &mut Work,
    spoilt: Memory,
) -> Result<(), DeviceError> {
    let (n, h, g, width) = (chunk.n, shape.hidden, 3 * shape.hidden, shape.width());
    let dh = work.dh.reach(machine, n * h)?;
    let (groups, starts, rows) = chunk.groups;
    for (l, layer) in chunk.layers.iter().enumerate().rev() {
        machine.clear(dh)?;
        let scan = ScanBack {
            groups: groups as i64,
            hidden: h as i64,
            width: width as i64,
            off: (l * h) as i64,
            starts: starts.address,
            rows: rows.address,
            links: chunk.links.address,
            gates: layer.gates.address,
            before: layer.before.address,
            h: layer.h.address,
            dy: chunk.dy.address,
            dh: dh.address,
            spoilt: spoilt.address,
        };
        // SAFETY: all arrays have n rows; runs and links name rows among them.
        unsafe { scan.run(machine, groups * h)? };
        let du = layer.gates;
        if let (Some(w), Some(l)) = (layer.below, l.checked_sub(1)) {
            let (y, dy) = (chunk.y.after(l * h), chunk.dy.after(l * h));
            // SAFETY: rows of the layer below lie within `y` and `dy`; W and its gradient are [H, 3H].
            unsafe {
                machine.product(&Product::of([n, g, h], du, g, w, g, dy, width).second_turned().added())?;
                machine.product(&Product::of([h, n, g], y, width, du, g, layer.below_gradient, g).first_turned())?;
            }
        }
        if shape.dense > 0 {
            let p = Product::of([shape.dense, n, g], chunk.dense, shape.dense, du, g, layer.dense_gradient, g);
            // SAFETY: D's gradient is [dense, 3H].
            unsafe { machine.product(&p.first_turned())? };
        }
        chunk.sums.run(machine, g, du, &mut work.partial, layer.rows_gradient)?;
    }
    Ok(())
}

impl Product {
    /// C[m, n] = A[m, k] B[k, n], of arrays with so many numbers from row to row.
    pub(crate) fn of(
        [m, k, n]: [usize; 3],
        a: Memory,
        a_stride: usize,
        b: Memory,
        b_stride: usize,
        c: Memory,
        c_stride: usize,
    ) -> Product {
        Product {
            m: m as i64,
            k: k as i64,
            n: n as i64,
            a_stride: a_stride as i64,
            b_stride: b_stride as i64,
            c_stride: c_stride as i64,
            a: a.address,
            b: b.address,
            c: c.address,
            turn_a: 0,
            turn_b: 0,
            add: 0,
            unused: 0,
        }
    }

    /// A is stored as [k, m].
    pub(crate) fn first_turned(self) -> Product {
        Product { turn_a: 1, ..self }
    }

    /// B is stored as [n, k].
    pub(crate) fn second_turned(self) -> Product {
        Product { turn_b: 1, ..self }
    }

    /// C += instead of C =.
    pub(crate) fn added(self) -> Product {
        Product { add: 1, ..self }
    }
}
