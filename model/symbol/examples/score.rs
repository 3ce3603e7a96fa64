//! Scores a file of bytes, or of one session of symbols a line: `score bytes|tokens FILE [network width]`.
use std::collections::HashMap;
use surmise_symbol::{Code, NetworkSpec, Spec, SymbolModel};

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let data = std::fs::read(&a[2]).expect("the file can be read");
    let hidden: usize = a.get(3).map_or(0, |h| h.parse().expect("a width"));
    let mem: u32 = a.get(4).map_or(64, |h| h.parse().expect("MiB"));
    let bytes = a[1] == "bytes";
    let mut m = SymbolModel::new(recipe(bytes, hidden, mem));
    let (mut nats, mut n) = (0.0, 0u64);
    let mut experts = vec![0.0; m.experts().len()];
    let start = std::time::Instant::now();
    let mut take = |m: &mut SymbolModel, key: &mut surmise_symbol::SymbolKey, s: u32| {
        nats += m.observe(key, &[], s);
        for (e, x) in experts.iter_mut().zip(m.expert_nats()) {
            *e += x;
        }
        n += 1;
    };
    if bytes {
        let mut k = m.new_key();
        data.iter().for_each(|b| take(&mut m, &mut k, u32::from(*b)));
    } else {
        let mut ids: HashMap<&str, u32> = HashMap::new();
        let text = std::str::from_utf8(&data).expect("text");
        for line in text.lines() {
            let mut k = m.new_key();
            for t in line.split_whitespace() {
                let next = ids.len() as u32 + 1;
                let id = *ids.entry(t).or_insert(next);
                take(&mut m, &mut k, id);
            }
            take(&mut m, &mut k, 0);
        }
    }
    let t = start.elapsed().as_secs_f64();
    let bits = std::f64::consts::LOG2_E / n as f64;
    println!(
        "{:.4} bits/event, {n} events, {:.0} events/s, {} parameters, code {:?}",
        nats * bits,
        n as f64 / t,
        m.parameters(),
        Code::Byte
    );
    println!("{:?}, state {:032x}", m.network_history(), surmise_state::Persist::hash_state(&mut m));
    for (e, x) in m.experts().iter().zip(&experts) {
        println!("  {e:<10} {:.4}", x * bits);
    }
}

/// The recipe for bytes or for symbols, with a network of this width if it is not 0.
fn recipe(bytes: bool, hidden: usize, mem: u32) -> Spec {
    let mut spec = if bytes { Spec::bytes(false, mem) } else { Spec::symbols(true, mem) };
    if hidden > 0 {
        spec.network = Some(NetworkSpec {
            layers: 2,
            hidden,
            chunk: if bytes { 16 } else { 8 },
            rate: 5e-3,
            head_rate: if bytes { 2e-3 } else { 5e-3 },
            lags: 3,
            rows_max: if bytes { 256 } else { 1 << 11 },
            nodes_max: if bytes { 1 << 13 } else { 1 << 14 },
            engine: surmise_network::Engine::Fused,
            delay_chunks: 0,
        });
    }
    spec
}
