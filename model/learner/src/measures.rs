//! What a learner says of itself: its position, its measures, its size and the hash of its state.

use crate::checkpoint::Core;
use crate::explain::FieldExplanation;
use crate::field::{FieldModel, Model};
use crate::learner::{Learner, NumberForecast};
use crate::number_fields::NumberFields;
use crate::parts::PartDetail;
use crate::symbol_field::SymbolField;
use std::collections::BTreeMap;
use surmise_event::{Part, Report};
use surmise_network::RejectedUpdates;
use surmise_number::{NumberModel, PointLoss};
use surmise_state::Persist;
use surmise_symbol::{NetworkSavings, SymbolModel};

/// The sums behind the measures of one field, over all events that were scored so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FieldSums<'a> {
    /// The field.
    pub name: &'a str,
    /// Values scored.
    pub count: u64,
    /// Bits of these values.
    pub bits: f64,
    /// Symbols that were ranked.
    pub ranked: u64,
    /// How many of them were the likeliest, and among the twenty likeliest.
    pub within: [u64; 2],
    /// Numbers that were forecast.
    pub numbers: u64,
    /// The sum of squared errors of their means.
    pub squared: f64,
    /// The sum of absolute errors of their medians.
    pub absolute: f64,
}

impl Learner {
    /// The offset that the next event will have.
    pub fn offset(&self) -> u64 {
        self.position.offset
    }

    /// Goes on at a later offset, as the events before it are lost. Nothing is learnt from that.
    pub fn skip_to(&mut self, offset: u64) {
        self.position.offset = self.position.offset.max(offset);
    }

    /// How many events the models have learnt from; a prediction names the version that made it.
    pub fn model_version(&self) -> u64 {
        self.position.version
    }

    /// Whether forecasts of numbers are learnt directly for each lead ([`Options::horizon`](crate::Options::horizon)).
    pub fn leads_learnt(&self) -> bool {
        self.models.numbers.as_ref().is_some_and(NumberFields::leads_learnt)
    }

    /// Events whose time was earlier than that of their key's last event; they are learnt with a gap of zero.
    pub fn late_events(&self) -> u64 {
        self.position.late
    }

    /// Updates of networks that were refused, by the reason.
    pub fn rejected_updates(&self) -> RejectedUpdates {
        let made = self.models.fields.iter().filter_map(FieldModel::symbols).filter_map(SymbolField::made_model);
        let numbers = self.models.numbers.as_ref().and_then(NumberFields::made_model);
        made.map(SymbolModel::rejected).chain(numbers.map(NumberModel::rejected)).sum()
    }

    /// Sets whether events are counted in the report. An event that is not counted is learnt all the same.
    pub fn set_scoring(&mut self, on: bool) {
        if on && !self.measures.scoring && self.measures.tally.events == 0 {
            let bounds = self.regret_bounds();
            for (sums, bound) in self.measures.tally.fields.iter_mut().zip(bounds) {
                sums.bound_before = bound;
            }
        }
        self.measures.scoring = on;
    }

    /// Sets whether ranks of symbols (top1 to top20) and CRPS of numbers are measured, which costs a query per event.
    pub fn set_ranks(&mut self, on: bool) {
        self.measures.ranks = on;
    }

    /// Sets whether [`latest_forecasts`](Self::latest_forecasts) are kept, which costs a query per number.
    pub fn set_intervals(&mut self, on: bool) {
        self.measures.intervals = on;
    }

    /// What was forecast of the latest event's numbers before it came; empty unless
    /// [`set_intervals`](Self::set_intervals) keeps them.
    pub fn latest_forecasts(&self) -> &[NumberForecast] {
        &self.measures.forecasts
    }

    /// The name of the field that says most of how rare the latest event is; none where no field says anything, and
    /// of lines, whose evidence is of their words.
    pub fn rarest_field(&self) -> Option<&str> {
        self.models.fields.get(self.scratch.rarest_field? as usize).map(|field| &*field.name)
    }

