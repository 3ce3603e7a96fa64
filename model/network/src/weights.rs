//! The weights by name, to be looked at and exported, and how well the units of a layer are.

use crate::layer::{EmbeddingTable, Layer, Param};
use crate::{LinearHead, NONE, Recurrence, TreeHead};
use std::borrow::Cow;

/// A unit is dead if its gradients are this small a part of those of its layer's median unit.
const DEAD_PART: f64 = 1e-3;

/// An array of a network, row-major.
#[derive(Clone, Debug)]
pub struct NamedArray<'a> {
    /// Its name within the network, such as `layers.0.bias`.
    pub name: String,
    /// Its dimensions.
    pub dims: Vec<usize>,
    /// Its numbers, as many as the dimensions say.
    pub numbers: ArrayNumbers<'a>,
    /// What it holds, in a sentence.
    pub about: &'static str,
}

/// The numbers of an array.
#[derive(Clone, Debug)]
pub enum ArrayNumbers<'a> {
    /// Weights.
    F32(Cow<'a, [f32]>),
    /// Numbers of symbols or of nodes.
    U32(Vec<u32>),
}

/// How the weights of a layer and their gradients are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerHealth {
    /// √Σw² over all weights of the layer that have memory.
    pub weight_norm: f64,
    /// √Σg² of the usual update: of gradients summed over a chunk, averaged as the update rule does. 0 before the first
    /// update.
    pub gradient_norm: f64,
    /// Units whose gradients are less than a thousandth of those of the layer's median unit: whatever they do,
    /// nothing depends on it. 0 before the first update.
    pub dead_units: usize,
}

impl<'a> NamedArray<'a> {
    fn weights(name: String, dims: Vec<usize>, values: impl Into<Cow<'a, [f32]>>, about: &'static str) -> Self {
        NamedArray { name, dims, numbers: ArrayNumbers::F32(values.into()), about }
    }

    fn numbers(name: String, numbers: Vec<u32>, about: &'static str) -> Self {
        NamedArray { name, dims: vec![numbers.len()], numbers: ArrayNumbers::U32(numbers), about }
    }
}

impl Recurrence {
    /// The weights that have memory, layer by layer. Rows of a table are in the order in which they were first met;
    /// `rows` beside it has their ids.
    pub fn arrays(&self) -> Vec<NamedArray<'_>> {
        self.layers().iter().enumerate().flat_map(|(number, layer)| layer_arrays(number, layer)).collect()
    }

    /// How each layer is, from its weights and the means of their squared gradients that the update rule keeps.
    pub fn health(&self) -> Vec<LayerHealth> {
        // the means start at zero and are too small by this factor
        let bias = 1.0 - self.decay();
        self.layers().iter().map(|layer| layer_health(layer, self.shape().hidden, bias)).collect()
    }
}

fn layer_arrays(number: usize, layer: &Layer) -> Vec<NamedArray<'_>> {
    let gates = layer.bias.w.len();
    let name = |rest: &str| format!("layers.{number}.{rest}");
    let mut arrays = Vec::new();
    for (k, table) in layer.tables.iter().enumerate() {
        let rows = table.rows();
        let dims = vec![rows.len(), gates];
        arrays.push(NamedArray::numbers(name(&format!("embedding.{k}.rows")), rows, "ids of the rows beside it"));
        let about = "what each id adds to the gates z, c and o of the units, one gate after the other";
        arrays.push(NamedArray::weights(name(&format!("embedding.{k}.weight")), dims, &*table.param.w, about));
    }
    for (part, param, about) in [
        ("dense.weight", &layer.dense, "from dense inputs to gates"),
        ("below.weight", &layer.below, "from the units of the layer below to gates"),
    ] {
        if !param.w.is_empty() {
            arrays.push(NamedArray::weights(name(part), vec![param.w.len() / gates, gates], &*param.w, about));
        }
    }
    arrays.push(NamedArray::weights(name("bias"), vec![gates], &*layer.bias.w, "of gates"));
    arrays
}

fn squares(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x) * f64::from(*x)).sum()
}

fn layer_health(layer: &Layer, hidden: usize, bias: f64) -> LayerHealth {
    let params: Vec<&Param> =
        layer.tables.iter().map(|table| &table.param).chain([&layer.dense, &layer.below, &layer.bias]).collect();
    let weight_norm = params.iter().map(|param| squares(&param.w)).sum::<f64>().sqrt();
    if bias <= 0.0 {
        return LayerHealth { weight_norm, ..LayerHealth::default() };
    }
    let mean_squares: f64 = params.iter().flat_map(|param| param.v.iter()).map(|v| f64::from(*v)).sum();
    // every gradient of a unit's gates is in the gradient of their biases
    let of_unit = |unit: usize| (0..3).map(|gate| f64::from(layer.bias.v[gate * hidden + unit])).sum::<f64>().sqrt();
    let mut sorted: Vec<f64> = (0..hidden).map(of_unit).collect();
    sorted.sort_by(f64::total_cmp);
    let least = DEAD_PART * sorted[hidden / 2];
    let dead_units = sorted.iter().filter(|gradient| **gradient < least || **gradient == 0.0).count();
    LayerHealth { weight_norm, gradient_norm: (mean_squares / bias).sqrt(), dead_units }
}

