//! The experts of a column: three tables, from which lanes, names and the order of reports come.
//!
//! * [`DENSITY`]: experts that forecast a whole density from the past. Their mixture is the first member of
//!   [`CONDITIONAL`], and the density of [`POINT_MASSES`] before the event.
//! * [`CONDITIONAL`]: experts that forecast a density from what is known of the same event.
//! * [`POINT_MASSES`]: experts that put mass on single values and leave the rest to the density.
//!
//! A row of `DENSITY` names a function of [`ExpertInputs`] which says where the expert's t₃ has its centre. The crate's
//! documentation tells how to add one. The order of rows is the order of lanes, of weights in a checkpoint, and of
//! reports; a row that is added last changes no other lane.

use crate::bounds::within;
use crate::dims::BLOCK;
use crate::key_column::KeyColumn;
use crate::stages::past::ColumnPast;
use crate::units::ColumnUnits;
use surmise_experts::ExpertSet;

/// All experts that forecast a density from the past.
///
/// PREDICTOR §8 says what they are for; the losses of each expert in the report of `surmise replay` say what they
/// are worth on a stream.
pub(crate) const DENSITY: &[DensityExpert] = &[
    // name, what it is, group, centre, scale
    row("last", "the key's value before", ExpertGroup::Stacked, last, ScaleRule::Errors),
    row("mean", "the key's mean, which forgets", ExpertGroup::Stacked, mean, ScaleRule::Errors),
    row("trend", "level and damped trend of the key (Holt)", ExpertGroup::Stacked, trend, ScaleRule::Errors),
    row("day", "the value one day before", ExpertGroup::Stacked, day, ScaleRule::Errors),
    row(
        "day-step",
        "the value before, and most of the change of one day before",
        ExpertGroup::Stacked,
        day_step,
        ScaleRule::Errors,
    ),
    row("linear-own", "a regression on the field's own past", ExpertGroup::Stacked, linear_own, ScaleRule::Errors),
    row("linear-all", "a regression on the past of all fields", ExpertGroup::Stacked, linear_all, ScaleRule::Errors),
    row("network", "the network", ExpertGroup::Network, silent, ScaleRule::Errors),
    row("stack", "the stack's forecast", ExpertGroup::Stack, silent, ScaleRule::Errors),
    row(
        "stack-key",
        "the stack's forecast, as wide as the key's own errors",
        ExpertGroup::Stack,
        silent,
        ScaleRule::KeyErrors,
    ),
    row("stack-narrow", "the stack's forecast, much narrower", ExpertGroup::Stack, silent, ScaleRule::Narrow),
    row("level", "the field's slow mean over all keys", ExpertGroup::Always, slow_mean, ScaleRule::Errors),
    row(
        "last-key",
        "the value before, as wide as the key's own changes",
        ExpertGroup::Simple,
        last,
        ScaleRule::KeyChanges,
    ),
    row("line", "the line through the key's last two values", ExpertGroup::Simple, line, ScaleRule::Errors),
    row("log", "the logarithm of the value, while all are positive", ExpertGroup::Log, silent, ScaleRule::Errors),
    row("background", "some mass for every value", ExpertGroup::Background, silent, ScaleRule::Errors),
];

/// Experts that forecast from what is known of the same event; the first is the mixture of all of [`DENSITY`].
pub(crate) const CONDITIONAL: [&str; 4] = ["density", "given-errors", "given-values", "given-symbols"];
/// What each of them but the first is, for people.
pub(crate) const CONDITIONAL_ABOUT: [&str; CONDITIONAL_EXPERTS - 1] = [
    "a regression on the errors of the event's fields before it",
    "a regression on the values of the event's fields before it",
    "what the event's symbols say",
];

/// Experts that put mass on single values. The first is the density: before the event the mixture of [`DENSITY`],
/// within it the mixture of [`CONDITIONAL`]. Each of the two distributions has weights and a calibrator of its own.
pub(crate) const POINT_MASSES: [&str; 6] = ["density", "repeat", "frequent", "following", "step", "grid"];
/// What each of them but the first is, for people.
pub(crate) const POINT_MASSES_ABOUT: [&str; POINT_MASS_EXPERTS - 1] = [
    "the value before again",
    "values that came often",
    "values that came often after the one before",
    "the value before, changed as it often changes",
    "all values that are remembered",
];

/// How many experts forecast a density from the past.
pub(crate) const DENSITY_EXPERTS: usize = DENSITY.len();
/// How many experts forecast from what is known of the same event, with the mixture of all densities.
pub(crate) const CONDITIONAL_EXPERTS: usize = CONDITIONAL.len();
/// How many experts put mass on single values, with the density.
pub(crate) const POINT_MASS_EXPERTS: usize = POINT_MASSES.len();
/// Lanes of the density experts: whole blocks, of which the last may be padded.
pub(crate) const LANES: usize = DENSITY_EXPERTS.div_ceil(BLOCK) * BLOCK;
/// Inputs of the stack: the forecasts of the groups `Stacked` and `Network`, which come first.
pub(crate) const STACKED: usize = count_stacked();
/// Regressors of the stack: its inputs and a constant.
pub(crate) const STACK_DIMS: usize = STACKED + 1;
/// How many experts are reported.
pub(crate) const NAMED: usize = DENSITY_EXPERTS + CONDITIONAL_EXPERTS - 1 + POINT_MASS_EXPERTS - 1;
/// Names of all experts, in the order of reports: the three tables one after another, each mixture left out.
pub(crate) const NAMES: [&str; NAMED] = names();