    /// The time that the line of the latest event tells, in microseconds since 1970; none if it tells none. A year, a
    /// day or a zone that it leaves out is what the lines before it have, or UTC. It is no time of the event: the clock
    /// of whoever wrote the line may be another one.
    pub fn latest_line_time(&self) -> Option<i64> {
        self.scratch.line_time_us
    }

    /// Sets whether [`latest_explanations`](Self::latest_explanations) are kept, which costs some allocations per
    /// value.
    pub fn set_explaining(&mut self, on: bool) {
        self.measures.explaining = on;
    }

    /// Why the values of the latest event were as surprising as they were, field by field in the order in which they
    /// were observed; empty unless [`set_explaining`](Self::set_explaining) keeps explanations. The end of a key is not
    /// explained, nor is a field that only conditions a target.
    pub fn latest_explanations(&self) -> &[FieldExplanation] {
        &self.measures.explanations
    }

    /// Sets how much is kept of the parts of each event for [`latest_parts`](Self::latest_parts). It costs some
    /// allocations a part, and with [`PartDetail::Expectations`] some queries.
    pub fn set_parts(&mut self, detail: PartDetail) {
        self.measures.parts.detail = detail;
    }

    /// The parts of the latest event in the order in which they were observed; empty unless
    /// [`set_parts`](Self::set_parts) keeps them. Their surprises and excesses sum to those of the event's outcome.
    pub fn latest_parts(&self) -> &[Part] {
        &self.measures.parts.list
    }

