//! The gradients of a chunk, as both engines and every device return them.

use crate::{
    kernels::{self, GRADIENT_MAX},
    layer::Layer,
    rule::Rule,
};
use surmise_state::{Persist, State, StateError};

/// The gradients of one layer, in the layout of its arrays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerGradients {
    /// For each table the rows that the chunk named, each once, and their gradients `[rows, 3H]`.
    pub tables: Vec<(Vec<u32>, Vec<f32>)>,
    /// Of D, `[dense, 3H]`.
    pub dense: Vec<f32>,
    /// Of W, `[H, 3H]`; empty in the first layer.
    pub below: Vec<f32>,
    /// Of b, `[3H]`.
    pub bias: Vec<f32>,
}

/// The gradients of all layers, first layer first.
#[derive(Clone, Default)]
pub(crate) struct Gradients(pub Vec<LayerGradients>);

impl Gradients {
    /// Whether every gradient is finite and no larger than the fused engine would allow.
    pub fn are_finite(&self) -> bool {
        self.0.iter().all(|layer| {
            let tables = layer.tables.iter().flat_map(|table| &table.1);
            tables.chain(&layer.dense).chain(&layer.below).chain(&layer.bias).all(|g| g.abs() <= GRADIENT_MAX)
        })
    }

    /// Updates the weights of the layers.
    pub fn update(&self, layers: &mut [Layer], rule: &Rule) {
        for (gradients, layer) in self.0.iter().zip(layers) {
            let gates = layer.bias.w.len();
            // these rows got their memory when their steps were taken
            for ((ids, rows), table) in gradients.tables.iter().zip(&mut layer.tables) {
                for (id, row) in ids.iter().zip(rows.chunks_exact(gates)) {
                    let Some(range) = table.place(*id as usize) else { continue };
                    let param = &mut table.param;
                    kernels::update(row, param.w.part_mut(range.clone()), param.v.part_mut(range), rule);
                }
            }
            let matrices = [
                (&gradients.dense, &mut layer.dense),
                (&gradients.below, &mut layer.below),
                (&gradients.bias, &mut layer.bias),
            ];
            for (gradient, param) in matrices {
                kernels::update(gradient, &mut param.w, &mut param.v, rule);
            }
        }
    }

    /// Empty gradients with the tables of these layers, for a walk that reads them.
    pub fn empty(layers: &[Layer]) -> Gradients {
        let one = |layer: &Layer| LayerGradients {
            tables: vec![Default::default(); layer.tables.len()],
            ..LayerGradients::default()
        };
        Gradients(layers.iter().map(one).collect())
    }

    /// Whether gradients that were read have the sizes of the layers.
    pub fn check_sizes(&self, layers: &[Layer]) -> Result<(), StateError> {
        let fits = |gradients: &LayerGradients, layer: &Layer| {
            let gates = layer.bias.w.len();
            let rows_fit = gradients.tables.iter().zip(&layer.tables).all(|((ids, rows), table)| {
                rows.len() == ids.len() * gates && ids.iter().all(|id| table.place(*id as usize).is_some())
            });
            rows_fit
                && gradients.dense.len() == layer.dense.w.len()
                && gradients.below.len() == layer.below.w.len()
                && gradients.bias.len() == gates
        };
        match self.0.iter().zip(layers).all(|(gradients, layer)| fits(gradients, layer)) {
            true => Ok(()),
            false => Err(StateError::Invalid("gradients")),
        }
    }
}

impl Persist for Gradients {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for layer in &mut self.0 {
            for (ids, rows) in &mut layer.tables {
                s.u32s("gradient.ids", ids)?;
                s.f32s("gradient.rows", rows)?;
            }
            s.f32s("gradient.dense", &mut layer.dense)?;
            s.f32s("gradient.below", &mut layer.below)?;
            s.f32s("gradient.bias", &mut layer.bias)?;
        }
        Ok(())
    }
}
