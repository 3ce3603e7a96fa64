//! Bits per symbol and bytes of state under ceilings of 1, 4, 16 and 64 MiB: `memory bytes|tokens FILE ...`.
use std::collections::HashMap;
use surmise_state::Persist;
use surmise_symbol::{NetworkSpec, Spec, SymbolModel};

fn main() {
    let a: Vec<String> = std::env::args().collect();
    for pair in a[1..].chunks_exact(2) {
        let bytes = pair[0] == "bytes";
        let data: &'static [u8] = std::fs::read(&pair[1]).expect("the file can be read").leak();
        let mut ids: HashMap<&[u8], u32> = HashMap::new();
        let sessions: Vec<Vec<u32>> = if bytes {
            vec![data.iter().map(|b| u32::from(*b)).collect()]
        } else {
            let mut id = |t| {
                let next = ids.len() as u32 + 1;
                *ids.entry(t).or_insert(next)
            };
            let words = |l: &'static [u8]| l.split(u8::is_ascii_whitespace).filter(|t| !t.is_empty());
            data.split(|b| *b == b'\n').map(|l| words(l).map(&mut id).chain([0]).collect()).collect()
        };
        print!("{}", pair[1].rsplit('/').next().unwrap_or_default());
        for mib in [1u32, 4, 16, 64] {
            let mut spec = if bytes { Spec::bytes(false, mib) } else { Spec::symbols(true, mib) };
            let largest = NetworkSpec {
                layers: 2,
                hidden: if bytes { 64 } else { 32 },
                chunk: if bytes { 16 } else { 8 },
                rate: 5e-3,
                head_rate: if bytes { 2e-3 } else { 5e-3 },
                lags: 3,
                rows_max: 1 << 16,
                nodes_max: 1 << 14,
                engine: surmise_network::Engine::Fused,
                delay_chunks: 0,
            };
            spec.network = largest.within((mib as usize) << 18, spec.code, 0);
            let mut m = SymbolModel::new(spec);
            let (mut nats, mut n) = (0.0, 0u64);
            for s in &sessions {
                let mut k = m.new_key();
                for x in s {
                    nats += m.observe(&mut k, &[], *x);
                    n += 1;
                }
            }
            print!(" | {:.4} {:.2}", nats / n as f64 * std::f64::consts::LOG2_E, m.measure() as f64 / 1048576.0);
        }
        println!();
    }
}
