//! The learner of one stream: saying what is expected, without learning.

use crate::clock::Clocks;
use crate::field::{FieldModel, Model, SideInputs, Values, folds_ends, seen};
use crate::gap;
use crate::keys::KeyState;
use crate::learner::Learner;
use crate::vocabulary::Token;
use std::collections::BTreeMap;
use surmise_event::{Expected, Prediction};
use surmise_number::{EventContext, Forecast};
use surmise_symbol::{Probe, SymbolModel};

/// Levels at which quantiles are given.
pub const LEVELS: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// What is left out of a gap's distribution, and most of its bins that are looked at: the outermost quantiles are those
/// of one in a hundred, and bins that hardly ever come cost as much as others.
const WHOLE: (f64, usize) = (1e-3, 256);
/// The same of later steps: they are given that the steps before are as expected, so that rare gaps mean little there.
const ROUGH: (f64, usize) = (0.01, 32);

/// A key moved forward over expected events.
struct Roll {
    probes: Vec<Option<Probe>>,
    previous: Values,
    last_us: Option<i64>,
    length: u32,
}

impl Learner {
    /// What is expected of the next event of a key: the `top` likeliest symbols, quantiles of numbers. Each field is
    /// given that the earlier ones are as expected.
    pub fn predict(&self, key: Option<&str>, top: usize) -> Prediction {
        self.forecast(key, 1, top).pop().unwrap_or_default()
    }

    /// What is expected of the next `horizon` events of a key: the model rolled forward, each event given that those
    /// before it are as expected, and after the first step a gap is one of its likeliest (numbers: given the whole distribution's mean). Numbers whose leads are learnt
    /// directly ([`Options::horizon`](crate::Options::horizon)) take what was learnt instead. Stops early if a key's end is likeliest. Empty if the key's
    /// state lies in the store and cannot be read.
    pub fn forecast(&self, key: Option<&str>, horizon: usize, top: usize) -> Vec<Prediction> {
        let fresh;
        let state = match self.keys.get(key) {
            Some(k) if k.symbols.len() == self.fields.len() => k,
            known => {
                let Ok(returning) = known.map_or_else(|| self.returning(key), |_| Ok(None)) else { return Vec::new() };
                let stored = returning.map(|(state, _)| state);
                let mut k = known.cloned().or(stored).unwrap_or_else(|| self.new_key());
                self.complete(&mut k);
                fresh = k;
                &fresh
            }
        };
        let numbers = self.forecast_numbers(state, horizon);
        let mut roll = Roll {
            probes: self
                .fields
                .iter()
                .zip(&state.symbols)
                .map(|(f, k)| f.symbols().zip(k.as_ref()).map(|(m, k)| m.probe(k)))
                .collect(),
            previous: state.previous.clone(),
            last_us: state.last_us,
            length: state.length,
        };
        let mut steps = Vec::new();
        for h in 0..horizon {
            let mut p = Prediction {
                offset: self.offset + h as u64,
                model_version: self.version,
                key: key.map(str::to_owned),
                ..Prediction::default()
            };
            let ends = self.step(&mut roll, h == 0, numbers.get(h).map(Vec::as_slice), top, &mut p);
            steps.push(p);
            if ends {
                break;
            }
        }
        steps
    }

    fn forecast_numbers(&self, state: &KeyState, horizon: usize) -> Vec<Vec<Forecast>> {
        match (&self.numbers, &state.numbers) {
            // the next time is not known: the stream's sampling interval stands in for it
            (Some(m), Some(k)) => m.forecast(k, &EventContext::default(), horizon, &LEVELS),
            _ => Vec::new(),
        }
    }

