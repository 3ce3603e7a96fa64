//! `surmise-bench`: how fast everything is on this machine, beside references that run in the same minute.
//!
//! A tool for developers; PERFORMANCE.md holds what it measured. Each part is one file with a function `run` that puts
//! [`figure::Figures`] into the [`Bench`]; `args.rs` lists the parts.

mod args;
mod bench;
mod clock;
mod device;
mod fairness;
mod figure;
mod flood;
mod footprint;
mod growth;
mod machine;
mod network;
mod parsing;
mod pause;
mod presets;
mod reference;
mod server;
mod soak;
mod socket;
mod storage;
mod streams;
mod torch;
mod wire;

use args::{BenchArgs, BenchDevice, BenchPart};
use bench::Bench;
use figure::Figures;
use machine::MachineInfo;
use std::process::ExitCode;
use surmise_terminal::{Failure, Output, Paint, finish, parse, print_line, print_lines};

/// What is measured in this process allocates as it does in the daemon.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match parse::<BenchArgs>() {
        Ok(args) => finish("surmise-bench", run(&args)),
        Err(code) => code,
    }
}

/// The longest that a single measurement may take, in seconds.
const SECONDS_MAX: f64 = 3600.0;
/// The longest soak, in seconds: a week.
const SOAK_SECONDS_MAX: f64 = 7.0 * 86_400.0;
/// The highest rate of a soak, in events a second of each stream.
const RATE_MAX: f64 = 1e6;
/// Events up to which growth is measured where the command line does not say.
const GROWTH_EVENTS: usize = 1_000_000;

fn run(args: &BenchArgs) -> Result<(), Failure> {
    let seconds_max = if args.only == [BenchPart::Soak] { SOAK_SECONDS_MAX } else { SECONDS_MAX };
    if !(args.seconds > 0.0 && args.seconds <= seconds_max) || args.streams == 0 {
        let what = format!("--seconds and --streams have to be more than nothing, and --seconds at most {seconds_max}");
        return Err(Failure::usage(what));
    }
    if args.rate.is_some_and(|rate| !(rate > 0.0 && rate <= RATE_MAX)) {
        return Err(Failure::usage(format!("--rate has to be more than nothing, and at most {RATE_MAX}")));
    }
    let dir = tempfile::tempdir()?;
    let streams = match &args.data {
        Some(folder) => streams::real(folder)?,
        // a part that takes long needs no longer streams
        None => streams::synthetic(dir.path(), args.seconds.min(60.0))?,
    };
    let mut machine = MachineInfo::look();
    let mut bench = Bench {
        seconds: args.seconds,
        repeat: args.repeat.max(1),
        small_streams: args.streams,
        rate: args.rate,
        python: args.python.clone(),
        dir,
        streams,
        figures: Figures::default(),
        notes: Vec::new(),
    };
    if args.output == Output::Text {
        print_line(&machine.describe())?;
    }
    if args.device == Some(BenchDevice::Cuda) {
        device::run(&mut bench)?;
        print_part(args, &bench, device::PART)?;
    }
    for part in BenchPart::chosen(args) {
        measure(&mut bench, part, args.growth.unwrap_or(GROWTH_EVENTS))?;
        print_part(args, &bench, &part.name())?;
    }
    machine.look_again();
    match args.output {
        Output::Text => {
            print_line("")?;
            print_lines(&bench.notes)?;
        }
        Output::Json => {
            let all = serde_json::json!({
                "machine": machine, "seconds": bench.seconds, "repeat": bench.repeat,
                "figures": bench.figures.0, "notes": bench.notes,
            });
            print_line(&all.to_string())?;
        }
    }
    Ok(())
}

/// Prints the figures of a part for people as soon as it is measured; JSON is printed once, at the end.
fn print_part(args: &BenchArgs, bench: &Bench, part: &str) -> Result<(), Failure> {
    if args.output == Output::Text {
        print_line(&format!("\n{part} (load {:.2})", machine::load()))?;
        print_lines(bench.figures.table(part, Paint::stdout()))?;
    }
    Ok(())
}

fn measure(bench: &mut Bench, part: BenchPart, growth_events: usize) -> Result<(), Failure> {
    match part {
        BenchPart::Reference => reference::run(bench),
        BenchPart::Presets => presets::run(bench),
        BenchPart::Network => network::run(bench),
        BenchPart::Store => storage::run(bench),
        BenchPart::Parse => parsing::run(bench),
        BenchPart::Socket => socket::run(bench),
        BenchPart::Pause => pause::run(bench),
        BenchPart::Footprint => footprint::run(bench),
        BenchPart::Growth => growth::run(bench, growth_events),
        BenchPart::Fairness => fairness::run(bench),
        BenchPart::Readers => fairness::run_readers(bench),
        BenchPart::Keys => growth::run_keys(bench, growth_events),
        BenchPart::Soak => soak::run(bench),
    }
}