/// Rows that the model refers to: the previous value, the day before, both regressions, the network, the stack, the two
/// shapes.
pub(crate) const LAST: usize = lane("last");
pub(crate) const DAY: usize = lane("day");
pub(crate) const OWN: usize = lane("linear-own");
pub(crate) const ALL: usize = lane("linear-all");
pub(crate) const NETWORK: usize = lane("network");
pub(crate) const STACK: usize = lane("stack");
pub(crate) const LEVEL: usize = lane("level");
pub(crate) const LOG: usize = lane("log");
pub(crate) const BACKGROUND: usize = lane("background");

/// Experts that need no value of the key: they speak of every column.
pub(crate) const ALWAYS: ExpertSet = set(&[ExpertGroup::Always, ExpertGroup::Background]);
/// The expert that needs no value of the column either.
pub(crate) const NOTHING_KNOWN: ExpertSet = set(&[ExpertGroup::Background]);
/// Experts that may speak of the first value of a key.
pub(crate) const OF_FIRST: ExpertSet = set(&[ExpertGroup::Always, ExpertGroup::Background, ExpertGroup::Log]);
/// Experts whose distribution is a t₃ around their centre.
pub(crate) const T3: ExpertSet =
    set(&[ExpertGroup::Stacked, ExpertGroup::Network, ExpertGroup::Stack, ExpertGroup::Always, ExpertGroup::Simple]);
/// Experts around the stack's forecast.
pub(crate) const AROUND_STACK: ExpertSet = set(&[ExpertGroup::Stack]);

/// Places in [`CONDITIONAL`]: what the siblings' errors, their values, and the event's symbols say.
pub(crate) const GIVEN_ERRORS: usize = place(&CONDITIONAL, "given-errors");
pub(crate) const GIVEN_VALUES: usize = place(&CONDITIONAL, "given-values");
pub(crate) const GIVEN_SYMBOLS: usize = place(&CONDITIONAL, "given-symbols");

/// Places in [`POINT_MASSES`]: the last value again, values seen often, values seen often after the last one, changes
/// seen often, and the grid of all remembered values.
pub(crate) const REPEAT: usize = place(&POINT_MASSES, "repeat");
pub(crate) const FREQUENT: usize = place(&POINT_MASSES, "frequent");
pub(crate) const FOLLOWING: usize = place(&POINT_MASSES, "following");
pub(crate) const STEP: usize = place(&POINT_MASSES, "step");
pub(crate) const GRID: usize = place(&POINT_MASSES, "grid");

const _: () = assert!(LANES <= ExpertSet::EXPERTS_MAX, "a set of experts has room for all lanes");
const _: () = assert!(NETWORK < STACKED, "the network is an input of the stack");

/// The density alone, without any expert of the same event or on single values.
pub(crate) const DENSITY_ALONE: ExpertSet = ExpertSet::first(1);

/// One expert of [`DENSITY`].
pub(crate) struct DensityExpert {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// What it is, for people.
    pub(crate) about: &'static str,
    pub(crate) group: ExpertGroup,
    /// The centre of its distribution, in the column's units; `None` where it has nothing to say of this event. The
    /// expert then has no weight in the mixture, and the stack sees the key's last value in its place. It is asked only
    /// for keys that have a value.
    pub(super) centre: fn(&ExpertInputs<'_>) -> Option<f64>,
    pub(super) scale: ScaleRule,
}

/// What an expert's forecast is made of, and what it is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpertGroup {
    /// A t₃ around a function of the past; the centre is also an input of the stack. These rows come first.
    Stacked,
    /// A t₃ around the network's forecast, which is an input of the stack.
    Network,
    /// A t₃ around the stack's forecast.
    Stack,
    /// A t₃ around a function of the past that the stack does not see.
    Simple,
    /// As `Simple`, but also for keys that have no value yet, for which it has the column's slow mean as its centre.
    Always,
    /// The t₃ of the logarithm, while every value is positive.
    Log,
    /// The background, which gives every value some mass.
    Background,
}

/// How wide an expert's t₃ is.
#[derive(Clone, Copy)]
pub(crate) enum ScaleRule {
    /// The mean |error| of the expert itself, over all keys.
    Errors,
    /// The key's own recent errors of the stack, blended with those of all keys.
    KeyErrors,
    /// The key's own recent changes, blended with the errors of the last value over all keys.
    KeyChanges,
    /// Much narrower than the stack's mean |error|.
    Narrow,
}

