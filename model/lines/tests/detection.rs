//! A made log from end to end: a fault must be found within a few lines, and a benign novelty must not alarm.

use surmise_fixtures::made_log;
use surmise_lines::{LINE_CHANNELS, LineLimits, LineModel};

const LINES: usize = 12_000;
const BURN_IN: usize = 2000;
const COOL_DOWN: usize = 300;

#[test]
fn a_fault_is_found_at_once_and_a_new_page_does_not_alarm() {
    for seed in 1..=4 {
        let log = made_log(seed, LINES);
        let mut model = LineModel::new(LineLimits::default());
        let mut sums = Vec::new();
        let mut why = String::new();
        for (offset, line) in log.lines.iter().enumerate() {
            let reading = model.read(line.as_bytes(), None);
            let outcome = model.observe(&reading, 0.0);
            if log.fault.contains(&offset) && why.is_empty() && outcome.judgement.sum > 8.0 {
                let best = outcome.judgement.best.expect("something is said of an alarm");
                why = LINE_CHANNELS[outcome.evidence[best].channel as usize].name.to_owned();
            }
            sums.push(outcome.judgement.sum);
        }
        // the largest sum outside the fault is the threshold that gives no false alarm
        let apart = |offset: usize| offset < log.fault.start || offset >= log.fault.end + COOL_DOWN;
        let normal = (BURN_IN..sums.len()).filter(|o| apart(*o) && !log.benign.contains(o));
        let threshold = normal.map(|offset| sums[offset]).fold(0.0, f64::max);
        let first = log.fault.clone().find(|offset| sums[*offset] > 1.5 * threshold);
        let delay = first.map(|offset| offset - log.fault.start);
        assert!(delay.is_some_and(|delay| delay <= 20), "seed {seed}: delay {delay:?}, threshold {threshold:.2}");
        assert_eq!(why, "new template", "seed {seed}");
        let benign = log.benign.clone().map(|offset| sums[offset]).fold(0.0, f64::max);
        let fault = log.fault.clone().map(|offset| sums[offset]).fold(0.0, f64::max);
        assert!(benign < 0.4 * fault, "seed {seed}: a new page sums to {benign:.2}, the fault to {fault:.2}");
        assert!(model.templates() <= 8, "seed {seed}: {} templates", model.templates());
    }
}

/// The bits that a line's number out of range comes to, after 600 lines of a service that takes 3 to 4 ms.
fn number_bits(last: &str) -> f64 {
    let mut model = LineModel::new(LineLimits::default());
    let usual = |i: usize| {
        let (page, hundredths) = (i * 7 % 5, i * 37 % 101);
        match i % 3 {
            0 => format!("GET /item/{page} took {}us", 3_000 + 10 * hundredths),
            _ => format!("GET /item/{page} took 3.{hundredths:02}ms"),
        }
    };
    let mut bits = 0.0;
    for line in (0..600).map(usual).chain([last.to_owned()]) {
        let reading = model.read(line.as_bytes(), None);
        let outcome = model.observe(&reading, 0.0);
        let of_number =
            outcome.evidence.iter().filter(|e| LINE_CHANNELS[e.channel as usize].name == "number out of range");
        bits = of_number.map(|e| e.bits).fold(0.0, f64::max);
    }
    bits
}

#[test]
fn a_number_of_a_line_has_its_unit_and_its_decimal_part() {
    for usual in ["3.25ms", "3250us", "0.00325s", "3 ms"] {
        assert_eq!(number_bits(&format!("GET /item/1 took {usual}")), 0.0, "{usual}");
    }
    for odd in ["3.25s", "3250ms", "3.25us"] {
        assert!(number_bits(&format!("GET /item/1 took {odd}")) > 2.0, "{odd}");
    }
}
