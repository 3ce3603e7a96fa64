//! Questions to a model: what stands for the event that was begun, and what was observed of it.

use crate::NumberModel;
use crate::calibrate::LevelMap;
use crate::options::{Given, PointRegret};
use crate::stages::crps::crps;
use crate::stages::experts::{CONDITIONAL_EXPERTS, DENSITY_EXPERTS, NAMES};
use crate::stages::network::NumberNetwork;
use crate::stages::past::Regime;
use crate::stages::point_experts::POINT_NAMES;
use crate::stages::quantiles::Predictive;
use crate::stages::scored::Scored;
use crate::stages::shares::{NumberExpertShare, expert_shares};
use surmise_experts::PointLoss;
use surmise_network::{LayerHealth, NamedArray, RejectedUpdates, Shape};

/// The golden ratio's part by which the points of the CRPS move on from value to value.
const GOLDEN_PART: f64 = 0.618_033_988_749_894_9;

impl NumberModel {
    /// The point forecast for squared errors: the mixture of all point experts that
    /// [`point_regret`](Self::point_regret) bounds.
    pub fn mean(&self, column: usize) -> f64 {
        self.event.point(column, PointLoss::Squared)
    }

    /// The point forecast for absolute errors, mixed likewise. It need not be the quantile at one half, which minds
    /// what masses of single values cost.
    pub fn median(&self, column: usize) -> f64 {
        self.event.point(column, PointLoss::Absolute)
    }

    /// What each point expert forecasts of a column, by name; `None` from one that has nothing to say.
    pub fn point_experts(&self, column: usize) -> Vec<(&'static str, Option<f64>)> {
        let points = self.event.points(column);
        POINT_NAMES.iter().enumerate().map(|(i, name)| (*name, points.inputs.forecast(i))).collect()
    }

    /// What the stack of all experts forecasts: the centre of most densities.
    pub fn centre(&self, column: usize) -> f64 {
        self.event.mean(column)
    }

    /// By how much the column's point forecasts so far have lost more than those of the best single expert, over all
    /// values since the first; `None` before there was one.
    pub fn point_regret(&self, column: usize, loss: PointLoss) -> Option<PointRegret> {
        let points = self.columns[column].points(loss);
        points.best().map(|best| PointRegret {
            expert: POINT_NAMES[best],
            regret: points.regret(best),
            bound: points.bound(best),
            count: points.count(),
        })
    }

    /// What is usual at this time of the day, where days were recorded.
    pub fn usual(&self, column: usize) -> Option<f64> {
        self.event.usual(column)
    }

    /// What the column usually is at this time of the day, over about ten days, and what it was a week before, where
    /// both are known.
    pub fn season(&self, column: usize) -> Option<[f64; 2]> {
        self.event.season(column)
    }

    /// The standing quantile at level `p`, corrected so that a fraction p of outcomes has fallen below it; in the
    /// middle of its cell where cells are wide.
    pub fn quantile(&self, column: usize, p: f64) -> f64 {
        let level = self.level_map(column, Given::Before).plain(p);
        Predictive::new(self.event.cdf(&self.columns, column)).quantile(level)
    }

    /// The standing quantiles at several levels, into `out`: cheaper than one after another.
    pub fn quantiles(&self, column: usize, levels: &[f64], out: &mut Vec<f64>) {
        let map = self.level_map(column, Given::Before);
        out.clear();
        let standing = Predictive::new(self.event.cdf(&self.columns, column));
        out.extend(standing.quantiles(levels.iter().map(|level| map.plain(*level))));
    }

    /// P(value ≤ x) as it stands, uncorrected.
    pub fn cdf(&self, column: usize, x: f64) -> f64 {
        Predictive::new(self.event.cdf(&self.columns, column)).cdf(x)
    }

    /// Where the column's observed value lay in the distribution that stood for it: the mass below its cell and up to
    /// its end, as levels of the corrected distribution. Until `finish`; `None` if no value was observed.
    pub fn levels(&self, column: usize, given: Given) -> Option<(f64, f64)> {
        let scored = self.event.scored(column)?;
        Some(levels(scored, given, &self.level_map(column, given)))
    }

    /// Continuous ranked probability score of the column's observed value under the distribution that stood for it, as
    /// [`levels`](Self::levels), in the column's units; the module `crps` says how it is estimated: single scores are
    /// rough, means over many values are right.
    pub fn crps(&self, column: usize, given: Given) -> Option<f64> {
        self.score(column, given, &self.level_map(column, given))
    }

    fn score(&self, column: usize, given: Given, map: &LevelMap) -> Option<f64> {
        let cdf = self.event.cdf_of(&self.columns, column, given)?;
        let scored = self.event.scored(column)?;
        let shift = (self.columns[column].units.seen as f64 * GOLDEN_PART).fract();
        Some(crps(cdf, scored, given, map, shift))
    }

    /// The correction of a column's distribution.
    fn level_map(&self, column: usize, given: Given) -> LevelMap {
        self.columns[column].calibrator(given).map()
    }

