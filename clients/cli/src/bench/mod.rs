//! `surmise bench`: how fast everything is on this machine, beside references that run in the same minute.

mod clock;
mod device;
mod figure;
mod footprint;
mod growth;
mod machine;
mod network;
mod parsing;
mod pause;
mod presets;
mod reference;
mod server;
mod socket;
mod storage;
mod streams;
mod wire;

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::paint::{Paint, say};
use clap::{Args, ValueEnum};
use figure::Figures;
use machine::Machine;
use std::path::PathBuf;
use streams::Stream;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise bench                                   everything but growth, on streams of its own
  surmise bench --data DIR --output json          on real streams, for programs
  surmise bench --only presets --only network     two parts
  surmise bench --only growth --growth 10000000   does it stay as fast after ten million events?
  surmise bench --only keys --growth 10000000     and with a million keys?
  surmise bench --device cuda                     a large network on a GPU, beside PyTorch

Figures are medians. Rates are per second of a processor unless they say wall, so that other work on the machine
disturbs them less; its load is told beside them.")]
pub(crate) struct BenchArgs {
    /// Measure this part; may be given several times. By default, all of them but growth and keys.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// About how long each single measurement takes.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    seconds: f64,
    /// How often each is made; what is told is the median.
    #[arg(long, value_name = "N", default_value_t = 3)]
    repeat: usize,
    /// Measure on the streams of this folder: text/tinyshakespeare.txt, hdfs/hdfs_train, ett/ETTh1.csv, elec2/electricity.csv.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Measure growth and keys, too, up to so many events and a tenth as many keys.
    #[arg(long, value_name = "EVENTS", num_args = 0..=1, default_missing_value = "10000000")]
    growth: Option<usize>,
    /// The Python whose PyTorch the network is compared with.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
    /// Measure a large network on this device beside PyTorch; without --only nothing else.
    #[arg(long, value_enum, value_name = "DEVICE")]
    device: Option<Device>,
    /// Streams of the footprint.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    streams: u64,
}

/// Where a network can be besides the processor.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    /// NVIDIA's GPU.
    Cuda,
}

/// A part of the bench.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Peaks of the machine, a plain model, programs of others where they are found.
    Reference,
    /// Learning: each preset, and its stages.
    Presets,
    /// The network alone.
    Network,
    /// Groups and checkpoints.
    Store,
    /// Lines of JSON, rows of CSV.
    Parse,
    /// From end to end: throughput against replay, and latencies.
    Socket,
    /// Events while checkpoints are made.
    Pause,
    /// Memory, and the start.
    Footprint,
    /// Long streams, many symbols.
    Growth,
    /// Many keys, in memory and in the store.
    Keys,
}

impl Part {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
    }
}

/// A run of the bench.
struct Bench<'a> {
    global: &'a Global,
    seconds: f64,
    repeat: usize,
    small_streams: u64,
    python: PathBuf,
    dir: tempfile::TempDir,
    streams: Vec<Stream>,
    figures: Figures,
    /// What a figure cannot say.
    notes: Vec<String>,
}

impl Bench<'_> {
    /// Events of a stream that are read at most.
    fn events_max(&self, stream: &Stream) -> usize {
        let rate = if matches!(stream.preset, "bytes" | "symbols") { 1e6 } else { 2e5 };
        (rate * self.seconds) as usize + 300
    }
}

pub(crate) fn run(global: &Global, args: &BenchArgs) -> Result<(), Failure> {
    if !(args.seconds > 0.0 && args.seconds <= 3600.0) || args.streams == 0 {
        return Err(Failure::usage("--seconds and --streams have to be more than nothing"));
    }
    let parts: Vec<Part> = Part::value_variants()
        .iter()
        .copied()
        .filter(|p| match args.only.as_slice() {
            [] if args.device.is_some() => false,
            [] => !matches!(p, Part::Growth | Part::Keys) || args.growth.is_some(),
            only => only.contains(p),
        })
        .collect();
    let dir = tempfile::tempdir()?;
    let streams = match &args.data {
        Some(folder) => streams::real(folder)?,
        None => streams::synthetic(dir.path(), args.seconds)?,
    };
    let mut machine = Machine::look();
    let mut b = Bench {
        global,
        seconds: args.seconds,
        repeat: args.repeat.max(1),
        small_streams: args.streams,
        python: args.python.clone(),
        dir,
        streams,
        figures: Figures::default(),
        notes: Vec::new(),
    };
    if !global.json() {
        say(&machine.describe())?;
    }
    if args.device == Some(Device::Cuda) {
        device::run(&mut b)?;
        tell(&b, device::PART)?;
    }
    for part in parts {
        measure(&mut b, part, args.growth.unwrap_or(1_000_000))?;
        tell(&b, &part.name())?;
    }
    machine.look_again();
    if global.json() {
        let all = serde_json::json!({
            "machine": machine, "seconds": b.seconds, "repeat": b.repeat, "figures": b.figures.0, "notes": b.notes,
        });
        say(&serde_json::to_string(&all).map_err(|e| Failure::new(Exit::Internal, e))?)?;
    } else {
        say("")?;
        b.notes.iter().try_for_each(|n| say(n))?;
    }
    Ok(())
}

/// The figures of a part, for people.
fn tell(b: &Bench, part: &str) -> Result<(), Failure> {
    if !b.global.json() {
        say(&format!("\n{part} (load {:.2})", machine::load()))?;
        b.figures.table(part, Paint::stdout()).iter().try_for_each(|line| say(line))?;
    }
    Ok(())
}

fn measure(b: &mut Bench, part: Part, growth: usize) -> Result<(), Failure> {
    match part {
        Part::Reference => reference::run(b),
        Part::Presets => presets::run(b),
        Part::Network => network::run(b),
        Part::Store => storage::run(b),
        Part::Parse => parsing::run(b),
        Part::Socket => socket::run(b),
        Part::Pause => pause::run(b),
        Part::Footprint => footprint::run(b),
        Part::Growth => growth::run(b, growth),
        Part::Keys => growth::run_keys(b, growth),
    }
}
