//! Whether an event costs the same as everything grows: the stream, its vocabulary, its keys.

use crate::bench::Bench;
use crate::clock::timed;
use crate::machine::resident_bytes;
use crate::streams::follow;
use std::sync::Arc;
use surmise_event::{Data, Datum, Limits, Record, Schema};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options};
use surmise_store::TemporaryPages;
use surmise_terminal::Failure;

const PART: &str = "growth";
/// Sessions that are open at the same time.
const SESSIONS_OPEN: usize = 64;

/// Sessions of some symbols by some keys. A key is more likely one of those of the latest sessions.
struct Sessions {
    random: Random,
    symbols: u64,
    keys: u64,
    /// The key, the last symbol, and how many events are to come, of every open session.
    open: Vec<(u64, u64, u64)>,
    next_key: u64,
}

impl Sessions {
    fn new(symbols: u64, keys: u64) -> Sessions {
        let mut s = Sessions { random: Random::new(8), symbols, keys, open: Vec::new(), next_key: 0 };
        s.open = (0..SESSIONS_OPEN).map(|_| s.session()).collect();
        s
    }

    fn session(&mut self) -> (u64, u64, u64) {
        // keys take turns, and most of those that come were there a moment ago
        self.next_key += u64::from(self.random.below(4) == 0);
        let key = (self.next_key + self.random.below(50)) % self.keys;
        (key, self.random.below(self.symbols), 5 + self.random.below(30))
    }

    fn record(&mut self) -> Record {
        let i = self.random.below(SESSIONS_OPEN as u64) as usize;
        let (key, last, left) = self.open[i];
        let symbol = follow(&mut self.random, last, self.symbols);
        self.open[i] = (key, symbol, left.saturating_sub(1));
        if left == 0 {
            self.open[i] = self.session();
        }
        let key = Some(format!("k{key}").into());
        Record { key, data: Data::One(Datum::Text(format!("s{symbol}").into())), ..Record::default() }
    }
}

/// A learner with its key pages, and the source of its events.
struct FedLearner {
    learner: Learner,
    pages: Arc<TemporaryPages>,
    source: Sessions,
    events: usize,
}

impl FedLearner {
    fn new(symbols: u64, keys: u64) -> Result<FedLearner, Failure> {
        let learner = Learner::new(Schema::default(), Options::default());
        let mut learner = learner.map_err(Failure::internal)?;
        let pages = Arc::new(TemporaryPages::new()?);
        learner.set_pages(pages.clone());
        Ok(FedLearner { learner, pages, source: Sessions::new(symbols, keys), events: 0 })
    }

    fn feed(&mut self, records: &[Record]) -> Result<f64, Failure> {
        let (done, took) = timed(|| {
            for r in records {
                let event = self.learner.bind(r, &Limits::default())?;
                self.learner.observe(&event);
            }
            Ok(())
        });
        self.events += records.len();
        done.map_err(|e: surmise_event::Refusal| Failure::internal(e))?;
        Ok(records.len() as f64 / took.cpu)
    }

    /// Learns up to `events` events, and returns the rate over the last `window` of them.
    fn until(&mut self, events: usize, window: usize) -> Result<f64, Failure> {
        let mut rate = f64::NAN;
        while self.events < events {
            let n = window.min(events - self.events);
            let records: Vec<Record> = (0..n).map(|_| self.source.record()).collect();
            rate = self.feed(&records)?;
        }
        Ok(rate)
    }

    /// Learns one event of every key, so that all of them are known.
    fn greet(&mut self, keys: u64) -> Result<(), Failure> {
        for from in (0..keys).step_by(10_000) {
            let hello = |k| Record {
                key: Some(format!("k{k}").into()),
                data: Data::One(Datum::Text("s0".into())),
                ..Record::default()
            };
            let records: Vec<Record> = (from..keys.min(from + 10_000)).map(hello).collect();
            self.feed(&records)?;
        }
        self.events = 0;
        Ok(())
    }
}

pub(crate) fn run(b: &mut Bench, most: usize) -> Result<(), Failure> {
    let window = (most / 100).clamp(50, 100_000);
    let mut fed = FedLearner::new(200, 1000)?;
    let first = fed.until(window, window)?;
    b.figures.put(PART, "events", format!("at {window}"), &[first], "events/s of CPU");
    for n in [window * 10, most] {
        let rate = fed.until(n, window)?;
        b.figures.put(PART, "events", format!("at {n}"), &[rate], "events/s of CPU");
        let against = format!("at {n} against {window}");
        b.figures.put(PART, "events", against, &[100.0 * rate / first], "%").at_least(80.0, 100.0);
    }
    let few = FedLearner::new(100, 1000)?.until(window * 3, window)?;
    b.figures.put(PART, "symbols", "of 100", &[few], "events/s of CPU");
    let symbols = (most as u64 / 100).clamp(200, 100_000);
    let many = FedLearner::new(symbols, 1000)?.until(window * 3, window)?;
    b.figures.put(PART, "symbols", format!("of {symbols}"), &[many], "events/s of CPU");
    b.figures.put(PART, "symbols", format!("{symbols} against 100"), &[100.0 * many / few], "%").at_least(40.0, 100.0);
    Ok(())
}

/// Keys in memory and beyond it, with what they take in memory and on disk.
pub(crate) fn run_keys(b: &mut Bench, most: usize) -> Result<(), Failure> {
    const PART: &str = "keys";
    let (window, most) = ((most / 100).clamp(50, 100_000), most as u64);
    let mut few = f64::NAN;
    for keys in [100, (most / 100).clamp(200, 10_000), (most / 10).clamp(400, 1_000_000)] {
        let mut fed = FedLearner::new(200, keys)?;
        fed.greet(keys)?;
        let rate = fed.until(window * 3, window)?;
        b.figures.put(PART, "keys", format!("of {keys}"), &[rate], "events/s of CPU");
        if few.is_nan() {
            few = rate;
        } else {
            let against = format!("{keys} against 100");
            b.figures.put(PART, "keys", against, &[100.0 * rate / few], "%").at_least(70.0, 100.0);
        }
        let resident = resident_bytes(std::process::id()) as f64 / 1e6;
        b.figures.put(PART, "keys", format!("of {keys}, resident memory of the bench"), &[resident], "MB");
        let stored = fed.learner.keys_stored();
        b.figures.put(PART, "keys", format!("of {keys}, in the store"), &[stored as f64], "keys");
        if stored > 0 {
            let each = fed.pages.disk_bytes() as f64 / stored as f64;
            b.figures.put(PART, "keys", format!("of {keys}, on disk for each in the store"), &[each], "bytes");
        }
    }
    Ok(())
}
