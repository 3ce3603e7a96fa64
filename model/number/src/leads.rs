//! Forecasts of several events ahead, learnt for each lead directly.
//!
//! For every lead h and column six forecasts are made from what is known now: the model rolled forward, a linear
//! regression on the last values, the value one period before, the last value, the slow mean, and the usual value at
//! that time. A regression stacks them, and the answer is a mean of stack, roll and last value with weights
//! ∝ (discounted squared error)⁻⁸, so that it does not lose to either. A forecast waits, with everything that
//! it was made of, until its event has come; only then is it learnt from: with delay exactly h. What waits is about
//! steps² × columns × 56 bytes, so not every key has room for it: see [`Lease`].
//!
//! The leads of a column share regressors and so one inverse correlation: the gain is computed once, when the
//! regressors arise, and is used by lead h when its truth has come. Quantiles are those of the errors that were made at
//! the lead, each followed by stochastic approximation, in units of their mean size.
//!
//! Source of the delayed update: Joulani, György and Szepesvári, *Online learning under delayed feedback* (2013).

use crate::options::Forecast;
use crate::rls::{Rls, padded};
use std::collections::VecDeque;
use surmise_experts::RunningMean;
use surmise_state::{Persist, State, StateError};

/// Own past values that the regression sees.
pub(crate) const PAST: usize = 24;
/// Regressors: the past, two harmonics of the day, a constant.
const DIMS: usize = PAST + 5;
const WIDTH: usize = padded(DIMS);
/// Forecasts that are stacked, with a constant.
pub(crate) const VOICES: usize = 7;
pub(crate) const ROLLED: usize = 0;
const DIRECT: usize = 1;
pub(crate) const BEFORE: usize = 2;
pub(crate) const LATEST: usize = 3;
pub(crate) const CENTRE: usize = 4;
pub(crate) const USUAL: usize = 5;
/// Most leads times columns that are learnt directly.
pub(crate) const MOST: usize = 4096;
/// Forgetting of regressions and of errors.
const FORGET: f64 = 0.9995;
/// Mean squared errors of what is mixed.
const SQUARE: RunningMean = RunningMean::new(0.002);
/// Mean size of the answer's errors.
const SIZE: RunningMean = RunningMean::clipped(0.01, 8.0);
/// Steps of the quantiles of errors, over four.
const MARK: RunningMean = RunningMean::new(0.005);
/// Levels whose errors are followed.
const LEVELS: [f64; 9] = [0.005, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.995];
/// Units may be this far off before a column starts anew.
const STRAY: f64 = 4.0;
/// Values after which a column's units are trusted.
const SETTLED: u64 = 48;

/// What is learnt of one column's leads.
#[derive(Clone, Debug)]
struct Column {
    /// Fixed units: those of the column when it settled.
    base: f64,
    unit: f64,
    /// Changes with the units; forecasts of another epoch are void. 0: not settled.
    epoch: u32,
    direct: Rls,
    leads: Vec<Lead>,
}

/// What is learnt of one column at one lead.
#[derive(Clone, Debug)]
struct Lead {
    stack: Rls,
    /// Discounted squared errors of stack, roll and last value.
    squares: [f64; 3],
    /// Mean size of the answer's errors, and how many there were.
    size: f64,
    seen: u32,
    /// Quantiles of errors in units of `size`.
    marks: [f64; 9],
}

impl Lead {
    fn new() -> Self {
        let mut stack = Rls::new(VOICES, 1, FORGET, 0.05);
        stack.set_weight(0, ROLLED, 0.5);
        stack.set_weight(0, DIRECT, 0.25);
        stack.set_weight(0, USUAL, 0.25);
        let marks = [-5.0, -4.0, -2.3, -0.8, 0.0, 0.8, 2.3, 4.0, 5.0];
        Self { stack, squares: [1e-6; 3], size: 0.0, seen: 0, marks }
    }

    /// The answer as z, and the three that it is made of.
    fn say(&self, x: &[f64; 8]) -> (f64, [f64; 3]) {
        let low = x[..VOICES - 1].iter().copied().fold(f64::INFINITY, f64::min);
        let high = x[..VOICES - 1].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let slack = 0.5 * (high - low) + 0.5;
        let stacked = self.stack.predict(0, x).clamp(low - slack, high + slack);
        let all = [stacked, x[ROLLED], x[LATEST]];
        let least = self.squares.iter().copied().fold(f64::INFINITY, f64::min);
        let w = self.squares.map(|s| {
            let r = least / s;
            let r4 = (r * r) * (r * r);
            r4 * r4
        });
        let sum: f64 = w.iter().sum();
        ((w[0] * all[0] + w[1] * all[1] + w[2] * all[2]) / sum, all)
    }

