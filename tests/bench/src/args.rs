//! The command line of `surmise-bench`.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use surmise_terminal::Output;

/// Measures how fast everything is on this machine, beside references that run in the same minute.
#[derive(Parser, Debug)]
#[command(
    name = "surmise-bench",
    version,
    max_term_width = 110,
    after_help = "\
Examples:
  surmise-bench                                   everything but growth, on streams of its own
  surmise-bench --data DIR --output json          on real streams, for programs
  surmise-bench --only presets --only network     two parts
  surmise-bench --only growth --growth 10000000   does it stay as fast after ten million events?
  surmise-bench --only keys --growth 10000000     and with a million keys?
  surmise-bench --only fairness --only readers    who waits for whom
  surmise-bench --only soak --seconds 7200 --rate 40    does a daemon that runs on stay as it is?
  surmise-bench --device cuda                     a large network on a GPU, beside PyTorch

Figures are medians. Rates are per second of a processor unless they say wall, so that other work on the machine
disturbs them less; the load of the machine is printed with them."
)]
pub(crate) struct BenchArgs {
    /// How figures are printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// Measure this part; may be given several times. By default, all of them but growth, keys, fairness, readers and
    /// soak.
    #[arg(long, value_enum, value_name = "PART")]
    pub(crate) only: Vec<BenchPart>,
    /// About how long each single measurement takes.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// How often each is made; what is printed is the median.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) repeat: usize,
    /// Measure on the streams of this folder: text/tinyshakespeare.txt, hdfs/hdfs_train, ett/ETTh1.csv,
    /// elec2/electricity.csv.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Measure growth and keys, too, up to so many events and a tenth as many keys.
    #[arg(long, value_name = "EVENTS", num_args = 0..=1, default_missing_value = "10000000")]
    pub(crate) growth: Option<usize>,
    /// The Python whose PyTorch the network is compared with.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    pub(crate) python: PathBuf,
    /// Measure a large network on this device beside PyTorch; without --only nothing else.
    #[arg(long, value_enum, value_name = "DEVICE")]
    pub(crate) device: Option<BenchDevice>,
    /// Events a second of each of the soak's three streams; without it, half of what the daemon takes.
    #[arg(long, value_name = "EVENTS")]
    pub(crate) rate: Option<f64>,
    /// Streams of the footprint.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) streams: u64,
}

/// Where a network can be besides the processor.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BenchDevice {
    /// NVIDIA's GPU.
    Cuda,
}

/// A part of the bench.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BenchPart {
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
    /// A quiet stream beside others that flood.
    Fairness,
    /// A stream that learns beside readers that poll everything.
    Readers,
    /// Whether memory, descriptors, disk and waits stay as they are; --seconds is how long.
    Soak,
}

impl BenchPart {
    /// The name by which `--only` chooses the part.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
    }

    /// The parts that a command line asks for, in the order in which they are measured.
    pub(crate) fn chosen(args: &BenchArgs) -> Vec<BenchPart> {
        let asked = |part: &BenchPart| match args.only.as_slice() {
            [] if args.device.is_some() => false,
            [] => match part {
                BenchPart::Growth | BenchPart::Keys => args.growth.is_some(),
                BenchPart::Fairness | BenchPart::Readers | BenchPart::Soak => false,
                _ => true,
            },
            only => only.contains(part),
        };
        BenchPart::value_variants().iter().copied().filter(asked).collect()
    }
}