/// What an expert may look at: all that is known of a column before its event, for a key that has a value.
pub(crate) struct ExpertInputs<'a> {
    pub(super) units: &'a ColumnUnits,
    pub(super) key: &'a KeyColumn,
    pub(super) past: &'a ColumnPast,
    /// The key's last value, or what was expected in its place.
    pub(super) latest: f64,
    /// The forecasts of both regressions, in the column's units; `None` where there is none.
    pub(super) own: Option<f64>,
    pub(super) all: Option<f64>,
    /// The range that nothing that extrapolates may leave.
    pub(super) low: f64,
    pub(super) high: f64,
}

impl ExpertInputs<'_> {
    /// A forecast within the range; the last value if it is not finite.
    #[inline]
    pub(crate) fn keep(&self, forecast: f64) -> f64 {
        if forecast.is_finite() { within(forecast, self.low, self.high) } else { self.latest }
    }
}

/// The previous value.
fn last(inputs: &ExpertInputs<'_>) -> Option<f64> {
    Some(inputs.latest)
}

/// The key's exponentially weighted mean.
fn mean(inputs: &ExpertInputs<'_>) -> Option<f64> {
    Some(inputs.key.mean())
}

/// Holt's level and damped trend.
fn trend(inputs: &ExpertInputs<'_>) -> Option<f64> {
    Some(inputs.keep(inputs.key.trend_ahead()))
}

/// The value one day before.
fn day(inputs: &ExpertInputs<'_>) -> Option<f64> {
    inputs.past.day
}

/// The previous value and most of the change of one day before.
fn day_step(inputs: &ExpertInputs<'_>) -> Option<f64> {
    let (day, before) = (inputs.past.day?, inputs.past.day_before?);
    Some(inputs.keep(inputs.latest + DAY_STEP_PART * (day - before)))
}

/// The part of yesterday's change that is expected again.
const DAY_STEP_PART: f64 = 0.7;

/// The regression on the column's own past, and what the hour adds to it.
fn linear_own(inputs: &ExpertInputs<'_>) -> Option<f64> {
    Some(inputs.own.map_or(inputs.latest, |y| inputs.keep(y)))
}

/// The regression on the past of all columns; without it, that on the column's own.
fn linear_all(inputs: &ExpertInputs<'_>) -> Option<f64> {
    inputs.all.map(|y| inputs.keep(y)).or_else(|| linear_own(inputs))
}

/// The column's slow mean.
fn slow_mean(inputs: &ExpertInputs<'_>) -> Option<f64> {
    Some(inputs.units.centre())
}

/// Linear extrapolation of the last two values.
fn line(inputs: &ExpertInputs<'_>) -> Option<f64> {
    Some(inputs.keep(2.0 * inputs.latest - inputs.key.lag(2)))
}

/// The function of experts whose forecast is made elsewhere: see [`ExpertGroup`].
fn silent(_: &ExpertInputs<'_>) -> Option<f64> {
    None
}

const fn row(
    name: &'static str,
    about: &'static str,
    group: ExpertGroup,
    centre: fn(&ExpertInputs<'_>) -> Option<f64>,
    scale: ScaleRule,
) -> DensityExpert {
    DensityExpert { name, about, group, centre, scale }
}

/// The lane of the density expert with this name, at compile time.
const fn lane(name: &str) -> usize {
    place(&NAMES, name)
}

/// The place of a name in a table, at compile time.
pub(super) const fn place(names: &[&str], name: &str) -> usize {
    let mut i = 0;
    while i < names.len() {
        if same(names[i], name) {
            return i;
        }
        i += 1;
    }
    panic!("no expert has this name")
}

/// Whether two names are equal, at compile time.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// The experts of some groups.
const fn set(groups: &[ExpertGroup]) -> ExpertSet {
    let (mut set, mut i) = (ExpertSet::EMPTY, 0);
    while i < DENSITY.len() {
        let mut j = 0;
        while j < groups.len() {
            set = set.with(i, DENSITY[i].group as u8 == groups[j] as u8);
            j += 1;
        }
        i += 1;
    }
    set
}

/// How many rows are inputs of the stack; they come first.
const fn count_stacked() -> usize {
    let (mut stacked, mut i) = (0, 0);
    while i < DENSITY.len() {
        if matches!(DENSITY[i].group, ExpertGroup::Stacked | ExpertGroup::Network) {
            assert!(stacked == i, "inputs of the stack come first");
            stacked += 1;
        }
        i += 1;
    }
    stacked
}

const fn names() -> [&'static str; NAMED] {
    let (mut all, mut n, mut i) = ([""; NAMED], 0, 0);
    while i < DENSITY.len() {
        (all[n], n, i) = (DENSITY[i].name, n + 1, i + 1);
    }
    i = 1;
    while i < CONDITIONAL.len() {
        (all[n], n, i) = (CONDITIONAL[i], n + 1, i + 1);
    }
    i = 1;
    while i < POINT_MASSES.len() {
        (all[n], n, i) = (POINT_MASSES[i], n + 1, i + 1);
    }
    all
}