    fn learn(&mut self, x: &[f64; 8], y: f64) {
        let (said, all) = self.say(x);
        let n = f64::from(self.seen);
        let r = SQUARE.rate(n + 1.0);
        for (s, a) in self.squares.iter_mut().zip(all) {
            *s += r * ((y - a).powi(2).min(100.0 * *s + 1.0) - *s);
            *s = s.max(1e-12);
        }
        self.stack.learn(x, y - self.stack.predict(0, x));
        let e = y - said;
        SIZE.learn(&mut self.size, self.seen, e.abs(), 0.0);
        self.size = self.size.max(1e-12);
        if self.seen > 10 {
            let u = e / self.size;
            let rate = 4.0 * MARK.rate(n + 10.0);
            for (m, p) in self.marks.iter_mut().zip(LEVELS) {
                let inner = (8.0 * (p * (1.0 - p)).sqrt()).min(1.0);
                *m += rate * inner * if u < *m { p - 1.0 } else { p };
            }
        }
        self.seen = self.seen.saturating_add(1);
    }

    /// The error at level `p`, as z.
    fn mark(&self, p: f64) -> f64 {
        let mut top = f64::NEG_INFINITY;
        let marks = self.marks.map(|m| {
            top = top.max(m);
            top
        });
        let i = LEVELS.partition_point(|l| *l < p).clamp(1, LEVELS.len() - 1);
        let (p0, p1) = (LEVELS[i - 1], LEVELS[i]);
        let t = ((p - p0) / (p1 - p0)).clamp(0.0, 1.0);
        self.size * (marks[i - 1] + t * (marks[i] - marks[i - 1]))
    }
}

impl Column {
    fn new(steps: usize) -> Self {
        let direct = Rls::new(DIMS, steps, FORGET, 10.0);
        Self { base: 0.0, unit: 1.0, epoch: 0, direct, leads: vec![Lead::new(); steps] }
    }
}

/// What is learnt of leads; shared by the keys.
#[derive(Clone, Debug)]
pub(crate) struct Leads {
    steps: usize,
    columns: Vec<Column>,
    /// Room for the keys that have a lease, at most `most`.
    rooms: Vec<Room>,
    most: usize,
    /// Events learnt.
    now: u64,
    /// Leases given.
    leases: u64,
}

/// A key's right to one of the model's rooms; void once the room has another holder.
///
/// Rooms take at most [`BUDGET`] bytes together. A key that has none gets a free one at its next event, or that of the
/// holder whose last event is longest ago, if that holder has been silent for [`SILENCE`] × rooms events or has had
/// [`TURN`] × steps events of its own since it came: so that with more keys than rooms each holder stays long enough to
/// be learnt from. Keys without a room are rolled; what was learnt from others waits for them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lease {
    room: u32,
    /// 0: none.
    number: u64,
}

#[derive(Clone, Debug, Default)]
struct Room {
    holder: u64,
    /// The holder's last event, and how many there were.
    last: u64,
    events: u64,
    leads: KeyLeads,
}

/// Bytes of all that waits, and the most rooms.
const BUDGET: usize = 64 << 20;
const ROOMS: usize = 1024;
const SILENCE: u64 = 64;
const TURN: u64 = 16;

/// Forecasts of a key that wait for their truths, and what the next ones need.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyLeads {
    /// Newest first.
    waiting: VecDeque<Origin>,
    /// Past values by column, newest first; what was expected stands in for what was missing.
    past: Vec<VecDeque<f64>>,
}

/// What was known at one event.
#[derive(Clone, Debug, Default)]
struct Origin {
    epochs: Vec<u32>,
    /// Regressors and gains of each column.
    regressors: Vec<f64>,
    gains: Vec<f64>,
    /// Voices by lead and column.
    voices: Vec<f64>,
}

/// The voices of one lead, in the column's own units; `NaN` where one has nothing to say.
pub(crate) type Voices = [f64; VOICES - 1];

impl Leads {
    /// For `columns` columns, `steps` events ahead; none if that is nothing, or more than [`MOST`].
    /// `leases` were given before: their keys must not take those of others for their own.
    pub(crate) fn new(columns: usize, steps: usize, leases: u64) -> Option<Self> {
        (1..=MOST).contains(&(columns * steps)).then(|| Self {
            steps,
            columns: vec![Column::new(steps); columns],
            rooms: Vec::new(),
            most: (BUDGET / (steps * columns * 8 * (2 * WIDTH + steps * VOICES))).clamp(1, ROOMS),
            now: 0,
            leases,
        })
    }

    /// How many leases were given.
    pub(crate) fn leases(&self) -> u64 {
        self.leases
    }

