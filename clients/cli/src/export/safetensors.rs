//! `surmise export safetensors`: the weights of a stream's networks, for programs that read arrays.

use crate::checkpoint::fetch;
use crate::global::Global;
use clap::Args;
use safetensors::{Dtype, View};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use surmise_event::FieldKind;
use surmise_learner::{ArrayNumbers, FieldNetwork, Learner, NamedArray};
use surmise_terminal::format::{count, size};
use surmise_terminal::{Exit, Failure, print_line};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise export safetensors --stream web --out web.safetensors       of its newest checkpoint
  surmise export safetensors web.ckpt --out web.safetensors           of one that surmise checkpoint export saved
  python3 -c 'from safetensors.numpy import load_file; print(load_file(\"web.safetensors\").keys())'

Beside FILE.safetensors lies FILE.json, the manifest: of each network the fields that it predicts, its arrays with what
each holds, and of a category what its symbols stand for. Counts, mixers and the states of keys are no arrays of a
network; they are in the checkpoint alone.")]
pub(crate) struct SafetensorsArgs {
    /// A checkpoint, as `surmise checkpoint export` saves it.
    #[arg(value_name = "CHECKPOINT", required_unless_present = "stream", conflicts_with = "stream")]
    checkpoint: Option<PathBuf>,
    /// A stream of the daemon.
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// The number of its checkpoint; the newest if it is left out.
    #[arg(long, value_name = "N", requires = "stream")]
    generation: Option<String>,
    /// The file to write; the manifest gets the same name with .json.
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
}

/// What the arrays are.
#[derive(Serialize)]
struct WeightsManifest<'a> {
    /// Where the weights come from: a stream and the number of its checkpoint, or a file.
    source: String,
    /// Events that were learnt.
    offset: u64,
    state_hash: String,
    engine: String,
    networks: Vec<ManifestNetwork<'a>>,
}

#[derive(Serialize)]
struct ManifestNetwork<'a> {
    name: String,
    fields: &'a [&'a str],
    kind: &'static str,
    arrays: Vec<ManifestArray<'a>>,
    /// What each symbol stands for, by its number.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    symbols: &'a [Option<&'a str>],
}

#[derive(Serialize)]
struct ManifestArray<'a> {
    name: String,
    shape: &'a [usize],
    holds: &'a str,
}

/// An array in the order of bytes that the format has.
struct LittleEndian<'a>(&'a NamedArray<'a>);

impl View for LittleEndian<'_> {
    fn dtype(&self) -> Dtype {
        match &self.0.numbers {
            ArrayNumbers::F32(_) => Dtype::F32,
            ArrayNumbers::U32(_) => Dtype::U32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.0.dims
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.0.numbers {
            ArrayNumbers::F32(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ArrayNumbers::U32(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }

    fn data_len(&self) -> usize {
        4 * self.0.dims.iter().product::<usize>()
    }
}

/// The name of a network among those of a stream; all numbers share one.
fn name_of(network: &FieldNetwork<'_>) -> String {
    if network.kind == FieldKind::Number { "numbers".into() } else { network.fields.concat() }
}

pub(crate) fn run(global: &Global, args: &SafetensorsArgs) -> Result<(), Failure> {
    let (source, bytes) = read(global, args)?;
    let mut learner = Learner::load(&bytes).map_err(|e| Failure::new(Exit::Data, format!("{source}: {e}")))?;
    let state_hash = learner.state_hash();
    let networks = learner.networks();
    if networks.is_empty() {
        let why = "no network predicts yet: the stream is too short, or network = \"off\" or \"none\" leaves it out";
        return Err(Failure::new(Exit::Data, format!("{source}: {why}")));
    }
    let described = networks.iter().map(|network| {
        let name = name_of(network);
        let array = |array: &NamedArray<'_>| format!("{name}.{}", array.name);
        let arrays = network.arrays.iter().map(|a| ManifestArray { name: array(a), shape: &a.dims, holds: a.about });
        let (fields, kind) = (&*network.fields, network.kind.name());
        ManifestNetwork { arrays: arrays.collect(), fields, kind, symbols: &network.symbols, name }
    });
    let manifest = WeightsManifest {
        source,
        offset: learner.offset(),
        state_hash,
        engine: learner.describe().engine,
        networks: described.collect(),
    };
    let about = HashMap::from([
        ("source".to_owned(), manifest.source.clone()),
        ("offset".to_owned(), manifest.offset.to_string()),
        ("state_hash".to_owned(), manifest.state_hash.clone()),
    ]);
    let arrays = networks.iter().flat_map(|network| {
        let name = name_of(network);
        network.arrays.iter().map(move |array| (format!("{name}.{}", array.name), LittleEndian(array)))
    });
    let failed =
        |path: &Path, e: &dyn std::fmt::Display| Failure::new(Exit::Storage, format!("{}: {e}", path.display()));
    safetensors::serialize_to_file(arrays, Some(about), &args.out).map_err(|e| failed(&args.out, &e))?;
    let beside = args.out.with_extension("json");
    let text = serde_json::to_string_pretty(&manifest).map_err(|e| Failure::internal(e.to_string()))?;
    std::fs::write(&beside, text).map_err(|e| failed(&beside, &e))?;
    tell(global, args, &manifest, &beside)
}

/// The bytes of the checkpoint, and how it is called.
fn read(global: &Global, args: &SafetensorsArgs) -> Result<(String, Vec<u8>), Failure> {
    match (&args.stream, &args.checkpoint) {
        (Some(stream), _) => {
            let (generation, bytes) = fetch(&global.http()?, stream, args.generation.as_deref())?;
            Ok((format!("checkpoint {generation} of {stream}"), bytes))
        }
        (None, Some(path)) => {
            let name = path.display().to_string();
            let bytes = std::fs::read(path).map_err(|e| Failure::new(Exit::Data, format!("{name}: {e}")))?;
            Ok((name, bytes))
        }
        (None, None) => Err(Failure::usage("give a checkpoint, or --stream")),
    }
}

fn tell(global: &Global, args: &SafetensorsArgs, manifest: &WeightsManifest<'_>, beside: &Path) -> Result<(), Failure> {
    let arrays: usize = manifest.networks.iter().map(|network| network.arrays.len()).sum();
    let bytes = std::fs::metadata(&args.out)?.len();
    if global.json() {
        let done = serde_json::json!({ "file": args.out, "manifest": beside, "arrays": arrays, "bytes": bytes });
        return Ok(print_line(&done.to_string())?);
    }
    let (networks, arrays) = (count(manifest.networks.len() as u64), count(arrays as u64));
    let (file, beside) = (args.out.display(), beside.display());
    let from = &manifest.source;
    let bytes = size(bytes);
    let line =
        format!("{networks} networks of {from}, {arrays} arrays: {bytes} in {file}; what they hold is in {beside}");
    Ok(print_line(&line)?)
}
