//! The symbol model: counts, histories, matches, recency and the network, mixed at every node of the code tree.
//!
//! [`SymbolModel::observe`] walks a symbol's path. At each node it first forms a prediction from what was known
//! before the symbol came, and only then looks at the bit and learns. The same prediction code answers queries.

use crate::challenger::{NetworkHistory, Trials};
use crate::code::Code;
use crate::context::{Context, mix};
use crate::followers::Followers;
use crate::history::History;
use crate::inputs::Inputs;
use crate::key::SymbolKey;
use crate::levels::Levels;
use crate::maps::Maps;
use crate::matching::MatchModel;
use crate::mixer::{FinalMixer, Mixer};
use crate::network::{Network, learn_alone};
use crate::node::{Decisions, Front, TOGETHER};
use crate::numbers::{Numbers, Reading};
use crate::recency::{Recency, Recent};
use crate::refine::ProbabilityMap;
use crate::rest::Run;
use crate::spec::{Layout, Spec};
use crate::tables::{CountTable, HistoryTable};
use crate::walk::walk;
use surmise_experts::{BitShare, SYMBOL_EXPERTS_MAX};
use surmise_lanes::LANES;
use surmise_network::{JobSink, NONE, Sequence, Shape};
use surmise_state::{Persist, State, StateError, incremental_copy};

/// What a symbol may depend on besides its key's past.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventInputs<'a> {
    /// Hashes of the event's other fields, as many as the recipe says, in a fixed order.
    pub side: &'a [u32],
    /// The event's numbers, as many as the recipe says, in a fixed order; NaN where there is none.
    pub numbers: &'a [f64],
}

impl<'a> From<&'a [u32]> for EventInputs<'a> {
    fn from(side: &'a [u32]) -> Self {
        EventInputs { side, numbers: &[] }
    }
}

impl<'a, const N: usize> From<&'a [u32; N]> for EventInputs<'a> {
    fn from(side: &'a [u32; N]) -> Self {
        EventInputs { side, numbers: &[] }
    }
}

impl<'a> From<&'a Vec<u32>> for EventInputs<'a> {
    fn from(side: &'a Vec<u32>) -> Self {
        EventInputs { side, numbers: &[] }
    }
}

/// See the module.
#[derive(Clone)]
pub struct SymbolModel {
    pub(crate) spec: Spec,
    pub(crate) lanes: usize,
    /// 1 in lanes of plain orders.
    pub(crate) orders: usize,
    pub(crate) counted: u32,
    pub(crate) counts: CountTable,
    pub(crate) histories: HistoryTable,
    pub(crate) past: History,
    pub(crate) follow: Followers,
    pub(crate) maps: Maps,
    pub(crate) matches: [MatchModel; 2],
    pub(crate) recency: Recency,
    pub(crate) inputs: Inputs,
    pub(crate) mixer: Mixer,
    /// The set of weights that is the counts' own mixture, if there is a network beside them.
    pub(crate) alone: Option<usize>,
    pub(crate) levels: Levels,
    pub(crate) finals: [FinalMixer; 3],
    pub(crate) refine: [ProbabilityMap; 2],
    pub(crate) share: BitShare,
    /// The champion, which the mixture sees.
    pub(crate) network: Option<Network>,
    pub(crate) trials: Trials,
    pub(crate) numbers: Option<Box<Numbers>>,
    pub(crate) symbols: u64,
    pub(crate) run: Run,
    pub(crate) names: Vec<&'static str>,
    /// Nats that each expert would have paid for the last symbol.
    pub(crate) expert_nats: [f64; SYMBOL_EXPERTS_MAX],
    /// Claimed probabilities of ones, ones, and decisions, by tenth of the claim, for the latest symbol.
    pub(crate) claims: [[f64; 3]; 10],
    work: Option<Box<Work>>,
}

