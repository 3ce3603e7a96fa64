//! The last stage of a prediction: an observed value, and the mass that every expert and mixture gave to its cell.

use crate::calibrate::{Corrected, LevelMap, Span};
use crate::column::NumberColumn;
use crate::density::{Lanes, masses};
use crate::grid::GridMass;
use crate::options::Given;
use crate::stages::column_forecast::ColumnForecast;
use crate::stages::conditional::ConditionalForecast;
use crate::stages::experts::*;
use crate::stages::mixture_cdf::MixtureCdf;
use crate::stages::past::ColumnPast;
use crate::stages::probability_integral::spans;
use crate::t3::mass;
use surmise_experts::{Excess, ExpertSet, mix};

/// A value of at least this probability was nearly certain.
const CERTAIN_MIN: f64 = 0.9;
/// Values are learnt from as if they lay within ± this; they are scored as they are.
const VALUE_MAX: f64 = 1e120;

/// What became of a column in the event that is under way.
// scratch that is kept in place: a boxed variant would be allocated with every event
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub(crate) enum ColumnOutcome {
    /// It was not observed yet.
    Pending,
    /// Its value was missing.
    Missing,
    /// Its value came.
    Observed(Scored),
}

impl ColumnOutcome {
    /// The scored value, if one came.
    pub(crate) fn observed(&self) -> Option<&Scored> {
        match self {
            ColumnOutcome::Observed(scored) => Some(scored),
            _ => None,
        }
    }
}

/// The remembered values that an observed one is, if it is remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueSlots {
    pub(super) value: Option<usize>,
    pub(super) step: Option<usize>,
    pub(super) grid: Option<usize>,
}

/// The masses of the density and of the experts on single values, and what their mixture makes of them.
#[derive(Clone, Debug)]
pub(crate) struct PointScore {
    /// `[POINT_MASS_EXPERTS]`.
    pub(super) masses: [f64; POINT_MASS_EXPERTS],
    pub(super) mass: f64,
    /// The grid's weight below the cell and altogether.
    pub(super) grid: GridMass,
    /// Where the cell lies in the mixture.
    pub(super) span: Span,
    /// How much of the whole mixture is density, and no spike on a single value.
    pub(super) dense_part: f64,
}

/// An observed value and the masses of its cell.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    pub(super) conditional: ConditionalForecast,
    /// Which of the event's columns it was to be observed, from 1.
    pub(super) order: u32,
    /// Whether the value has come again so often that one more says nothing but that.
    pub(super) is_settled: bool,
    /// Whether the value was nearly certain, as all of the last ones were: it teaches the experts that knew it.
    pub(super) is_foretold: bool,
    pub(super) value: f64,
    pub(super) slots: ValueSlots,
    /// Masses under the density experts, `[LANES]`, and under their mixture.
    pub(super) masses: Lanes,
    pub(super) mass: f64,
    /// Masses under the conditional experts, `[CONDITIONAL_EXPERTS]`, and under their mixture.
    pub(super) conditional_masses: [f64; CONDITIONAL_EXPERTS],
    pub(super) conditional_mass: f64,
    /// By [`Given`].
    pub(super) points: [PointScore; 2],
    /// What the calibrator makes of the span given the event.
    pub(super) corrected: Corrected,
}

impl Scored {
    /// Scores the value `y` of a column, which is observed as the event's `order`-th.
    pub(crate) fn new(
        c: &NumberColumn,
        past: &ColumnPast,
        forecast: &ColumnForecast,
        conditional: ConditionalForecast,
        order: u32,
        y: f64,
    ) -> Self {
        let cell = c.units.cell(y);
        let (masses, mass) = density_masses(forecast, cell);
        let (conditional_masses, conditional_mass) = conditional_masses(&conditional, mass, cell);
        let slots = ValueSlots {
            value: c.values.find(&c.units, y),
            step: past.step_to(&c.units, y).and_then(|step| c.steps.find(&c.units, step)),
            grid: c.grid.find(&c.units, y),
        };
        let cdf = MixtureCdf { column: c, past, forecast, conditional: Some(&conditional) };
        let grids = grid_masses(&cdf, slots.grid, cell, [mass, conditional_mass]);
        let points = point_masses(&cdf, &slots, y, [mass, conditional_mass], grids.map(|(mass, _)| mass));
        let mixed: [f64; 2] = std::array::from_fn(|i| mix(&forecast.point_weights[i], &points[i]));
        let [before, within] = spans(&cdf, y, cell, grids.map(|(_, grid)| grid), mixed);
        let corrected = c.calibrator(Given::Within).correct(within.0);
        let score = |i: usize, (span, dense_part): (Span, f64)| PointScore {
            masses: points[i],
            mass: mixed[i],
            grid: grids[i].1,
            span,
            dense_part,
        };
        Self {
            conditional,
            order,
            is_settled: past.is_settled(&c.units, y),
            is_foretold: past.is_certain && mixed[0] > CERTAIN_MIN,
            value: y.clamp(-VALUE_MAX, VALUE_MAX),
            slots,
            masses,
            mass,
            conditional_masses,
            conditional_mass,
            points: [score(0, before), score(1, within)],
            corrected,
        }
    }

    /// Whether the value was nearly certain before the event.
    pub(crate) fn is_certain(&self) -> bool {
        self.points(Given::Before).mass > CERTAIN_MIN
    }

