//! Delayed updates take effect at their place among the steps, whichever thread computes them and whenever.

mod common;
use common::SplitMix64;
use std::sync::{Arc, mpsc};
use surmise_network::{Engine, JobSink, NONE, Rates, Recurrence, Sequence, Shape};
use surmise_state::Persist;

const SHAPE: Shape = Shape { layers: 2, hidden: 32, tables: 2, dense: 1, chunk: 8 };

fn network(delay: usize, seed: u64, engine: Engine) -> Recurrence {
    Recurrence::new(SHAPE, Rates::default(), 64, seed, engine).delayed(delay)
}

/// Steps of two sequences in turn, with a loss that pulls every feature to a value that its place decides.
fn run(net: &mut Recurrence, keys: &mut [Sequence; 2], rng: &mut SplitMix64, steps: usize) -> Vec<Vec<f32>> {
    let mut all = Vec::new();
    for _ in 0..steps {
        let ids = [rng.below(40) as u32, rng.below(5) as u32];
        net.step(&mut keys[rng.below(2) as usize], &ids, &[rng.f()]);
        let (y, dy) = net.features_and_gradient();
        for (i, (y, d)) in y.iter().zip(dy).enumerate() {
            *d += y - if (i + ids[0] as usize).is_multiple_of(3) { 0.5 } else { -0.2 };
        }
        all.push(net.features().to_vec());
        net.finish();
    }
    all
}

fn keys() -> [Sequence; 2] {
    [Sequence::new(&SHAPE), Sequence::new(&SHAPE)]
}

/// A sink whose thread computes jobs as fast as it can.
fn job_sink() -> JobSink {
    let (give, take) = mpsc::channel();
    std::thread::spawn(move || {
        let take: mpsc::Receiver<Arc<surmise_network::GradientJob>> = take;
        take.iter().for_each(|job| {
            let _ = job.compute();
        });
    });
    Arc::new(move |job| give.send(job).unwrap())
}

#[test]
fn what_is_learnt_depends_on_the_delay_and_on_nothing_else() {
    let mut seen = Vec::new();
    for delay in 0..4 {
        let mut alone = network(delay, 1, Engine::Fused);
        let features = run(&mut alone, &mut keys(), &mut SplitMix64(3), 400);
        let mut helped = network(delay, 1, Engine::Fused);
        helped.set_job_sink(Some(job_sink()));
        assert_eq!(features, run(&mut helped, &mut keys(), &mut SplitMix64(3), 400), "delay {delay}");
        // a job sink that drops every other job
        let mut lazy = network(delay, 1, Engine::Fused);
        let count = std::sync::atomic::AtomicUsize::new(0);
        lazy.set_job_sink(Some(Arc::new(move |job| {
            if count.fetch_add(1, std::sync::atomic::Ordering::Relaxed).is_multiple_of(2) {
                job.compute();
            }
        })));
        assert_eq!(features, run(&mut lazy, &mut keys(), &mut SplitMix64(3), 400), "delay {delay}");
        let state = alone.encode();
        assert_eq!((&state, &state), (&helped.encode(), &lazy.encode()), "delay {delay}");
        assert_eq!(alone.updates(), 50 - delay as u64);
        assert!(!seen.contains(&features), "delay {delay} makes no difference");
        seen.push(features);
    }
}