/// Scratch of one symbol.
#[derive(Clone, Default)]
pub(crate) struct Work {
    pub(crate) front: Front,
    pub(crate) lines: [u32; LANES],
    /// The keys of the first nibbles.
    pub(crate) keys: [[u32; LANES]; 2],
    pub(crate) decisions: Decisions<TOGETHER>,
}

impl SymbolModel {
    /// A model that has seen nothing.
    pub fn new(spec: Spec) -> Self {
        let lanes = spec.contexts.len();
        assert!(lanes <= LANES, "at most {LANES} contexts");
        let orders = spec.contexts.iter().take_while(|c| matches!(c.0, Context::Order(_))).count();
        let counted =
            spec.contexts.iter().enumerate().filter(|(_, c)| c.1 == Layout::Counts).fold(0u32, |m, (i, _)| m | 1 << i);
        let network = Network::new(&spec, 0);
        let has_net = network.is_some();
        let has_numbers = spec.numbers > 0;
        let inputs = Inputs::new(lanes, counted, spec.chain, has_net, spec.recency, has_numbers);
        let text = spec.is_text();
        let optional = [
            (!text, 2048),
            (has_net, 2048),
            (text, 256),
            (text, 256),
            (text, 256),
            (spec.sides > 0, 256),
            (has_numbers, 256),
        ];
        let sizes = [256; 4].into_iter().chain(optional.into_iter().filter(|o| o.0).map(|o| o.1));
        let sizes: Vec<usize> = sizes.map(|n| n.min(spec.mixer_rows)).collect();
        let sets = sizes.len();
        let alone = has_net.then_some(sets);
        let rows = [inputs.initial_row(false), inputs.initial_row(true)];
        let own = alone.map(|_| (256.min(spec.mixer_rows), 1));
        let mixer = Mixer::new(sizes.into_iter().map(|n| (n, 0)).chain(own), inputs.groups, &rows);
        const ORDERS: [&str; 8] =
            ["order-0", "order-1", "order-2", "order-3", "order-4", "order-5", "order-6", "order-7"];
        let mut names: Vec<&'static str> = (0..orders)
            .map(|i| match spec.contexts[i].0 {
                Context::Order(n) => ORDERS[n.min(7) as usize],
                _ => unreachable!("orders come first"),
            })
            .collect();
        if has_net {
            names.extend(["counts", "network"]);
        }
        if has_numbers {
            names.push("numbers");
        }
        names.push("mixed");
        let maps = Maps::new(|lane| counted >> lane & 1 == 1);
        SymbolModel {
            lanes,
            orders,
            counted,
            counts: CountTable::new(spec.count_lines),
            histories: HistoryTable::new(spec.history_rows),
            past: History::new(spec.past, spec.keyed),
            follow: Followers::new(if spec.contexts.iter().any(|c| c.0 == Context::Followers) {
                spec.follower_pairs
            } else {
                0
            }),
            maps,
            matches: [(0, 4), (1, 8)].map(|(which, minimum)| {
                let minimum = if spec.ablation.matches { usize::MAX } else { minimum };
                MatchModel::new(which, minimum, spec.match_entries)
            }),
            recency: Recency::default(),
            finals: std::array::from_fn(|_| FinalMixer::new(sets)),
            inputs,
            mixer,
            alone,
            levels: Levels::default(),
            refine: [ProbabilityMap::new(256), ProbabilityMap::new(spec.map_rows)],
            share: BitShare::new(names.len()),
            network,
            trials: Trials::new(),
            numbers: has_numbers.then(|| Box::new(Numbers::new(spec.numbers, spec.numbers_bytes, spec.seed))),
            symbols: 0,
            run: Run::default(),
            names,
            expert_nats: [0.0; SYMBOL_EXPERTS_MAX],
            claims: [[0.0; 3]; 10],
            work: None,
            spec,
        }
    }

    /// The recipe it was made from.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The experts that the mixture is made of, by name.
    pub fn experts(&self) -> &[&'static str] {
        &self.names
    }

