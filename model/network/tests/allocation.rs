//! After a warm-up the default engine allocates nothing.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use surmise_network::{Engine, LinearHead, Rates, Recurrence, Sequence, Shape, TreeHead};

struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(p, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_step_allocates_nothing() {
    for delay in [0, 1, 3] {
        steps(delay);
    }
}

fn steps(delay: usize) {
    let shape = Shape { layers: 2, hidden: 32, tables: 3, dense: 2, chunk: 8 };
    let mut net = Recurrence::new(shape, Rates::default(), 64, 1, Engine::Fused).delayed(delay);
    // every other job is worked out when it is given, as by a quick job sink
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
            before = CALLS.load(Ordering::Relaxed);
        }
        let ids = [t % 64, t * 7 % 64, t * 13 % 50];
        net.step(&mut keys[(t % 3 / 2) as usize], &ids, &[0.1, 0.2]);
        let (y, dy) = net.features_and_gradient();
        let e = tree.logit(t % 60, y).tanh();
        tree.learn(t % 60, e - 0.3, y, dy);
        let grad = [line.forward(y)[0], 0.1, 0.2];
        line.learn(&grad, y, dy);
        net.finish();
        net.peek(&mut hidden, &ids, &[0.3], &mut out);
    }
    let calls = CALLS.load(Ordering::Relaxed) - before;
    assert_eq!((calls, net.updates()), (0, 50 - delay as u64), "delay {delay}");
}
