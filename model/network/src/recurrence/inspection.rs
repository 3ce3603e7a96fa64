//! Copies of weights and gradients, for devices and tests.

use super::Recurrence;
use crate::layer::{EmbeddingTable, Layer, Param};
use crate::rule::Rule;

/// Rows of a table that are listed at least, if it has any.
const TABLE_ROWS_LISTED_MIN: usize = 16;

/// The weights of one layer; every matrix is `[input, 3H]`, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerWeights {
    /// For each table as many rows as were asked for.
    pub tables: Vec<Vec<f32>>,
    /// D.
    pub dense: Vec<f32>,
    /// W; empty in the first layer.
    pub below: Vec<f32>,
    /// b.
    pub bias: Vec<f32>,
}

impl Recurrence {
    /// A copy of the weights, with the first `rows` rows of each table, whether or not the table has grown to them.
    pub fn layer_weights(&self, rows: usize) -> Vec<LayerWeights> {
        let table = |table: &EmbeddingTable| (0..rows).flat_map(|row| table.row(row)).collect();
        let layer = |layer: &Layer| LayerWeights {
            tables: layer.tables.iter().map(table).collect(),
            dense: layer.dense.w.to_vec(),
            below: layer.below.w.to_vec(),
            bias: layer.bias.w.to_vec(),
        };
        self.layers.iter().map(layer).collect()
    }

    /// The gradients of the finished steps of the open chunk and of the step under way, by name, without an update:
    /// `l{layer}.e{table}`, `l{layer}.dense`, `l{layer}.below`, `l{layer}.bias`. For tests.
    #[doc(hidden)]
    pub fn gradients(&self) -> Vec<(String, Vec<f32>)> {
        let mut copy = self.clone();
        let rows = copy.chunk.rows();
        if copy.chunk.open {
            let (row, width) = (copy.chunk.filled, copy.shape.width());
            copy.chunk.dy[row * width..(row + 1) * width].copy_from_slice(&copy.gradient);
        }
        // the rule stores gradients where second moments were; what the chunk does not touch is zero
        copy.layers.iter_mut().flat_map(Layer::params).for_each(|param| param.v.fill(0.0));
        copy.learn(rows, &Rule::probe());
        copy.named(|param| param.v.to_vec())
    }

    /// The weights by name, as [`gradients`](Self::gradients) names them. For tests.
    #[doc(hidden)]
    pub fn weights(&self) -> Vec<(String, Vec<f32>)> {
        self.clone().named(|param| param.w.to_vec())
    }

    /// Adds `by(layer, unit)` to the bias of gate z of every unit. For tests.
    #[doc(hidden)]
    pub fn shift_gates(&mut self, mut by: impl FnMut(usize, usize) -> f32) {
        for (l, layer) in self.layers.iter_mut().enumerate() {
            for i in 0..self.shape.hidden {
                layer.bias.w[i] += by(l, i);
            }
        }
    }

    /// Tables are listed row by row, up to a power of two of rows, with what rows without memory have.
    fn named(&mut self, values: impl Fn(&Param) -> Vec<f32>) -> Vec<(String, Vec<f32>)> {
        let tables = self.shape.tables;
        let rows_max = self.rows_max;
        let name = |l: usize, i: usize| match i.checked_sub(tables) {
            None => format!("l{l}.e{i}"),
            Some(j) => format!("l{l}.{}", ["dense", "below", "bias"][j]),
        };
        let mut all = Vec::new();
        for (l, layer) in self.layers.iter_mut().enumerate() {
            for table in layer.tables.iter_mut().filter(|table| table.rows_end() > 0) {
                let rows = table.rows_end().next_power_of_two().max(TABLE_ROWS_LISTED_MIN).min(rows_max);
                table.spread(rows);
            }
            all.extend(layer.params().enumerate().map(|(i, param)| (name(l, i), values(param))));
        }
        all
    }
}