    /// Nats that each expert alone would have paid for the latest symbol.
    pub fn expert_nats(&self) -> &[f64] {
        &self.expert_nats[..self.names.len()]
    }

    /// The experts' weights in the outer mixture.
    pub fn weights(&self) -> &[f64] {
        self.share.weights()
    }

    /// For the latest symbol and every tenth of claimed probability: sum of claims, ones, and binary decisions.
    pub fn claims(&self) -> &[[f64; 3]; 10] {
        &self.claims
    }

    /// What the mixture's regret against its best expert cannot exceed so far, in nats.
    pub fn regret_bound(&self) -> f64 {
        self.share.bound()
    }

    /// Weights of the network.
    pub fn parameters(&self) -> usize {
        self.network.as_ref().map_or(0, |n| n.core.parameters())
    }

    /// Updates of the network that were not applied because they were not finite.
    pub fn rejected(&self) -> u64 {
        self.network.as_ref().map_or(0, |n| n.core.rejected())
    }

    /// Who works out beside what its networks learn, see [`surmise_network::JobSink`]. To be set again after a
    /// checkpoint was read; a clone has nobody.
    pub fn set_job_sink(&mut self, job_sink: Option<JobSink>) {
        let trial = self.trials.trial.as_mut().map(|t| &mut t.network);
        for n in self.network.iter_mut().chain(trial) {
            n.core.set_job_sink(job_sink.clone());
        }
    }

    /// See [`surmise_network::Recurrence::discard_pending_jobs`].
    pub fn discard_pending_jobs(&mut self) {
        let trial = self.trials.trial.as_mut().map(|t| &mut t.network);
        self.network.iter_mut().chain(trial).for_each(|n| n.core.discard_pending_jobs());
    }

    /// Challengers of the network so far.
    pub fn network_history(&self) -> NetworkHistory {
        self.trials.history
    }

    /// The private state of a new key.
    pub fn new_key(&self) -> SymbolKey {
        let mut key = SymbolKey::new();
        key.sequence = self.network.as_ref().map(|n| Sequence::new(n.core.shape()));
        key.network = self.trials.champion;
        key
    }

    /// Brings a key's sequences up to what became of challengers since its last symbol.
    fn settle(&self, key: &mut SymbolKey) {
        if let Some(n) = &self.network {
            key.settle(n.core.shape(), self.trials.champion, self.trials.challenger());
        }
    }

    /// Walks over a key's state, as [`Persist`] does.
    pub fn persist_key(&self, key: &mut SymbolKey, s: &mut State<'_>) -> Result<(), StateError> {
        if !s.is_reading() {
            self.settle(key);
        }
        let shape = self.network.as_ref().map(|n| n.core.shape());
        key.persist(s, || {
            shape
                .map(Sequence::new)
                .unwrap_or_else(|| Sequence::new(&Shape { layers: 1, hidden: 16, tables: 0, dense: 0, chunk: 1 }))
        })?;
        if key.sequence.is_some() == shape.is_some() { Ok(()) } else { Err(StateError::Mismatch("sequence")) }
    }

    /// What is fixed while the key's next symbol is predicted.
    pub(crate) fn front(&self, key: &SymbolKey, given: EventInputs<'_>, reading: Reading) -> Front {
        let side = given.side;
        let mut f = Front { last: [key.at(1), key.at(2)], reading, ..Front::default() };
        if let Some(n) = &self.numbers {
            n.read(given.numbers, self.spec.code, &mut f.reading);
        }
        for (i, (c, _)) in self.spec.contexts.iter().enumerate() {
            f.hashes[i] = c.hash(i, key, &self.follow, side);
        }
        f.expected = [0, 1].map(|i| self.matches[i].expect(key, &self.past, self.spec.code));
        if self.spec.recency {
            f.recent = Recent::of(key, self.spec.code);
        }
        let class = |x: u32| match x.wrapping_sub(1) as u8 {
            b'0'..=b'9' => 1,
            b'a'..=b'z' | b'A'..=b'Z' | 128.. => 0,
            b' ' => 2,
            _ => 3u32,
        };
        f.kinds = (1..=4).fold(0, |h, k| h << 2 | class(key.at(k)));
        f.place = key.line.place();
        let fields = side.len().saturating_sub(self.spec.clocks);
        f.side = side[..fields].iter().fold(0, |h, x| mix(h, *x));
        f
    }

