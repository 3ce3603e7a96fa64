//! Who speaks: names and places of the experts of one column.

use crate::density::N;
use surmise_experts::ExpertSet;

/// The previous value.
pub(crate) const LAST: usize = 0;
/// Exponentially weighted mean.
pub(crate) const MEAN: usize = 1;
/// Holt's level and damped trend.
pub(crate) const TREND: usize = 2;
/// The value one day before.
pub(crate) const DAY: usize = 3;
/// The previous value and the change of one day before.
pub(crate) const DAY_STEP: usize = 4;
/// Linear in the column's own past.
pub(crate) const OWN: usize = 5;
/// Linear in all columns' past.
pub(crate) const ALL: usize = 6;
/// The network, on the residual of the two linear ones.
pub(crate) const NETWORK: usize = 7;
/// All of the above, stacked.
pub(crate) const STACK: usize = 8;
/// The stack, as wide as the key's own recent errors.
pub(crate) const STACK_KEY: usize = 9;
/// The stack, much narrower than its mean error.
pub(crate) const STACK_NARROW: usize = 10;
/// The column's slow mean.
pub(crate) const LEVEL: usize = 11;
/// The previous value, as wide as the key's own recent errors.
pub(crate) const LAST_KEY: usize = 12;
/// Linear extrapolation of the last two values.
pub(crate) const LINE: usize = 13;
/// Logarithmic, around the slow mean of the logarithm.
pub(crate) const LOG: usize = 14;
/// Anything else.
pub(crate) const BACKGROUND: usize = 15;

/// Experts that predict given what is known of the same event; the first is the mixture of those above.
pub(crate) const G: usize = 4;
pub(crate) const GIVEN_ERRORS: usize = 1;
pub(crate) const GIVEN_VALUES: usize = 2;
pub(crate) const GIVEN_SYMBOLS: usize = 3;

/// The density mixture and the experts that put mass on single values.
pub(crate) const A: usize = 6;
/// The density mixture, without any expert on single values or on the same event.
pub(crate) const DENSITY_ALONE: ExpertSet = ExpertSet::first(1);
pub(crate) const REPEAT: usize = 1;
pub(crate) const FREQUENT: usize = 2;
pub(crate) const FOLLOWING: usize = 3;
pub(crate) const STEP: usize = 4;
pub(crate) const LATTICE: usize = 5;

/// All experts, in the order of `expert_nats`.
pub(crate) const NAMES: [&str; N + G + A - 2] = [
    "last",
    "mean",
    "trend",
    "day",
    "day-step",
    "linear-own",
    "linear-all",
    "network",
    "stack",
    "stack-key",
    "stack-narrow",
    "level",
    "last-key",
    "line",
    "log",
    "background",
    "given-errors",
    "given-values",
    "given-symbols",
    "repeat",
    "frequent",
    "following",
    "step",
    "lattice",
];
/// How many experts there are.
pub(crate) const NAMED: usize = NAMES.len();
