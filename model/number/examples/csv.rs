//! Any CSV file with a header: per number column the error against the last value's, surprise, coverage and the best
//! single experts. A first column of times (`2014-04-10 00:04:00`) is used as such; other columns that are not numbers
//! are left out.
//!
//! `cargo run --release -p surmise-number --example csv -- FILE… [nonet]`

use std::{fs, time::Instant};
use surmise_number::{EventContext, NumberKey, NumberModel, NumberOptions};

/// Rows before which nothing is measured but surprise.
const WARM_UP_ROWS: usize = 100;

/// Microseconds since 1970 of a date and time, by Howard Hinnant's algorithm.
fn time_us(text: &str) -> Option<i64> {
    let parts: Vec<i64> = text
        .split(['-', ' ', ':', 'T'])
        .map_while(|part| part.get(..2.max(part.len().min(4))).and_then(|part| part.parse().ok()))
        .collect();
    let &[year, month, day, hour, minute, second] = &parts[..] else { return None };
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some((days * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000)
}

/// A file's number columns.
struct Table {
    names: Vec<String>,
    /// Times, and values by row and column; NaN where a cell is no number.
    times: Vec<Option<i64>>,
    rows: Vec<Vec<f64>>,
}

impl Table {
    fn read(file: &str) -> Table {
        let text = fs::read_to_string(file).expect("the file is readable");
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap_or("").split(',').collect();
        let cells: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
        let timed = cells.first().is_some_and(|row| time_us(row[0]).is_some());
        let is_number = |column: &usize| cells.iter().take(50).any(|row| row[*column].parse::<f64>().is_ok());
        let columns: Vec<usize> = (usize::from(timed)..header.len()).filter(is_number).collect();
        let numbers = |row: &Vec<&str>| columns.iter().map(|c| row[*c].parse().unwrap_or(f64::NAN)).collect();
        Table {
            names: columns.iter().map(|c| header[*c].to_string()).collect(),
            times: cells.iter().map(|row| timed.then(|| time_us(row[0])).flatten()).collect(),
            rows: cells.iter().map(numbers).collect(),
        }
    }
}

/// Sums over one column's values.
#[derive(Clone)]
struct Sums {
    last: f64,
    squared: f64,
    /// Squared errors of the last value.
    squared_last: f64,
    nats: f64,
    nats_max: f64,
    inside: usize,
    /// Nats of each expert alone.
    experts: Vec<f64>,
}

impl Sums {
    /// Takes in a value; before `warm` the learner is still starting.
    fn add(&mut self, model: &mut NumberModel, key: &mut NumberKey, column: usize, value: f64, warm: bool) {
        if warm && value.is_finite() {
            self.squared += (model.mean(column) - value).powi(2);
            self.squared_last += (self.last - value).powi(2);
            let interval = model.quantile(column, 0.05)..=model.quantile(column, 0.95);
            self.inside += usize::from(interval.contains(&value));
        }
        let nats = model.observe(key, column, value);
        assert!(nats.is_finite());
        self.nats += nats;
        if warm {
            self.nats_max = self.nats_max.max(nats);
        }
        self.experts.iter_mut().zip(model.expert_nats(column)).for_each(|(sum, nats)| *sum += nats);
        if value.is_finite() {
            self.last = value;
        }
    }

    fn print(&self, name: &str, rows: usize, model: &NumberModel, column: usize) {
        let count = rows as f64;
        let mut order: Vec<usize> = (0..self.experts.len()).collect();
        order.sort_by(|a, b| self.experts[*a].total_cmp(&self.experts[*b]));
        let describe = |i: &usize| format!("{} {:.3}", model.experts()[*i], self.experts[*i] / count);
        let best: Vec<String> = order.iter().take(4).map(describe).collect();
        println!(
            "  {name:14} error/last's {:.3}  nats {:.3} (most {:.1}) at {:.1e}  covers {:.1} %  best {}",
            (self.squared / self.squared_last.max(1e-300)).sqrt(),
            self.nats / count,
            self.nats_max,
            model.resolution(column),
            100.0 * self.inside as f64 / (count - WARM_UP_ROWS as f64),
            best.join(", ")
        );
    }
}

/// Learns from one file and prints what came out.
fn learn(file: &str, options: NumberOptions) {
    let table = Table::read(file);
    let n = table.names.len();
    let mut model = NumberModel::new(n, options, 1);
    let mut key = NumberKey::new(&model);
    let experts = vec![0.0; model.experts().len()];
    let (last, none) = (f64::NAN, 0.0);
    let sums = Sums { last, squared: none, squared_last: none, nats: none, nats_max: none, inside: 0, experts };
    let mut sums = vec![sums; n];
    let clock = Instant::now();
    for (t, row) in table.rows.iter().enumerate() {
        model.begin(&mut key, &EventContext { time_us: table.times[t], symbols: &[] });
        for (column, value) in row.iter().enumerate() {
            sums[column].add(&mut model, &mut key, column, *value, t >= WARM_UP_ROWS);
        }
        model.finish(&mut key);
    }
    let rows = table.rows.len();
    let speed = rows as f64 / clock.elapsed().as_secs_f64();
    println!("{file}: {rows} rows, {speed:.0} rows/s, interval {:?}", model.interval_us());
    for (column, sums) in sums.iter().enumerate() {
        sums.print(&table.names[column], rows, &model, column);
    }
}

fn main() {
    let (flags, files): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|a| !a.contains('.'));
    if files.is_empty() {
        eprintln!("skipped: name a file");
    }
    for file in files {
        let mut options = NumberOptions::default();
        if flags.iter().any(|flag| flag == "nonet") {
            options.network = None;
        }
        learn(&file, options);
    }
}
