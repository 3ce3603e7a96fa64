//! The model of one stream's numbers: predict, score, learn.

use crate::NumberKey;
use crate::calibrate::Map;
use crate::column::Column;
use crate::density::ln_all;
use crate::experts::*;
use crate::key::KeyColumn;
use crate::leads::Leads;
use crate::net::{Ahead, Net, Pass};
use crate::options::{EventContext, NumberOptions};
use crate::predictive::Predictive;
use crate::ranked;
use crate::relations::{Relations, SHARED};
use crate::scale::Rebase;
use crate::score::given;
use crate::season::{Season, phase};
use crate::stand::{Days, Given, Seen, Stand};
use surmise_state::{Persist, State, StateError};

/// Values are learnt from as if they lay within ± this; they are scored as they are.
const LARGEST: f64 = 1e120;

/// Predicts all number fields of one stream, online; shared by the stream's keys.
///
/// An event is three calls: [`begin`](Self::begin) makes the standing prediction from the past alone,
/// [`observe`](Self::observe) scores the event's columns one after another, each given those before it, and
/// [`finish`](Self::finish) learns from all of them. Only `finish` changes what is learnt. All three speak of the same
/// key. A checkpoint is taken between events: the standing prediction is no part of it.
///
/// Units: values in, values out are the column's own; surprise is in nats.
///
/// Surprise is −ln of the probability of the *cell* that holds the value: cells are 10^-d wide, d being the most
/// decimals the column has been written with before this event, but never finer than 2^-24 of the column's unit (the
/// binade of its spread) nor than 2^-44 of the value. A column whose decimals cannot be told so costs a constant
/// ln 2^24 more than its density says.
///
/// Determinism: one thread, no clock; basic arithmetic of `f64`, `libm`, and the network's lanes. Equal calls give
/// equal bits on every machine of one arithmetic (see `surmise_lanes`); without the network on every machine.
///
/// Cost: about 3 µs a column and event on one core; linear in the number of columns. Up to 37 columns are regressed on
/// each other's past together, and on up to 32 others' values of the same event; beyond that a column looks at eight
/// others' past and twelve others' values, those that explain it best of the ones it has tried so far.
///
/// Errors: none; a column number that does not exist panics, except in `observe`. What is not finite counts as
/// missing; an update that is not finite is not applied.
#[derive(Clone)]
pub struct NumberModel {
    options: NumberOptions,
    seed: u64,
    columns: Vec<Column>,
    relations: Relations,
    season: Season,
    net: Option<Net>,
    leads: Option<Leads>,
    standing: Standing,
}

/// The prediction that stands, and what came of it: scratch.
#[derive(Clone, Default)]
pub(crate) struct Standing {
    pub(crate) stands: Vec<Stand>,
    pub(crate) symbols: Vec<u32>,
    active: bool,
    /// Values observed of the event; where there are many columns, turn and error of each.
    turn: u32,
    errors: Vec<(u32, f64)>,
    time_us: i64,
    x: Vec<f64>,
    all: Vec<f64>,
    pass: Pass,
    ahead: Option<Ahead>,
    nats: Vec<Vec<f64>>,
}