    /// Mass of the cell under every expert, `[NAMED]`, in the order of reports; that of the mixture for experts that
    /// had nothing to say.
    pub(crate) fn expert_masses(&self, forecast: &ColumnForecast) -> [f64; NAMED] {
        let points = self.points(Given::Within);
        let mut all = [0.0; NAMED];
        let (density, rest) = all.split_at_mut(DENSITY_EXPERTS);
        let (conditional, single) = rest.split_at_mut(CONDITIONAL_EXPERTS - 1);
        for (i, to) in density.iter_mut().enumerate() {
            *to = if forecast.awake.has(i) { self.masses[i] } else { self.mass };
        }
        for (i, to) in (1..).zip(conditional) {
            *to = if self.conditional.awake.has(i) { self.conditional_masses[i] } else { self.conditional_mass };
        }
        for (i, to) in (1..).zip(single) {
            *to = if forecast.points_awake.has(i) { points.masses[i] } else { points.mass };
        }
        all
    }

    /// The experts that had something to say, in the order of reports.
    pub(crate) fn experts_awake(&self, forecast: &ColumnForecast) -> ExpertSet {
        // the first of the conditional and of the single values is the mixture of those before, and has no name
        let conditional = self.conditional.awake.without_first(1).later(DENSITY_EXPERTS);
        let single = forecast.points_awake.without_first(1).later(DENSITY_EXPERTS + CONDITIONAL_EXPERTS - 1);
        forecast.awake.union(conditional).union(single)
    }

    /// What was known of the event before the value.
    pub(crate) fn conditional(&self) -> &ConditionalForecast {
        &self.conditional
    }

    /// By how much the value exceeded what was expected of it: whether it is one of the single values that have spikes
    /// or none of them, and how far out it lies (`map` is of the calibrator). Both have mean zero under the prediction.
    pub(crate) fn excess(&self, map: &LevelMap) -> Excess {
        let points = self.points(Given::Within);
        let span = map.span(points.span);
        let mut excess = Excess::of_levels(span.below, span.mass);
        // the cell's mass may be of a spike in part, so the value is a spike in part
        let dense = points.dense_part;
        let novel = if points.mass > 0.0 { (dense * points.masses[0] / points.mass).min(1.0) } else { 1.0 };
        let (off, on) = (Excess::of_decision(dense), Excess::of_decision(1.0 - dense));
        excess.nats += novel * off.nats + (1.0 - novel) * on.nats;
        excess.variance += off.variance;
        excess
    }

    /// Where the value's cell lies in the mixture.
    pub(crate) fn span(&self, given: Given) -> Span {
        self.points(given).span
    }

    /// The masses before the event's values, or within them.
    pub(crate) fn points(&self, given: Given) -> &PointScore {
        &self.points[given as usize]
    }
}

/// Mass of the cell under every density expert, `[LANES]`, and under their mixture.
fn density_masses(forecast: &ColumnForecast, (centre, half): (f64, f64)) -> (Lanes, f64) {
    let mut each = [0.0; LANES];
    masses(centre, half, &forecast.centre, &forecast.inverse, &mut each);
    each[LOG] = if forecast.awake.has(LOG) { forecast.log.mass(centre, half) } else { 0.0 };
    each[BACKGROUND] = forecast.background.mass(centre, half);
    let mixture = mix(&forecast.weights, &each);
    (each, mixture)
}

/// Mass of the cell under every conditional expert, `[CONDITIONAL_EXPERTS]`, and under their mixture; `density` is that
/// under the density experts.
fn conditional_masses(
    given: &ConditionalForecast,
    density: f64,
    (centre, half): (f64, f64),
) -> ([f64; CONDITIONAL_EXPERTS], f64) {
    let mut each = [0.0; CONDITIONAL_EXPERTS];
    each[0] = density;
    for i in 1..CONDITIONAL_EXPERTS {
        if given.awake.has(i) {
            each[i] = mass(centre, half, given.centre[i], given.inverse[i]);
        }
    }
    let mixture = mix(&given.weights, &each);
    (each, mixture)
}

/// What the grid gives to the cell, before and within the event, where the density gives it `density`.
fn grid_masses(
    cdf: &MixtureCdf<'_>,
    slot: Option<usize>,
    (centre, half): (f64, f64),
    density: [f64; 2],
) -> [(f64, GridMass); 2] {
    if !cdf.has_grid() {
        return [(0.0, GridMass::default()); 2];
    }
    let grid = &cdf.column.grid;
    let weigh = |density: f64, (mean, inverse): (f64, f64)| {
        let below = grid.weigh_below(mean, inverse, centre - half);
        (grid.mass(slot, mean, inverse, below.total(), density), below)
    };
    let before = weigh(density[0], (cdf.forecast.mean, cdf.forecast.inverse[STACK]));
    let known = cdf.conditional.filter(|given| !given.is_density_alone());
    [before, known.map_or(before, |given| weigh(density[1], given.centre()))]
}

/// Masses of the density and of every expert on single values, before and within the event: `[POINT_MASS_EXPERTS]`.
fn point_masses(
    cdf: &MixtureCdf<'_>,
    slots: &ValueSlots,
    y: f64,
    density: [f64; 2],
    grid: [f64; 2],
) -> [[f64; POINT_MASS_EXPERTS]; 2] {
    let c = cdf.column;
    let chance = c.repeat[cdf.past.run_class].get();
    let again = if cdf.past.is_repeated(&c.units, y) { chance } else { 0.0 };
    std::array::from_fn(|i| {
        let p = density[i];
        let (frequent, following) = c.values.mass(slots.value, cdf.forecast.slot_before, p);
        let (step, _) = c.steps.mass(slots.step, None, p);
        [p, again + (1.0 - chance) * p, frequent, following, step, grid[i]]
    })
}
