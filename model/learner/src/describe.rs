//! What a learner is made of, and what each of its experts has paid: for those who look inside while it learns.

use crate::field::{FieldModel, Model};
use crate::learner::Learner;
use crate::measures::expert_names;
use crate::number_fields::NumberFields;
use crate::symbol_field::SymbolField;
use std::collections::BTreeMap;
use surmise_event::{
    ExpertState, FieldDescription, FlowStage, LayerState, LearnerDescription, NamedPart, NetworkState,
};
use surmise_experts::ExpertSet;
use surmise_network::LayerHealth;
use surmise_number::NumberModel;
use surmise_symbol::{DeclaredStage, SymbolModel};

/// Experts that stand for the best simple predictor of a field: what somebody would write in an afternoon.
const SIMPLE_EXPERTS: [&str; 9] =
    ["order-0", "order-1", "order-2", "last", "mean", "trend", "day", "last-key", "level"];

/// What the mixture and the experts of one field have paid so far, in nats, each before its value was learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldLosses<'a> {
    /// The name of the field.
    pub name: &'a str,
    /// The mixture.
    pub mixture: f64,
    /// Every expert, as if it had predicted alone.
    pub experts: Vec<(&'static str, f64)>,
    /// The experts that ever had something to say, by their places; the others paid what the mixture they are in did.
    pub spoke: ExpertSet,
}

impl FieldLosses<'_> {
    /// What the best simple expert has paid; the mixture's loss where there is none.
    pub fn simple(&self) -> f64 {
        let heard = self.experts.iter().enumerate().filter(|(i, _)| self.spoke.has(*i)).map(|(_, expert)| expert);
        let simple = heard.filter(|(name, _)| SIMPLE_EXPERTS.contains(name));
        simple.map(|(_, nats)| *nats).min_by(f64::total_cmp).unwrap_or(self.mixture)
    }
}

impl Learner {
    /// What the mixture and every expert of each field have paid so far.
    pub fn field_losses(&self) -> impl Iterator<Item = FieldLosses<'_>> {
        let named = self.schema.fields.iter().zip(&self.models.fields);
        named.zip(&self.measures.tally.fields).map(|((field, model), sums)| FieldLosses {
            name: &field.name,
            mixture: sums.mixture,
            experts: expert_names(model).into_iter().zip(sums.experts.iter().copied()).collect(),
            spoke: sums.spoke,
        })
    }

    /// How much each expert counts in the mixtures of the fields that have it, as their mean, by name.
    pub fn expert_weights(&self) -> BTreeMap<&'static str, f64> {
        let mut sums: BTreeMap<&'static str, (f64, usize)> = BTreeMap::new();
        for field in &self.models.fields {
            for (name, weight) in expert_names(field).into_iter().zip(self.weights_of(field)) {
                let (sum, fields) = sums.entry(name).or_default();
                (*sum, *fields) = (*sum + weight, *fields + 1);
            }
        }
        sums.into_iter().map(|(name, (sum, fields))| (name, sum / fields as f64)).collect()
    }

    /// Of the intervals of numbers the share that each promises to hold, .9, .5 and .99, and the share that it held
    /// over all fields; nothing before the first number.
    pub fn coverage(&self) -> Vec<(f64, f64)> {
        self.measures.tally.coverage()
    }

    /// What the learner is made of, with the weights and losses of its experts.
    pub fn describe(&self) -> LearnerDescription {
        let fields = (0..self.models.fields.len()).map(|field| self.describe_field(field));
        LearnerDescription {
            offset: self.position.offset,
            choices: self.options.describe(&self.schema),
            kernel: crate::kernel().into(),
            engine: self.options.engine.to_string(),
            fields: fields.collect(),
            claims: self.measures.tally.claims.to_vec(),
        }
    }

    fn describe_field(&self, field: usize) -> FieldDescription {
        let (model, sums) = (&self.models.fields[field], &self.measures.tally.fields[field]);
        let described = &self.schema.fields[field];
        let bits = |nats: f64| nats * std::f64::consts::LOG2_E / sums.count.max(1) as f64;
        let flow = self.flow_of(model);
        let weights = self.weights_of(model);
        let experts = expert_names(model).into_iter().enumerate().map(|(i, name)| ExpertState {
            name: name.into(),
            about: about_of(&flow, name),
            weight: weights.get(i).copied().unwrap_or(0.0),
            loss_bits: bits(sums.experts.get(i).copied().unwrap_or(0.0)),
        });
        let measured = sums.measured.max(1) as f64;
        FieldDescription {
            name: described.name.to_string(),
            kind: described.kind.name().into(),
            count: sums.count,
            loss_bits: bits(sums.nats),
            experts: experts.collect(),
            flow,
            network: self.network_of(model),
            tenths: if sums.measured > 0 { sums.tenths.iter().map(|tenth| tenth / measured).collect() } else { vec![] },
        }
    }

    /// The stages of a field's model; those of a number are there from its first value on.
    fn flow_of(&self, model: &FieldModel) -> Vec<FlowStage> {
        let declared = match (&model.model, model.symbols()) {
            (Model::Number(_), _) => {
                self.models.numbers.as_ref().and_then(NumberFields::made_model).map(NumberModel::flow)
            }
            (_, symbols) => symbols.map(|symbols| symbols.spec().flow()),
        };
        declared.unwrap_or_default().into_iter().map(flow_stage).collect()
    }

    /// The network of a field, if it has one; number fields share theirs.
    fn network_of(&self, model: &FieldModel) -> Option<NetworkState> {
        match &model.model {
            Model::Number(_) => {
                self.models.numbers.as_ref().and_then(NumberFields::made_model).and_then(network_of_numbers)
            }
            _ => model.symbols().and_then(SymbolField::made_model).and_then(network_of_symbols),
        }
    }

    /// The weights of the experts of a field, in the order of their names.
    fn weights_of(&self, model: &FieldModel) -> Vec<f64> {
        match &model.model {
            Model::Category(m, _) | Model::Bytes(m) | Model::Gap(m, _) | Model::Line(m, ..) => {
                m.made_model().map(|made| made.weights().to_vec()).unwrap_or_default()
            }
            Model::Number(column) => {
                let made = self.models.numbers.as_ref().and_then(NumberFields::made_model);
                made.map(|made: &NumberModel| made.expert_weights(*column)).unwrap_or_default()
            }
        }
    }
}

