//! The distribution function of a column's mixture: which parts it is made of, and how much each weighs.
//!
//! A mixture has three kinds of parts: the t₃ densities and the two shapes of the density experts, the t₃ densities of
//! the conditional experts, and spikes on single values. Levels, quantiles and the CRPS all ask this type. They do so
//! at different prices, so each says below which mass a kind of spike is not worth a look and counts as density; and
//! the CRPS sums in single precision. These differences are part of what a state and a figure are, to the last bit.

use crate::column::NumberColumn;
use crate::density::mixed_cdf;
use crate::options::Given;
use crate::stages::column_forecast::ColumnForecast;
use crate::stages::conditional::ConditionalForecast;
use crate::stages::experts::*;
use crate::stages::past::ColumnPast;
use crate::t3::cdf3;

/// Shapes of less weight count as t₃ around their centre.
const SHAPE_WEIGHT_MIN: f64 = 1e-5;

/// The distribution of one column, as a mixture of all its experts.
#[derive(Clone, Copy)]
pub(crate) struct MixtureCdf<'a> {
    pub(super) column: &'a NumberColumn,
    pub(super) past: &'a ColumnPast,
    pub(super) forecast: &'a ColumnForecast,
    /// What is known of the event; none for the mixture that stood before it.
    pub(super) conditional: Option<&'a ConditionalForecast>,
}

impl<'a> MixtureCdf<'a> {
    /// The mixture given what is known of the event.
    pub(crate) fn given<'b>(self, conditional: Option<&'b ConditionalForecast>) -> MixtureCdf<'b>
    where
        'a: 'b,
    {
        MixtureCdf { conditional, ..self }
    }

    /// The weights of density and spikes, `[POINT_MASS_EXPERTS]`.
    pub(crate) fn point_weights(&self) -> &'a [f64; POINT_MASS_EXPERTS] {
        let given = if self.conditional.is_some() { Given::Within } else { Given::Before };
        &self.forecast.point_weights[given as usize]
    }

    /// F(x) of the density experts, from the past alone.
    pub(crate) fn density_before(&self, x: f64) -> f64 {
        let f = self.forecast;
        let mut sum = mixed_cdf(x, &f.weights, &f.centre, &f.inverse);
        // the lanes of the two shapes are not t₃: what the kernel has added for them is replaced
        for lane in [LOG, BACKGROUND] {
            if f.weights[lane] > SHAPE_WEIGHT_MIN {
                let shape = self.shape_cdf(lane, x);
                sum += f.weights[lane] * (shape - cdf3((x - f.centre[lane]) * f.inverse[lane]));
            }
        }
        sum
    }

    /// F(x) of the density given the event, where `before` is that from the past alone.
    pub(crate) fn density_within(&self, before: f64, x: f64) -> f64 {
        let Some(given) = self.conditional.filter(|given| !given.is_density_alone()) else { return before };
        let mut sum = given.weights[0] * before;
        for i in 1..CONDITIONAL_EXPERTS {
            if given.weights[i] > 0.0 {
                sum += given.weights[i] * cdf3((x - given.centre[i]) * given.inverse[i]);
            }
        }
        sum
    }

    /// F(x) of the density, with what is known.
    pub(crate) fn density(&self, x: f64) -> f64 {
        self.density_within(self.density_before(x), x)
    }

    /// F(x) of one of the two experts that have a shape of their own.
    pub(crate) fn shape_cdf(&self, lane: usize, x: f64) -> f64 {
        if lane == LOG { self.forecast.log.cdf(x) } else { self.forecast.background.cdf(x) }
    }

    /// Centre and 1/scale by which the values of the grid are weighed.
    pub(crate) fn grid_centre(&self) -> (f64, f64) {
        match self.conditional {
            Some(given) if !given.is_density_alone() => given.centre(),
            _ => (self.forecast.mean, self.forecast.inverse[STACK]),
        }
    }

    /// Calls `part` with weight, centre and 1/scale of every t₃ of the density, which weighs `density` altogether.
    pub(crate) fn t3_parts(&self, density: f64, mut part: impl FnMut(f64, f64, f64)) {
        let f = self.forecast;
        let plain = self.density_experts_weight(density);
        for lane in 0..DENSITY_EXPERTS {
            if T3.has(lane) {
                part(plain * f.weights[lane], f.centre[lane], f.inverse[lane]);
            }
        }
        if let Some(given) = self.conditional {
            (1..CONDITIONAL_EXPERTS).for_each(|i| part(density * given.weights[i], given.centre[i], given.inverse[i]));
        }
    }

    /// The weight of the density experts, where the density weighs `density` altogether.
    pub(crate) fn density_experts_weight(&self, density: f64) -> f64 {
        density * self.conditional.map_or(1.0, |given| given.weights[0])
    }

    /// Calls `spike` with place and mass of every spike but the grid's; returns the weight of the density. Kinds of
    /// spikes of less than `mass_min` altogether count as density.
    pub(crate) fn spikes(&self, mass_min: f64, mut spike: impl FnMut(f64, f64)) -> f64 {
        let (c, w) = (self.column, self.point_weights());
        let (novelty, step_novelty) = (c.values.novelty(), c.steps.novelty());
        let mut density = w[0] + (w[FREQUENT] + w[FOLLOWING]) * novelty;
        for (expert, before) in [(FREQUENT, None), (FOLLOWING, self.forecast.slot_before)] {
            let mass = w[expert] * (1.0 - novelty);
            if mass > mass_min {
                c.values.spikes(before).for_each(|(y, p)| spike(y, mass * p));
            } else {
                density += mass;
            }
        }
        if self.has_grid() {
            density += w[GRID] * if w[GRID] > mass_min { c.grid.novelty() } else { 1.0 };
        }
        if let Some(last) = self.past.last {
            let again = c.repeat[self.past.run_class].get();
            spike(last, w[REPEAT] * again);
            density += w[REPEAT] * (1.0 - again) + w[STEP] * step_novelty;
            let mass = w[STEP] * (1.0 - step_novelty);
            if mass > mass_min {
                c.steps.spikes(None).for_each(|(y, p)| spike(c.units.centre_of(last + y), mass * p));
            } else {
                density += mass;
            }
        }
        density
    }

    /// Whether values come again often enough that the grid takes part.
    pub(crate) fn has_grid(&self) -> bool {
        self.forecast.points_awake.has(GRID)
    }
}
