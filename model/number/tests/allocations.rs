//! After a warm-up the experts, the network, their mixture and its measures allocate nothing.

mod common;
use common::{Draw, Stream, plain};

use surmise_fixtures::CountingAllocator;
use surmise_number::{EventContext, Given, NumberOptions};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn an_event_allocates_nothing() {
    for options in [plain(), NumberOptions::default()] {
        nothing_is_allocated(options);
    }
}

fn nothing_is_allocated(options: NumberOptions) {
    let (mut d, mut s) = (Draw(3), Stream::new(4, options));
    let (mut before, mut sum) = (0, 0.0);
    for t in 0..3000i64 {
        if t == 2000 {
            before = CountingAllocator::calls();
        }
        let row = [d.normal(), (3.0 * d.uniform()).floor(), (100.0 * d.normal()).round() / 100.0, 5.0];
        s.model.begin(&mut s.key, &EventContext { time_us: Some(t * 3_600_000_000), symbols: &[1, t as u32 % 3] });
        for (c, v) in row.iter().enumerate() {
            sum += s.model.observe(&mut s.key, c, *v);
            sum +=
                s.model.levels(c, Given::Within).map_or(0.0, |l| l.0) + s.model.crps(c, Given::Before).unwrap_or(0.0);
            sum += s.model.crps(c, Given::Within).unwrap_or(0.0);
        }
        s.model.finish(&mut s.key);
    }
    let calls = CountingAllocator::calls() - before;
    assert!(calls == 0 && f64::is_finite(sum), "{calls} allocations");
}
