//! Small recordings of every kind, drawn from sources whose entropy or least error is known.
//!
//! They stand in for real streams where those are not at hand, and they can do what real streams cannot: the bits that
//! each random choice of a recording held are added up while it is made, so that no predictor, however good, can do
//! better than [`Best`] says but by luck. The same release of this file always makes the same bytes, on any machine,
//! because only additions, multiplications and divisions lead to them.
//!
//! `cargo run --release -p surmise-testing --example recordings -- DIR` writes them all, and `DIR/bounds.json`.

mod chain;
mod numbers;
mod records;
mod symbols;

use serde_json::{Value, json};
use std::path::Path;

/// A measure of `surmise replay`'s JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Bits for each event, of everything that is scored.
    BitsPerEvent,
    /// Bits for each value of one field.
    FieldBits(&'static str),
    /// Mean squared error of one field of numbers, in the square of its own unit.
    SquaredError(&'static str),
    /// Share of values of one field of symbols that were held the likeliest.
    Accuracy(&'static str),
    /// NAB's score of the alarms for known anomalies, by its standard profile, of 100.
    NabStandard,
}

impl Measure {
    /// The measure's value in a result of `surmise replay --output json`.
    pub fn of(self, result: &Value) -> Option<f64> {
        match self {
            Measure::BitsPerEvent => result["loss_bits_per_event"].as_f64(),
            Measure::FieldBits(field) => result["fields"][field]["loss_bits"].as_f64(),
            Measure::SquaredError(field) => result["fields"][field]["mse"].as_f64(),
            Measure::Accuracy(field) => result["fields"][field]["top1"].as_f64(),
            Measure::NabStandard => result["labels"]["nab"]["standard"].as_f64(),
        }
    }

    /// The name of the measure, and of the field that it is about, if it is about one.
    pub fn name(self) -> (&'static str, Option<&'static str>) {
        match self {
            Measure::BitsPerEvent => ("bits_per_event", None),
            Measure::FieldBits(field) => ("field_bits", Some(field)),
            Measure::SquaredError(field) => ("squared_error", Some(field)),
            Measure::Accuracy(field) => ("accuracy", Some(field)),
            Measure::NabStandard => ("nab_standard", None),
        }
    }

    /// Whether the measure counts what went well, not what went wrong.
    pub fn more_is_better(self) -> bool {
        matches!(self, Measure::Accuracy(_) | Measure::NabStandard)
    }
}

/// What a predictor that knows the source would reach on a recording.
#[derive(Clone, Copy, Debug)]
pub struct Best {
    /// What is measured.
    pub measure: Measure,
    /// The value that whoever knows the source reaches.
    pub value: f64,
}

/// A recording, how to replay it, and what is known of it.
pub struct Recording {
    /// A name that is also the start of its files' names.
    pub name: &'static str,
    /// Names and contents of its files; the first is replayed, the others go with it.
    pub files: Vec<(String, Vec<u8>)>,
    /// Options for `surmise replay`.
    pub options: Vec<&'static str>,
    /// The file of known anomalies, if the recording has any.
    pub labels: Option<&'static str>,
    /// What is known of it; nothing where the source is too tangled for a figure.
    pub best: Vec<Best>,
}

impl Recording {
    /// A recording of one file.
    fn new(name: &'static str, ending: &str, content: impl Into<Vec<u8>>, options: &[&'static str]) -> Recording {
        Recording {
            name,
            files: vec![(format!("{name}.{ending}"), content.into())],
            options: options.to_vec(),
            labels: None,
            best: Vec::new(),
        }
    }

    /// The same recording with one more known figure.
    fn best(mut self, measure: Measure, value: f64) -> Recording {
        self.best.push(Best { measure, value });
        self
    }

    /// Writes its files into a folder and returns the path of the one to replay.
    pub fn write(&self, dir: &Path) -> std::io::Result<std::path::PathBuf> {
        for (name, content) in &self.files {
            std::fs::write(dir.join(name), content)?;
        }
        Ok(dir.join(&self.files[0].0))
    }

    /// The recording as a table of a manifest for `surmise eval`.
    pub fn manifest(&self) -> String {
        let (mut table, mut fields) = (String::new(), Vec::new());
        for pair in self.options.chunks(2) {
            match (pair[0], pair[1]) {
                ("--field", field) => fields.push(field),
                (option, value) => {
                    let key = option.trim_start_matches('-').replace('-', "_");
                    table.push_str(&format!("{key} = {value:?}\n"));
                }
            }
        }
        if !fields.is_empty() {
            table.push_str(&format!("fields = {fields:?}\n"));
        }
        // known anomalies name the recordings that they are about, and stand for all of them
        let (file, table) = match self.labels {
            Some(labels) => (labels, String::new()),
            None => (self.files[0].0.as_str(), table),
        };
        format!("[[stream]]\nfiles = [{file:?}]\ntitle = {:?}\n{table}", self.name)
    }

    /// The recording as an entry of `bounds.json`.
    fn entry(&self) -> Value {
        let best = self.best.iter().map(|b| {
            let (measure, field) = b.measure.name();
            json!({"measure": measure, "field": field, "best": b.value})
        });
        json!({
            "name": self.name,
            "file": self.files[0].0,
            "options": self.options,
            "labels": self.labels,
            "best": best.collect::<Vec<_>>(),
        })
    }
}

/// Every recording there is.
pub fn all() -> Vec<Recording> {
    let mut all = symbols::all();
    all.extend(numbers::all());
    all.extend(records::all());
    all
}

/// Makes the recording of this name.
pub fn named(name: &str) -> Recording {
    all().into_iter().find(|r| r.name == name).unwrap_or_else(|| panic!("no recording has the name {name}"))
}

/// Writes every recording into a folder, `bounds.json`, which tells how to replay each and what is known of it, and
/// `eval.toml`, which tells `surmise eval` the same.
pub fn write_all(dir: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let all = all();
    for recording in &all {
        recording.write(dir)?;
    }
    let entries: Vec<Value> = all.iter().map(Recording::entry).collect();
    let text = serde_json::to_string_pretty(&entries).map_err(std::io::Error::other)?;
    std::fs::write(dir.join("bounds.json"), text + "\n")?;
    let mut manifest: Vec<String> = all.iter().map(Recording::manifest).collect();
    manifest.push("[[stream]]\nfiles = [\"bounds.json\"]\nskip = true\n".to_owned());
    std::fs::write(dir.join("eval.toml"), manifest.join("\n"))
}
