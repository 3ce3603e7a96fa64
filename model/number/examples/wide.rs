//! Many columns: what a column and event cost, and how near the forecasts come to an oracle's when what informs a
//! column is far away in the schema.
//!
//! The first half of the columns is a hidden cause each, an AR(1) of .5. Of the second half a third are copies of a far
//! column, one event later; a third sums of three far columns, one event later; a third copies of a far column of the
//! same event; each with noise of .3. MSE is that of the point forecast: the first two before the event, the third
//! given the event's earlier columns. The oracle knows all but the noise.
//!
//! `cargo run --release -p surmise-number --example wide -- [EVENTS]`

#[path = "../tests/common/mod.rs"]
mod common;
use common::{Draw, Stream, plain};
use std::time::Instant;
use surmise_number::EventContext;

const NOISE: f64 = 0.3;

fn main() {
    let events: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(3000);
    println!(
        "columns  µs/column  lagged copy  lagged sum  same event   bits/value  oracle   MSE (oracle {:.3})",
        NOISE * NOISE
    );
    for n in [10, 37, 100, 300, 1000] {
        let events = events.min(3_000_000 / n);
        let (mut d, mut s) = (Draw(1), Stream::new(n, plain()));
        let half = n / 2;
        let far = |c: usize, i: usize| (c * 7 + 3 + i * (half / 3 + 1)) % half;
        let mut causes = vec![0.0; half];
        let (mut squares, mut counts) = ([0.0; 3], [0.0; 3]);
        let (mut nats, mut values, mut spent) = (0.0, 0.0, 0.0);
        for t in 0..events {
            let before = causes.clone();
            causes.iter_mut().for_each(|c| *c = 0.5 * *c + 0.75f64.sqrt() * d.normal());
            let clock = Instant::now();
            s.model.begin(&mut s.key, &EventContext::default());
            spent += clock.elapsed().as_secs_f64();
            for c in 0..n {
                let kind = c % 3;
                let clean = match (c < half, kind) {
                    (true, _) => causes[c],
                    (_, 0) => before[far(c, 0)],
                    (_, 1) => (before[far(c, 0)] + before[far(c, 1)] + before[far(c, 2)]) / 3f64.sqrt(),
                    _ => causes[far(c, 0)],
                };
                let y = if c < half { clean } else { clean + NOISE * d.normal() };
                let y = (y * 1000.0).round() / 1000.0;
                let late = t >= events / 2 && c >= half;
                if late {
                    let mean = if kind == 2 { s.model.conditional_mean(c) } else { s.model.mean(c) };
                    squares[kind] += (y - mean).powi(2);
                    counts[kind] += 1.0;
                }
                let clock = Instant::now();
                let x = s.model.observe(&mut s.key, c, y);
                spent += clock.elapsed().as_secs_f64();
                if late {
                    nats += x;
                    values += 1.0;
                }
            }
            let clock = Instant::now();
            s.model.finish(&mut s.key);
            spent += clock.elapsed().as_secs_f64();
        }
        let mse: Vec<String> = (0..3).map(|k| format!("{:11.4}", squares[k] / counts[k])).collect();
        let oracle = (NOISE * 1000.0 * (std::f64::consts::TAU * std::f64::consts::E).sqrt()).log2();
        println!(
            "{n:7}  {:9.2}  {}  {:11.3}  {oracle:.3}",
            spent * 1e6 / (n * events) as f64,
            mse.join(" "),
            nats / values / std::f64::consts::LN_2
        );
    }
}
