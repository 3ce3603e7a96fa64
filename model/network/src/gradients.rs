//! The gradients of a chunk, as both engines hand them over.

pub(crate) use crate::device::LayerGradients;
use crate::{
    Shape,
    chunk::Chunk,
    dfdx_engine,
    kernels::{self, HUGE},
    layer::Layer,
    rule::Rule,
};
use surmise_state::{Persist, State, StateError};

/// The gradients of all layers.
#[derive(Clone, Default)]
pub(crate) struct Gradients(pub Vec<LayerGradients>);

impl Gradients {
    /// By dfdx's backward pass; nothing if one is not finite, or larger than the fused engine would allow.
    pub fn by_dfdx(shape: &Shape, layers: &[Layer], chunk: &Chunk, n: usize) -> Option<Gradients> {
        let all = Gradients(dfdx_engine::gradients(shape, layers, chunk, n));
        all.are_finite().then_some(all)
    }

    fn are_finite(&self) -> bool {
        self.0.iter().all(|l| {
            let tables = l.tables.iter().flat_map(|t| &t.1);
            tables.chain(&l.dense).chain(&l.below).chain(&l.bias).all(|g| g.abs() <= HUGE)
        })
    }

    /// Updates the layers.
    pub fn update(&self, layers: &mut [Layer], rule: &Rule) {
        for (gradients, layer) in self.0.iter().zip(layers) {
            let g = layer.bias.w.len();
            for ((ids, rows), table) in gradients.tables.iter().zip(&mut layer.tables) {
                for (id, row) in ids.iter().zip(rows.chunks_exact(g)) {
                    let at = *id as usize * g..(*id as usize + 1) * g;
                    let p = &mut table.param;
                    kernels::update(row, p.w.part_mut(at.clone()), p.v.part_mut(at), rule);
                }
            }
            let dense = [
                (&gradients.dense, &mut layer.dense),
                (&gradients.below, &mut layer.below),
                (&gradients.bias, &mut layer.bias),
            ];
            for (gradient, p) in dense {
                kernels::update(gradient, &mut p.w, &mut p.v, rule);
            }
        }
    }

    /// Workspace to read into.
    pub fn zeros(layers: &[Layer]) -> Gradients {
        let one = |l: &Layer| LayerGradients { tables: vec![Default::default(); l.tables.len()], ..Default::default() };
        Gradients(layers.iter().map(one).collect())
    }

    /// Whether what was read fits the layers.
    pub fn fits(&self, layers: &[Layer]) -> Result<(), StateError> {
        let fits = |g: &LayerGradients, l: &Layer| {
            let width = l.bias.w.len();
            let rows = g.tables.iter().zip(&l.tables).all(|((ids, rows), t)| {
                rows.len() == ids.len() * width && ids.iter().all(|id| (*id as usize + 1) * width <= t.param.w.len())
            });
            rows && g.dense.len() == l.dense.w.len() && g.below.len() == l.below.w.len() && g.bias.len() == width
        };
        match self.0.iter().zip(layers).all(|(g, l)| fits(g, l)) {
            true => Ok(()),
            false => Err(StateError::Invalid("gradients")),
        }
    }
}

impl Persist for Gradients {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for l in &mut self.0 {
            for (ids, rows) in &mut l.tables {
                s.u32s("gradient.ids", ids)?;
                s.f32s("gradient.rows", rows)?;
            }
            for (name, g) in
                [("gradient.dense", &mut l.dense), ("gradient.below", &mut l.below), ("gradient.bias", &mut l.bias)]
            {
                s.f32s(name, g)?;
            }
        }
        Ok(())
    }
}
