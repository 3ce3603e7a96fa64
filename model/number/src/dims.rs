//! Sizes that several parts of the model agree on.

/// Own past values that the regression on a column's own past sees.
pub(crate) const LAGS: usize = 12;
/// Own past values that the long regression sees, and that a key keeps.
pub(crate) const LONG_LAGS: usize = 24;
/// Regressors of the long regression: the slow mean, lags from the second on, the days and the week before, the usual
/// day, the phase of the day, and a constant.
pub(crate) const LONG_DIMS: usize = LONG_LAGS + 8;
/// Regressors of the regression on a column's own past: lags, the day and the week before, the usual day, a constant.
pub(crate) const OWN_DIMS: usize = LAGS + 8;
/// Position of the value one day before among them; that of one sample earlier follows.
pub(crate) const OWN_DAY: usize = LAGS;
/// The longest buffer of regressors made of values of the same event, padded.
pub(crate) const EVENT_DIMS_MAX: usize = padded(SIBLINGS_MAX + 2);
/// The most columns whose values of the same event explain another column's (PREDICTOR §8).
pub(crate) const SIBLINGS_MAX: usize = 32;
/// The most columns that share their regressors on the past of all columns (PREDICTOR §8).
pub(crate) const SHARED_COLUMNS_MAX: usize = 37;
/// Streams of more columns keep smaller tables and fewer regressors for each, so that their cost stays linear.
pub(crate) const FULL_COLUMNS_MAX: usize = 64;
/// Forgetting of the regressions: they remember some two thousand events (PREDICTOR §8).
pub(crate) const FORGETTING: f64 = 0.9995;
/// Forgetting of the long regression: it remembers some ten thousand events.
pub(crate) const LONG_FORGETTING: f64 = 0.9999;
/// A size of something unbounded counts as at most this, so that sums stay finite.
pub(crate) const SIZE_MAX: f64 = 1e120;

/// Averages begin anew at a value so far from them: they would take thousands of values to come back from a freak, and
/// point mixtures learn nothing of forecasts that far off.
pub(crate) const AVERAGE_DISTANCE_MAX: f64 = 1e60;

/// Lanes of one block of `f64`.
pub(crate) const BLOCK: usize = 8;

/// The length of a buffer of `dims` regressors: rounded up to whole blocks.
pub(crate) const fn padded(dims: usize) -> usize {
    dims.div_ceil(BLOCK) * BLOCK
}