    /// One step of a roll; true if the key's end is the likeliest. Gaps are rough after the `first`.
    fn step(&self, roll: &mut Roll, first: bool, numbers: Option<&[Forecast]>, top: usize, p: &mut Prediction) -> bool {
        let mut current = roll.previous.clone();
        let mut told = SideInputs::default();
        let mut ends = false;
        let mut passed = 0;
        let mut steps: Vec<(usize, SideInputs, u32)> = Vec::new();
        if !folds_ends(&self.schema) && !self.schema.is_bytes() && self.tally.ends > 0 {
            let end = self.ending.probability(roll.length, roll.previous.hashes.first().copied().unwrap_or(0));
            p.end = Some(end);
            ends = end > 0.5;
        }
        for (i, f) in self.fields.iter().enumerate() {
            f.fill_side_inputs(&current, Clocks::of(roll.last_us), &mut told);
            let expected = match (&f.model, &roll.probes[i]) {
                (Model::Number(c), _) => {
                    let Some(n) = numbers.and_then(|n| n.get(*c)) else { continue };
                    current.numbers[i] = n.mean;
                    current.hashes[i] = self.numbers.as_ref().map_or(0, |m| seen(m.bucket(*c, n.mean)));
                    number(n)
                }
                (Model::Category(m, v), Some(probe)) => {
                    let known = v.len() as u32;
                    let likeliest = m.top(probe, &told, known, top.max(1) + 1);
                    if let (0, Some(end)) = (i, v.end()) {
                        p.end = Some(m.probability(probe, &told, end));
                        ends = likeliest.first().is_some_and(|(s, _)| *s == end);
                    }
                    if let Some((s, _)) = likeliest.iter().find(|(s, _)| Some(*s) != v.end()) {
                        current.hashes[i] = seen(*s);
                        steps.push((i, told.clone(), *s));
                    }
                    symbols(likeliest, top, |s| match v.token(s) {
                        Some(Token::Text(t)) => Some(Some(t.to_string())),
                        Some(Token::Missing) => Some(None),
                        _ => None,
                    })
                }
                (Model::Bytes(m), Some(probe)) => {
                    let likeliest = m.top(probe, &told, 256, top.max(1));
                    steps.extend(likeliest.first().map(|(s, _)| (i, SideInputs::default(), *s)));
                    symbols(likeliest, top, |s| Some(Some((s as u8).escape_ascii().to_string())))
                }
                (Model::Gap(m), Some(probe)) => {
                    let bins = likely_bins(m, probe, &told, if first { WHOLE } else { ROUGH });
                    let (e, bin) = gaps(&bins);
                    current.hashes[i] = seen(bin);
                    passed = (gap::seconds(bin) * 1e6) as i64;
                    steps.push((i, told.clone(), bin));
                    e
                }
                _ => continue,
            };
            p.fields.insert(self.schema.fields[i].name.clone(), expected);
        }
        for (i, told, s) in steps {
            if let (Some(m), Some(probe)) = (self.fields[i].symbols(), &mut roll.probes[i]) {
                m.advance(probe, &told, s);
            }
        }
        roll.last_us = roll.last_us.map(|t| t.saturating_add(passed));
        roll.previous = current;
        roll.length += 1;
        ends
    }

    /// The experts' weights in every field's outer mixture, by field.
    pub fn weights(&self) -> BTreeMap<String, Vec<(&'static str, f64)>> {
        let named = |f: &FieldModel| {
            f.symbols().map(|m| m.experts().iter().copied().zip(m.weights().iter().copied()).collect())
        };
        self.fields.iter().filter_map(|f| Some((f.name.to_string(), named(f)?))).collect()
    }
}

/// The likeliest symbols by name; symbols that have none count among the others.
fn symbols(likeliest: Vec<(u32, f64)>, top: usize, name: impl Fn(u32) -> Option<Option<String>>) -> Expected {
    let top: Vec<(Option<String>, f64)> =
        likeliest.into_iter().filter_map(|(s, p)| Some((name(s)?, p))).take(top).collect();
    let other = (1.0 - top.iter().map(|t| t.1).sum::<f64>()).max(0.0);
    Expected::Symbols { top, other }
}

fn level(l: f64) -> String {
    format!("{l}")
}

fn number(n: &Forecast) -> Expected {
    let quantiles = LEVELS.iter().map(|l| level(*l)).zip(n.quantiles.iter().copied()).collect();
    Expected::Number { mean: n.mean, median: n.quantiles[3], quantiles, missing: None }
}

/// The likeliest bins, as many as have all but `rest` of the mass, but `most` at most.
fn likely_bins(m: &SymbolModel, probe: &Probe, told: &SideInputs, (rest, most): (f64, usize)) -> Vec<f64> {
    let mut p = vec![0.0; 256];
    let (mut sum, mut n) = (0.0, 0);
    m.likeliest(probe, told, 256, |bin, q| {
        p[bin as usize] = q;
        sum += q;
        n += 1;
        sum < 1.0 - rest && n < most
    });
    p
}

/// A distribution over bins as a gap in seconds, and the median's bin.
fn gaps(p: &[f64]) -> (Expected, u32) {
    let p = &p[..gap::FIRST as usize];
    let total: f64 = p.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let at = |l: f64| {
        let mut sum = 0.0;
        p.iter()
            .position(|q| {
                sum += q / total;
                sum >= l
            })
            .unwrap_or(p.len() - 1) as u32
    };
    // bins that never came share a little mass and reach to centuries: the mean is that of the inner 98 in 100
    let (low, high) = (at(LEVELS[0]), at(LEVELS[LEVELS.len() - 1]));
    let second = |b: usize| gap::seconds((b as u32).clamp(low, high));
    let mean = p.iter().enumerate().map(|(b, q)| q * second(b)).sum::<f64>() / total;
    let quantiles = LEVELS.iter().map(|l| (level(*l), gap::seconds(at(*l)))).collect();
    let median = at(0.5);
    (Expected::Number { mean, median: gap::seconds(median), quantiles, missing: None }, median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_expected_where_gaps_have_been() {
        // nearly always an hour; a little mass on every bin, up to thousands of years
        let hour = gap::bin(3_600_000_000);
        let mut p = vec![1e-5; 256];
        p[hour as usize] = 0.997;
        let (Expected::Number { mean, median, .. }, _) = gaps(&p) else { panic!("a gap is a number") };
        assert!((mean / 3600.0 - 1.0).abs() < 0.1 && (median / 3600.0 - 1.0).abs() < 0.1, "{mean} {median}");
    }
}