impl NumberModel {
    /// A model that has learnt nothing, for `columns` number fields.
    pub fn new(columns: usize, options: NumberOptions, seed: u64) -> Self {
        let net = options.network.clone().filter(|_| columns > 0).map(|o| Net::new(columns, o, seed, 0));
        let leads = Leads::new(columns, options.horizon, 0);
        let ablation = options.ablation;
        let mut it = Self {
            leads,
            options,
            seed,
            columns: (0..columns).map(|j| Column::new(columns, j).leaving_out(ablation)).collect(),
            relations: Relations::new(columns),
            season: Season::default(),
            net,
            standing: Standing::default(),
        };
        it.fit_scratch();
        it
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// One more column, the last. What columns have learnt of themselves stays; what they have learnt of each other
    /// starts again, and so does the network when it has no room.
    pub fn add_column(&mut self) {
        let n = self.columns.len() + 1;
        self.columns.push(Column::new(n, n - 1).leaving_out(self.options.ablation));
        for (j, c) in self.columns.iter_mut().enumerate().take(n - 1) {
            c.relate(n, j);
        }
        self.relations = Relations::new(n);
        let leases = self.leads.as_ref().map_or(0, Leads::leases);
        self.leads = Leads::new(n, self.options.horizon, leases);
        match &mut self.net {
            Some(net) => net.grow(n),
            None => self.net = self.options.network.clone().map(|o| Net::new(n, o, self.seed, 0)),
        }
        self.fit_scratch();
    }

    fn fit_scratch(&mut self) {
        let n = self.columns.len();
        self.standing.stands.resize_with(n, Stand::new);
        self.standing.nats.resize_with(n, || vec![0.0; NAMED]);
        self.standing.active = false;
    }

    /// Computes the standing distribution of every column of the key's next event, from the past alone and what `ctx`
    /// says. Changes nothing that is learnt; it may be called any number of times.
    pub fn begin(&mut self, key: &mut NumberKey, ctx: &EventContext<'_>) {
        let mut standing = std::mem::take(&mut self.standing);
        let mut ahead = standing.ahead.take();
        if let Some(net) = &self.net {
            net.ahead_into(key.net.as_ref(), &mut ahead);
        }
        self.stand(key, ctx, &mut ahead, &mut standing);
        standing.ahead = ahead;
        standing.active = true;
        self.standing = standing;
    }

    /// The time of the key's next event, as far as it is known; `i64::MIN` if not at all.
    pub(crate) fn next_time(&self, key: &NumberKey, ctx: &EventContext<'_>) -> i64 {
        match ctx.time_us {
            Some(t) => t,
            None if key.time_us != i64::MIN && self.season.interval_us > 0 => {
                key.time_us.saturating_add(self.season.interval_us)
            }
            None => i64::MIN,
        }
    }

    /// Writes the standing prediction of `key` to `to`.
    pub(crate) fn stand(&self, key: &NumberKey, ctx: &EventContext<'_>, ahead: &mut Option<Ahead>, to: &mut Standing) {
        let n = self.columns.len();
        to.stands.resize_with(n, Stand::new);
        to.turn = 0;
        to.symbols.clear();
        to.symbols.extend_from_slice(ctx.symbols);
        to.time_us = self.next_time(key, ctx);
        let phase = phase(to.time_us);
        let day = self.season.day;
        let days = (day > 0 && key.ring.epoch == self.season.epoch).then(|| {
            let known = key.time_us != i64::MIN && to.time_us != i64::MIN;
            let ahead = if known { self.season.steps(key.time_us, to.time_us) - 1 } else { 0 };
            let place = self.season.place(to.time_us).filter(|_| key.profile.epoch == self.season.epoch);
            Days { ring: &key.ring, profile: &key.profile, day, ahead, place }
        });
        let empty = KeyColumn::new();
        let column = |j: usize| key.columns.get(j).unwrap_or(&empty);
        for (j, st) in to.stands.iter_mut().enumerate() {
            st.clear();
            st.recall(&self.columns[j], column(j), days.as_ref(), j);
        }
        self.relations.predict(&to.stands, phase, &mut to.x, &mut to.all);
        for (j, st) in to.stands.iter_mut().enumerate() {
            st.speak(&self.columns[j], column(j), to.all[j]);
        }
        if let (Some(net), Some(ahead)) = (&self.net, ahead) {
            net.peek(ahead, &to.stands, |j| self.columns[j].units.unit, phase, &mut to.pass);
            for (st, o) in to.stands.iter_mut().zip(to.pass.out.chunks_exact(2)) {
                st.listen(o[0] as f64, o[1] as f64);
            }
        }
        for (j, st) in to.stands.iter_mut().enumerate() {
            st.settle(&self.columns[j], column(j));
        }
    }

    /// Scores one column given the columns observed before it in this event; anything not finite counts as missing.
    /// Returns the surprise in nats. A column that is observed twice counts as first observed.
    pub fn observe(&mut self, key: &mut NumberKey, column: usize, value: f64) -> f64 {
        if column >= self.columns.len() || self.standing.stands[column].seen != Seen::NotYet {
            return 0.0;
        }
        let gap = key.columns.get(column).is_some_and(|k| k.gap > 0);
        let c = &self.columns[column];
        let there = c.there[usize::from(gap)].get();
        let nats = &mut self.standing.nats[column];
        if !value.is_finite() {
            self.standing.stands[column].seen = Seen::Missing;
            let surprise = -libm::log(1.0 - there);
            nats.fill(surprise);
            return surprise;
        }
        let presence = -libm::log(there);
        let g = given(&self.columns, &self.standing.stands, column, &self.standing.symbols);
        self.standing.turn += 1;
        let st = &mut self.standing.stands[column];
        st.turn = self.standing.turn;
        st.given = g;
        st.score(c, value);
        let mut m = [0.0; NAMED];
        for (i, m) in m.iter_mut().enumerate() {
            *m = match i {
                0..16 => {
                    if st.awake.has(i) {
                        st.m[i]
                    } else {
                        st.p
                    }
                }
                16..19 => {
                    if st.given.awake.has(i - 15) {
                        st.given.m[i - 15]
                    } else {
                        st.given.p
                    }
                }
                _ => {
                    if st.atoms_awake().has(i - 18) {
                        st.m_outer[i - 18]
                    } else {
                        st.p_outer
                    }
                }
            };
        }
        ln_all(&m, nats);
        nats.iter_mut().for_each(|n| *n = presence - *n);
        st.value = value.clamp(-LARGEST, LARGEST);
        presence - libm::log(st.corrected.mass.max(1e-300))
    }

    /// Learns from the event that was begun: every column that was observed; the others count as missing, without
    /// being held against anybody. Does nothing if no event was begun.
    pub fn finish(&mut self, key: &mut NumberKey) {
        if !std::mem::take(&mut self.standing.active) {
            return;
        }
        let n = self.columns.len();
        key.columns.resize_with(n, KeyColumn::new);
        let Self { columns, standing, relations, net, season, .. } = self;
        let wide = n > SHARED;
        if wide {
            standing.errors.clear();
            standing.errors.extend(standing.stands.iter().map(|st| match st.seen {
                Seen::There => (st.turn, (st.value - st.mean) * st.inv[STACK]),
                _ => (u32::MAX, 0.0),
            }));
        }
        for j in 0..n {
            let (c, st) = (&mut columns[j], &standing.stands[j]);
            if st.seen != Seen::NotYet {
                c.there[usize::from(key.columns[j].gap > 0)].learn(st.seen == Seen::There);
            }
            if st.seen == Seen::There {
                c.learn_event(st, &standing.symbols);
                if wide {
                    let errors = &standing.errors;
                    c.seek(j, st, |k| if errors[k].0 < st.turn { errors[k].1 } else { 0.0 });
                }
            }
        }
        let error = |j: usize| {
            let st = &standing.stands[j];
            let there = st.seen == Seen::There && st.regime == 0;
            let c = &columns[j];
            let last = c.scale(0, LAST).max(c.units.quantum) / c.units.unit;
            there.then(|| (c.innovation(st.value, standing.all[j]), last))
        };
        let news = |j: usize| {
            let (z, c) = (&standing.stands[j].z, &columns[j].covariance);
            z[0] - (c[0] / c[1].max(1e-9)).clamp(-1.0, 1.0) * z[1]
        };
        relations.learn(&standing.x, error, news);
        if let Some(net) = net {
            net.learn(&mut key.net, &standing.stands, &mut standing.pass);
        }
        for j in 0..n {
            let st = &standing.stands[j];
            let quantum = columns[j].units.quantum;
            if st.seen == Seen::There {
                let change = columns[j].learn_value(st.value, key.columns[j].last);
                if change != Rebase::None {
                    columns[j].rebase(change);
                    columns.iter_mut().for_each(|c| c.rebase_sibling(j, change));
                    relations.rebase(j, change);
                }
                key.columns[j].push(st.value, st.mean, quantum);
            } else {
                key.columns[j].push(f64::NAN, st.mean, quantum);
            }
        }
        remember(key, season, &standing.stands, standing.time_us, self.options.season_rows);
        self.foresee(key);
    }

    /// The point forecast: the stack of all experts, learnt under squared error.
    pub fn mean(&self, column: usize) -> f64 {
        self.standing.stands[column].mean
    }

    /// The standing median.
    pub fn median(&self, column: usize) -> f64 {
        self.quantile(column, 0.5)
    }

    /// The standing quantile at level `p`, corrected so that a fraction p of outcomes has fallen below it; in the middle
    /// of its cell where cells are wide.
    pub fn quantile(&self, column: usize, p: f64) -> f64 {
        let c = &self.columns[column];
        Predictive::new(c, &self.standing.stands[column], None).quantile(c.calibrate[0].map().plain(p))
    }

    /// The standing quantiles at several levels, into `out`: cheaper than one after another.
    pub fn quantiles(&self, column: usize, levels: &[f64], out: &mut Vec<f64>) {
        let c = &self.columns[column];
        let p = Predictive::new(c, &self.standing.stands[column], None);
        out.clear();
        let map = c.calibrate[0].map();
        out.extend(p.quantiles(levels.iter().map(|l| map.plain(*l))));
    }

    /// P(value ≤ x) as it stands, uncorrected.
    pub fn cdf(&self, column: usize, x: f64) -> f64 {
        Predictive::new(&self.columns[column], &self.standing.stands[column], None).cdf(x)
    }

    /// Where the column's observed value lay in the distribution that stood for it: the mass below its cell and up to
    /// its end, as levels of the corrected distribution (before the event, or given the columns observed before it).
    /// Until `finish`; `None` if no value was observed.
    pub fn levels(&self, column: usize, conditional: bool) -> Option<(f64, f64)> {
        let (c, st) = (&self.columns[column], &self.standing.stands[column]);
        (st.seen == Seen::There).then(|| levels(st, conditional, &c.calibrate[usize::from(conditional)].map()))
    }

    /// Continuous ranked probability score of the column's observed value under the distribution that stood for it, as
    /// [`levels`](Self::levels), in the column's units; see the module `ranked` for how it is estimated: single scores
    /// are rough, means over many values are right.
    pub fn crps(&self, column: usize, conditional: bool) -> Option<f64> {
        let (c, st) = (&self.columns[column], &self.standing.stands[column]);
        (st.seen == Seen::There).then(|| crps(c, st, conditional, &c.calibrate[usize::from(conditional)].map()))
    }

    /// [`levels`](Self::levels) and [`crps`](Self::crps) at once, for less.
    pub fn measures(&self, column: usize, conditional: bool) -> Option<((f64, f64), f64)> {
        let (c, st) = (&self.columns[column], &self.standing.stands[column]);
        if st.seen != Seen::There {
            return None;
        }
        let map = c.calibrate[usize::from(conditional)].map();
        Some((levels(st, conditional, &map), crps(c, st, conditional, &map)))
    }

    fn given(&self, column: usize) -> Given {
        given(&self.columns, &self.standing.stands, column, &self.standing.symbols)
    }

    /// The point forecast given the columns observed so far in this event.
    pub fn conditional_mean(&self, column: usize) -> f64 {
        self.given(column).mean()
    }

    /// The quantile at level `p` given the columns observed so far in this event, corrected as [`quantile`](Self::quantile).
    pub fn conditional_quantile(&self, column: usize, p: f64) -> f64 {
        let g = self.given(column);
        let c = &self.columns[column];
        let level = c.calibrate[1].map().plain(p);
        Predictive::new(c, &self.standing.stands[column], Some(&g)).quantile(level)
    }

    /// The standing quantiles at two levels, before the event or given the columns observed so far in it.
    pub fn interval(&self, column: usize, conditional: bool, low: f64, high: f64) -> [f64; 2] {
        let c = &self.columns[column];
        let g = conditional.then(|| self.given(column));
        let map = c.calibrate[usize::from(conditional)].map();
        let p = Predictive::new(c, &self.standing.stands[column], g.as_ref());
        let q = p.quantiles([low, high].map(|l| map.plain(l)));
        [q[0], q[1]]
    }

    /// Names of the experts, in the order of [`expert_nats`](Self::expert_nats).
    pub fn experts(&self) -> &[&'static str] {
        &NAMES
    }

    /// What each expert alone would have paid for the column's last observed value, in nats, presence included. An
    /// expert that had nothing to say counts as saying what the mixture said.
    pub fn expert_nats(&self, column: usize) -> &[f64] {
        &self.standing.nats[column]
    }

    /// 0..16: where a value lies among the column's past values.
    pub fn bucket(&self, column: usize, value: f64) -> u32 {
        self.columns[column].units.bucket(value)
    }

    /// Nats by which the column's surprise so far may exceed the best single expert's, on any stream: the sum over the
    /// nested fixed-share mixtures of ln N + Σ ln 1/(1−α_t), see the module `share`.
    pub fn regret_bound(&self, column: usize) -> f64 {
        let c = &self.columns[column];
        let fresh = if c.share[1].rounds() > 0 { c.share[1].bound() } else { 0.0 };
        c.share[0].bound() + fresh + c.share_given.bound() + c.share_outer.bound() + c.calibrate[1].bound()
    }

    /// Width of the cells in which the column's surprise is counted at present, near its centre.
    pub fn resolution(&self, column: usize) -> f64 {
        self.columns[column].units.quantum
    }

    /// The sampling interval found in the time stamps, in microseconds.
    pub fn interval_us(&self) -> Option<i64> {
        (self.season.interval_us > 0).then_some(self.season.interval_us)
    }

    /// Whether forecasts are learnt for each lead directly.
    pub fn leads_learnt(&self) -> bool {
        self.leads.is_some()
    }

    /// See [`surmise_network::Recurrence::discard_pending_jobs`].
    pub fn discard_pending_jobs(&mut self) {
        self.net.iter_mut().for_each(Net::discard_pending_jobs);
    }

    /// Who works out beside what the network learns, see [`surmise_network::JobSink`]. To be set again after a
    /// checkpoint was read; a clone has nobody.
    pub fn set_job_sink(&mut self, job_sink: Option<surmise_network::JobSink>) {
        if let Some(net) = &mut self.net {
            net.set_job_sink(job_sink);
        }
    }

    /// Network chunks that were thrown away because a gradient was not finite.
    pub fn rejected(&self) -> u64 {
        self.net.as_ref().map_or(0, Net::rejected)
    }

    pub(crate) fn leads(&self) -> Option<&Leads> {
        self.leads.as_ref()
    }

    pub(crate) fn leads_mut(&mut self) -> &mut Option<Leads> {
        &mut self.leads
    }

    /// The values of the event just learnt, NaN where one was missing, and with what was expected in their place.
    pub(crate) fn latest(&self) -> (Vec<f64>, Vec<f64>) {
        let value = |s: &Stand| if s.seen == Seen::There { s.value } else { f64::NAN };
        let stands = &self.standing.stands;
        let filled = stands.iter().map(|s| {
            if s.seen == Seen::There {
                s.value
            } else if s.regime == 0 {
                s.mean
            } else {
                f64::NAN
            }
        });
        (stands.iter().map(value).collect(), filled.collect())
    }

    pub(crate) fn parts(&self) -> (&[Column], &Season, Option<&Net>) {
        (&self.columns, &self.season, self.net.as_ref())
    }
}

fn levels(st: &Stand, conditional: bool, map: &Map) -> (f64, f64) {
    let span = map.span(if conditional { st.span_outer } else { st.span_marginal });
    (span.below, span.below + span.mass)
}

fn crps(c: &Column, st: &Stand, conditional: bool, map: &Map) -> f64 {
    let at = (c.units.seen as f64 * 0.618_033_988_749_894_9).fract();
    ranked::crps(c, st, conditional.then_some(&st.given), map, st.value, at)
}

/// Takes the event into the stream's clock and the key's record of days.
fn remember(key: &mut NumberKey, season: &mut Season, stands: &[Stand], time_us: i64, rows: usize) {
    let before = key.time_us;
    if time_us != i64::MIN {
        if before != i64::MIN {
            season.learn(time_us.saturating_sub(before));
        }
        key.time_us = time_us;
    }
    let day = season.day;
    if day == 0 || day + 2 > rows {
        return;
    }
    let rows = if 7 * day + 1 < rows { 7 * day + 2 } else { day + 2 };
    key.ring.fit(season.epoch, stands.len(), rows);
    if before != i64::MIN && time_us != i64::MIN {
        key.ring.skip(season.steps(before, time_us) - 1);
    }
    let value = |c: usize| if stands[c].seen == Seen::There { stands[c].value } else { f64::NAN };
    key.ring.push_with(value);
    if let Some(place) = season.place(time_us) {
        key.profile.fit(season.epoch, stands.len(), season.slots());
        key.profile.learn(place, value);
    }
}

impl Persist for NumberModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("number-model")?;
        let mut n = self.columns.len();
        s.len("columns", &mut n)?;
        if s.is_reading() && n != self.columns.len() {
            if n > 1 << 16 {
                return Err(StateError::Invalid("columns"));
            }
            *self = Self::new(n, self.options.clone(), self.seed);
        }
        self.columns.iter_mut().try_for_each(|c| c.persist(s))?;
        self.relations.persist(s)?;
        self.season.persist(s)?;
        if let Some(net) = &mut self.net {
            net.persist(s)?;
        }
        if let Some(l) = &mut self.leads {
            l.persist(s)?;
        }
        if s.is_reading() {
            self.fit_scratch();
        }
        Ok(())
    }
}
