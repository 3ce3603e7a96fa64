//! What is learnt from an event: each column from its own value, the regressions from all of them.

use crate::NumberKey;
use crate::column::NumberColumn;
use crate::dims::SHARED_COLUMNS_MAX;
use crate::relations::Relations;
use crate::stages::event::EventScratch;
use crate::stages::experts::{LAST, STACK};
use crate::stages::learn::ColumnStages;
use crate::stages::network::{KeyNetwork, NetworkInputs, NumberNetwork};
use crate::stages::past::Regime;
use crate::stages::scored::{ColumnOutcome, Scored};
use surmise_stopwatch::{EventStage, lap};

impl EventScratch {
    /// Every column learns from its own value.
    pub(crate) fn learn_columns(&mut self, columns: &mut [NumberColumn], key: &NumberKey) {
        let wide = columns.len() > SHARED_COLUMNS_MAX;
        if wide {
            self.errors.clear();
            self.errors.extend(self.outcomes.iter().zip(&self.forecasts).map(|(outcome, forecast)| {
                let scored = outcome.observed()?;
                Some((scored.order, (scored.value - forecast.mean) * forecast.inverse[STACK]))
            }));
        }
        for (j, column) in columns.iter_mut().enumerate() {
            let outcome = &self.outcomes[j];
            if !matches!(outcome, ColumnOutcome::Pending) {
                column.learn_there(key.columns[j].is_gap(), matches!(outcome, ColumnOutcome::Observed(_)));
            }
            let Some(scored) = outcome.observed() else { continue };
            let (past, experts, forecast) = (&self.pasts[j], &self.experts[j], &self.forecasts[j]);
            let siblings = &self.siblings[j];
            column.guard(scored.value);
            let stages = ColumnStages { past, experts, forecast, scored, key: &key.columns[j], siblings };
            column.learn_event(stages, &self.symbols);
            if wide {
                // only what was known before this column's value can explain it
                column.search_siblings(j, stages, |other| match self.errors[other] {
                    Some((order, error)) if order < scored.order => error,
                    _ => 0.0,
                });
            }
        }
    }

    /// The regressions on the past of all columns learn.
    pub(crate) fn learn_relations(&self, columns: &[NumberColumn], relations: &mut Relations) {
        let error = |j: usize| {
            let news = |_: &&Scored| self.pasts[j].regime() == Regime::Known && self.is_news(j);
            let scored = self.outcomes[j].observed().filter(news)?;
            let column = &columns[j];
            let last = column.scale(Regime::Known, LAST).max(column.units.quantum) / column.units.unit;
            Some((column.innovation(scored.value, self.regressions[j]), last))
        };
        let news = |j: usize| {
            let z = self.pasts[j].z();
            z[0] - columns[j].autocorrelation(-1.0) * z[1]
        };
        relations.learn(&self.regressors, error, news);
    }

    /// The network learns from the event, and the key moves on in it.
    pub(crate) fn learn_network(&mut self, network: &mut NumberNetwork, key: &mut Option<KeyNetwork>) {
        if !(0..self.outcomes.len()).any(|j| self.is_news(j)) {
            return;
        }
        let inputs = NetworkInputs { pasts: &self.pasts, experts: &self.experts };
        lap(EventStage::Numbers);
        network.learn(key, &inputs, &self.outcomes, &mut self.pass);
        lap(EventStage::Network);
    }
}
