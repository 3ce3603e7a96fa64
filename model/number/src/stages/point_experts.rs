//! The table of the experts that make point forecasts.

use crate::stages::experts::place;
use surmise_experts::SituatedMixture;

/// How many experts make point forecasts.
pub(crate) const POINT_EXPERTS: usize = 24;
/// Their names in reports.
pub(crate) const POINT_NAMES: [&str; POINT_EXPERTS] = [
    "last",
    "mean",
    "trend",
    "day",
    "day-step",
    "linear-own",
    "linear-all",
    "network",
    "stack",
    "level",
    "line",
    "density",
    "linear-long",
    "average .05",
    "average .2",
    "average",
    "half",
    "stack, half",
    "Holt .8",
    "plateau",
    "Holt",
    "day-change",
    "rise",
    "rise, quick",
];
/// The expert that says that values stay where they are.
pub(crate) const STAYS: usize = place(&POINT_NAMES, "last");
/// Experts that are believed before anything is known of them, and how little the others are.
const PRIOR: [&str; 6] = ["last", "mean", "stack", "level", "average .2", "average"];
const PRIOR_OTHERS: f64 = 0.01;
/// The weights with which the mixtures begin.
pub(crate) const POINT_PRIOR: [f64; POINT_EXPERTS] = prior();
/// The point mixtures of one loss.
pub(crate) type ColumnPoints = SituatedMixture<POINT_EXPERTS>;

const fn prior() -> [f64; POINT_EXPERTS] {
    let (mut weights, mut i) = ([PRIOR_OTHERS; POINT_EXPERTS], 0);
    while i < PRIOR.len() {
        weights[place(&POINT_NAMES, PRIOR[i])] = 1.0;
        i += 1;
    }
    weights
}
