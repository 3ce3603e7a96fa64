//! Everything that is learnt about one column, shared by all keys.

use crate::bounds::within;
use crate::calibrate::Calibrator;
use crate::density::Lanes;
use crate::dims::{FORGETTING, FULL_COLUMNS_MAX, LONG_DIMS, LONG_FORGETTING, OWN_DIMS, SIZE_MAX};
use crate::grid::Grid;
use crate::log_level::LogLevel;
use crate::options::{Given, NumberAblation};
use crate::point_masses::{Odds, ValueTable};
use crate::profile::Hours;
use crate::range::ValueRange;
use crate::rls::LeastSquares;
use crate::siblings::Siblings;
use crate::smooth::SmoothingErrors;
use crate::stages::experts::*;
use crate::stages::past::Regime;
use crate::stages::point_experts::{ColumnPoints, POINT_PRIOR, STAYS};
use crate::symbols::SymbolOffsets;
use crate::units::{ColumnUnits, Rebase};
use surmise_experts::{ExpertSet, PointLoss, RunningMean, ValueShare};
use surmise_state::{Persist, State, StateError};

/// Means of errors, from which scales are made: they follow about fifty values, and one value counts as at most eight.
const ERROR_SCALE: RunningMean = RunningMean::clipped(0.02, 8.0);
/// Counts of values end here.
const SEEN_MAX: u32 = 1 << 30;
/// Forgetting and start of the stack, which must follow the experts' ups and downs (PREDICTOR §8).
const STACK_FORGETTING: f64 = 0.998;
const STACK_START: f64 = 0.05;
/// Weights of both regressions before the stack has learnt.
pub(crate) const STACK_WEIGHTS: [(usize, f64); 2] = [(OWN, 0.5), (ALL, 0.5)];
/// Remembered values of a column's grid, and symbols of its offsets; where there are many columns, fewer.
const GRID_VALUES_MAX: usize = 256;
const GRID_VALUES_WIDE_MAX: usize = 32;
const SYMBOL_SLOTS: usize = 1024;
const SYMBOL_SLOTS_WIDE: usize = 256;
/// Scales that are so many units belong to units that mean nothing any more.
const SCALE_UNITS_MAX: f64 = 1e3;
/// Rate of the covariance of successive values.
const COVARIANCE_RATE: f64 = 0.002;

/// Mean |errors| of the density experts of one regime: all lanes share a count.
#[derive(Clone, Debug)]
struct ErrorScales {
    mean: Lanes,
    seen: u32,
}

/// The values whose errors weigh as much as so many first values of keys in what is expected of the next one.
const FIRST_PRIOR: u32 = 16;

/// What is learnt about one column: units, experts and their mixtures.
#[derive(Clone, Debug)]
pub(crate) struct NumberColumn {
    pub(crate) ablation: NumberAblation,
    pub(crate) units: ColumnUnits,
    pub(crate) range: ValueRange,
    /// By [`Regime`].
    scales: [ErrorScales; 2],
    shares: [ValueShare<LANES>; 2],
    /// By [`Given`].
    calibrators: [Calibrator; 2],
    point_shares: [ValueShare<POINT_MASS_EXPERTS>; 2],
    pub(crate) conditional_share: ValueShare<CONDITIONAL_EXPERTS>,
    /// Mean |errors| of the conditional experts, and of how many events; the first is never used.
    conditional_scale: [f64; CONDITIONAL_EXPERTS],
    conditional_seen: [u32; CONDITIONAL_EXPERTS],
    /// P(value is there) if the key's last one was, and if it was not.
    there: [Odds; 2],
    /// The regression on the column's own past, its correction by the hour, and the stack of experts.
    pub(crate) own: LeastSquares,
    pub(crate) hours: Hours,
    pub(crate) stack: LeastSquares,
    /// The regression on more of the column's own past with a longer memory, which makes point forecasts only.
    pub(crate) long: LeastSquares,
    /// Which averages and trends have been the best.
    pub(crate) smoothing: SmoothingErrors,
    /// The median of the stack's errors, by stochastic approximation.
    pub(crate) stack_half: f64,
    /// The mixtures of point forecasts, by [`PointLoss`].
    points: [ColumnPoints; 2],
    /// Mean |residual| of the linear forecasts, and of how many.
    residual: f64,
    residual_seen: u32,
    pub(crate) log: LogLevel,
    /// Remembered values and changes.
    pub(crate) values: ValueTable,
    pub(crate) steps: ValueTable,
    pub(crate) grid: Grid,
    /// P(the last value comes again), by how often it has come in a row.
    pub(crate) repeat: [Odds; 8],
    pub(crate) siblings: Option<Siblings>,
    pub(crate) symbols: SymbolOffsets,
    /// Lag-one covariance and variance of z.
    covariance: [f64; 2],
    /// The number of this record, and from how many values it has learnt.
    pub(crate) regime: u32,
    pub(crate) learnt: u32,
    pub(crate) others: OtherRegimes,
}