/// The largest difference of two sets of weights, over the rows that both have.
fn difference(a: &Recurrence, b: &Recurrence) -> f32 {
    let differences = |((_, a), (_, b)): (&(String, Vec<f32>), &(String, Vec<f32>))| {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    a.weights().iter().zip(&b.weights()).map(differences).fold(0.0, f32::max)
}

#[test]
fn an_update_takes_effect_where_it_is_said_to() {
    for delay in 1..4 {
        let (mut late, mut ka, mut rng) = (network(delay, 1, Engine::Fused), keys(), SplitMix64(8));
        run(&mut late, &mut ka, &mut rng, SHAPE.chunk * (delay + 1) - 1);
        let mut first = network(0, 1, Engine::Fused);
        assert_eq!(difference(&late, &first), 0.0, "no update before its time");
        run(&mut late, &mut ka, &mut rng, 1);
        // the first chunk alone makes the first update
        run(&mut first, &mut keys(), &mut SplitMix64(8), SHAPE.chunk);
        assert_eq!((late.updates(), first.updates()), (1, 1));
        assert!(difference(&first, &network(0, 1, Engine::Fused)) > 1e-3);
        assert!(difference(&late, &first) < 1e-7, "delay {delay}: {}", difference(&late, &first));
    }
}

#[test]
fn a_restored_network_continues_bit_for_bit_with_waiting_jobs() {
    for engine in [Engine::Fused, Engine::Dfdx] {
        for cut in [0, 1, 7, 8, 9, 15, 16, 23, 24, 40] {
            let mut a = network(2, 1, engine);
            a.set_job_sink(Some(job_sink()));
            let (mut ka, mut rng) = (keys(), SplitMix64(4));
            run(&mut a, &mut ka, &mut rng, cut);
            let state = a.encode();
            let mut b = network(2, 77, engine);
            run(&mut b, &mut keys(), &mut SplitMix64(5), 30);
            b.decode(&state).unwrap();
            assert_eq!(state, b.encode(), "{engine} {cut}");
            let mut kb = ka.clone();
            let mut again = SplitMix64(rng.0);
            let (x, y) = (run(&mut a, &mut ka, &mut rng, 40), run(&mut b, &mut kb, &mut again, 40));
            assert!(x == y, "{engine} {cut}");
            assert_eq!(a.encode(), b.encode(), "{engine} {cut}");
        }
    }
    let mut other = network(1, 1, Engine::Fused);
    let fault = other.decode(&network(2, 1, Engine::Fused).encode()).unwrap_err().to_string();
    assert!(fault.contains("delay"), "another delay is another network: {fault}");
}

/// A clone learns the same, but computes its gradients itself.
#[test]
fn a_clone_continues_alike_and_has_no_job_sink() {
    let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = sent.clone();
    let mut net = network(2, 1, Engine::Fused);
    net.set_job_sink(Some(Arc::new(move |_| {
        let _ = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    })));
    let (mut ka, mut rng) = (keys(), SplitMix64(4));
    run(&mut net, &mut ka, &mut rng, 28);
    let (mut clone, mut kb, mut again) = (net.clone(), ka.clone(), SplitMix64(rng.0));
    assert!(net.job_sink().is_some() && clone.job_sink().is_none());
    let y = run(&mut clone, &mut kb, &mut again, 40);
    assert_eq!(sent.load(std::sync::atomic::Ordering::Relaxed), 3);
    assert!(run(&mut net, &mut ka, &mut rng, 40) == y);
    assert_eq!(net.encode(), clone.encode());
}

#[test]
fn engines_agree_about_delayed_updates() {
    let both = [Engine::Fused, Engine::Dfdx].map(|e| {
        let mut net = network(2, 1, e);
        run(&mut net, &mut keys(), &mut SplitMix64(6), 64)
    });
    let worst = both[0].iter().flatten().zip(both[1].iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "{worst}");
}

#[test]
fn a_job_that_is_not_finite_changes_no_weight() {
    let mut net = network(1, 1, Engine::Fused);
    let mut seq = Sequence::new(&SHAPE);
    for t in 0..24 {
        net.step(&mut seq, &[1, NONE], &[0.0]);
        net.gradient().fill(if t < 8 { f32::NAN } else { 0.1 });
        net.finish();
    }
    assert_eq!((net.rejected().of_networks(), net.updates()), (1, 1));
    assert!(net.weights().iter().all(|(_, w)| w.iter().all(|x| x.is_finite())));
}
