//! What every predictor has paid so far, and over the latest events.

use std::collections::VecDeque;
use surmise_event::Report;

/// Bits that were paid up to one moment.
#[derive(Clone, Debug, Default)]
struct Entry {
    events: u64,
    /// What the source itself would have paid.
    entropy: f64,
    /// The mixture, then the experts.
    paid: Vec<f64>,
}

/// Bits per event of one predictor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loss {
    pub(crate) name: String,
    /// Over the latest events.
    pub(crate) lately: f64,
    /// Since the start.
    pub(crate) overall: f64,
}

/// The accounts of a stream: what was paid, by whom, since when.
#[derive(Default)]
pub(crate) struct Ledger {
    /// What had been paid before this run.
    base: Entry,
    entries: VecDeque<Entry>,
    names: Vec<String>,
    /// Entropy of the first n events, for rising n, until a report speaks of them.
    emitted: VecDeque<(u64, f64)>,
    floor: f64,
    /// Bits per event above the entropy, report by report.
    pub(crate) curve: Vec<(f64, f64)>,
}

/// Events of the latest window, at least.
pub(crate) const LATELY: u64 = 20_000;

impl Ledger {
    /// A daemon that goes on from an earlier run has reported before the first event of this one.
    pub(crate) fn begin(&mut self, r: &Report) {
        self.base = Entry { events: r.events, entropy: 0.0, paid: paid(r) };
    }

    /// The source has emitted `events` events, whose surprises add up to `bits`.
    pub(crate) fn emitted(&mut self, events: u64, bits: f64) {
        self.emitted.push_back((events, bits));
    }

    /// The daemon has reported.
    pub(crate) fn report(&mut self, r: &Report) {
        let events = r.events.saturating_sub(self.base.events);
        if events <= self.entries.back().map_or(0, |e| e.events) {
            return;
        }
        while self.emitted.front().is_some_and(|(n, _)| *n <= events) {
            if let Some((n, bits)) = self.emitted.pop_front() {
                self.floor = bits / n as f64;
            }
        }
        let before = |i: usize| self.base.paid.get(i).copied().unwrap_or(0.0);
        let paid: Vec<f64> = paid(r).into_iter().enumerate().map(|(i, p)| p - before(i)).collect();
        self.names = std::iter::once("mixture".to_owned()).chain(r.experts.iter().map(|e| e.name.clone())).collect();
        let now = Entry { events, entropy: self.floor * events as f64, paid };
        if let Some(before) = self.entries.back() {
            let d = (now.events - before.events) as f64;
            self.curve.push(((now.paid[0] - before.paid[0]) / d, (now.entropy - before.entropy) / d));
        } else {
            self.curve.push((now.paid[0] / events as f64, self.floor));
        }
        self.entries.push_back(now);
        while self.entries.len() > 2 && events - self.entries[1].events >= LATELY {
            self.entries.pop_front();
        }
    }

    /// Events that the latest report counts, and those of the window.
    pub(crate) fn events(&self) -> (u64, u64) {
        match (self.entries.front(), self.entries.back()) {
            (Some(a), Some(b)) if self.entries.len() > 1 => (b.events, b.events - a.events),
            (_, Some(b)) => (b.events, b.events),
            _ => (0, 0),
        }
    }

    /// The entropy of the source.
    pub(crate) fn entropy(&self) -> Loss {
        self.loss("entropy of the source", |e| e.entropy)
    }

    /// The mixture and every expert.
    pub(crate) fn losses(&self) -> Vec<Loss> {
        let one = |(i, name): (usize, &String)| self.loss(name, |e| e.paid.get(i).copied().unwrap_or(f64::NAN));
        self.names.iter().enumerate().map(one).collect()
    }

    fn loss(&self, name: &str, paid: impl Fn(&Entry) -> f64) -> Loss {
        let Some(now) = self.entries.back() else {
            return Loss { name: name.into(), lately: f64::NAN, overall: f64::NAN };
        };
        let overall = paid(now) / now.events.max(1) as f64;
        let lately = match self.entries.front() {
            Some(then) if then.events < now.events => (paid(now) - paid(then)) / (now.events - then.events) as f64,
            _ => overall,
        };
        Loss { name: name.into(), lately, overall }
    }
}

/// Bits that the mixture and every expert have paid, in a report.
fn paid(r: &Report) -> Vec<f64> {
    let losses = std::iter::once(r.loss_bits_per_event).chain(r.experts.iter().map(|e| e.loss_bits_per_event));
    losses.map(|l| l * r.events as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::ExpertReport;

    #[test]
    fn windows_are_differences() {
        let mut l = Ledger::default();
        let report = |events, mixture: f64, expert: f64| Report {
            events,
            loss_bits_per_event: mixture,
            experts: vec![ExpertReport { name: "counts".into(), loss_bits_per_event: expert }],
            ..Report::default()
        };
        l.emitted(10_000, 20_000.0);
        l.emitted(20_000, 40_000.0);
        l.report(&report(10_000, 4.0, 5.0));
        l.report(&report(10_000, 4.0, 5.0));
        l.report(&report(20_000, 3.0, 4.5));
        let losses = l.losses();
        assert_eq!(losses[0], Loss { name: "mixture".into(), lately: 2.0, overall: 3.0 });
        assert_eq!((losses[1].lately, losses[1].overall), (4.0, 4.5));
        assert_eq!((l.entropy().lately, l.events()), (2.0, (20_000, 10_000)));
        assert_eq!(l.curve, [(4.0, 2.0), (2.0, 2.0)]);
        let mut later = Ledger::default();
        later.begin(&report(10_000, 4.0, 5.0));
        later.emitted(10_000, 20_000.0);
        later.report(&report(20_000, 3.0, 4.5));
        assert_eq!((later.losses()[0].overall, later.entropy().overall, later.events().0), (2.0, 2.0, 10_000));
        l.report(&report(40_000, 2.5, 4.5));
        l.report(&report(60_000, 2.5, 4.5));
        assert_eq!(l.events(), (60_000, 20_000));
    }
}