/// The records of a column beside the one in force; `regimes` says what they are for.
#[derive(Clone, Debug, Default)]
pub(crate) struct OtherRegimes {
    /// The column before the first of the values that lie outside now.
    pub(crate) candidate: Option<Box<NumberColumn>>,
    pub(crate) kept: Option<Box<NumberColumn>>,
    /// Values in a row that lie where those of the kept record lay; values since it is kept; records so far.
    pub(crate) returned: u32,
    pub(crate) age: u32,
    pub(crate) records: u32,
}

impl NumberColumn {
    /// What is learnt about column `column` of `columns`: nothing so far.
    pub(crate) fn new(columns: usize, column: usize, ablation: NumberAblation) -> Self {
        let mut own = LeastSquares::new(OWN_DIMS, 1, FORGETTING, 10.0);
        own.set_weight(0, 0, 1.0);
        let long = LeastSquares::new(LONG_DIMS, 1, LONG_FORGETTING, 1.0);
        let mut stack = LeastSquares::new(STACK_DIMS, 1, STACK_FORGETTING, STACK_START);
        STACK_WEIGHTS.iter().for_each(|(i, weight)| stack.set_weight(0, *i, *weight));
        let calibrator = if ablation.calibration { Calibrator::plain() } else { Calibrator::new() };
        let wide = columns > FULL_COLUMNS_MAX;
        let share = ValueShare::new(DENSITY_EXPERTS);
        let first_share = ValueShare::favouring(DENSITY_EXPERTS, OF_FIRST, LEVEL);
        let scales = ErrorScales { mean: [0.0; LANES], seen: 0 };
        Self {
            ablation,
            units: ColumnUnits::new(),
            range: ValueRange::new(),
            scales: [scales.clone(), scales],
            shares: [share, first_share],
            calibrators: [calibrator.clone(), calibrator],
            point_shares: [ValueShare::whole(), ValueShare::whole()],
            conditional_share: ValueShare::whole(),
            conditional_scale: [0.0; CONDITIONAL_EXPERTS],
            conditional_seen: [0; CONDITIONAL_EXPERTS],
            there: [Odds::new(0.9, 0.005), Odds::new(0.3, 0.005)],
            own,
            hours: Hours::default(),
            stack,
            long,
            smoothing: SmoothingErrors::default(),
            stack_half: 0.0,
            points: PointLoss::ALL.map(|loss| ColumnPoints::new(loss, POINT_PRIOR, STAYS)),
            residual: 0.0,
            residual_seen: 0,
            log: LogLevel::new(),
            values: ValueTable::new(true),
            steps: ValueTable::new(false),
            grid: Grid::new(if wide { GRID_VALUES_WIDE_MAX } else { GRID_VALUES_MAX }),
            repeat: std::array::from_fn(|_| Odds::new(0.3, 0.002)),
            siblings: Siblings::new(columns, column),
            symbols: SymbolOffsets::new(if wide { SYMBOL_SLOTS_WIDE } else { SYMBOL_SLOTS }),
            covariance: [0.0, 1e-3],
            regime: 0,
            learnt: 0,
            others: OtherRegimes::default(),
        }
    }

    /// Starts again on the relations between columns, for another number of them.
    pub(crate) fn relate(&mut self, columns: usize, column: usize) {
        self.siblings = Siblings::new(columns, column);
    }

    /// The mixture of the density experts.
    pub(crate) fn share(&self, regime: Regime) -> &ValueShare<LANES> {
        &self.shares[regime as usize]
    }

    pub(crate) fn share_mut(&mut self, regime: Regime) -> &mut ValueShare<LANES> {
        &mut self.shares[regime as usize]
    }

    /// The mixture of density and experts on single values.
    pub(crate) fn point_share(&self, given: Given) -> &ValueShare<POINT_MASS_EXPERTS> {
        &self.point_shares[given as usize]
    }

    pub(crate) fn point_share_mut(&mut self, given: Given) -> &mut ValueShare<POINT_MASS_EXPERTS> {
        &mut self.point_shares[given as usize]
    }