/// What the stages say of an expert, which is a part of a late one or a stage itself.
fn about_of(flow: &[FlowStage], expert: &str) -> String {
    let part = flow.iter().rev().flat_map(|stage| &stage.parts).find(|part| part.name == expert);
    let stage = || flow.iter().find(|stage| stage.name == expert).map(|stage| &stage.about);
    part.map(|part| &part.about).or_else(stage).cloned().unwrap_or_default()
}

fn flow_stage(stage: DeclaredStage) -> FlowStage {
    let parts = stage.parts.into_iter().map(|(name, about)| NamedPart { name, about });
    FlowStage {
        name: stage.name.into(),
        about: stage.about.into(),
        reads: stage.reads.into_iter().map(str::to_owned).collect(),
        parts: parts.collect(),
    }
}

/// The network of a model of symbols, if it has one.
fn network_of_symbols(model: &SymbolModel) -> Option<NetworkState> {
    let shape = model.network_shape()?;
    let (history, savings) = (model.network_history(), model.network_savings());
    Some(NetworkState {
        gain: savings.map(|savings| savings.share()),
        sleeps: model.network_sleeps(),
        slept: savings.map_or(0, |savings| savings.slept),
        hidden: shape.hidden as u64,
        layers: shape.layers as u64,
        chunk: shape.chunk as u64,
        parameters: model.parameters() as u64,
        trials: history.trials,
        promotions: history.promotions,
        updates_rejected: model.rejected().of_networks(),
        each_layer: model.network_health().into_iter().map(layer_state).collect(),
    })
}

/// The network of a model of numbers, if it has one.
fn network_of_numbers(model: &NumberModel) -> Option<NetworkState> {
    let (shape, parameters) = model.network_size()?;
    Some(NetworkState {
        hidden: shape.hidden as u64,
        layers: shape.layers as u64,
        chunk: shape.chunk as u64,
        parameters: parameters as u64,
        updates_rejected: model.rejected().of_networks(),
        each_layer: model.network_health().into_iter().map(layer_state).collect(),
        ..NetworkState::default()
    })
}

fn layer_state(health: LayerHealth) -> LayerState {
    let LayerHealth { weight_norm, gradient_norm, dead_units } = health;
    LayerState { weight_norm, gradient_norm, dead_units: dead_units as u64 }
}