    /// The network's inputs for the key's next symbol.
    pub(crate) fn ids(&self, key: &SymbolKey, side: &[u32], ids: &mut [u32; 16]) -> usize {
        self.ids_behind(key, &[0u32; 0], side, ids)
    }

    /// The same for the symbol that comes after some that are yet to come.
    fn ids_behind<S: Copy + Into<u32>>(
        &self,
        key: &SymbolKey,
        coming: &[S],
        side: &[u32],
        ids: &mut [u32; 16],
    ) -> usize {
        let lags = self.network.as_ref().map_or(0, |n| n.lags);
        for k in 0..lags {
            ids[k] = match coming.len().checked_sub(k + 1) {
                Some(i) => coming[i].into(),
                None => match key.at(k + 1 - coming.len()) {
                    0 => NONE,
                    x => x - 1,
                },
            };
        }
        let sides = self.spec.sides.min(4);
        for i in 0..sides {
            ids[lags + i] = side.get(i).map_or(NONE, |x| mix(*x, i as u32) & 255);
        }
        lags + sides
    }

    /// Scores a symbol of a key against what was expected of it, and learns from it; returns its surprise in nats.
    ///
    /// `given` is what it may depend on besides the key's past.
    pub fn observe<'a>(&mut self, key: &mut SymbolKey, given: impl Into<EventInputs<'a>>, symbol: u32) -> f64 {
        self.observe_next(key, given.into(), &[symbol])
    }

    /// As [`observe`](Self::observe) for several symbols of a key that are given the same; `each` gets every one's nats
    /// when it is learnt.
    ///
    /// Nothing is different from observing one after another, but for the time: as the network sees symbols alone, it
    /// runs ahead of the others. What a symbol is expected to be depends on none that comes after it.
    pub fn observe_run<'a, S: Copy + Into<u32>>(
        &mut self,
        key: &mut SymbolKey,
        given: impl Into<EventInputs<'a>>,
        symbols: &[S],
        mut each: impl FnMut(&SymbolModel, f64),
    ) {
        let given = given.into();
        for i in 0..symbols.len() {
            let nats = self.observe_next(key, given, &symbols[i..]);
            each(self, nats);
        }
    }

    /// Plans the network's steps of a key for symbols to come, as far as the open chunk has room.
    fn run_ahead<S: Copy + Into<u32>>(&mut self, key: &mut SymbolKey, side: &[u32], symbols: &[S]) {
        let mut ids = [NONE; 16];
        for i in 0..symbols.len() {
            let used = self.ids_behind(key, &symbols[..i], side, &mut ids);
            let Some(n) = &mut self.network else { return };
            debug_assert_eq!(used, n.core.shape().tables);
            let sequence = key.sequence.get_or_insert_with(|| Sequence::new(n.core.shape()));
            if !n.core.plan(sequence, &ids[..used], &[]) {
                return;
            }
        }
    }

    /// Observes the first of the symbols.
    fn observe_next<S: Copy + Into<u32>>(&mut self, key: &mut SymbolKey, given: EventInputs<'_>, symbols: &[S]) -> f64 {
        let symbol = symbols[0].into();
        let again = self.run.again(self.spec.rest);
        self.run.push(symbol);
        let dearer = match again {
            Some((s, p)) if s == symbol => return self.sleep_over(-libm::log(p)),
            Some((_, p)) => -libm::log(1.0 - p),
            None => 0.0,
        };
        let side = given.side;
        let ahead = self.matches.each_ref().map(|m| m.ahead(key, symbol));
        let mut work = self.work.take().unwrap_or_default();
        work.front = self.front(key, given, std::mem::take(&mut work.front.reading));
        let path = self.spec.code.path(symbol);
        self.approach(&work.front, &path, &mut work.keys);
        self.settle(key);
        self.prefetch_counts(&path, &work.keys);
        self.matches.iter().zip(ahead).for_each(|(m, hash)| m.approach(hash, &self.past));
        if self.network.as_ref().is_some_and(|n| n.core.planned() == 0) {
            // where a model may rest, who knows which symbols it will sleep over
            let awake = if self.spec.rest < u64::MAX { &symbols[..1] } else { symbols };
            self.run_ahead(key, side, awake);
        }
        if let (Some(n), Some(sequence)) = (&mut self.network, &mut key.sequence) {
            n.core.advance(sequence);
        }
        let nats = walk(self, &mut work, symbol) + dearer;
        self.expert_nats[..self.names.len()].iter_mut().for_each(|n| *n += dearer);
        let mut ids = [NONE; 16];
        let used = if self.trials.trial.is_some() { self.ids(key, side, &mut ids) } else { 0 };
        if let Some(n) = &mut self.network {
            n.core.finish();
            let challenger = self.trials.trial.as_mut().map_or(0.0, |t| {
                let (_, sequence) = key.challenger.get_or_insert_with(|| (t.number, Sequence::new(n.core.shape())));
                learn_alone(&mut t.network, sequence, &ids[..used], self.spec.code, symbol)
            });
            // the network's place among the experts
            let champion = self.expert_nats[self.orders + 1];
            self.trials.judge(&self.spec, n, self.symbols + 1, champion, challenger);
        }
        if let Some(n) = &mut self.numbers {
            n.learn(given.numbers, self.spec.code, &work.front.reading, symbol);
        }
        self.follow.push(symbol, key.at(1), key.at(2));
        key.push(symbol, self.spec.code == Code::Byte);
        let at = self.past.push(symbol, key.last);
        key.last = at;
        for (i, m) in self.matches.iter_mut().enumerate() {
            let failed = work.front.expected[i].length == 0;
            m.follow(key, &self.past, failed, symbol, at, ahead[i]);
        }
        self.symbols += 1;
        self.work = Some(work);
        nats
    }

    /// A symbol that came while the model rests: nobody is asked, nothing is learnt; every expert counts as saying the
    /// same.
    fn sleep_over(&mut self, nats: f64) -> f64 {
        self.expert_nats[..self.names.len()].fill(nats);
        self.claims = [[0.0; 3]; 10];
        self.symbols += 1;
        nats
    }
}

