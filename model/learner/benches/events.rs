//! An event of each kind of stream learnt, and the next one asked for: `cargo bench -p surmise-learner`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use surmise_event::{Data, Datum, Event, Field, FieldKind, Limits, Outcome, Record, Schema};
use surmise_learner::{Learner, Options};

const EVENTS: usize = 256;
/// Events of a stream, over and over; they are learnt once before anything is measured.
const RING: usize = 8192;

/// Pseudo-random numbers below `n`, the same in every run.
fn below(x: &mut u64, n: u64) -> u64 {
    *x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*x >> 33) % n
}

/// A stream: its name, its fields, and its next record.
struct Stream {
    name: &'static str,
    schema: Schema,
    record: fn(&mut u64) -> Record,
}

fn fields(data: impl IntoIterator<Item = (String, Datum)>) -> Record {
    let data = data.into_iter().map(|(name, d)| (name.into(), d)).collect();
    Record { data: Data::Fields(data), ..Record::default() }
}

fn streams() -> [Stream; 4] {
    let schema = |fields: &[(&str, FieldKind)]| Schema::new(fields.iter().map(|(name, kind)| Field::new(*name, *kind)));
    [
        Stream {
            name: "text of 64 bytes",
            schema: schema(&[("line", FieldKind::Text)]),
            record: |x| {
                let words = ["alpha ", "beta ", "gamma ", "delta ", "epsilon ", "zeta "];
                let text: String = (0..16).map(|_| words[below(x, 6) as usize]).collect();
                fields([("line".to_owned(), Datum::Text(text[..64].into()))])
            },
        },
        Stream {
            name: "symbols of 32 keys",
            schema: schema(&[("symbol", FieldKind::Category)]),
            record: |x| {
                let key = Some(format!("k{}", below(x, 32)).into());
                let symbol = below(x, 30) * below(x, 30) / 30;
                Record { key, ..fields([("symbol".to_owned(), Datum::Text(format!("s{symbol}").into()))]) }
            },
        },
        Stream {
            name: "seven numbers",
            schema: Schema::default(),
            record: |x| fields((0..7).map(|i| (format!("c{i}"), Datum::Number(below(x, 1000) as f64 / 10.0)))),
        },
        Stream {
            name: "a category and a number",
            schema: schema(&[("page", FieldKind::Category), ("ms", FieldKind::Number)]),
            record: |x| {
                let page = below(x, 9);
                let ms = (page * 10 + below(x, 5)) as f64;
                fields([
                    ("page".to_owned(), Datum::Text(format!("/p{page}").into())),
                    ("ms".to_owned(), Datum::Number(ms)),
                ])
            },
        },
    ]
}

fn bind(l: &mut Learner, s: &Stream, x: &mut u64, n: usize) -> Vec<Event> {
    (0..n).map(|_| l.bind(&(s.record)(x), &Limits::default()).expect("the record fits its schema")).collect()
}

/// Learning, with all measures of an event's outcome; then the next event of a stream, five likeliest values.
fn events(c: &mut Criterion) {
    for s in streams() {
        let mut l = Learner::new(s.schema.clone(), Options::default()).expect("default options fit every schema");
        let (mut x, mut out) = (7, Outcome::default());
        let events = bind(&mut l, &s, &mut x, RING);
        events.iter().for_each(|e| l.observe_into(e, &mut out));
        let mut ring = events.iter().cycle();
        let mut g = c.benchmark_group(s.name);
        g.throughput(Throughput::Elements(EVENTS as u64));
        g.bench_function("learn", |b| b.iter(|| ring.by_ref().take(EVENTS).for_each(|e| l.observe_into(e, &mut out))));
        g.throughput(Throughput::Elements(1));
        let key = events[0].key.as_deref().map(str::to_owned);
        g.bench_function("predict", |b| b.iter(|| l.predict(key.as_deref(), 5)));
        g.finish();
    }
}

criterion_group!(benches, events);
criterion_main!(benches);
