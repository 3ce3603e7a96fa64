//! Whether a learner stays able to learn: sixteen regimes, four pieces of a text in turn, four times over, each time
//! with its bytes permuted anew: `regimes FILE [bytes a piece] [network width] [fixed]`. The mean of the last four is
//! to be within 3 % of that of the first four. `fixed` leaves challengers out.
use surmise_network::Engine;
use surmise_symbol::{NetworkSpec, Spec, SymbolModel};

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let data = std::fs::read(&a[1]).expect("the file can be read");
    let piece: usize = a.get(2).map_or(data.len() / 4, |n| n.parse().expect("a number of bytes"));
    let hidden: usize = a.get(3).map_or(64, |h| h.parse().expect("a width"));
    let mut spec = Spec::bytes(false, 64);
    if a.get(4).is_some_and(|w| w == "fixed") {
        spec.network_bytes = 0;
    }
    spec.network = (hidden > 0).then_some(NetworkSpec {
        layers: 2,
        hidden,
        chunk: 16,
        rate: 5e-3,
        head_rate: 2e-3,
        lags: 3,
        rows_max: 256,
        nodes_max: 512,
        engine: Engine::Fused,
        delay_chunks: 0,
    });
    let mut alphabet: Vec<u8> = (0..=255).filter(|b| data.contains(b)).collect();
    let known = alphabet.clone();
    let mut x = 1u64;
    let mut m = SymbolModel::new(spec);
    let mut k = m.new_key();
    let bits = std::f64::consts::LOG2_E / piece as f64;
    let mut means = [0f64; 4];
    for regime in 0..16 {
        for i in (1..alphabet.len()).rev() {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            alphabet.swap(i, (x >> 33) as usize % (i + 1));
        }
        let mut mapped = [0u32; 256];
        for (from, to) in known.iter().zip(&alphabet) {
            mapped[*from as usize] = u32::from(*to);
        }
        let (mut nats, mut experts) = (0.0, vec![0.0; m.experts().len()]);
        for b in &data[(regime % 4) * piece..][..piece] {
            nats += m.observe(&mut k, &[], mapped[*b as usize]);
            for (e, n) in experts.iter_mut().zip(m.expert_nats()) {
                *e += n;
            }
        }
        let of = |name| m.experts().iter().position(|e| *e == name).map_or(0.0, |i| experts[i] * bits);
        means[regime / 4] += nats * bits / 4.0;
        println!(
            "{:>2}: mixture {:.4}, counts {:.4}, network {:.4} bits; {:?}",
            regime + 1,
            nats * bits,
            of("counts"),
            of("network"),
            m.network_history()
        );
    }
    println!("fours {means:.4?}: the last {:+.2} % against the first", (means[3] / means[0] - 1.0) * 100.0);
}