    /// The cumulative loss of every expert in nats, by name, summed over all fields: what the stream would have cost if
    /// the expert had predicted alone.
    pub fn expert_loss_nats(&self) -> BTreeMap<&'static str, f64> {
        let mut sums = BTreeMap::new();
        for (field, tally) in self.models.fields.iter().zip(&self.measures.tally.fields) {
            for (name, nats) in expert_names(field).into_iter().zip(&tally.experts) {
                *sums.entry(name).or_insert(0.0) += nats;
            }
        }
        sums
    }

    /// The regret bound of every field's outer mixture in nats (PREDICTOR §7).
    fn regret_bounds(&self) -> Vec<f64> {
        let numbers = self.models.numbers.as_ref().map(NumberFields::ask);
        let bound = |f: &FieldModel| match &f.model {
            Model::Category(m, _) | Model::Bytes(m) | Model::Gap(m, _) | Model::Line(m, ..) => m.regret_bound(),
            Model::Number(column) => numbers.as_ref().map_or(0.0, |n| n.regret_bound(*column)),
        };
        self.models.fields.iter().map(bound).collect()
    }

    /// What networks have saved all symbol models together, and those of each field; none where none is known.
    pub fn network_savings(&self) -> (Option<NetworkSavings>, Vec<Option<NetworkSavings>>) {
        let each =
            |f: &FieldModel| f.symbols().and_then(SymbolField::made_model).and_then(SymbolModel::network_savings);
        let fields: Vec<_> = self.models.fields.iter().map(each).collect();
        let all = fields.iter().flatten().copied().reduce(|mut sum, one| {
            sum += one;
            sum
        });
        (all, fields)
    }

    /// Adds to a report by how much point forecasts have lost more than the best single expert's. A target is forecast
    /// given the other fields, which point experts do not see.
    fn add_point_regrets(&self, report: &mut Report) {
        let (Some(numbers), None) = (&self.models.numbers, &self.options.target) else { return };
        let numbers = numbers.ask();
        for field in &self.models.fields {
            let Model::Number(column) = &field.model else { continue };
            let Some(to) = report.fields.get_mut(&*field.name) else { continue };
            let mean = |loss| numbers.point_regret(*column, loss).filter(|r| r.count > 0).map(|r| r.mean());
            (to.mse_regret, to.mse_regret_bound) = mean(PointLoss::Squared).unzip();
            (to.mae_regret, to.mae_regret_bound) = mean(PointLoss::Absolute).unzip();
        }
    }

    /// Distinct symbols and templates that all fields have seen.
    pub fn distinct(&self) -> u64 {
        self.models.fields.iter().filter_map(FieldModel::distinct).sum()
    }

    /// The prequential measures so far: every event was scored before it was learnt.
    pub fn report(&mut self) -> Report {
        let state_bytes = self.state_bytes();
        self.report_of_size(state_bytes)
    }

    /// The same, by somebody who knows the size of the encoded state in bytes: counting it walks over the whole state.
    pub fn report_of_size(&mut self, state_bytes: u64) -> Report {
        let names: Vec<Vec<&'static str>> = self.models.fields.iter().map(expert_names).collect();
        let distinct: Vec<_> = self.models.fields.iter().map(FieldModel::distinct).collect();
        let mut report = self.measures.tally.report(&self.schema, &names, &self.regret_bounds(), &distinct);
        if let Some(target) = &self.options.target {
            // the other fields condition the target: nothing is measured of them
            report.fields.retain(|name, _| name == target);
            (report.regret_bits, report.regret_bound_bits) =
                report.fields.get(target).map_or((0.0, 0.0), |f| (f.regret_bits, f.regret_bound_bits));
            report.experts.retain(|e| e.name.strip_prefix(target.as_str()).is_some_and(|rest| rest.starts_with('/')));
        }
        let (all, fields) = self.network_savings();
        report.network_gain = all.map(|savings| savings.share());
        for (field, savings) in self.models.fields.iter().zip(fields) {
            if let Some(to) = report.fields.get_mut(&*field.name) {
                to.network_gain = savings.map(|savings| savings.share());
            }
        }
        self.add_point_regrets(&mut report);
        let symbol_models = self.models.fields.iter().filter_map(FieldModel::symbols);
        let made = symbol_models.filter_map(SymbolField::made_model);
        report.parameters = made.map(|m| m.parameters() as u64).sum();
        report.keys = self.keys.begun;
        report.state_bytes = state_bytes;
        report.kernel = surmise_lanes::Kernel::detect().name().into();
        report.engine = self.options.engine.to_string();
        report.choices = self.options.describe(&self.schema);
        report.late_events = self.position.late;
        report.drifts.clone_from(&self.monitors.drift.latest);
        report
    }

    /// The sums behind the measures of every field, in schema order: what [`report`](Self::report) divides, at next to
    /// no cost.
    pub fn sums(&self) -> impl Iterator<Item = FieldSums<'_>> {
        let named = self.schema.fields.iter().zip(&self.measures.tally.fields);
        named.map(|(field, tally)| FieldSums {
            name: &field.name,
            count: tally.count,
            bits: tally.nats * std::f64::consts::LOG2_E,
            ranked: tally.ranked,
            within: [tally.within[0], tally.within[3]],
            numbers: tally.numbers,
            squared: tally.squared,
            absolute: tally.absolute,
        })
    }

    /// How many events were scored, and their bits.
    pub fn scored_bits(&self) -> (u64, f64) {
        (self.measures.tally.events, self.measures.tally.nats * std::f64::consts::LOG2_E)
    }

    /// The hash of everything that decides what is predicted from here on, as 32 hexadecimal digits. Learners of equal
    /// hashes predict the same for ever, if they see the same.
    pub fn state_hash(&mut self) -> String {
        format!("{:032x}", Core(self).hash_state())
    }

    /// The size of the encoded state in bytes.
    pub fn state_bytes(&mut self) -> u64 {
        Core(self).measure()
    }
}

/// The names of a field's experts.
pub(crate) fn expert_names(field: &FieldModel) -> Vec<&'static str> {
    match &field.model {
        Model::Category(m, _) | Model::Bytes(m) | Model::Gap(m, _) | Model::Line(m, ..) => m.experts(),
        Model::Number(_) => NumberModel::expert_names().to_vec(),
    }
}
