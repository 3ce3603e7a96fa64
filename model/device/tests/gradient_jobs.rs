//! Gradient jobs on the emulated device: the gradients of the engines, the same learning, the same checkpoints.

mod common;
use common::{difference, run, sequences};
use std::sync::{Arc, Mutex};
use surmise_device::{GradientDevice, job_sink};
use surmise_emulation::Emulated;
use surmise_fixtures::Random;
use surmise_network::{
    Device, Engine, GradientJob, JobSink, LayerGradients, Processor, Rates, Recurrence, Shape, TOLERANCE,
};
use surmise_state::Persist;

const SHAPES: [Shape; 5] = [
    Shape { layers: 2, hidden: 32, tables: 3, dense: 2, chunk: 16 },
    Shape { layers: 1, hidden: 16, tables: 1, dense: 0, chunk: 5 },
    Shape { layers: 3, hidden: 64, tables: 2, dense: 0, chunk: 40 },
    Shape { layers: 2, hidden: 16, tables: 0, dense: 3, chunk: 7 },
    Shape { layers: 2, hidden: 16, tables: 1, dense: 1, chunk: 700 },
];

fn device() -> Arc<dyn Device> {
    Arc::new(GradientDevice::new(Box::new(Emulated::new())))
}

fn network(shape: Shape, delay: usize, engine: Engine) -> Recurrence {
    Recurrence::new(shape, Rates::default(), 1 << 13, 5, engine).delayed(delay)
}

/// The largest difference of two gradients, as a share of the largest value of each array.
fn gradient_difference(a: &[LayerGradients], b: &[LayerGradients]) -> f64 {
    assert_eq!(a.len(), b.len());
    let mut worst = 0f64;
    for (a, b) in a.iter().zip(b) {
        for (a, b) in [(&a.dense, &b.dense), (&a.below, &b.below), (&a.bias, &b.bias)] {
            worst = worst.max(difference(a, b));
        }
        assert_eq!(a.tables.len(), b.tables.len());
        for (a, b) in a.tables.iter().zip(&b.tables) {
            let g = a.1.len() / a.0.len().max(1);
            let sorted = |(ids, rows): &(Vec<u32>, Vec<f32>)| {
                let mut all: Vec<_> =
                    ids.iter().copied().zip(rows.chunks_exact(g.max(1))).map(|(i, r)| (i, r.to_vec())).collect();
                all.sort_by_key(|x| x.0);
                (all.iter().map(|x| x.0).collect::<Vec<_>>(), all.into_iter().flat_map(|x| x.1).collect::<Vec<_>>())
            };
            let (a, b) = (sorted(a), sorted(b));
            assert_eq!(a.0, b.0, "the same rows");
            worst = worst.max(difference(&a.1, &b.1));
        }
    }
    worst
}

/// Four jobs of a network whose weights stay as they are.
fn jobs(shape: Shape, keys: usize, shift: f32, engine: Engine) -> Vec<Arc<GradientJob>> {
    let mut net = network(shape, 4, engine);
    net.shift_gates(|_, i| shift * (2.0 * i as f32 / (shape.hidden - 1) as f32 - 1.0));
    let given = Arc::new(Mutex::new(Vec::new()));
    let all = given.clone();
    net.set_job_sink(Some(Arc::new(move |job| given.lock().unwrap().push(job))));
    run(&mut net, &mut sequences(&shape, keys), &mut Random::new(3), 4 * shape.chunk);
    std::mem::take(&mut *all.lock().unwrap())
}

#[test]
fn gradients_are_those_of_the_fused_engine() {
    let device = device();
    for shape in SHAPES {
        for keys in [1, 3, 30] {
            for shift in [0.0, 8.0, 30.0] {
                let jobs = jobs(shape, keys, shift, Engine::Fused);
                assert_eq!(jobs.len(), 4);
                for job in jobs {
                    let got = device.gradients(&job.full_chunk()).unwrap().expect("finite");
                    let worst = gradient_difference(&got, job.layer_gradients().expect("finite"));
                    println!("fused {shape:?} keys {keys} shift {shift}: {worst:.1e}");
                    assert!(worst <= TOLERANCE, "{shape:?} keys {keys} shift {shift}: {worst:.1e}");
                    assert_eq!(Some(got), device.gradients(&job.full_chunk()).unwrap(), "equal bits each time");
                    let here = Processor.gradients(&job.full_chunk()).unwrap();
                    assert_eq!(here.as_deref(), job.layer_gradients(), "the processor is a device like others");
                }
            }
        }
    }
}

#[test]
fn gradients_are_those_of_dfdx() {
    let device = device();
    for shape in SHAPES.into_iter().filter(|s| s.chunk < 100) {
        for keys in [1, 4] {
            let fused = jobs(shape, keys, 0.0, Engine::Fused);
            for (job, dfdx) in fused.iter().zip(jobs(shape, keys, 0.0, Engine::Dfdx)) {
                let got = device.gradients(&job.full_chunk()).unwrap().expect("finite");
                let worst = gradient_difference(&got, dfdx.layer_gradients().expect("finite"));
                println!("dfdx {shape:?} keys {keys}: {worst:.1e}");
                assert!(worst <= TOLERANCE, "{shape:?} keys {keys}: {worst:.1e}");
            }
        }
    }
}

