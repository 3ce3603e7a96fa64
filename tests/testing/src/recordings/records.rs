//! Records of several fields: categories, numbers, texts, times, keys and their ends.

use super::chain::{Chain, bits};
use super::{Measure, Recording};
use crate::Random;
use serde_json::json;
use std::fmt::Write;

/// The recordings of this kind.
pub fn all() -> Vec<Recording> {
    vec![labels(), mixed(), arrivals(), keyed_arrivals(), visits(), many_keys(), vectors()]
}

/// A line of a recording.
macro_rules! line {
    ($text:expr, $($format:tt)*) => {
        writeln!($text, $($format)*).expect("writing to a string cannot fail")
    };
}

/// A class that two numbers decide, but for one time in ten: supervised, the numbers being known.
fn labels() -> Recording {
    const ROWS: usize = 8_000;
    const WRONG: f64 = 0.1;
    let mut random = Random::new(30);
    let (mut text, mut held, mut right) = ("x,y,site,label\n".to_owned(), 0.0, 0);
    for _ in 0..ROWS {
        let (x, y) = (random.uniform(), random.uniform());
        let flipped = random.happens(WRONG);
        held += bits(WRONG, flipped);
        right += usize::from(!flipped);
        let label = if (x + y > 1.0) != flipped { "high" } else { "low" };
        line!(text, "{x:.3},{y:.3},s{},{label}", random.below(5));
    }
    Recording::new("labels", "csv", text, &["--format", "csv", "--target", "label"])
        .best(Measure::BitsPerEvent, held / ROWS as f64)
        .best(Measure::Accuracy("label"), right as f64 / ROWS as f64)
}

/// Mixed records: a category by a chain, a number whose level is the category's, and a short text that repeats it.
fn mixed() -> Recording {
    const ROWS: usize = 3_000;
    const STATES: usize = 6;
    let mut random = Random::new(31);
    let chain = Chain::draw(&mut random, STATES, STATES, 4);
    let (mut state, mut held) = (0, 0.0);
    let mut text = "state,level,note\n".to_owned();
    for i in 0..ROWS {
        let (next, more) = chain.next(&mut random, state);
        state = next;
        held += more;
        let level = 10.0 * state as f64 + 0.5 * random.normal();
        line!(text, "q{state},{level:.2},\"run {} of q{state}\"", i % 4);
    }
    let kinds = ["--format", "csv", "--field", "state:category", "--field", "level:number", "--field", "note:bytes"];
    Recording::new("mixed", "csv", text, &kinds).best(Measure::FieldBits("state"), held / ROWS as f64)
}

/// Arrivals of one sequence. The time between two of them is a power of four seconds, because a learner tells times
/// apart by their magnitude; its exponent follows one chain, and the kind of arrival another.
fn arrivals() -> Recording {
    const ROWS: usize = 5_000;
    const WAITS: usize = 6;
    const KINDS: usize = 8;
    let mut random = Random::new(32);
    let waits = Chain::draw(&mut random, WAITS + 1, WAITS, 5);
    let kinds = Chain::draw(&mut random, KINDS + 1, KINDS, 5);
    let (mut wait, mut kind, mut second) = (WAITS, KINDS, 1_700_000_000_u64);
    let (mut text, mut in_waits, mut in_kinds) = ("time,kind\n".to_owned(), 0.0, 0.0);
    for _ in 0..ROWS {
        let held;
        (wait, held) = waits.next(&mut random, wait);
        in_waits += held;
        second += 4u64.pow(wait as u32);
        let held;
        (kind, held) = kinds.next(&mut random, kind);
        in_kinds += held;
        line!(text, "{second},t{kind}");
    }
    Recording::new("arrivals", "csv", text, &["--format", "csv", "--time", "time", "--field", "kind:category"])
        .best(Measure::FieldBits("gap"), in_waits / ROWS as f64)
        .best(Measure::FieldBits("kind"), in_kinds / ROWS as f64)
}

