//! What a top-20 query costs in learning steps: `query bytes|tokens FILE` or `query large SYMBOLS`.
use std::collections::HashMap;
use std::time::{Duration, Instant};
use surmise_symbol::{NetworkSpec, Spec, SymbolModel};

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let bytes = a[1] == "bytes";
    let mut spec = if bytes { Spec::bytes(false, 64) } else { Spec::symbols(true, 64) };
    spec.network = Some(NetworkSpec {
        layers: 2,
        hidden: if bytes { 64 } else { 32 },
        chunk: 16,
        rate: 5e-3,
        head_rate: 2e-3,
        lags: 3,
        rows_max: 1 << 11,
        nodes_max: 1 << 14,
        engine: surmise_network::Engine::Fused,
        delay_chunks: 0,
    });
    let sessions = sessions(&a[1], &a[2]);
    let known = sessions.iter().flatten().max().expect("an event") + 1;
    let mut m = SymbolModel::new(spec);
    let (mut learning, mut asking) = (Duration::ZERO, Duration::ZERO);
    let (mut steps, mut queries) = (0u32, 0u32);
    for s in &sessions {
        let mut k = m.new_key();
        for x in s {
            if steps % 16 == 0 && steps > 20_000 {
                let t = Instant::now();
                std::hint::black_box(m.top(&m.probe(&k), &[], known, 20));
                asking += t.elapsed();
                queries += 1;
            }
            let t = Instant::now();
            m.observe(&mut k, &[], *x);
            learning += t.elapsed();
            steps += 1;
        }
    }
    let (l, q) = (learning.as_secs_f64() / f64::from(steps), asking.as_secs_f64() / f64::from(queries));
    println!("{known} symbols: step {:.2} us, top-20 {:.2} us, ratio {:.2}", l * 1e6, q * 1e6, q / l);
}

/// Sessions of symbols from a file, or made of a number of symbols; 0 ends a session.
fn sessions(kind: &str, source: &str) -> Vec<Vec<u32>> {
    match kind {
        "bytes" => {
            let data = std::fs::read(source).expect("the file can be read");
            vec![data.into_iter().take(300_000).map(u32::from).collect()]
        }
        "tokens" => {
            let text = std::fs::read_to_string(source).expect("the file can be read");
            let mut ids: HashMap<String, u32> = HashMap::new();
            let mut id = |t: &str| {
                let next = ids.len() as u32 + 1;
                *ids.entry(t.to_owned()).or_insert(next)
            };
            text.lines().map(|l| l.split_whitespace().map(&mut id).chain([0]).collect()).collect()
        }
        _ => {
            let n: u32 = source.parse().expect("a number of symbols");
            let mut x = 1u64;
            let zipf = (0..300_000u32).map(|i| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let u = (x >> 11) as f64 / (1u64 << 53) as f64;
                // every symbol once, then by a law of ranks
                if i < n { i } else { (f64::from(n).powf(u) - 1.0) as u32 }
            });
            vec![zipf.collect()]
        }
    }
}
