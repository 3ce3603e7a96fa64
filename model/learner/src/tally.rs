//! Prequential sums: what every field, the mixture and each expert paid, before each event was learnt.

use surmise_event::{ExpertReport, Field, FieldReport, Report, Schema};
use surmise_experts::ExpertSet;
use surmise_state::{Persist, State, StateError};

/// Bits of a nat.
const NAT_BITS: f64 = std::f64::consts::LOG2_E;

/// Ranks that are counted: how often the symbol that came was the likeliest, or among the 5, 9 and 20 likeliest.
pub const RANKS: [usize; 4] = [1, 5, 9, 20];

/// Levels between which coverage is measured: the inner 90, 50 and 99 % (PREDICTOR §8).
const COVERED_LEVELS: [(f64, f64); 3] = [(0.05, 0.95), (0.25, 0.75), (0.005, 0.995)];

/// A span of levels narrower than this lies where it begins, as it is too narrow to be divided.
const SPAN_WIDTH_MIN: f64 = 1e-9;

/// The factor by which the weight of an expert is at least above 0 at any time: the least share of PREDICTOR §7.
const SHARE_MIN_INVERSE: f64 = 1e4;

/// The sums of one field.
#[derive(Clone, Default)]
pub struct FieldTally {
    /// Values scored.
    pub count: u64,
    /// Nats of the values scored.
    pub nats: f64,
    /// Nats of the field's mixture: of the values, and of the ends of keys that the field's vocabulary holds.
    pub mixture: f64,
    /// `[experts]`: nats of every expert, over the same as `mixture`.
    pub experts: Vec<f64>,
    /// The experts that ever had something to say; the others paid what the mixture they are in did.
    pub spoke: ExpertSet,
    /// Symbols ranked.
    pub ranked: u64,
    /// How many of the symbols ranked were within each of [`RANKS`].
    pub within: [u64; 4],
    /// Numbers scored.
    pub numbers: u64,
    /// The sum of squared errors of the numbers' point forecasts.
    pub squared: f64,
    /// The sum of absolute errors of the numbers' point forecasts.
    pub absolute: f64,
    /// Numbers whose place in the predicted distribution was measured.
    pub measured: u64,
    /// Numbers whose ranked probability score was measured.
    pub crps_count: u64,
    /// The sum of those scores.
    pub crps: f64,
    /// How much of the measured numbers lay within each of [`COVERED_LEVELS`].
    pub covered: [f64; 3],
    /// How much of the measured numbers lay in each tenth of the predicted distribution.
    pub tenths: [f64; 10],
    /// The regret bound in nats when counting began.
    pub bound_before: f64,
}

/// The sums of one stream.
#[derive(Clone, Default)]
pub struct StreamTally {
    /// Events scored.
    pub events: u64,
    /// Nats of the events scored.
    pub nats: f64,
    /// Ends of keys scored.
    pub ends: u64,
    /// Nats of the ends scored; where ends are not symbols, of every event that was none as well.
    pub end_nats: f64,
    /// The sums of every field, in schema order.
    pub fields: Vec<FieldTally>,
    /// Decisions on symbols, by tenth of the claimed probability: the sum of claims, how often they came true, and how
    /// many there were.
    pub claims: [[f64; 3]; 10],
}

impl StreamTally {
    /// Adds what a field's mixture and its experts (`[experts]`) paid for the latest value, in nats, of whom those that
    /// were `awake` had something to say.
    pub fn add_experts(&mut self, field: usize, mixture: f64, experts: &[f64], awake: ExpertSet) {
        let sums = &mut self.fields[field];
        // those that come into being now would have paid what was common to all before
        let before = if sums.experts.is_empty() { sums.mixture } else { 0.0 };
        sums.mixture += mixture;
        sums.spoke = sums.spoke.union(awake);
        sums.experts.resize(experts.len(), before);
        for (sum, nats) in sums.experts.iter_mut().zip(experts) {
            *sum += nats;
        }
    }

    /// Adds what a part of a value cost that no expert has a say in; each of them would have paid as much, also those
    /// that come into being later.
    pub fn add_common(&mut self, field: usize, nats: f64) {
        let sums = &mut self.fields[field];
        sums.mixture += nats;
        sums.experts.iter_mut().for_each(|sum| *sum += nats);
    }

