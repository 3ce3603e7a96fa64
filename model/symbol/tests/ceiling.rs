//! The ceiling holds: all that a symbol model keeps, whatever it is fed.

use surmise_network::Engine;
use surmise_state::Persist;
use surmise_symbol::{Code, EventInputs, NetworkSpec, Spec, SymbolModel};

fn with_network(mut spec: Spec, mib: usize) -> Spec {
    let largest = NetworkSpec {
        layers: 2,
        hidden: if spec.code == Code::Byte { 64 } else { 32 },
        chunk: 16,
        rate: 5e-3,
        head_rate: 2e-3,
        lags: 3,
        rows_max: 1 << 16,
        nodes_max: 1 << 14,
        engine: Engine::Fused,
        delay_chunks: 0,
    };
    spec.network = largest.within(mib << 18, spec.code, spec.sides);
    spec
}

/// Noise fills every table there is.
#[test]
fn state_stays_below_the_ceiling() {
    for mib in [1usize, 4] {
        let m = mib as u32;
        let records = Spec { numbers: 20, ..Spec::among_fields(Code::Arrival, true, m, 3, 0) };
        for spec in [Spec::bytes(false, m), Spec::bytes(true, m), Spec::symbols(true, m), records] {
            let symbols = if spec.code == Code::Byte { 256 } else { 20_000 };
            let name = format!("{:?} keyed {} at {mib} MiB", spec.code, spec.keyed);
            let mut m = SymbolModel::new(with_network(spec, mib));
            let mut k = m.new_key();
            let mut x = 1u64;
            let mut numbers = [0.0; 20];
            for i in 0..15_000 * mib.min(3) {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                numbers[i % 20] = (x >> 40) as f64;
                let side = [(x >> 50) as u32, (x >> 20) as u32, i as u32];
                m.observe(&mut k, EventInputs { side: &side, numbers: &numbers }, ((x >> 33) % symbols) as u32);
            }
            let bytes = m.measure();
            assert!(bytes <= (mib as u64) << 20, "{name}: {bytes} bytes");
        }
    }
}

/// A stream of thirty symbols takes little of the default ceiling.
#[test]
fn a_quiet_stream_stays_small() {
    let mut m = SymbolModel::new(with_network(Spec::symbols(true, 64), 64));
    let mut k = m.new_key();
    for i in 0..2000u32 {
        // a routine of thirty steps in which one of thirty-two is another
        let odd = i.wrapping_mul(0x9E37_79B1) >> 27 == 0;
        m.observe(&mut k, &[], if odd { i * 7 % 30 } else { i % 30 });
    }
    assert!(m.measure() < 1_500_000, "{} bytes", m.measure());
}