/// The losses of ten chunks, learnt from on the device and on the processor.
#[test]
fn ten_losses_are_those_of_the_fused_engine() {
    for shape in SHAPES {
        let losses = |on_device: bool| {
            let mut net = network(shape, 1, Engine::Fused);
            net.set_job_sink(on_device.then(|| job_sink(device(), None)));
            let (_, losses) = run(&mut net, &mut sequences(&shape, 4), &mut Random::new(7), 10 * shape.chunk);
            assert_eq!((net.updates(), net.rejected().of_networks()), (9, 0));
            losses.chunks(shape.chunk).map(|c| c.iter().sum::<f64>()).collect::<Vec<_>>()
        };
        let (here, there) = (losses(false), losses(true));
        assert!(shape.chunk > 16 || shape.tables < 3 || here[9] < here[0], "it learns: {here:?}");
        for (a, b) in here.iter().zip(there) {
            assert!((a - b).abs() <= 1e-4 * a, "{shape:?}: {a} and {b}");
        }
    }
}

#[test]
fn a_chunk_that_is_not_finite_is_rejected() {
    for bad in [f32::NAN, f32::INFINITY, 1e12] {
        let mut net = network(SHAPES[0], 1, Engine::Fused);
        net.set_job_sink(Some(job_sink(device(), None)));
        let mut keys = sequences(&SHAPES[0], 1);
        for step in 0..3 * SHAPES[0].chunk {
            net.step(&mut keys[0], &[1], &[]);
            net.gradient()[3] = if step == 5 { bad } else { 0.1 };
            net.finish();
        }
        assert_eq!((net.rejected().of_networks(), net.updates()), (1, 1), "{bad}");
    }
}

/// Which thread computes a job, and when, makes no difference to what is learnt.
#[test]
fn what_is_learnt_depends_on_the_device_and_never_on_timing() {
    let shape = SHAPES[0];
    let one = |threads: Option<JobSink>| {
        let mut net = network(shape, 2, Engine::Fused);
        net.set_job_sink(Some(job_sink(device(), threads)));
        let all = run(&mut net, &mut sequences(&shape, 3), &mut Random::new(9), 400);
        (all, net.encode())
    };
    let due = one(None);
    assert_eq!(
        due,
        one(Some(Arc::new(|job: Arc<GradientJob>| {
            job.compute();
        })))
    );
    let (give, take) = std::sync::mpsc::channel::<Arc<GradientJob>>();
    let thread = std::thread::spawn(move || {
        take.iter().for_each(|job| {
            job.compute();
        })
    });
    assert_eq!(due, one(Some(Arc::new(move |job| give.send(job).unwrap()))));
    thread.join().unwrap();
}

/// A checkpoint holds nothing of a device: written with one, it continues with it bit for bit, and with another within
/// the tolerance.
#[test]
fn checkpoints_move_between_the_device_and_the_processor() {
    let shape = SHAPES[0];
    let on = |device_too: bool| device_too.then(|| job_sink(device(), None));
    for first in [true, false] {
        let mut net = network(shape, 2, Engine::Fused);
        net.set_job_sink(on(first));
        let (mut keys, mut rng) = (sequences(&shape, 3), Random::new(11));
        run(&mut net, &mut keys, &mut rng, 333);
        let bytes = net.encode();
        let (same, _) = run(&mut net, &mut keys.clone(), &mut Random::new(13), 333);
        for second in [true, false] {
            let mut again = network(shape, 2, Engine::Fused);
            again.decode(&bytes).unwrap();
            assert_eq!(again.encode(), bytes);
            again.set_job_sink(on(second));
            let (features, _) = run(&mut again, &mut keys.clone(), &mut Random::new(13), 333);
            if first == second {
                assert_eq!(features, same, "on the same device the same bits");
                assert_eq!(again.encode(), net.encode());
            }
            for (a, b) in features.iter().zip(&same) {
                assert!(difference(a, b) < 1e-3, "on another device nearly the same");
            }
        }
    }
}

/// If a device fails, the processor computes its jobs from then on.
#[test]
fn if_a_device_fails_the_processor_computes() {
    let shape = SHAPES[0];
    let alone = {
        let mut net = network(shape, 1, Engine::Fused);
        run(&mut net, &mut sequences(&shape, 3), &mut Random::new(9), 400)
    };
    let device = Arc::new(GradientDevice::new(Box::new(Emulated::failing_at(60))));
    let mut net = network(shape, 1, Engine::Fused);
    net.set_job_sink(Some(job_sink(device.clone(), None)));
    let (features, _) = run(&mut net, &mut sequences(&shape, 3), &mut Random::new(9), 400);
    assert_eq!(net.rejected().of_networks(), 0);
    assert!(device.fault().is_some());
    for (a, b) in features.iter().zip(&alone.0) {
        assert!(difference(a, b) < 1e-3);
    }
}
