//! Prequential sums: what every field, the mixture and each expert paid, before each event was learnt.

use surmise_event::{ExpertReport, FieldReport, Report, Schema};
use surmise_state::{Persist, State, StateError};

const BITS: f64 = std::f64::consts::LOG2_E;

/// Ranks that are counted: among the first, 5, 9 and 20 likeliest.
pub const RANKS: [usize; 4] = [1, 5, 9, 20];

/// Levels between which coverage is measured: 90, 50 and 99 %.
const COVERED: [(f64, f64); 3] = [(0.05, 0.95), (0.25, 0.75), (0.005, 0.995)];

/// Sums of one field.
#[derive(Clone, Default)]
pub struct FieldTally {
    /// Values scored, and their nats.
    pub count: u64,
    /// See `count`.
    pub nats: f64,
    /// Nats of the field's mixture, ends of keys that its vocabulary holds included.
    pub mixture: f64,
    /// Nats of every expert, over the same.
    pub experts: Vec<f64>,
    /// Symbols ranked, and how many were within each of [`RANKS`].
    pub ranked: u64,
    /// See `ranked`.
    pub within: [u64; 4],
    /// Numbers scored, and the squared and absolute errors of their point forecasts.
    pub numbers: u64,
    /// See `numbers`.
    pub squared: f64,
    /// See `numbers`.
    pub absolute: f64,
    /// Numbers whose distribution was measured, their ranked probability scores, and how much of them lay within the
    /// intervals [`COVERED`] and in each tenth of the distribution.
    pub measured: u64,
    /// See `measured`.
    pub crps: f64,
    /// See `measured`.
    pub covered: [f64; 3],
    /// See `measured`.
    pub tenths: [f64; 10],
    /// The regret bound when counting began.
    pub bound_before: f64,
}

/// Sums of one stream.
#[derive(Clone, Default)]
pub struct Tally {
    /// Events scored.
    pub events: u64,
    /// Their nats.
    pub nats: f64,
    /// Ends of keys scored, and their nats.
    pub ends: u64,
    /// See `ends`.
    pub end_nats: f64,
    /// Every field.
    pub fields: Vec<FieldTally>,
    /// By tenth of claimed probability: claims, hits, decisions.
    pub claims: [[f64; 3]; 10],
}

impl Tally {
    /// Adds what a symbol model's experts paid for its latest symbol.
    pub fn add_experts(&mut self, field: usize, mixture: f64, experts: &[f64]) {
        let f = &mut self.fields[field];
        f.mixture += mixture;
        f.experts.resize(experts.len(), 0.0);
        for (sum, n) in f.experts.iter_mut().zip(experts) {
            *sum += n;
        }
    }

    /// Adds claims; see [`Tally::claims`].
    pub fn add_claims(&mut self, claims: &[[f64; 3]; 10]) {
        for (a, b) in self.claims.iter_mut().flatten().zip(claims.iter().flatten()) {
            *a += b;
        }
    }

    /// Adds the rank of a symbol that came (0: it was the likeliest).
    pub fn add_rank(&mut self, field: usize, rank: usize) {
        let f = &mut self.fields[field];
        f.ranked += 1;
        for (n, k) in f.within.iter_mut().zip(RANKS) {
            *n += u64::from(rank < k);
        }
    }

    /// Adds a number that covered the levels from `span.0` to `span.1` of what was predicted, and its ranked score.
    pub fn add_levels(&mut self, field: usize, span: (f64, f64), crps: f64) {
        let f = &mut self.fields[field];
        f.measured += 1;
        f.crps += crps;
        for (sum, (low, high)) in f.covered.iter_mut().zip(COVERED) {
            *sum += within(span, low, high);
        }
        for (k, sum) in f.tenths.iter_mut().enumerate() {
            *sum += within(span, k as f64 / 10.0, (k + 1) as f64 / 10.0);
        }
    }

