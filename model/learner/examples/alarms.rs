//! What alarms are held to: the budget on healthy streams, and faults that were planted. Prints both tables.
//!
//!     cargo run --release -p surmise-learner --example alarms -- [STREAMS] [SEEDS] [FIRST] [FAULT…]
//!
//! STREAMS healthy streams of 20,000 events (default 105), SEEDS streams of 12,000 events for each fault (default 20),
//! of which the first has the seed FIRST (default 0). Faults by name, such as RateChange, are the only ones planted;
//! NewTemplate is a line of a log that says nothing like it before.

use std::collections::BTreeMap;
use surmise_event::{AlarmPhase, Data, Datum, Limits, Outcome, Record, Schema};
use surmise_fixtures::log_with_a_new_line;
use surmise_fixtures::streams::{PlantedFault, StreamEvent, StreamKind, StreamValue, faulty, healthy};
use surmise_learner::{Learner, Options};

/// Events of a healthy stream.
const HEALTHY_EVENTS: usize = 20_000;
/// Events of a stream with a fault.
const FAULTY_EVENTS: usize = 12_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut counts = args.iter().take(3).map(|n| n.parse::<usize>());
    let streams = counts.next().transpose()?.unwrap_or(7 * StreamKind::ALL.len());
    let seeds = counts.next().transpose()?.unwrap_or(20);
    let first = counts.next().transpose()?.unwrap_or(0);
    if streams > 0 {
        budget(streams, first as u64)?;
    }
    let names = args.get(3..).unwrap_or_default();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
    planted(first..first + seeds, |fault| wanted(&format!("{fault:?}")))?;
    if wanted("NewTemplate") {
        new_templates(first..first + seeds)?;
    }
    Ok(())
}

/// Feeds a stream to a learner, and shows each outcome.
fn learn(
    kind: StreamKind,
    events: &[StreamEvent],
    mut see: impl FnMut(usize, &Outcome),
) -> Result<Learner, Box<dyn std::error::Error>> {
    let mut learner = Learner::new(Schema::default(), Options::default())?;
    for (i, event) in events.iter().enumerate() {
        let datum = |value: &StreamValue| match value {
            StreamValue::Number(x) => Datum::Number(*x),
            StreamValue::Word(word) => Datum::Text(word.clone().into()),
        };
        let fields = kind.fields().iter().zip(&event.values).map(|(name, value)| ((*name).into(), datum(value)));
        let record = Record { data: Data::Fields(fields.collect()), time_us: Some(event.time_us), ..Record::default() };
        let event = learner.bind(&record, &Limits::default()).map_err(|refusal| refusal.to_string())?;
        see(i, &learner.observe(&event));
    }
    Ok(learner)
}

/// Incidents of healthy streams beside what was promised.
fn budget(streams: usize, first: u64) -> Result<(), Box<dyn std::error::Error>> {
    println!("healthy streams of {HEALTHY_EVENTS} events, budget 1/10000: incidents begun / promised\n");
    let mut rates = Vec::new();
    let mut kinds: BTreeMap<String, (Vec<u64>, BTreeMap<String, u32>)> = BTreeMap::new();
    for i in 0..streams {
        let kind = StreamKind::ALL[i % StreamKind::ALL.len()];
        let (begun, why) = kinds.entry(format!("{kind:?}")).or_default();
        let learner = learn(kind, &healthy(kind, 1_000 + first + i as u64, HEALTHY_EVENTS), |_, outcome| {
            if let Some(alarm) = outcome.alarm.as_ref().filter(|a| a.phase == AlarmPhase::Begins) {
                *why.entry(alarm.kind.name().to_owned()).or_default() += 1;
            }
        })?;
        let account = learner.budget_account();
        begun.push(account.begun);
        rates.push(account.begun as f64 / account.promised);
    }
    for (kind, (begun, why)) in &kinds {
        let mean = begun.iter().sum::<u64>() as f64 / begun.len() as f64;
        println!("{kind:12} {begun:?} mean {mean:.2} of {:.0}  {why:?}", HEALTHY_EVENTS as f64 / 10_000.0);
    }
    rates.sort_by(f64::total_cmp);
    let over = rates.iter().filter(|rate| **rate > 1.5 + 1e-6).count();
    println!(
        "\n{streams} streams: median {:.2} of the promise, largest {:.2}, mean {:.2}, {over} beyond 1.5\n",
        rates[rates.len() / 2],
        rates[rates.len() - 1],
        rates.iter().sum::<f64>() / rates.len() as f64
    );
    Ok(())
}

/// Faults found within their time.
fn planted(
    seeds: std::ops::Range<usize>,
    wanted: impl Fn(PlantedFault) -> bool,
) -> Result<(), Box<dyn std::error::Error>> {
    println!("planted faults, {} streams of {FAULTY_EVENTS} events each, budget 1/10000\n", seeds.len());
    for fault in PlantedFault::ALL.into_iter().filter(|fault| wanted(*fault)) {
        let (mut found, mut before, mut delays) = (0, 0, Vec::new());
        let (mut why, mut missed) = (BTreeMap::<&str, u32>::new(), BTreeMap::<String, u32>::new());
        for seed in seeds.clone() {
            let kind = fault.befalls()[seed % fault.befalls().len()];
            let stream = faulty(fault, seed as u64, FAULTY_EVENTS);
            let about = stream.fault..stream.fault + stream.within;
            let mut first = None;
            learn(kind, &stream.events, |i, outcome| {
                if let Some(alarm) = outcome.alarm.as_ref().filter(|a| a.phase == AlarmPhase::Begins) {
                    if about.contains(&i) {
                        first.get_or_insert((i, alarm.kind.name()));
                    } else if i < about.start {
                        before += 1;
                    }
                }
            })?;
            match first {
                Some((i, kind)) => {
                    found += 1;
                    delays.push(i - stream.fault);
                    *why.entry(kind).or_default() += 1;
                }
                None => *missed.entry(format!("{kind:?} {seed}")).or_default() += 1,
            }
        }
        delays.sort_unstable();
        let delay = delays.get(delays.len() / 2).map_or("-".into(), usize::to_string);
        println!(
            "{:18} {:3.0} % found, median delay {delay:>4}, {before} incidents before  {why:?} missed {missed:?}",
            format!("{fault:?}"),
            100.0 * found as f64 / seeds.len() as f64
        );
    }
    Ok(())
}

/// Lines that say what none did before, in logs of a service: found at once.
fn new_templates(seeds: std::ops::Range<usize>) -> Result<(), Box<dyn std::error::Error>> {
    let (mut found, mut before, mut missed) = (0, 0, Vec::new());
    for seed in seeds.clone() {
        let log = log_with_a_new_line(seed as u64, FAULTY_EVENTS);
        let mut learner = Learner::new(Schema::default(), Options::default())?;
        let mut is_found = false;
        for (i, line) in log.lines.iter().enumerate() {
            let record = Record { data: Data::One(Datum::Text(line.as_str().into())), ..Record::default() };
            let event = learner.bind(&record, &Limits::default()).map_err(|refusal| refusal.to_string())?;
            let begins = learner.observe(&event).alarm.is_some_and(|alarm| alarm.phase == AlarmPhase::Begins);
            is_found |= begins && log.fault.contains(&i);
            before += u32::from(begins && i < log.fault.start);
        }
        found += u32::from(is_found);
        if !is_found {
            missed.push(seed);
        }
    }
    let share = 100.0 * f64::from(found) / seeds.len() as f64;
    println!("{:18} {share:3.0} % found, {before} incidents before  missed {missed:?}", "NewTemplate");
    Ok(())
}