    /// What corrects the distribution.
    pub(crate) fn calibrator(&self, given: Given) -> &Calibrator {
        &self.calibrators[given as usize]
    }

    pub(crate) fn calibrator_mut(&mut self, given: Given) -> &mut Calibrator {
        &mut self.calibrators[given as usize]
    }

    /// The mixtures of point forecasts under a loss.
    pub(crate) fn points(&self, loss: PointLoss) -> &ColumnPoints {
        &self.points[loss as usize]
    }

    pub(crate) fn points_mut(&mut self, loss: PointLoss) -> &mut ColumnPoints {
        &mut self.points[loss as usize]
    }

    /// P(value is there), by whether the key's last one was missing.
    pub(crate) fn there(&self, after_gap: bool) -> f64 {
        self.there[usize::from(after_gap)].get()
    }

    /// Learns whether a value was there.
    pub(crate) fn learn_there(&mut self, after_gap: bool, is_there: bool) {
        self.there[usize::from(after_gap)].learn(is_there);
    }

    /// Mean |error| of an expert, or the column's unit where none was measured yet. That of first values of keys begins
    /// with that of all values.
    pub(crate) fn scale(&self, regime: Regime, lane: usize) -> f64 {
        let [known, fresh] = &self.scales;
        match regime {
            Regime::Known if known.seen > 0 => known.mean[lane],
            // first values of keys are few, and lie about where others do
            Regime::Fresh if fresh.seen + known.seen > 0 => {
                let all = f64::from(known.seen.min(FIRST_PRIOR));
                let own = f64::from(fresh.seen);
                (own * fresh.mean[lane] + all * known.mean[lane]) / (own + all)
            }
            _ => self.units.unit,
        }
    }

    /// Mean |residual| of the linear forecasts.
    pub(crate) fn residual_scale(&self) -> f64 {
        self.residual
    }

    /// Mean |error| of a conditional expert, if any was measured.
    pub(crate) fn conditional_scale(&self, expert: usize) -> Option<f64> {
        (self.conditional_seen[expert] > 0).then_some(self.conditional_scale[expert])
    }

    /// The correlation of successive values, from which follows how uncertainty grows with the horizon.
    pub(crate) fn autocorrelation(&self, low: f64) -> f64 {
        within(self.covariance[0] / self.covariance[1].max(1e-9), low, 1.0)
    }

    /// Takes in the errors of every expert's centre, `[LANES]`.
    pub(crate) fn learn_scales(&mut self, regime: Regime, y: f64, centre: &Lanes, awake: ExpertSet) {
        if awake == NOTHING_KNOWN {
            return;
        }
        let scales = &mut self.scales[regime as usize];
        let seen = scales.seen;
        let rate = ERROR_SCALE.rate(seen as f64 + 1.0);
        let least = self.units.least();
        for lane in 0..DENSITY_EXPERTS {
            let error = (y - centre[lane]).abs().min(SIZE_MAX);
            let mean = &mut scales.mean[lane];
            if seen == 0 {
                // the first error stands for all experts, awake or not
                *mean = error;
            } else if awake.has(lane) {
                *mean += rate * (error.min(ERROR_SCALE.most(mean.max(least), seen)) - *mean);
            }
        }
        scales.seen = (seen + 1).min(SEEN_MAX);
    }

    /// Takes in the residual of the linear forecasts.
    pub(crate) fn learn_residual(&mut self, error: f64) {
        let size = error.abs().min(SIZE_MAX);
        ERROR_SCALE.learn(&mut self.residual, self.residual_seen, size, self.units.least());
        self.residual_seen = (self.residual_seen + 1).min(SEEN_MAX);
    }

    /// Takes in the error of a conditional expert.
    pub(crate) fn learn_conditional_scale(&mut self, expert: usize, error: f64) {
        let size = error.abs().min(SIZE_MAX);
        let seen = &mut self.conditional_seen[expert];
        ERROR_SCALE.learn(&mut self.conditional_scale[expert], *seen, size, self.units.least());
        *seen = (*seen + 1).min(SEEN_MAX);
    }

    /// Forgets how large a conditional expert's errors were.
    pub(crate) fn restart_conditional_scale(&mut self, expert: usize) {
        self.conditional_seen[expert] = 0;
    }

    /// Takes in a value and the one before it, both as z.
    pub(crate) fn learn_covariance(&mut self, z: f64, before: f64) {
        let c = &mut self.covariance;
        c[0] += COVARIANCE_RATE * (z * before - c[0]);
        c[1] += COVARIANCE_RATE * (z * z - c[1]);
    }

