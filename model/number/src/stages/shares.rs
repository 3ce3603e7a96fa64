//! Every expert's share of a prediction: what it forecasts, how much it counts, and what it gave to the value that
//! came.

use crate::options::Given;
use crate::stages::conditional::ConditionalForecast;
use crate::stages::experts::*;
use crate::stages::mixture_cdf::MixtureCdf;
use crate::stages::scored::Scored;

/// One expert's share of the prediction of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberExpertShare {
    /// The expert's name, as in [`NumberModel::experts`](crate::NumberModel::experts).
    pub name: &'static str,
    /// What the expert forecasts; `None` if it has nothing to say of this event.
    pub forecast: Option<ExpertDistribution>,
    /// The expert's weight in the whole mixture; the weights of all experts sum to one.
    pub weight: f64,
    /// The probability that the expert gave to the observed value; `None` if no value was observed, or the expert had
    /// nothing to say.
    pub probability: Option<f64>,
}

/// The distribution that an expert forecasts, in the column's units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExpertDistribution {
    /// Student's t with three degrees of freedom.
    StudentT {
        /// Where it is centred.
        centre: f64,
        /// How wide it is.
        scale: f64,
    },
    /// Student's t with three degrees of freedom of the value's logarithm.
    LogStudentT {
        /// Where the logarithm is centred.
        centre: f64,
        /// How wide the logarithm's distribution is.
        scale: f64,
    },
    /// The distribution that gives every value some mass.
    Background {
        /// Where it is centred.
        centre: f64,
        /// Half of its mass lies about so far from the centre.
        scale: f64,
    },
    /// Mass on single values; the rest is as the density experts say.
    PointMasses {
        /// How much lies on single values.
        mass: f64,
    },
}

/// The share of every expert in a mixture, in the order of reports; `scored` is the observed value, if there is one.
pub(crate) fn expert_shares(cdf: &MixtureCdf<'_>, scored: Option<&Scored>) -> Vec<NumberExpertShare> {
    let conditional = cdf.conditional;
    let given = if conditional.is_some() { Given::Within } else { Given::Before };
    let (weights, awake) = (cdf.point_weights(), cdf.forecast.points_awake);
    let mut shares = Vec::with_capacity(NAMED);
    for lane in 0..DENSITY_EXPERTS {
        let is_awake = cdf.forecast.awake.has(lane);
        shares.push(NumberExpertShare {
            name: NAMES[lane],
            forecast: is_awake.then(|| density(cdf, lane)),
            weight: cdf.density_experts_weight(weights[0]) * cdf.forecast.weights[lane],
            probability: scored.filter(|_| is_awake).map(|scored| scored.masses[lane]),
        });
    }
    for i in 1..CONDITIONAL_EXPERTS {
        let known = conditional.filter(|known| known.awake.has(i));
        shares.push(NumberExpertShare {
            name: CONDITIONAL[i],
            forecast: known.map(|known| conditional_density(known, i)),
            weight: known.map_or(0.0, |known| weights[0] * known.weights[i]),
            probability: known.and(scored).map(|scored| scored.conditional_masses[i]),
        });
    }
    for i in 1..POINT_MASS_EXPERTS {
        let is_awake = awake.has(i);
        shares.push(NumberExpertShare {
            name: POINT_MASSES[i],
            forecast: is_awake.then(|| ExpertDistribution::PointMasses { mass: point_mass(cdf, i) }),
            weight: weights[i],
            probability: scored.filter(|_| is_awake).map(|scored| scored.points(given).masses[i]),
        });
    }
    shares
}

/// What a density expert forecasts.
fn density(cdf: &MixtureCdf<'_>, lane: usize) -> ExpertDistribution {
    let forecast = cdf.forecast;
    match DENSITY[lane].group {
        ExpertGroup::Log => ExpertDistribution::LogStudentT { centre: forecast.log.mu, scale: 1.0 / forecast.log.inv },
        ExpertGroup::Background => {
            ExpertDistribution::Background { centre: forecast.background.centre, scale: forecast.background.scale }
        }
        ExpertGroup::Stacked
        | ExpertGroup::Network
        | ExpertGroup::Stack
        | ExpertGroup::Simple
        | ExpertGroup::Always => {
            ExpertDistribution::StudentT { centre: forecast.centre[lane], scale: forecast.scale[lane] }
        }
    }
}

/// What a conditional expert forecasts.
fn conditional_density(known: &ConditionalForecast, i: usize) -> ExpertDistribution {
    ExpertDistribution::StudentT { centre: known.centre[i], scale: 1.0 / known.inverse[i] }
}

/// How much mass an expert on single values puts on these.
fn point_mass(cdf: &MixtureCdf<'_>, expert: usize) -> f64 {
    let column = cdf.column;
    match expert {
        REPEAT => column.repeat[cdf.past.run_class].get(),
        STEP => 1.0 - column.steps.novelty(),
        GRID => 1.0 - column.grid.novelty(),
        _ => 1.0 - column.values.novelty(),
    }
}