    /// What waits for the key, to be [`put`](Self::put) back after the event; none if there is no room for it now.
    pub(crate) fn take(&mut self, lease: &mut Lease, columns: usize) -> Option<KeyLeads> {
        self.now += 1;
        if self.room(lease).is_none() {
            let (now, silence, turn) = (self.now, SILENCE * self.most as u64, TURN * self.steps as u64);
            let room = if self.rooms.len() < self.most {
                self.rooms.push(Room::default());
                self.rooms.len() - 1
            } else {
                let ready = |r: &Room| now - r.last > silence || r.events >= turn;
                let ready = self.rooms.iter().enumerate().filter(|(_, r)| ready(r));
                ready.min_by_key(|(_, r)| r.last).map(|(i, _)| i)?
            };
            self.leases += 1;
            *lease = Lease { room: room as u32, number: self.leases };
            self.rooms[room] = Room { holder: self.leases, ..Room::default() };
        }
        let room = &mut self.rooms[lease.room as usize];
        (room.last, room.events) = (self.now, room.events + 1);
        let mut leads = std::mem::take(&mut room.leads);
        leads.fit(columns, self.steps);
        Some(leads)
    }

    /// Puts back what was taken.
    pub(crate) fn put(&mut self, lease: &Lease, leads: KeyLeads) {
        self.rooms[lease.room as usize].leads = leads;
    }

    fn room(&self, lease: &Lease) -> Option<&KeyLeads> {
        let room = self.rooms.get(lease.room as usize)?;
        (lease.number > 0 && room.holder == lease.number).then_some(&room.leads)
    }

    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// The values of an event have come: what was said of them is learnt from.
    pub(crate) fn learn(&mut self, key: &mut KeyLeads, values: &[f64]) {
        let n = self.columns.len();
        for (j, c) in self.columns.iter_mut().enumerate() {
            if !values[j].is_finite() || c.epoch == 0 {
                continue;
            }
            let y = ((values[j] - c.base) / c.unit).clamp(-1e3, 1e3);
            for (h, o) in key.waiting.iter().enumerate().take(self.steps) {
                if o.epochs.get(j) != Some(&c.epoch) {
                    continue;
                }
                let x = &o.regressors[j * WIDTH..][..WIDTH];
                let e = y - c.direct.predict(h, x);
                c.direct.correct_along(h, e, &o.gains[j * WIDTH..][..WIDTH]);
                c.leads[h].learn(&voices(o, h, j, n), y);
            }
        }
    }

    /// Makes the forecasts that start from here. `now` holds the values of the event, with what was expected in place
    /// of what was missing; `units` each column's centre, unit and count; `phase` the time of day; `voice` what others say.
    pub(crate) fn foresee(
        &mut self,
        key: &mut KeyLeads,
        now: &[f64],
        units: impl Fn(usize) -> (f64, f64, u64),
        phase: (f64, f64),
        voice: impl Fn(usize, usize) -> Voices,
    ) {
        let n = self.columns.len();
        key.past.resize_with(n, VecDeque::new);
        let mut o = if key.waiting.len() >= self.steps {
            key.waiting.pop_back().unwrap_or_default()
        } else {
            Origin::default()
        };
        o.epochs.clear();
        for v in [&mut o.regressors, &mut o.gains] {
            v.clear();
            v.resize(n * WIDTH, 0.0);
        }
        o.voices.clear();
        o.voices.resize(n * self.steps * VOICES, 0.0);
        for (j, c) in self.columns.iter_mut().enumerate() {
            let past = &mut key.past[j];
            past.truncate(PAST - 1);
            past.push_front(now[j]);
            let (centre, unit, seen) = units(j);
            let astray = (centre - c.base).abs() > STRAY * c.unit || !(1.0 / STRAY..STRAY).contains(&(unit / c.unit));
            if seen >= SETTLED && (c.epoch == 0 || astray) && unit > 0.0 && centre.is_finite() && unit.is_finite() {
                let epoch = c.epoch + 1;
                *c = Column { base: centre, unit, epoch, ..Column::new(self.steps) };
            }
            let known = now[j].is_finite() && c.epoch > 0;
            o.epochs.push(if known { c.epoch } else { 0 });
            if !known {
                continue;
            }
            let z = |y: f64| if y.is_finite() { ((y - c.base) / c.unit).clamp(-50.0, 50.0) } else { 0.0 };
            let x = &mut o.regressors[j * WIDTH..][..WIDTH];
            let oldest = past.back().copied().unwrap_or(f64::NAN);
            (0..PAST).for_each(|i| x[i] = z(past.get(i).copied().unwrap_or(oldest)));
            let (s, cos) = phase;
            (x[PAST], x[PAST + 1], x[PAST + 2], x[PAST + 3]) = (s, cos, 2.0 * s * cos, cos * cos - s * s);
            x[DIMS - 1] = 1.0;
            for h in 0..self.steps {
                let v = &mut o.voices[(h * n + j) * VOICES..][..VOICES];
                let said = voice(h, j);
                for (i, (v, y)) in v.iter_mut().zip(said).enumerate() {
                    *v = match i {
                        DIRECT => c.direct.predict(h, x).clamp(-50.0, 50.0),
                        _ if y.is_finite() => z(y),
                        _ => z(now[j]),
                    };
                }
                v[VOICES - 1] = 1.0;
            }
            let den = c.direct.gain(x);
            c.direct.gain_over(den, &mut o.gains[j * WIDTH..][..WIDTH]);
            c.direct.advance(den);
        }
        key.waiting.push_front(o);
    }

