//! What must hold of a model whose stream changes again and again.

mod common;

use common::small_network;
use surmise_fixtures::Random;
use surmise_state::Persist;
use surmise_symbol::{NetworkSpec, Spec, SymbolModel};

fn spec(mut s: Spec) -> Spec {
    // the rates and the chunk that streams of categories have
    s.network = Some(NetworkSpec { chunk: 32, rate: 9e-3, head_rate: 5e-3, ..small_network() });
    s
}

/// A source with a hidden state, whose symbols are named anew in each regime.
struct HiddenSource {
    names: [u32; 64],
    state: u32,
}

impl HiddenSource {
    fn rename(&mut self, r: &mut Random) {
        for i in (1..64).rev() {
            self.names.swap(i, r.below(i as u64 + 1) as usize);
        }
    }

    fn next(&mut self, r: &mut Random) -> u32 {
        // a rare jump, otherwise one of four successors of which the first is the likeliest
        self.state = match r.below(16) as u32 {
            0 => r.below(64) as u32,
            1 => self.state * 5 + 7,
            2..=4 => self.state * 3 + 1,
            5..=7 => self.state + 11,
            _ => self.state * 13 + 2,
        } % 64;
        self.names[self.state as usize]
    }
}

/// Sixteen regimes: the last four are predicted as well as the first four, within 3 %. Regimes have 20,000 symbols: in
/// ones of 6,000 the mixture was 3.03 % worse at the end, so the promise does not hold for arbitrarily short ones.
#[test]
fn the_last_regimes_are_predicted_as_well_as_the_first() {
    // the names and jumps that the promise was measured on (PREDICTOR §12)
    let mut r = Random::new(0x648F_AAB1_9561_F39F);
    let mut source = HiddenSource { names: std::array::from_fn(|i| i as u32), state: 0 };
    let mut m = SymbolModel::new(spec(Spec::symbols(true, 16)));
    let mut k = m.new_key();
    let mut fours = [0.0; 4];
    for regime in 0..16 {
        source.rename(&mut r);
        for _ in 0..20_000 {
            fours[regime / 4] += m.observe(&mut k, &[], source.next(&mut r));
        }
    }
    assert!(fours[3] < fours[0] * 1.03, "nats {fours:.0?}");
}

/// Feeds a model one regime, then another, from several keys.
fn changing(m: &mut SymbolModel, keys: &mut [surmise_symbol::SymbolKey], symbols: std::ops::Range<u32>) {
    for i in symbols {
        let h = i.wrapping_mul(0x9E37_79B1) >> 8;
        let j = if h % 16 == 0 { i * 7 } else { i };
        let symbol = if i < 20_000 { j % 30 } else { (j % 50) * 5 + h % 5 };
        let key = (i / 7) as usize % keys.len();
        m.observe(&mut keys[key], &[], symbol);
    }
}

/// A lasting rise of the loss begins a trial; one that is steady does not. In the midst of a trial and after it a model
/// that is saved and read back goes on bit for bit, keys included, and so do those that were silent all the while.
#[test]
fn trials_begin_at_a_rise_and_outlive_a_checkpoint() {
    let mut m = SymbolModel::new(spec(Spec::symbols(true, 16)));
    let mut keys = [m.new_key(), m.new_key(), m.new_key()];
    let mut silent = m.new_key();
    changing(&mut m, std::slice::from_mut(&mut silent), 0..300);
    changing(&mut m, &mut keys, 0..20_000);
    assert_eq!(m.network_history().trials, 0);
    let mut at = 20_000;
    for until in [24_000, 60_000] {
        changing(&mut m, &mut keys, at..until);
        at = until;
        assert_eq!(m.network_history().trials, 1, "at {until}");
        let saved = m.encode();
        let mut n = SymbolModel::new(m.spec().clone());
        n.decode(&saved).unwrap();
        assert_eq!((n.hash_state(), n.network_history()), (m.hash_state(), m.network_history()));
        let mut copies = keys.clone().map(|mut k| {
            let bytes = KeyState(&m, &mut k).encode();
            let mut read = n.new_key();
            KeyState(&n, &mut read).decode(&bytes).unwrap();
            read
        });
        let (mut a, mut b) = (silent.clone(), silent.clone());
        let (mut p, mut q) = (m.clone(), n);
        changing(&mut p, &mut keys.clone(), at..at + 900);
        changing(&mut q, &mut copies, at..at + 900);
        let probe = p.probe(&a);
        let asked = p.top(&probe, &[], 250, 3);
        assert_eq!(p.observe(&mut a, &[], asked[0].0), q.observe(&mut b, &[], asked[0].0));
        assert_eq!(p.hash_state(), q.hash_state());
    }
}

/// A key's state, as a checkpoint holds it.
struct KeyState<'a>(&'a SymbolModel, &'a mut surmise_symbol::SymbolKey);
impl Persist for KeyState<'_> {
    fn persist(&mut self, s: &mut surmise_state::State<'_>) -> Result<(), surmise_state::StateError> {
        self.0.persist_key(self.1, s)
    }
}

/// Without room for two networks there is no trial.
#[test]
fn there_is_no_trial_beyond_the_ceiling() {
    let mut s = spec(Spec::symbols(true, 4));
    s.network_bytes = 100_000;
    let mut m = SymbolModel::new(s);
    let mut keys = [m.new_key()];
    changing(&mut m, &mut keys, 0..30_000);
    assert_eq!(m.network_history().trials, 0);
}