    /// Exchanges with another record of the column what belongs to the column whatever its values are: the weights of
    /// all mixtures, whose bounds speak of all values, how often values are missing, and their range.
    pub(crate) fn exchange_line(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.shares, &mut other.shares);
        std::mem::swap(&mut self.point_shares, &mut other.point_shares);
        std::mem::swap(&mut self.conditional_share, &mut other.conditional_share);
        std::mem::swap(&mut self.points, &mut other.points);
        std::mem::swap(&mut self.there, &mut other.there);
        std::mem::swap(&mut self.range, &mut other.range);
        for (calibrator, other) in self.calibrators.iter_mut().zip(&mut other.calibrators) {
            calibrator.exchange_share(other);
        }
    }

    /// Converts this column's own regressions to its new units.
    pub(crate) fn rebase(&mut self, change: Rebase) {
        match change {
            Rebase::None | Rebase::Resumed => {}
            Rebase::Soft { a, c } => {
                let own: [usize; OWN_DIMS - 1] = std::array::from_fn(|i| i);
                let stack: [usize; STACK_DIMS - 1] = std::array::from_fn(|i| i);
                self.own.rebase_inputs(&own, a, c);
                self.own.rebase_target(0, 1.0 / a, -c / a);
                self.hours.rebase(a);
                self.stack.rebase_inputs(&stack, a, c);
                self.stack.rebase_target(0, 1.0 / a, -c / a);
            }
            Rebase::Hard => {
                // scales of the old units would take thousands of events to shrink
                if self.scale(Regime::Known, LAST) > SCALE_UNITS_MAX * self.units.unit {
                    self.scales.iter_mut().for_each(|s| s.seen = 0);
                    (self.residual_seen, self.conditional_seen) = (0, [0; CONDITIONAL_EXPERTS]);
                    self.residual = self.units.unit;
                }
                self.own.unsettle(0);
                self.hours.restart();
                self.stack.unsettle(0);
            }
        }
        if let Some(siblings) = &mut self.siblings {
            siblings.rebase_own(change);
        }
    }

    /// Nats by which the column's surprise may exceed the best single expert's: the sum over its nested mixtures.
    pub(crate) fn regret_bound(&self) -> f64 {
        let fresh = self.share(Regime::Fresh);
        let fresh = if fresh.rounds() > 0 { fresh.bound() } else { 0.0 };
        self.share(Regime::Known).bound()
            + fresh
            + self.conditional_share.bound()
            + self.point_share(Given::Within).bound()
            + self.calibrator(Given::Within).bound()
    }
}

impl NumberColumn {
    /// Walks the record in force.
    pub(crate) fn persist_record(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("column")?;
        s.u32("regime", &mut self.regime)?;
        s.u32("learnt", &mut self.learnt)?;
        self.units.persist(s)?;
        self.range.persist(s)?;
        for i in 0..2 {
            s.f64s_fixed("sigma", &mut self.scales[i].mean[..DENSITY_EXPERTS])?;
            s.u32("sigma_n", &mut self.scales[i].seen)?;
            self.shares[i].persist(s)?;
            self.there[i].persist(s)?;
            self.calibrators[i].persist(s)?;
        }
        self.conditional_share.persist(s)?;
        self.point_shares.iter_mut().try_for_each(|share| share.persist(s))?;
        self.own.persist(s)?;
        self.hours.persist(s)?;
        self.stack.persist(s)?;
        self.long.persist(s)?;
        self.smoothing.persist(s)?;
        s.f64("stack_half", &mut self.stack_half)?;
        self.points.iter_mut().try_for_each(|points| points.persist(s))?;
        s.f64("residual", &mut self.residual)?;
        s.u32("residual_n", &mut self.residual_seen)?;
        self.log.persist(s)?;
        self.values.persist(s)?;
        self.steps.persist(s)?;
        self.grid.persist(s)?;
        self.repeat.iter_mut().try_for_each(|r| r.persist(s))?;
        s.f64s_fixed("sigma_given", &mut self.conditional_scale)?;
        s.u32s_fixed("given_n", &mut self.conditional_seen)?;
        s.f64s_fixed("covariance", &mut self.covariance)?;
        if let Some(siblings) = &mut self.siblings {
            siblings.persist(s)?;
        }
        self.symbols.persist(s)
    }
}

impl Persist for NumberColumn {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.persist_record(s)?;
        self.persist_others(s)
    }
}
