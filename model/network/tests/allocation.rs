//! After a warm-up the default engine allocates nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use surmise_fixtures::CountingAllocator;
use surmise_network::{Engine, LinearHead, Rates, Recurrence, Sequence, Shape, TreeHead};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn a_step_allocates_nothing() {
    for delay in [0, 1, 3] {
        steps(delay);
    }
}

fn steps(delay: usize) {
    let shape = Shape { layers: 2, hidden: 32, tables: 3, dense: 2, chunk: 8 };
    let mut net = Recurrence::new(shape, Rates::default(), 64, 1, Engine::Fused).delayed(delay);
    // every other job is computed when it is sent, as by a quick worker
    let odd = AtomicUsize::new(0);
    net.set_job_sink(Some(Arc::new(move |job| {
        let _ = odd.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) && job.compute();
    })));
    let mut tree = TreeHead::new(net.width(), 64, 2e-3);
    let mut line = LinearHead::new(net.width(), 3, Rates::default(), 4, 1);
    let mut keys = [Sequence::new(&shape), Sequence::new(&shape)];
    let (mut hidden, mut out) = (keys[0].hidden(), vec![0.0; net.width()]);
    let mut before = 0;
    for t in 0..400u32 {
        if t == 200 {
            before = CountingAllocator::calls();
        }
        let ids = [t % 64, t * 7 % 64, t * 13 % 50];
        net.step(&mut keys[(t % 3 / 2) as usize], &ids, &[0.1, 0.2]);
        let (y, dy) = net.features_and_gradient();
        let error = tree.logit(t % 60, y).tanh() - 0.3;
        tree.learn(t % 60, error, y, dy);
        let grad = [line.forward(y)[0], 0.1, 0.2];
        line.learn(&grad, y, dy);
        net.finish();
        net.peek(&mut hidden, &ids, &[0.3], &mut out);
    }
    let calls = CountingAllocator::calls() - before;
    assert_eq!((calls, net.updates()), (0, 50 - delay as u64), "delay {delay}");
}
