//! The learner of one stream: what it says of itself.

use crate::field::{FieldModel, Model};
use crate::learner::Learner;
use crate::{NetworkSize, Report};
use std::collections::BTreeMap;
use surmise_number::NumberModel;
use surmise_state::Persist;

impl Learner {
    /// The offset that the next event will have.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many times the model has changed.
    pub fn model_version(&self) -> u64 {
        self.version
    }

    /// Whether forecasts of numbers are learnt for each lead directly.
    pub fn leads_learnt(&self) -> bool {
        self.numbers.as_ref().is_some_and(NumberModel::leads_learnt)
    }

    /// Keys whose state is held, in memory or in the store.
    pub fn keys_held(&self) -> usize {
        self.keys.len() + self.keys.stored.keys as usize
    }

    /// Events whose time was earlier than their key's last; they are learnt with a gap of zero.
    pub fn late_events(&self) -> u64 {
        self.late
    }

    /// Nats that every expert would have paid so far, by name, over all fields.
    pub fn expert_loss_nats(&self) -> BTreeMap<&'static str, f64> {
        let mut sums = BTreeMap::new();
        for (f, t) in self.fields.iter().zip(&self.tally.fields) {
            let names =
                f.symbols().map_or_else(|| self.numbers.as_ref().map_or(&[][..], |n| n.experts()), |m| m.experts());
            for (name, nats) in names.iter().zip(&t.experts) {
                *sums.entry(*name).or_insert(0.0) += nats;
            }
        }
        sums
    }

    /// Updates of networks that were not applied because they were not finite.
    pub fn rejected_updates(&self) -> u64 {
        let symbols: u64 = self.fields.iter().filter_map(|f| f.symbols()).map(|m| m.rejected()).sum();
        symbols + self.numbers.as_ref().map_or(0, |n| n.rejected())
    }

    /// Whether events are counted in the report (they are learnt all the same).
    pub fn set_scoring(&mut self, on: bool) {
        if on && !self.scoring && self.tally.events == 0 {
            let bounds = self.bounds();
            for (f, b) in self.tally.fields.iter_mut().zip(bounds) {
                f.bound_before = b;
            }
        }
        self.scoring = on;
    }

    /// Whether ranks of symbols (top1 to top20), and coverage and CRPS of numbers are measured, which costs a little per
    /// event.
    pub fn set_ranks(&mut self, on: bool) {
        self.ranks = on;
    }

    /// Whether [`latest_forecasts`](Self::latest_forecasts) are kept, which costs a query per number.
    pub fn set_intervals(&mut self, on: bool) {
        self.intervals = on;
    }

    /// Forecasts of number fields that stood before the latest event: name, mean, and the bounds of the 90 % interval.
    pub fn latest_forecasts(&self) -> Vec<(String, f64, f64, f64)> {
        self.forecasts.iter().map(|(i, m, a, b)| (self.schema.fields[*i].name.clone(), *m, *a, *b)).collect()
    }

    fn bounds(&self) -> Vec<f64> {
        let numbers = self.numbers.as_ref();
        let bound = |f: &FieldModel| match f.model {
            Model::Number(c) => numbers.map_or(0.0, |n| n.regret_bound(c)),
            _ => f.symbols().map_or(0.0, |m| m.regret_bound()),
        };
        self.fields.iter().map(bound).collect()
    }

    /// Prequential measures so far.
    pub fn report(&mut self) -> Report {
        let names: Vec<&[&'static str]> = self
            .fields
            .iter()
            .map(|f| match f.symbols() {
                Some(m) => m.experts(),
                None => self.numbers.as_ref().map_or(&[][..], |n| n.experts()),
            })
            .collect();
        let distinct = self.fields.iter().map(|f| match &f.model {
            Model::Category(_, v) => Some((v.len() - usize::from(v.end().is_some())) as u64),
            _ => None,
        });
        let mut r = self.tally.report(&self.schema, &names, &self.bounds(), &distinct.collect::<Vec<_>>());
        if let Some(target) = &self.options.target {
            r.fields.retain(|name, _| name == target);
            (r.regret_bits, r.regret_bound_bits) =
                r.fields.get(target).map_or((0.0, 0.0), |f| (f.regret_bits, f.regret_bound_bits));
            r.experts.retain(|e| e.name.strip_prefix(target.as_str()).is_some_and(|rest| rest.starts_with('/')));
        }
        if self.options.network() == NetworkSize::Off {
            // the number model lists every expert that it may have
            r.experts.retain(|e| e.name != "network" && !e.name.ends_with("/network"));
        }
        r.keys = self.keys.begun;
        r.parameters = self.fields.iter().filter_map(|f| f.symbols()).map(|m| m.parameters() as u64).sum::<u64>();
        r.state_bytes = self.state_bytes();
        r.kernel = surmise_lanes::Kernel::detect().name().into();
        r.engine = self.options.engine.to_string();
        r.choices = self.options.describe(&self.schema);
        r.late_events = self.late;
        r.drifts.clone_from(&self.drift.latest);
        r
    }

    /// A hash of everything that decides what is predicted from here on, as 32 hexadecimal digits.
    pub fn state_hash(&mut self) -> String {
        format!("{:032x}", crate::checkpoint::Core(self).hash_state())
    }

    /// Size of the encoded state in bytes.
    pub fn state_bytes(&mut self) -> u64 {
        crate::checkpoint::Core(self).measure()
    }
}
