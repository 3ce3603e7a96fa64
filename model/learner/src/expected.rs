//! Answers of models in the form in which predictions and parts have them: likeliest symbols by name, gaps in seconds.

use crate::gap::{self, GapMeans};
use crate::values::SideInputs;
use surmise_event::Expected;
use surmise_symbol::{Probe, SymbolModel};

/// Levels of the quantiles that predictions give.
pub(crate) const QUANTILE_LEVELS: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
/// The place of the median in [`QUANTILE_LEVELS`].
pub(crate) const MEDIAN: usize = 3;

/// Symbols of a byte, and bins of a gap.
pub(crate) const BYTE_SYMBOLS: u32 = 256;

/// How much of a gap's distribution is asked for. Bins that hardly ever come cost as much as likely ones.
#[derive(Clone, Copy)]
pub(crate) struct GapEffort {
    /// Probability that may be left out.
    left_out: f64,
    /// Bins that are asked for, at most.
    bins_max: usize,
}

/// For the next event: the outermost quantiles are those of one event in a hundred.
pub(crate) const FIRST_STEP: GapEffort = GapEffort { left_out: 1e-3, bins_max: 256 };
/// For later events: each is predicted given that those before it are as expected, so rare gaps mean little there.
pub(crate) const LATER_STEPS: GapEffort = GapEffort { left_out: 0.01, bins_max: 32 };

/// The likeliest symbols by name; symbols for which `name` has none count among the others.
pub(crate) fn symbols(
    likeliest: Vec<(u32, f64)>,
    top: usize,
    name: impl Fn(u32) -> Option<Option<String>>,
) -> Expected {
    let top: Vec<(Option<String>, f64)> =
        likeliest.into_iter().filter_map(|(symbol, p)| Some((name(symbol)?, p))).take(top).collect();
    let other = (1.0 - top.iter().map(|t| t.1).sum::<f64>()).max(0.0);
    Expected::Symbols { top, other }
}

/// Probabilities of a gap's bins, `[256]`: the likeliest ones as far as `effort` goes, 0 for the others.
pub(crate) fn likely_bins(model: &SymbolModel, probe: &Probe, inputs: &SideInputs, effort: GapEffort) -> Vec<f64> {
    let mut probabilities = vec![0.0; BYTE_SYMBOLS as usize];
    let (mut sum, mut bins) = (0.0, 0);
    model.likeliest(probe, inputs, BYTE_SYMBOLS, |bin, p| {
        probabilities[bin as usize] = p;
        sum += p;
        bins += 1;
        sum < 1.0 - effort.left_out && bins < effort.bins_max
    });
    probabilities
}

/// A gap in seconds as a model expects it.
pub(crate) fn gap_expected(model: &SymbolModel, means: &GapMeans, probe: &Probe, inputs: &SideInputs) -> Expected {
    gaps(&likely_bins(model, probe, inputs, FIRST_STEP), means).0
}

/// A gap in seconds as its bins' probabilities (`[256]`) and what they stand for expect it, and the median's bin.
pub(crate) fn gaps(probabilities: &[f64], means: &GapMeans) -> (Expected, u32) {
    let bins = &probabilities[..gap::FIRST as usize];
    let total: f64 = bins.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let quantile_bin = |level: f64| {
        let mut sum = 0.0;
        bins.iter()
            .position(|p| {
                sum += p / total;
                sum >= level
            })
            .unwrap_or(bins.len() - 1) as u32
    };
    // bins that never came share a little mass and reach to centuries, so the mean is that of the inner 98 in 100
    let (low, high) = (quantile_bin(QUANTILE_LEVELS[0]), quantile_bin(QUANTILE_LEVELS[QUANTILE_LEVELS.len() - 1]));
    let seconds = |bin: usize| means.seconds((bin as u32).clamp(low, high));
    let mean = bins.iter().enumerate().map(|(bin, p)| p * seconds(bin)).sum::<f64>() / total;
    let quantiles =
        QUANTILE_LEVELS.iter().map(|level| (level.to_string(), means.seconds(quantile_bin(*level)))).collect();
    let median = quantile_bin(QUANTILE_LEVELS[MEDIAN]);
    (Expected::Number { mean, median: means.seconds(median), quantiles, missing: None }, median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_expected_where_gaps_have_been() {
        // nearly always an hour; a little mass on every bin, up to thousands of years
        let hour = gap::bin(3_600_000_000);
        let mut p = vec![1e-5; 256];
        p[hour as usize] = 0.997;
        let expected = |means: &GapMeans| match gaps(&p, means).0 {
            Expected::Number { mean, median, .. } => (mean / 3600.0, median / 3600.0),
            other => panic!("a gap is a number: {other:?}"),
        };
        let (mean, median) = expected(&GapMeans::default());
        assert!((mean - 1.0).abs() < 0.1 && (median - 1.0).abs() < 0.1, "{mean} {median}");
        let mut means = GapMeans::default();
        means.observe(3_600_000_000);
        let (mean, median) = expected(&means);
        assert!((mean - 1.0).abs() < 0.01 && (median - 1.0).abs() < 1e-9, "{mean} {median}");
    }
}