    /// What stands of one lead, counted from 0, and column; none if nothing was learnt of it yet.
    pub(crate) fn forecast(&self, key: &Lease, h: usize, column: usize, levels: &[f64]) -> Option<Forecast> {
        let c = self.columns.get(column)?;
        let key = self.room(key)?;
        let o = key.waiting.front().filter(|o| c.epoch > 0 && o.epochs.get(column) == Some(&c.epoch))?;
        let lead = c.leads.get(h).filter(|l| l.seen > 2 * PAST as u32)?;
        let (z, _) = lead.say(&voices(o, h, column, self.columns.len()));
        let raw = |z: f64| c.base + c.unit * z;
        let quantiles = levels.iter().map(|p| raw(z + lead.mark(*p))).collect();
        Some(Forecast { mean: raw(z), quantiles })
    }
}

fn voices(o: &Origin, h: usize, column: usize, columns: usize) -> [f64; 8] {
    let mut x = [0.0; 8];
    x[..VOICES].copy_from_slice(&o.voices[(h * columns + column) * VOICES..][..VOICES]);
    x
}

impl Persist for Lead {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.stack.persist(s)?;
        s.f64s_fixed("squares", &mut self.squares)?;
        s.f64("size", &mut self.size)?;
        s.u32("seen", &mut self.seen)?;
        s.f64s_fixed("marks", &mut self.marks)
    }
}

impl Persist for Leads {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("leads")?;
        for c in &mut self.columns {
            s.f64("base", &mut c.base)?;
            s.f64("unit", &mut c.unit)?;
            s.u32("epoch", &mut c.epoch)?;
            c.direct.persist(s)?;
            c.leads.iter_mut().try_for_each(|l| l.persist(s))?;
        }
        s.u64("now", &mut self.now)?;
        s.u64("leases", &mut self.leases)?;
        s.list("rooms", &mut self.rooms, Room::default)?;
        if self.rooms.len() > self.most || self.rooms.iter().any(|r| r.last > self.now) {
            return Err(StateError::Invalid("rooms"));
        }
        Ok(())
    }
}

impl Persist for Lease {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32("room", &mut self.room)?;
        s.u64("lease", &mut self.number)
    }
}

impl Persist for Room {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("holder", &mut self.holder)?;
        s.u64("last", &mut self.last)?;
        s.u64("events", &mut self.events)?;
        self.leads.persist(s)
    }
}

impl Persist for Origin {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s("epochs", &mut self.epochs)?;
        s.f64s("regressors", &mut self.regressors)?;
        s.f64s("gains", &mut self.gains)?;
        s.f64s("voices", &mut self.voices)?;
        let n = self.epochs.len() * WIDTH;
        if self.regressors.len() == n && self.gains.len() == n { Ok(()) } else { Err(StateError::Invalid("origin")) }
    }
}

impl KeyLeads {
    /// Walks over a key's part.
    pub(crate) fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("key-leads")?;
        let mut waiting: Vec<Origin> = std::mem::take(&mut self.waiting).into();
        let r = s.list("waiting", &mut waiting, Origin::default);
        self.waiting = waiting.into();
        r?;
        let mut columns = self.past.len();
        s.len("past", &mut columns)?;
        if columns > 1 << 16 {
            return Err(StateError::Invalid("past"));
        }
        self.past.resize_with(columns, VecDeque::new);
        for p in &mut self.past {
            let mut v: Vec<f64> = p.iter().copied().collect();
            s.f64s("past", &mut v)?;
            *p = v.into();
        }
        let whole = |o: &Origin| o.voices.len().is_multiple_of((o.epochs.len() * VOICES).max(1));
        if self.waiting.iter().all(whole) { Ok(()) } else { Err(StateError::Invalid("voices")) }
    }

    /// Forgets forecasts that were made for another number of columns or steps.
    pub(crate) fn fit(&mut self, columns: usize, steps: usize) {
        self.waiting.retain(|o| o.epochs.len() == columns && o.voices.len() == columns * steps * VOICES);
        self.waiting.truncate(steps);
    }
}