/// Arrivals of forty keys in the order of time, whose kinds follow one another by a chain that all share. When a key
/// comes is no secret to whoever sees the others come, so that only the entropy of the kinds is known.
fn keyed_arrivals() -> Recording {
    const KEYS: usize = 40;
    const KINDS: usize = 8;
    let mut random = Random::new(36);
    let chain = Chain::draw(&mut random, KINDS + 1, KINDS, 5);
    let mut last = [KINDS; KEYS];
    let (mut text, mut rows, mut held) = ("key,time,kind\n".to_owned(), 0, 0.0);
    for second in 0..3_000 {
        for (key, last) in last.iter_mut().enumerate() {
            if random.happens(0.05) {
                let (kind, more) = chain.next(&mut random, *last);
                *last = kind;
                held += more;
                rows += 1;
                line!(text, "k{key},{},t{kind}", 1_700_000_000 + second);
            }
        }
    }
    let options = ["--format", "csv", "--key", "key", "--time", "time", "--field", "kind:category"];
    Recording::new("keyed-arrivals", "csv", text, &options).best(Measure::FieldBits("kind"), held / f64::from(rows))
}

/// Events as on the wire: keys that end, times, a category, a number that is missing now and then, a text and a flag.
fn visits() -> Recording {
    let mut random = Random::new(33);
    let pages = Chain::draw(&mut random, 8, 7, 4);
    let mut last = [7; 25];
    let (mut text, mut milliseconds) = (String::new(), 1_764_000_000_000_u64);
    for _ in 0..5_000 {
        milliseconds += 1 + random.below(4000);
        let key = random.below(25) as usize;
        let time = milliseconds as f64 / 1000.0;
        if last[key] != 7 && random.happens(0.08) {
            last[key] = 7;
            line!(text, "{}", json!({"key": format!("u{key}"), "time": time, "end": true}));
            continue;
        }
        let (page, _) = pages.next(&mut random, last[key]);
        last[key] = page;
        let tenths = (200.0 * (page + 1) as f64 * (1.0 + 0.2 * random.normal())) as i64;
        let took = if random.happens(0.1) { json!(null) } else { json!(tenths as f64 / 10.0) };
        let data = json!({"page": format!("/p{page}"), "ms": took, "agent": format!("client {}.{} on q{}", page, key % 3, key % 5), "ok": !random.happens(0.03)});
        line!(text, "{}", json!({"key": format!("u{key}"), "time": time, "data": data}));
    }
    Recording::new("visits", "ndjson", text, &["--format", "ndjson", "--field", "agent:bytes"])
}

/// Two thousand keys, of which a few come often and most come rarely, so that a small bound of keys moves their states
/// between memory and store.
fn many_keys() -> Recording {
    const STATES: usize = 6;
    let mut random = Random::new(34);
    let chain = Chain::draw(&mut random, STATES + 1, STATES, 4);
    let mut last = [STATES; 2_000];
    let (mut text, mut held) = ("key,state\n".to_owned(), 0.0);
    const ROWS: usize = 15_000;
    for _ in 0..ROWS {
        let key = (random.uniform() * random.uniform() * random.uniform() * 2_000.0) as usize;
        let (state, more) = chain.next(&mut random, last[key]);
        last[key] = state;
        held += more;
        line!(text, "k{key},v{state}");
    }
    Recording::new("many-keys", "csv", text, &["--format", "csv", "--key", "key", "--field", "state:category"])
        .best(Measure::BitsPerEvent, held / ROWS as f64)
}

/// Vectors of three numbers, the third the sum of the others, as arrays on the wire.
fn vectors() -> Recording {
    let mut random = Random::new(35);
    let (mut x, mut y, mut text) = (0.0, 0.0, String::new());
    for _ in 0..2_000 {
        x = 0.9 * x + random.normal();
        y = 0.5 * y + random.normal();
        line!(text, "{{\"data\":[{x:.2},{y:.2},{:.2}]}}", x + y);
    }
    Recording::new("vectors", "ndjson", text, &["--format", "ndjson"])
}
