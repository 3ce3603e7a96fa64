//! Observing symbols: scoring each against what was expected, and learning from it.

use crate::challenger::ScoredSymbol;
use crate::event_inputs::EventInputs;
use crate::key::SymbolKey;
use crate::model::{SymbolModel, SymbolWork};
use crate::source::AfterSymbol;
use crate::walk::walk;
use surmise_stopwatch::{EventStage, lap};

impl SymbolModel {
    /// Scores a symbol of a key against what was expected of it, and learns from it; returns its surprise in nats.
    ///
    /// `event` is what the symbol may depend on besides the key's past.
    pub fn observe<'a>(&mut self, key: &mut SymbolKey, event: impl Into<EventInputs<'a>>, symbol: u32) -> f64 {
        self.observe_first(key, event.into(), &[symbol])
    }

    /// Observes several symbols of a key that have the same event inputs; `each` gets the nats of every symbol when it
    /// is learnt.
    ///
    /// Nothing is different from observing one after another, but for the time: as the network sees symbols alone, it
    /// runs ahead of the others. What a symbol is expected to be depends on none that comes after it.
    pub fn observe_run<'a, S: Copy + Into<u32>>(
        &mut self,
        key: &mut SymbolKey,
        event: impl Into<EventInputs<'a>>,
        symbols: &[S],
        mut each: impl FnMut(&SymbolModel, f64),
    ) {
        let event = event.into();
        for i in 0..symbols.len() {
            let nats = self.observe_first(key, event, &symbols[i..]);
            each(self, nats);
        }
    }

    /// Observes the first of the symbols; the others are known to come.
    fn observe_first<S: Copy + Into<u32>>(
        &mut self,
        key: &mut SymbolKey,
        event: EventInputs<'_>,
        symbols: &[S],
    ) -> f64 {
        let symbol = symbols[0].into();
        let run_probability = self.run.run_probability(self.spec.run_length_min);
        self.run.push(symbol);
        // what the run rule charges for a symbol that ends the run
        let run_broken = match run_probability {
            Some((run_symbol, p)) if run_symbol == symbol => return self.skip_settled_run(p),
            Some((_, p)) => Some(1.0 - p),
            None => None,
        };
        let mut work = self.work.take().unwrap_or_default();
        self.begin_walk(key, event, symbols, &mut work);
        let mut nats = walk(self, &mut work, symbol);
        if let Some(p) = run_broken {
            nats += self.outer.charge_all(p);
        }
        self.finish_walk(key, event, symbol, nats, &work);
        self.work = Some(work);
        nats
    }

    /// Prepares for the walk of the first of the symbols: computes its inputs, and prefetches what the walk will read
    /// while there is other work to do.
    fn begin_walk<S: Copy + Into<u32>>(
        &mut self,
        key: &mut SymbolKey,
        event: EventInputs<'_>,
        symbols: &[S],
        work: &mut SymbolWork,
    ) {
        let symbol = symbols[0].into();
        let path = self.spec.code.path(symbol);
        // each step of the look-ups is fetched while the others are worked on: entries, then what they lead to
        self.sources.matches.prefetch_entries(key, symbol, &mut work.symbol.sources.matches);
        self.begin_symbol(key, event, &mut work.symbol);
        self.contexts.prefetch_contexts(&work.symbol.hashes, &path, &mut work.keys);
        self.sources.networks.update_key(key);
        self.contexts.prefetch_counts(&path, &work.keys);
        self.sources.matches.prefetch_symbols(&self.past, &work.symbol.sources.matches);
        lap(EventStage::Contexts);
        if self.sources.networks.needs_plan() {
            // under a run rule it is not known which symbols will be skipped, so none is planned ahead
            let planned = if self.spec.has_run_rule() { &symbols[..1] } else { symbols };
            self.sources.networks.plan(key, event.side, planned);
        }
        self.sources.networks.advance(key);
        lap(EventStage::Network);
    }

    /// Lets the key, the past and the sources take in a symbol after its walk.
    fn finish_walk(&mut self, key: &mut SymbolKey, event: EventInputs<'_>, symbol: u32, nats: f64, work: &SymbolWork) {
        if let Some(order_0) = self.outer.order_0_nats() {
            self.burst.follow(self.symbols, order_0, nats);
        }
        self.symbols += 1;
        if let Some(network) = self.outer.network() {
            let champion_nats = self.outer.latest_nats()[network];
            let saved_nats = work.likelihoods.saved_nats();
            let (number, mixed) = (self.symbols, &work.mixed);
            let scored = ScoredSymbol { symbol, number, champion_nats, nats, saved_nats, mixed };
            self.sources.networks.finish_symbol(&self.spec, key, event.side, &scored);
            lap(EventStage::Network);
        }
        self.followers.push(symbol, key.at(1), key.at(2));
        key.push(symbol, self.spec.code);
        let position = self.past.push(symbol, key.last);
        key.last = position;
        let (spec, past) = (&self.spec, &self.past);
        let mut after = AfterSymbol { spec, key, past, position, event, symbol };
        self.sources.learn_symbol(&mut after, &work.symbol.sources);
        lap(EventStage::Learning);
    }

    /// Observes a symbol that merely continues a long run: the run rule, which gave it the probability `p`, charges it,
    /// and no model is consulted or updated.
    fn skip_settled_run(&mut self, p: f64) -> f64 {
        self.symbols += 1;
        self.outer.report_unasked(p)
    }
}