    /// Adds the claims of one symbol's decisions, in the layout of [`StreamTally::claims`].
    pub fn add_claims(&mut self, claims: &[[f64; 3]; 10]) {
        for (sum, claim) in self.claims.iter_mut().flatten().zip(claims.iter().flatten()) {
            *sum += claim;
        }
    }

    /// Adds the rank of a symbol that came; 0 for the likeliest.
    pub fn add_rank(&mut self, field: usize, rank: usize) {
        let sums = &mut self.fields[field];
        sums.ranked += 1;
        for (count, k) in sums.within.iter_mut().zip(RANKS) {
            *count += u64::from(rank < k);
        }
    }

    /// Adds the ranked probability score of a number.
    pub fn add_crps(&mut self, field: usize, crps: f64) {
        let sums = &mut self.fields[field];
        sums.crps_count += 1;
        sums.crps += crps;
    }

    /// Adds a number that covered the levels from `span.0` to `span.1` of what was predicted.
    pub fn add_levels(&mut self, field: usize, span: (f64, f64)) {
        let sums = &mut self.fields[field];
        sums.measured += 1;
        for (sum, (low, high)) in sums.covered.iter_mut().zip(COVERED_LEVELS) {
            *sum += part_within(span, low, high);
        }
        for (k, sum) in sums.tenths.iter_mut().enumerate() {
            *sum += part_within(span, k as f64 / 10.0, (k + 1) as f64 / 10.0);
        }
    }

    /// Of each of [`COVERED_LEVELS`] the share of numbers that it promises, and the share that lay within; nothing
    /// before the first number.
    pub fn coverage(&self) -> Vec<(f64, f64)> {
        let measured: u64 = self.fields.iter().map(|sums| sums.measured).sum();
        if measured == 0 {
            return Vec::new();
        }
        let covered = |k: usize| self.fields.iter().map(|sums| sums.covered[k]).sum::<f64>() / measured as f64;
        let promised = COVERED_LEVELS.iter().map(|(low, high)| ((high - low) * 100.0).round() / 100.0);
        promised.enumerate().map(|(k, level)| (level, covered(k))).collect()
    }

