//! What the model remembers of one key.

use crate::leads::Lease;
use crate::profile::Profile;
use crate::season::Ring;
use crate::{NumberModel, net::KeyNet};
use surmise_experts::RunningMean;
use surmise_state::{Persist, State, StateError};

/// Own lags that are kept.
pub(crate) const LAGS: usize = 12;

/// A key's mean errors follow its last eight values or so.
const ERROR: RunningMean = RunningMean::new(0.12);

/// One column of one key.
#[derive(Clone, Debug)]
pub(crate) struct KeyColumn {
    /// Past values, newest first, at most [`LAGS`]; where one was missing stands what was expected.
    lags: Vec<f64>,
    /// Last value that was really there, and the change that led to it.
    pub(crate) last: f64,
    pub(crate) change: f64,
    /// How many times `last` has come in a row.
    pub(crate) run: u32,
    /// Events since `last`.
    pub(crate) gap: u32,
    pub(crate) mean: f64,
    pub(crate) level: f64,
    pub(crate) trend: f64,
    /// Recent |error| of the stack and of persistence.
    pub(crate) error: f64,
    pub(crate) move_: f64,
    /// Values that were there.
    pub(crate) seen: u32,
}

impl KeyColumn {
    pub(crate) fn new() -> Self {
        Self {
            lags: Vec::new(),
            last: f64::NAN,
            change: f64::NAN,
            run: 0,
            gap: 0,
            mean: f64::NAN,
            level: f64::NAN,
            trend: 0.0,
            error: 0.0,
            move_: 0.0,
            seen: 0,
        }
    }

    /// The value `k` ≥ 1 events ago, or the oldest known; NaN if none is.
    pub(crate) fn lag(&self, k: usize) -> f64 {
        self.lags.get(k - 1).or(self.lags.last()).copied().unwrap_or(f64::NAN)
    }

    fn push_lag(&mut self, y: f64) {
        if self.lags.len() >= LAGS {
            self.lags.pop();
        }
        self.lags.insert(0, y);
    }

    /// Moves on by one event. `value` is NaN where it was missing, `expected` stands in for it; `least` is the width
    /// of a cell.
    pub(crate) fn push(&mut self, value: f64, expected: f64, least: f64) {
        if value.is_nan() {
            self.gap = self.gap.saturating_add(1);
            if self.last.is_finite() && expected.is_finite() {
                self.smooth(expected);
                self.push_lag(expected);
            }
            return;
        }
        if self.last.is_finite() {
            let d = value - self.last;
            self.run = if d.abs() < 0.5 * least { self.run.saturating_add(1) } else { 0 };
            self.change = d;
            let r = ERROR.rate(self.seen as f64 + 1.0);
            self.error += r * ((value - expected).abs().min(1e120) - self.error);
            self.move_ += r * (d.abs() - self.move_);
        }
        self.seen = self.seen.saturating_add(1);
        self.last = value;
        self.gap = 0;
        self.smooth(value);
        self.push_lag(value);
    }

    fn smooth(&mut self, y: f64) {
        if !self.mean.is_finite() {
            (self.mean, self.level, self.trend) = (y, y, 0.0);
            return;
        }
        self.mean += 0.5 * (y - self.mean);
        let ahead = self.level + 0.9 * self.trend;
        let level = ahead + 0.7 * (y - ahead);
        self.trend = 0.9 * self.trend + 0.1 * (level - ahead);
        self.level = level;
    }
}

impl Persist for KeyColumn {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s("lags", &mut self.lags)?;
        for v in [
            &mut self.last,
            &mut self.change,
            &mut self.mean,
            &mut self.level,
            &mut self.trend,
            &mut self.error,
            &mut self.move_,
        ] {
            s.f64("column", v)?;
        }
        s.u32("run", &mut self.run)?;
        s.u32("gap", &mut self.gap)?;
        s.u32("seen", &mut self.seen)?;
        if self.lags.len() > LAGS { Err(StateError::Invalid("lags")) } else { Ok(()) }
    }
}

/// Private state of one key: lags, the record of past days (it grows with the key), the network's sequence.
/// A key that has seen few events takes a few hundred bytes a column.
#[derive(Clone)]
pub struct NumberKey {
    pub(crate) columns: Vec<KeyColumn>,
    pub(crate) ring: Ring,
    pub(crate) profile: Profile,
    pub(crate) lease: Lease,
    /// Time of the last event, `i64::MIN` if none had one.
    pub(crate) time_us: i64,
    pub(crate) net: Option<KeyNet>,
}

impl NumberKey {
    /// A key without history.
    pub fn new(model: &NumberModel) -> Self {
        let columns = (0..model.columns()).map(|_| KeyColumn::new()).collect();
        Self {
            columns,
            ring: Ring::default(),
            profile: Profile::default(),
            lease: Lease::default(),
            time_us: i64::MIN,
            net: None,
        }
    }
}

impl Persist for NumberKey {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("number-key")?;
        s.list("columns", &mut self.columns, KeyColumn::new)?;
        self.ring.persist(s)?;
        self.profile.persist(s)?;
        self.lease.persist(s)?;
        s.i64("time_us", &mut self.time_us)?;
        KeyNet::walk(&mut self.net, s)
    }
}
