//! The probability integral transform of an observed value: the mass below its cell, and in it.

use crate::calibrate::Span;
use crate::grid::GridMass;
use crate::stages::experts::*;
use crate::stages::mixture_cdf::MixtureCdf;

/// Kinds of spikes of less mass than this count as density: levels are asked of every value, and this is below the
/// resolution of the calibrator.
const SPIKE_MASS_MIN: f64 = 3e-5;

/// The spans of the value `y` in the mixture from the past alone, and in that given its event. `grids` says what of the
/// grid lies below the cell, and `masses` what each mixture gives to the cell.
///
/// Every expert's part below the cell is the sum of what its own masses say, so that the spans of all cells lie end to
/// end. Beside each span is how much of the whole distribution is density, and no spike on a single value.
pub(crate) fn spans(
    cdf: &MixtureCdf<'_>,
    y: f64,
    (centre, half): (f64, f64),
    grids: [GridMass; 2],
    masses: [f64; 2],
) -> [(Span, f64); 2] {
    let (c, forecast) = (cdf.column, cdf.forecast);
    let edge = centre - half;
    let before = cdf.density_before(edge);
    let dense = [before, cdf.density_within(before, edge)];
    let weights = &forecast.point_weights;
    // one look serves both mixtures: a kind of spike counts as soon as it weighs something in either
    let heavy =
        |expert: usize, novelty: f64| weights[0][expert].max(weights[1][expert]) * (1.0 - novelty) > SPIKE_MASS_MIN;
    let (novelty, step_novelty) = (c.values.novelty(), c.steps.novelty());
    let (frequent, following) = if heavy(FREQUENT, novelty) || heavy(FOLLOWING, novelty) {
        c.values.below(edge, forecast.slot_before)
    } else {
        (before, before)
    };
    let (mut chance, mut step, mut repeat) = (0.0, before, 0.0);
    if let Some(last) = cdf.past.last {
        chance = c.repeat[cdf.past.run_class].get();
        repeat = if c.units.index(last) < c.units.index(y) { chance } else { 0.0 };
        if heavy(STEP, step_novelty) {
            step = c.steps.below(c.units.cell(y - last).0 - half, None).0;
        }
    }
    let (grid_novelty, grid) =
        if cdf.has_grid() { (c.grid.novelty(), grids.map(|grid| c.grid.below(grid))) } else { (1.0, [0.0; 2]) };
    std::array::from_fn(|i| {
        let (w, dense) = (&weights[i], dense[i]);
        let dense_part = w[0]
            + w[REPEAT] * (1.0 - chance)
            + (w[FREQUENT] + w[FOLLOWING]) * novelty
            + w[STEP] * step_novelty
            + w[GRID] * grid_novelty;
        let below = w[0] * dense
            + w[REPEAT] * (repeat + (1.0 - chance) * dense)
            + w[FREQUENT] * ((1.0 - novelty) * frequent + novelty * dense)
            + w[FOLLOWING] * ((1.0 - novelty) * following + novelty * dense)
            + w[STEP] * ((1.0 - step_novelty) * step + step_novelty * dense)
            + w[GRID] * (grid[i] + grid_novelty * dense);
        (Span { below: below.clamp(0.0, 1.0), mass: masses[i] }, dense_part)
    })
}