    /// The report; `experts` names each field's experts, `bounds` gives their mixtures' regret bounds in nats.
    pub fn report(
        &self,
        schema: &Schema,
        experts: &[&[&'static str]],
        bounds: &[f64],
        distinct: &[Option<u64>],
    ) -> Report {
        let per = |nats: f64, n: u64| if n == 0 { 0.0 } else { nats * BITS / n as f64 };
        let mut r =
            Report { events: self.events, loss_bits_per_event: per(self.nats, self.events), ..Report::default() };
        let mut total: f64 = self.claims.iter().map(|c| c[2]).sum();
        let mut error: f64 = self.claims.iter().map(|c| (c[0] - c[1]).abs()).sum();
        for (i, f) in self.fields.iter().enumerate() {
            let field = &schema.fields[i];
            let best = f.experts.iter().copied().fold(f64::INFINITY, f64::min);
            let regret = if f.experts.is_empty() { 0.0 } else { (f.mixture - best) * BITS };
            // a count that began late is bounded by what the best expert's weight may have been then
            let late = if f.bound_before > 0.0 { (experts[i].len().max(1) as f64).ln() + 1e4f64.ln() } else { 0.0 };
            let bound = (bounds[i] - f.bound_before + late) * BITS;
            r.regret_bits += regret;
            r.regret_bound_bits += bound;
            for (name, nats) in experts[i].iter().zip(&f.experts) {
                let name = if self.fields.len() == 1 { (*name).to_owned() } else { format!("{}/{name}", field.name) };
                r.experts.push(ExpertReport { name, loss_bits_per_event: per(*nats, self.events) });
            }
            let share = |n: u64| (f.ranked > 0).then(|| n as f64 / f.ranked as f64);
            let number = |x: f64| (f.numbers > 0).then(|| x / f.numbers as f64);
            let measured = |x: f64| (f.measured > 0).then(|| x / f.measured as f64);
            let tenth = 0.1 * f.measured as f64;
            error += f.tenths.iter().map(|n| (n - tenth).abs()).sum::<f64>();
            total += 10.0 * f.measured as f64;
            r.fields.insert(
                field.name.clone(),
                FieldReport {
                    kind: field.kind.name().into(),
                    loss_bits: per(f.nats, f.count),
                    count: f.count,
                    regret_bits: regret,
                    regret_bound_bits: bound,
                    top1: share(f.within[0]),
                    top5: share(f.within[1]),
                    top9: share(f.within[2]),
                    top20: share(f.within[3]),
                    distinct: distinct[i],
                    mse: number(f.squared),
                    mae: number(f.absolute),
                    crps: measured(f.crps),
                    coverage_90: measured(f.covered[0]),
                    coverage_50: measured(f.covered[1]),
                    coverage_99: measured(f.covered[2]),
                },
            );
        }
        if self.ends > 0 && !r.fields.contains_key("end") {
            let end = FieldReport {
                kind: "end".into(),
                loss_bits: per(self.end_nats, self.ends),
                count: self.ends,
                ..FieldReport::default()
            };
            r.fields.insert("end".into(), end);
        }
        r.calibration_error = if total > 0.0 { error / total } else { 0.0 };
        r
    }
}

/// Which part of a span of levels lies between two of them; a span too narrow to be divided lies where it begins.
fn within(span: (f64, f64), low: f64, high: f64) -> f64 {
    let width = span.1 - span.0;
    if width > 1e-9 {
        ((span.1.min(high) - span.0.max(low)) / width).clamp(0.0, 1.0)
    } else {
        f64::from(u8::from((low..high).contains(&span.0.min(1.0 - 1e-12))))
    }
}

impl Persist for FieldTally {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for v in [&mut self.count, &mut self.ranked, &mut self.numbers, &mut self.measured] {
            s.u64("tally count", v)?;
        }
        s.u64s_fixed("tally ranks", &mut self.within)?;
        for v in [
            &mut self.nats,
            &mut self.mixture,
            &mut self.squared,
            &mut self.absolute,
            &mut self.crps,
            &mut self.bound_before,
        ] {
            s.f64("tally sum", v)?;
        }
        s.f64s_fixed("tally covered", &mut self.covered)?;
        s.f64s_fixed("tally tenths", &mut self.tenths)?;
        s.f64s("tally experts", &mut self.experts)
    }
}

impl Persist for Tally {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("tally")?;
        s.u64("events", &mut self.events)?;
        s.f64("nats", &mut self.nats)?;
        s.u64("ends", &mut self.ends)?;
        s.f64("end nats", &mut self.end_nats)?;
        s.list("tally fields", &mut self.fields, FieldTally::default)?;
        self.claims.iter_mut().try_for_each(|c| s.f64s_fixed("claims", c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoms_count_by_the_part_that_lies_within() {
        let mut t = Tally { fields: vec![FieldTally::default()], ..Tally::default() };
        // a constant is predicted as such: it covers all levels alike
        t.add_levels(0, (0.0, 1.0), 0.0);
        let f = &t.fields[0];
        assert!(f.covered.iter().zip([0.9, 0.5, 0.99]).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(f.tenths.iter().all(|n| (n - 0.1).abs() < 1e-12));
        t.add_levels(0, (0.9, 1.0), 0.0);
        t.add_levels(0, (1.0, 1.0), 0.0);
        t.add_levels(0, (0.3, 0.3), 0.0);
        let f = &t.fields[0];
        assert!((f.covered[0] - (0.9 + 0.5 + 0.0 + 1.0)).abs() < 1e-12, "{:?}", f.covered);
        assert!((f.tenths.iter().sum::<f64>() - 4.0).abs() < 1e-12, "{:?}", f.tenths);
    }
}