    /// The point forecast given the columns observed so far in this event.
    pub fn conditional_mean(&self, column: usize) -> f64 {
        self.event.conditional(&self.columns, column).mean()
    }

    /// The standing quantiles at two levels, before the event or given the columns observed so far in it.
    pub fn interval(&self, column: usize, given: Given, low: f64, high: f64) -> [f64; 2] {
        let conditional = (given == Given::Within).then(|| self.event.conditional(&self.columns, column));
        let map = self.level_map(column, given);
        let cdf = self.event.cdf(&self.columns, column).given(conditional.as_ref());
        let quantiles = Predictive::new(cdf).quantiles([low, high].map(|level| map.plain(level)));
        [quantiles[0], quantiles[1]]
    }

    /// The share of every expert in what stands for a column, in the order of [`experts`](Self::experts): before the
    /// event, or given the columns observed before it. Until [`finish`](Self::finish).
    ///
    /// Σ weight · probability is the [`mixture_mass`](Self::mixture_mass) of the observed value. What is scored is that
    /// mass corrected by the distribution's own record, times the probability that there is a value at all.
    pub fn expert_shares(&self, column: usize, given: Given) -> Vec<NumberExpertShare> {
        let standing = self.event.cdf(&self.columns, column);
        match (given, self.event.scored(column)) {
            (Given::Before, scored) => expert_shares(&standing, scored),
            (Given::Within, Some(scored)) => expert_shares(&standing.given(Some(scored.conditional())), Some(scored)),
            (Given::Within, None) => {
                let conditional = self.event.conditional(&self.columns, column);
                expert_shares(&standing.given(Some(&conditional)), None)
            }
        }
    }

    /// The probability that the mixture of all experts gave to a column's observed value, before the correction by its
    /// own record; until [`finish`](Self::finish). `None` if no value was observed.
    pub fn mixture_mass(&self, column: usize, given: Given) -> Option<f64> {
        self.event.scored(column).map(|scored| scored.span(given).mass)
    }

    /// Names of the experts, in the order of [`expert_nats`](Self::expert_nats).
    pub fn experts(&self) -> &[&'static str] {
        &NAMES
    }

    /// The names of the density's experts, which every model has.
    pub fn expert_names() -> &'static [&'static str] {
        &NAMES
    }

    /// The weight of every expert of a column in its mixture for a key that has a value, before anything is known of
    /// the event, in the order of [`expert_names`](Self::expert_names). The experts that speak within an event have
    /// none.
    pub fn expert_weights(&self, column: usize) -> Vec<f64> {
        let column = &self.columns[column];
        let points = column.point_share(Given::Before).weights();
        let densities = column.share(Regime::Known).weights();
        let mut weights: Vec<f64> = densities[..DENSITY_EXPERTS].iter().map(|weight| points[0] * weight).collect();
        weights.resize(DENSITY_EXPERTS + CONDITIONAL_EXPERTS - 1, 0.0);
        weights.extend_from_slice(&points[1..]);
        weights
    }

    /// 0..16: where a value lies among the column's past values.
    pub fn bucket(&self, column: usize, value: f64) -> u32 {
        self.columns[column].units.bucket(value)
    }

    /// Nats by which the column's surprise so far may exceed the best single expert's, on any stream: the sum over the
    /// nested fixed-share mixtures of ln N + Σ ln 1/(1−α_t), see [`surmise_experts::FixedShare`].
    pub fn regret_bound(&self, column: usize) -> f64 {
        self.columns[column].regret_bound()
    }

    /// Width of the cells in which the column's surprise is counted at present, near its centre.
    pub fn resolution(&self, column: usize) -> f64 {
        self.columns[column].units.quantum
    }

    /// The sampling interval found in the time stamps, in microseconds.
    pub fn interval_us(&self) -> Option<i64> {
        let season = &self.season;
        (season.interval_us > 0 && !season.is_counted).then_some(season.interval_us)
    }

    /// Whether forecasts are learnt for each lead directly.
    pub fn leads_learnt(&self) -> bool {
        self.horizons.is_some()
    }

    /// The weights of the network that all columns share, if there is one.
    pub fn network_arrays(&self) -> Vec<NamedArray<'_>> {
        self.network.as_ref().map_or_else(Vec::new, NumberNetwork::arrays)
    }

    /// How the layers of that network are.
    pub fn network_health(&self) -> Vec<LayerHealth> {
        self.network.as_ref().map_or_else(Vec::new, NumberNetwork::health)
    }

    /// The shape and the number of weights of that network, if there is one.
    pub fn network_size(&self) -> Option<(&Shape, usize)> {
        self.network.as_ref().map(NumberNetwork::size)
    }

    /// Updates of the network that were refused, by the reason.
    pub fn rejected(&self) -> RejectedUpdates {
        self.network.as_ref().map_or_else(RejectedUpdates::default, NumberNetwork::rejected)
    }
}

/// The levels that the cell of an observed value reaches from and to.
fn levels(scored: &Scored, given: Given, map: &LevelMap) -> (f64, f64) {
    let span = map.span(scored.span(given));
    (span.below, span.below + span.mass)
}
