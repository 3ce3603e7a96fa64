//! This processor as a device.

use crate::{
    Device, DeviceError, FullChunk, LayerGradients,
    aligned::Aligned,
    chunk::Chunk,
    fused::{self, GradientWorkspace},
};

/// This processor, with engine `fused`: the device that others are timed and tested against.
pub struct Processor;

impl Device for Processor {
    fn name(&self) -> String {
        format!("processor, kernel {}", surmise_lanes::Kernel::detect().name())
    }

    fn gradients(&self, chunk: &FullChunk<'_>) -> Result<Option<Vec<LayerGradients>>, DeviceError> {
        let mut rows = Chunk::new(chunk.shape);
        rows.filled = chunk.shape.chunk;
        rows.ids.copy_from_slice(chunk.ids);
        rows.links.copy_from_slice(chunk.links);
        for (to, from) in [(&mut rows.dense, chunk.dense), (&mut rows.y, chunk.y), (&mut rows.dy, chunk.dy)] {
            to.copy_from_slice(from);
        }
        for (to, from) in rows.layers.iter_mut().zip(&chunk.layers) {
            to.gates.copy_from_slice(from.gates);
            to.before.copy_from_slice(from.before);
            to.h.copy_from_slice(from.h);
        }
        let below: Vec<Aligned> = chunk.layers.iter().map(|layer| layer.below.into()).collect();
        let mut workspace = GradientWorkspace::new(chunk.shape);
        let finite = fused::gradients(chunk.shape, &below, &rows, &mut workspace);
        Ok(finite.then_some(workspace.gradients.0))
    }
}
