//! What a key's columns do over the next events: learnt for each lead where that was asked for (see `leads`), else
//! rolled out as if each event were as expected.
//!
//! Step one is the standing distribution. Further steps feed the point forecasts back in. Quantiles keep the shape of
//! step one around the mean and widen as an autoregression with the column's own lag-one correlation does, up to the
//! column's own spread: σ_h = σ_1 √(1 + φ² + … + φ^2(h−1)).

use crate::experts::STACK;
use crate::leads::{BEFORE, CENTRE, LATEST, ROLLED, USUAL, VOICES, Voices};
use crate::model::Standing;
use crate::options::{EventContext, Forecast};
use crate::predictive::Predictive;
use crate::season::phase;
use crate::stand::Seen;
use crate::{NumberKey, NumberModel};
use std::borrow::Cow;

impl NumberModel {
    /// The next `horizon` events of `key`, without learning: for each step and column the mean and the quantiles at
    /// `levels`, in the column's units. `ctx` speaks of the first step; symbols are unknown after it. Leads that were
    /// learnt directly take the place of the roll-out as soon as enough of their truths have come.
    pub fn forecast(
        &self,
        key: &NumberKey,
        ctx: &EventContext<'_>,
        horizon: usize,
        levels: &[f64],
    ) -> Vec<Vec<Forecast>> {
        let columns = self.columns();
        let learnt = |h: usize, j: usize| self.leads()?.forecast(&key.lease, h, j, levels);
        let mut learnt: Vec<Vec<_>> = (0..horizon).map(|h| (0..columns).map(|j| learnt(h, j)).collect()).collect();
        if learnt.iter().flatten().all(Option::is_some) {
            return learnt.into_iter().map(|row| row.into_iter().flatten().collect()).collect();
        }
        let mut steps = self.roll(key, ctx, horizon, levels);
        for (f, l) in steps.iter_mut().flatten().zip(learnt.iter_mut().flatten()) {
            if let Some(l) = l.take() {
                *f = l;
            }
        }
        steps
    }

    /// Learns from forecasts whose truth the event just learnt has brought, and makes those that start from it.
    pub(crate) fn foresee(&mut self, key: &mut NumberKey) {
        let Some(mut leads) = self.leads_mut().take() else { return };
        let (values, filled) = self.latest();
        let Some(mut waiting) = leads.take(&mut key.lease, values.len()) else {
            *self.leads_mut() = Some(leads);
            return;
        };
        leads.learn(&mut waiting, &values);
        let rolled = self.roll(key, &EventContext::default(), leads.steps(), &[]);
        let (columns, season, _) = self.parts();
        let known = season.day > 0 && key.ring.epoch == season.epoch;
        let voice = |h: usize, j: usize| {
            let mut v: Voices = [f64::NAN; VOICES - 1];
            v[ROLLED] = rolled[h][j].mean;
            v[LATEST] = filled[j];
            v[CENTRE] = columns[j].units.centre();
            if known {
                let periods = h / season.day + 1;
                v[BEFORE] = key.ring.get(periods * season.day - h, j);
                let ahead = season.interval_us.saturating_mul(h as i64 + 1);
                let place = season.place(key.time_us.saturating_add(ahead));
                v[USUAL] = place.map_or(f64::NAN, |p| key.profile.usual(p, j));
            }
            v
        };
        let units = |j: usize| (columns[j].units.centre(), columns[j].units.unit, columns[j].units.seen);
        leads.foresee(&mut waiting, &filled, units, phase(key.time_us), voice);
        leads.put(&key.lease, waiting);
        *self.leads_mut() = Some(leads);
    }

    fn roll(&self, key: &NumberKey, ctx: &EventContext<'_>, horizon: usize, levels: &[f64]) -> Vec<Vec<Forecast>> {
        let (columns, season, net) = self.parts();
        // a key takes a copy only if it is moved on
        let mut key = Cow::Borrowed(key);
        if key.columns.len() < columns.len() {
            key.to_mut().columns.resize_with(columns.len(), crate::key::KeyColumn::new);
        }
        let mut ahead = net.map(|n| n.ahead(key.net.as_ref()));
        let mut standing = Standing::default();
        let mut steps: Vec<Vec<Forecast>> = Vec::with_capacity(horizon);
        let mut first: Vec<(Vec<f64>, f64)> = Vec::new();
        let mut growth = vec![0.0; columns.len()];
        let mut power = vec![1.0; columns.len()];
        let mut ctx = *ctx;
        for h in 0..horizon {
            self.stand(&key, &ctx, &mut ahead, &mut standing);
            let mut row = Vec::with_capacity(columns.len());
            for (j, (c, st)) in columns.iter().zip(&standing.stands).enumerate() {
                if h == 0 && !levels.is_empty() {
                    let p = Predictive::new(c, st, None);
                    let map = c.calibrate[0].map();
                    let mut q = p.quantiles(levels.iter().map(|l| map.plain(*l)));
                    q.iter_mut().for_each(|q| *q -= st.mean);
                    first.push((q, st.sigma[STACK]));
                } else if h == 0 {
                    first.push((Vec::new(), st.sigma[STACK]));
                }
                growth[j] += power[j];
                let phi = (c.covariance[0] / c.covariance[1].max(1e-9)).clamp(0.0, 1.0);
                power[j] *= phi * phi;
                let widest = (1.5 * c.units.unit / first[j].1.max(1e-300)).max(1.0);
                let wider = growth[j].sqrt().min(widest);
                let quantiles = first[j].0.iter().map(|d| st.mean + d * wider).collect();
                row.push(Forecast { mean: st.mean, quantiles });
            }
            steps.push(row);
            if h + 1 == horizon {
                break;
            }
            let time = self.next_time(&key, &ctx);
            let key = key.to_mut();
            for (j, st) in standing.stands.iter_mut().enumerate() {
                if st.regime == 0 {
                    (st.seen, st.value) = (Seen::There, st.mean);
                    key.columns[j].push(st.mean, st.mean, columns[j].units.quantum);
                }
            }
            if season.day > 0 && key.ring.epoch == season.epoch {
                if time != i64::MIN && key.time_us != i64::MIN {
                    key.ring.skip(season.steps(key.time_us, time) - 1);
                }
                let stands = &standing.stands;
                key.ring.push_with(|j| stands.get(j).map_or(f64::NAN, |s| s.mean));
                key.profile.pass(|j| stands.get(j).map_or(f64::NAN, |s| s.mean), season.place(time));
            }
            key.time_us = time;
            ctx = EventContext::default();
        }
        steps
    }
}
