//! A few thousand executions of every target, from a seed; `SURMISE_FUZZ` says how many of each, `SURMISE_FUZZ_TARGET`
//! of which alone, and `SURMISE_SEED` from which seed. `SURMISE_FUZZ_INPUT` names a file that failed, to be tried once
//! more.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use surmise_fixtures::{CountingAllocator, Random};
use surmise_fuzz::{TARGETS, Target, mutate};
use surmised::untrusted;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Bytes beyond which no input may make a parser's memory grow at once.
const BYTES_MAX: i64 = 256 << 20;
/// The time that no input may take a parser.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Inputs that are kept of those that were mutated, to be mutated again.
const KEPT_MAX: usize = 256;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Where the latest panic was, with its message.
static PANICKED: Mutex<String> = Mutex::new(String::new());

/// Runs a target; returns how many executions that were. What fails goes into `failures` by its place, each with the
/// file of the first input that did it.
fn run(target: &Target, executions: u64, seed: u64, failures: &mut BTreeMap<String, String>) -> u64 {
    let mut random = Random::new(seed);
    let seeds = (target.seeds)();
    let mut kept = seeds.clone();
    for input in &seeds {
        (target.run)(input);
    }
    for _ in 0..executions {
        let pick = |random: &mut Random, from: &[Vec<u8>]| random.below(from.len() as u64) as usize;
        // half of them begin from what was mutated before, so that mutations add up
        let mut input = match random.below(2) {
            0 => seeds[pick(&mut random, &seeds)].clone(),
            _ => kept[pick(&mut random, &kept)].clone(),
        };
        let other = pick(&mut random, &kept);
        mutate(&mut input, &kept[other], &mut random);
        CountingAllocator::restart_peak();
        let (before, began) = (CountingAllocator::heap_bytes(), Instant::now());
        let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        let (bytes, time) = (CountingAllocator::peak_bytes() - before, began.elapsed());
        let fault = match ended {
            Err(_) => Some(PANICKED.lock().unwrap().clone()),
            Ok(()) if bytes >= BYTES_MAX => Some(format!("{} takes more than {BYTES_MAX} bytes", target.name)),
            Ok(()) if time >= TIME_MAX => Some(format!("{} takes longer than {TIME_MAX:?}", target.name)),
            Ok(()) => None,
        };
        if let Some(fault) = fault {
            let number = failures.len();
            failures.entry(fault).or_insert_with(|| {
                let path = std::env::temp_dir().join(format!("surmise-{}-{seed}-{number}", target.name));
                std::fs::write(&path, &input).unwrap();
                path.display().to_string()
            });
            continue;
        }
        let place = random.below(KEPT_MAX as u64) as usize;
        if place < kept.len() {
            kept[place] = input;
        } else {
            kept.push(input);
        }
    }
    executions + seeds.len() as u64
}

/// `SURMISE_WRITE=1` writes the seeds as files, where libFuzzer looks for them.
fn write_corpus() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer/corpus");
    for target in TARGETS {
        let folder = corpus.join(target.name);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, input) in (target.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), input).unwrap();
        }
    }
}

/// Runs what failed once more, by itself, where a debugger or a backtrace can look at it.
fn try_again(file: &std::path::Path, target: Option<&str>) {
    let target = TARGETS.iter().find(|t| Some(t.name) == target).expect("SURMISE_FUZZ_TARGET names the target of it");
    let input = std::fs::read(file).unwrap();
    CountingAllocator::restart_peak();
    let (before, began) = (CountingAllocator::heap_bytes(), Instant::now());
    (target.run)(&input);
    let bytes = CountingAllocator::peak_bytes() - before;
    assert!(bytes < BYTES_MAX && began.elapsed() < TIME_MAX, "{bytes} bytes, {:?}", began.elapsed());
}

#[test]
fn whatever_the_bytes_every_parser_returns() {
    if std::env::var_os("SURMISE_WRITE").is_some() {
        write_corpus();
    }
    let executions = number("SURMISE_FUZZ").unwrap_or(2000);
    let seed = number("SURMISE_SEED").unwrap_or(1);
    let only = std::env::var("SURMISE_FUZZ_TARGET").ok();
    if let Some(file) = std::env::var_os("SURMISE_FUZZ_INPUT") {
        return try_again(std::path::Path::new(&file), only.as_deref());
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or(String::new(), |at| format!("{}:{}", at.file(), at.line()));
        *PANICKED.lock().unwrap() = place;
    }));
    let mut failures = BTreeMap::new();
    for target in TARGETS.iter().filter(|target| only.as_deref().is_none_or(|only| only == target.name)) {
        let start = Instant::now();
        let done = run(target, executions, seed, &mut failures);
        let seconds = start.elapsed().as_secs_f64();
        eprintln!("{}: {done} executions in {seconds:.1} s, seed {seed}", target.name);
    }
    let _ = std::panic::take_hook();
    assert!(
        failures.is_empty(),
        "the places of panics or what grew too large, and inputs that lead there: {failures:#?}"
    );
}

/// What is begun from is of the form that a parser reads; else mutations would only try how it refuses.
#[test]
fn seeds_are_read() {
    let seeds = |name: &str| (surmise_fuzz::target(name).unwrap().seeds)();
    for seed in seeds("remote_write") {
        let packed =
            if seed[0] == 0 { snap::raw::Encoder::new().compress_vec(&seed[1..]).unwrap() } else { seed[1..].to_vec() };
        let streams = untrusted::remote_write(&packed, 1 << 20).expect("a request");
        assert!(streams.iter().flatten().count() > 0, "{seed:?}");
    }
    for seed in seeds("compressed") {
        let coding = if seed[0] & 1 == 0 { "gzip" } else { "deflate" };
        assert!(!untrusted::unpack(coding, &seed[1..], usize::MAX).unwrap().0.is_empty());
    }
    for seed in seeds("syslog") {
        assert!(untrusted::syslog(&seed[1..], usize::MAX, 300, 0).iter().all(Result::is_ok), "{seed:?}");
    }
    let is_read = |seed: &Vec<u8>| {
        untrusted::inference(seed).is_some()
            || untrusted::feedback(seed).is_some()
            || untrusted::forgotten(seed).is_some()
    };
    assert!(seeds("questions").iter().all(is_read));
}