impl EmbeddingTable {
    /// The ids of the rows that have memory, in their order.
    fn rows(&self) -> Vec<u32> {
        in_order(self.places())
    }
}

impl TreeHead {
    /// The weights that have memory. Units are in the order in which they were first learnt; `units` has their numbers.
    pub fn arrays(&self) -> Vec<NamedArray<'_>> {
        let units = in_order(self.places());
        let (count, width) = (units.len(), self.width());
        let biases: Vec<f32> = self.biases().collect();
        vec![
            NamedArray::numbers("head.units".into(), units, "numbers of the nodes of the code tree"),
            NamedArray::weights("head.weight".into(), vec![count, width], self.weights(), "from features to logits"),
            NamedArray::weights("head.bias".into(), vec![count], biases, "of logits"),
        ]
    }
}

impl LinearHead {
    /// The weights: of each output its row.
    pub fn arrays(&self) -> Vec<NamedArray<'_>> {
        let (width, outputs) = (self.width(), self.outputs());
        let rows: Vec<f32> = self.rows().flat_map(|row| row[..width].iter().copied()).collect();
        let biases: Vec<f32> = self.rows().map(|row| row[width]).collect();
        let about = "from features to the mean and the logarithm of the scale of each column";
        vec![
            NamedArray::weights("head.weight".into(), vec![outputs, width], rows, about),
            NamedArray::weights("head.bias".into(), vec![outputs], biases, "of outputs"),
        ]
    }
}

/// What has memory, in the order of its places. `places` has for each number its place, or [`NONE`].
fn in_order(places: &[u32]) -> Vec<u32> {
    let mut held: Vec<(u32, u32)> =
        places.iter().enumerate().filter(|(_, place)| **place != NONE).map(|(i, place)| (*place, i as u32)).collect();
    held.sort_unstable();
    held.into_iter().map(|(_, number)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Rates, Sequence, Shape};

    fn learnt(symbols: &[u32]) -> Recurrence {
        let shape = Shape { layers: 2, hidden: 16, tables: 1, dense: 0, chunk: 4 };
        let mut network = Recurrence::new(shape, Rates::default(), 256, 1, Engine::Fused);
        let mut sequence = Sequence::new(&shape);
        for symbol in symbols {
            network.step(&mut sequence, &[*symbol], &[]);
            let (features, gradient) = network.features_and_gradient();
            gradient.iter_mut().zip(features).enumerate().filter(|(i, _)| i % 16 != 5).for_each(|(_, (g, y))| {
                *g = *y - 0.5;
            });
            network.finish();
        }
        network
    }

    #[test]
    fn arrays_are_the_weights_by_the_order_in_which_rows_came() {
        let network = learnt(&[7, 3, 7, 9, 3, 7, 9, 3]);
        let arrays = network.arrays();
        let names: Vec<&str> = arrays.iter().map(|array| array.name.as_str()).collect();
        assert_eq!(names[..3], ["layers.0.embedding.0.rows", "layers.0.embedding.0.weight", "layers.0.bias"]);
        assert_eq!(names[5..], ["layers.1.below.weight", "layers.1.bias"]);
        let weights: usize = arrays
            .iter()
            .map(|array| match &array.numbers {
                ArrayNumbers::F32(values) => values.len(),
                ArrayNumbers::U32(_) => 0,
            })
            .sum();
        assert_eq!(weights, network.parameters());
        let ArrayNumbers::U32(rows) = &arrays[0].numbers else { panic!("{:?}", arrays[0]) };
        assert_eq!(rows, &[7, 3, 9]);
        let ArrayNumbers::F32(embeddings) = &arrays[1].numbers else { panic!("{:?}", arrays[1]) };
        let named = network.layer_weights(8);
        assert_eq!(embeddings[..48], named[0].tables[0][7 * 48..8 * 48]);
        assert_eq!(arrays[1].dims, [3, 48]);
    }

    /// The upper layer's unit 5 gets no gradient, neither by its features nor from above, where there is nothing.
    #[test]
    fn a_unit_that_nothing_depends_on_is_dead() {
        assert_eq!(learnt(&[1]).health()[0].gradient_norm, 0.0, "no update was made");
        let health = learnt(&[1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]).health();
        assert_eq!((health.len(), health[1].dead_units), (2, 1), "{health:?}");
        assert!(health.iter().all(|layer| layer.weight_norm > 0.1 && layer.gradient_norm > 0.0), "{health:?}");
        let weights: f64 = learnt(&[1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3])
            .arrays()
            .iter()
            .filter(|array| array.name.starts_with("layers.1."))
            .map(|array| match &array.numbers {
                ArrayNumbers::F32(values) => squares(values),
                ArrayNumbers::U32(_) => 0.0,
            })
            .sum();
        assert!((weights.sqrt() - health[1].weight_norm).abs() < 1e-9);
    }
}
