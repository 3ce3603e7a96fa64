//! Any CSV file with a header: per number column the error against the last value's, surprise, coverage and the best
//! single expert. A first column of times (`2014-04-10 00:04:00`) is used as such; other columns that are not numbers
//! are left out.
//!
//! `cargo run --release -p surmise-number --example csv -- FILE… [nonet]`

use std::{fs, time::Instant};
use surmise_number::{EventContext, NumberKey, NumberModel, NumberOptions};

/// Days since 1970 of a date, by Howard Hinnant's algorithm; then microseconds.
fn time_us(s: &str) -> Option<i64> {
    let p: Vec<i64> = s
        .split(['-', ' ', ':', 'T'])
        .map_while(|x| x.get(..2.max(x.len().min(4))).and_then(|x| x.parse().ok()))
        .collect();
    let &[y, m, d, h, min, sec] = &p[..] else { return None };
    let y = if m <= 2 { y - 1 } else { y };
    let (era, yoe) = (y.div_euclid(400), y.rem_euclid(400));
    let doy = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
    let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468;
    Some((days * 86_400 + h * 3600 + min * 60 + sec) * 1_000_000)
}

fn main() {
    let (flags, files): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|a| !a.contains('.'));
    if files.is_empty() {
        eprintln!("skipped: name a file");
    }
    for file in files {
        let text = fs::read_to_string(&file).expect("the file is readable");
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap_or("").split(',').collect();
        let rows: Vec<Vec<&str>> = lines.map(|l| l.split(',').collect()).collect();
        let timed = rows.first().is_some_and(|r| time_us(r[0]).is_some());
        let columns: Vec<usize> = (usize::from(timed)..header.len())
            .filter(|c| rows.iter().take(50).any(|r| r[*c].parse::<f64>().is_ok()))
            .collect();
        let mut options = NumberOptions::default();
        if flags.iter().any(|f| f == "nonet") {
            options.network = None;
        }
        let n = columns.len();
        let mut model = NumberModel::new(n, options, 1);
        let mut key = NumberKey::new(&model);
        let mut last = vec![f64::NAN; n];
        let (mut se, mut base, mut nats, mut most, mut inside) =
            (vec![0.0; n], vec![0.0; n], vec![0.0; n], vec![0.0f64; n], vec![0; n]);
        let mut alone = vec![vec![0.0; model.experts().len()]; n];
        let clock = Instant::now();
        let skip = 100;
        for (t, row) in rows.iter().enumerate() {
            model.begin(&mut key, &EventContext { time_us: timed.then(|| time_us(row[0])).flatten(), symbols: &[] });
            for (c, from) in columns.iter().enumerate() {
                let y: f64 = row[*from].parse().unwrap_or(f64::NAN);
                if t >= skip && y.is_finite() {
                    se[c] += (model.mean(c) - y).powi(2);
                    base[c] += (last[c] - y).powi(2);
                    inside[c] += i32::from((model.quantile(c, 0.05)..=model.quantile(c, 0.95)).contains(&y));
                }
                let s = model.observe(&mut key, c, y);
                assert!(s.is_finite());
                nats[c] += s;
                if t >= skip {
                    most[c] = most[c].max(s);
                }
                alone[c].iter_mut().zip(model.expert_nats(c)).for_each(|(a, e)| *a += e);
                if y.is_finite() {
                    last[c] = y;
                }
            }
            model.finish(&mut key);
        }
        println!(
            "{file}: {} rows, {:.0} rows/s, interval {:?}",
            rows.len(),
            rows.len() as f64 / clock.elapsed().as_secs_f64(),
            model.interval_us()
        );
        let count = rows.len() as f64;
        for c in 0..n {
            let mut order: Vec<usize> = (0..model.experts().len()).collect();
            order.sort_by(|a, b| alone[c][*a].total_cmp(&alone[c][*b]));
            let best: Vec<String> =
                order.iter().take(4).map(|i| format!("{} {:.3}", model.experts()[*i], alone[c][*i] / count)).collect();
            println!(
                "  {:14} error/last's {:.3}  nats {:.3} (most {:.1}) at {:.1e}  covers {:.1} %  best {}",
                header[columns[c]],
                (se[c] / base[c].max(1e-300)).sqrt(),
                nats[c] / count,
                most[c],
                model.resolution(c),
                100.0 * inside[c] as f64 / (count - skip as f64),
                best.join(", ")
            );
        }
    }
}