    /// The report of these sums.
    ///
    /// `experts`: `[fields]`, the names of each field's experts; `bounds`: `[fields]`, the regret bounds of their
    /// mixtures in nats; `distinct`: `[fields]`, how many symbols of each were seen.
    pub fn report(
        &self,
        schema: &Schema,
        experts: &[Vec<&'static str>],
        bounds: &[f64],
        distinct: &[Option<u64>],
    ) -> Report {
        let mut report =
            Report { events: self.events, loss_bits_per_event: bits_per(self.nats, self.events), ..Report::default() };
        let mut decisions: f64 = self.claims.iter().map(|c| c[2]).sum();
        let mut error: f64 = self.claims.iter().map(|c| (c[0] - c[1]).abs()).sum();
        for (i, sums) in self.fields.iter().enumerate() {
            let field = &schema.fields[i];
            let measures = sums.report(field, experts[i].len(), bounds[i], distinct[i]);
            report.regret_bits += measures.regret_bits;
            report.regret_bound_bits += measures.regret_bound_bits;
            // where there is one field, its name would say nothing
            for (name, nats) in sums.heard(&experts[i]) {
                let name = if self.fields.len() == 1 { (*name).to_owned() } else { format!("{}/{name}", field.name) };
                report.experts.push(ExpertReport { name, loss_bits_per_event: bits_per(nats, self.events) });
            }
            // each tenth of the distribution claims to hold a tenth of the values
            let tenth = 0.1 * sums.measured as f64;
            error += sums.tenths.iter().map(|n| (n - tenth).abs()).sum::<f64>();
            decisions += 10.0 * sums.measured as f64;
            report.fields.insert(field.name.clone(), measures);
        }
        // ends that are no symbol of a field have a row of their own
        if self.ends > 0 && !report.fields.contains_key("end") {
            let end = FieldReport {
                kind: "end".into(),
                loss_bits: bits_per(self.end_nats, self.ends),
                count: self.ends,
                ..FieldReport::default()
            };
            report.fields.insert("end".into(), end);
        }
        report.calibration_error = if decisions > 0.0 { error / decisions } else { 0.0 };
        report
    }
}

impl FieldTally {
    /// The names and losses in nats of the experts that ever had something to say.
    pub fn heard(&self, names: &[&'static str]) -> impl Iterator<Item = (&'static str, f64)> {
        let all = names.iter().zip(&self.experts).enumerate();
        all.filter(|(i, _)| self.spoke.has(*i)).map(|(_, (name, nats))| (*name, *nats))
    }

    /// The report of one field with `experts` experts, whose regret bound is now `bound` nats.
    fn report(&self, field: &Field, experts: usize, bound: f64, distinct: Option<u64>) -> FieldReport {
        let heard = self.experts.iter().enumerate().filter(|(i, _)| self.spoke.has(*i));
        let best = heard.map(|(_, nats)| *nats).reduce(f64::min);
        let regret = best.map_or(0.0, |best| (self.mixture - best) * NAT_BITS);
        // a count that began late is bounded by what the best expert's weight may have been then
        let late = if self.bound_before > 0.0 { (experts.max(1) as f64).ln() + SHARE_MIN_INVERSE.ln() } else { 0.0 };
        let rank = |n: u64| (self.ranked > 0).then(|| n as f64 / self.ranked as f64);
        let number = |sum: f64| (self.numbers > 0).then(|| sum / self.numbers as f64);
        let measured = |sum: f64| (self.measured > 0).then(|| sum / self.measured as f64);
        FieldReport {
            network_gain: None,
            kind: field.kind.name().into(),
            loss_bits: bits_per(self.nats, self.count),
            count: self.count,
            regret_bits: regret,
            regret_bound_bits: (bound - self.bound_before + late) * NAT_BITS,
            top1: rank(self.within[0]),
            top5: rank(self.within[1]),
            top9: rank(self.within[2]),
            top20: rank(self.within[3]),
            distinct,
            mse: number(self.squared),
            mae: number(self.absolute),
            mse_regret: None,
            mse_regret_bound: None,
            mae_regret: None,
            mae_regret_bound: None,
            crps: (self.crps_count > 0).then(|| self.crps / self.crps_count as f64),
            coverage_90: measured(self.covered[0]),
            coverage_50: measured(self.covered[1]),
            coverage_99: measured(self.covered[2]),
        }
    }
}

/// Mean bits of `n` events that cost `nats` together.
fn bits_per(nats: f64, n: u64) -> f64 {
    if n == 0 { 0.0 } else { nats * NAT_BITS / n as f64 }
}

/// Which part of a span of levels lies between `low` and `high`, from 0 to 1.
fn part_within(span: (f64, f64), low: f64, high: f64) -> f64 {
    let width = span.1 - span.0;
    if width > SPAN_WIDTH_MIN {
        ((span.1.min(high) - span.0.max(low)) / width).clamp(0.0, 1.0)
    } else {
        f64::from(u8::from((low..high).contains(&span.0.min(1.0 - 1e-12))))
    }
}

impl Persist for FieldTally {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for v in [&mut self.count, &mut self.ranked, &mut self.numbers, &mut self.measured, &mut self.crps_count] {
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
        s.f64s("tally experts", &mut self.experts)?;
        self.spoke.persist(s)
    }
}

impl Persist for StreamTally {
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
    fn point_masses_count_by_the_part_that_lies_within() {
        let mut t = StreamTally { fields: vec![FieldTally::default()], ..StreamTally::default() };
        // a constant is predicted as such: it covers all levels alike
        t.add_levels(0, (0.0, 1.0));
        let f = &t.fields[0];
        assert!(f.covered.iter().zip([0.9, 0.5, 0.99]).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(f.tenths.iter().all(|n| (n - 0.1).abs() < 1e-12));
        t.add_levels(0, (0.9, 1.0));
        t.add_levels(0, (1.0, 1.0));
        t.add_levels(0, (0.3, 0.3));
        let f = &t.fields[0];
        assert!((f.covered[0] - (0.9 + 0.5 + 0.0 + 1.0)).abs() < 1e-12, "{:?}", f.covered);
        assert!((f.tenths.iter().sum::<f64>() - 4.0).abs() < 1e-12, "{:?}", f.tenths);
    }
}