incremental_copy!(SymbolModel {
    large: counts, histories, past, matches, network, trials;
    small: spec, lanes, orders, counted, follow, maps, recency, inputs, mixer, alone, levels, finals, refine, share,
        numbers, symbols, run, names, expert_nats, claims, work,
});

impl Persist for SymbolModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("symbol model")?;
        s.u64("symbols", &mut self.symbols)?;
        if self.spec.rest < u64::MAX {
            self.run.persist(s)?;
        }
        self.counts.persist(s)?;
        self.histories.persist(s)?;
        self.past.persist(s)?;
        self.follow.persist(s)?;
        self.maps.persist(s)?;
        self.matches.iter_mut().try_for_each(|m| m.persist(s))?;
        self.recency.persist(s)?;
        self.mixer.persist(s)?;
        self.levels.persist(s)?;
        self.finals.iter_mut().try_for_each(|m| m.persist(s))?;
        self.refine.iter_mut().try_for_each(|m| m.persist(s))?;
        self.share.persist(s)?;
        if let Some(n) = &mut self.network {
            self.trials.persist(s, &self.spec, n)?;
            n.persist(s)?;
        }
        if let Some(n) = &mut self.numbers {
            n.persist(s)?;
            n.restore(self.spec.code);
        }
        Ok(())
    }
}
