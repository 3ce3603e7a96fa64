//! One row per event: how surprising it was, and what was expected of its numbers.

use crate::error::ReplayError;
use std::fs::File;
use std::path::{Path, PathBuf};
use surmise_event::{Event, Outcome, Schema, Value, format_time};
use surmise_learner::NumberForecast;

/// Writes the file of scores, one row an event.
pub(crate) struct ScoreWriter {
    path: PathBuf,
    out: csv::Writer<File>,
    fields: Option<Vec<String>>,
}

impl ScoreWriter {
    pub(crate) fn create(path: &Path) -> Result<ScoreWriter, ReplayError> {
        let file =
            File::create(path).map_err(|error| ReplayError::Write { file: path.display().to_string(), error })?;
        Ok(ScoreWriter { path: path.into(), out: csv::Writer::from_writer(file), fields: None })
    }

    /// Writes a row; the first one decides which numbers have columns. `time_us` is the time of the event, or the one
    /// that its line tells.
    pub(crate) fn write(
        &mut self,
        event: &Event,
        time_us: Option<i64>,
        schema: &Schema,
        outcome: &Outcome,
        forecasts: &[NumberForecast],
    ) -> Result<(), ReplayError> {
        let path = &self.path;
        let fault = |e: csv::Error| ReplayError::Write { file: path.display().to_string(), error: e.into() };
        if self.fields.is_none() {
            let numbers: Vec<String> =
                schema.fields.iter().filter(|f| f.kind.is_number()).map(|f| f.name.clone()).collect();
            let mut header: Vec<String> =
                ["offset", "key", "time", "surprise_bits", "anomaly_score", "rarity_events", "why"]
                    .map(str::to_owned)
                    .into();
            for n in &numbers {
                header.extend(["yhat", "yhat_lower", "yhat_upper"].map(|c| format!("{n}_{c}")));
            }
            self.out.write_record(&header).map_err(fault)?;
            self.fields = Some(numbers);
        }
        let mut row = vec![
            outcome.offset.to_string(),
            event.key.as_deref().unwrap_or("").to_owned(),
            time_us.map(format_time).unwrap_or_default(),
            outcome.surprise_bits.to_string(),
            outcome.anomaly_score.to_string(),
            outcome.rarity_events.to_string(),
            why(event, schema, outcome),
        ];
        for (i, name) in self.fields.iter().flatten().enumerate() {
            // forecasts mostly come in the order of the columns
            let named = |f: &&NumberForecast| *f.field == **name;
            let found = forecasts.get(i).filter(named).or_else(|| forecasts.iter().find(named));
            match found {
                Some(NumberForecast { mean, interval_90: [lower, upper], .. }) => {
                    row.extend([mean, lower, upper].map(f64::to_string));
                }
                None => row.extend([String::new(), String::new(), String::new()]),
            }
        }
        self.out.write_record(&row).map_err(fault)
    }

    pub(crate) fn finish(mut self) -> Result<(), ReplayError> {
        self.out.flush().map_err(|error| ReplayError::Write { file: self.path.display().to_string(), error })
    }
}

/// What is most unusual in an event: a field, or of a text its oddest word.
fn why(event: &Event, schema: &Schema, outcome: &Outcome) -> String {
    let fields = outcome.fields.iter();
    let Some(odd) = fields.max_by(|a, b| a.evidence_bits().total_cmp(&b.evidence_bits())) else { return String::new() };
    let value = schema.position(&odd.name).and_then(|i| event.values.get(i));
    match (odd.word, value) {
        (Some(word), Some(Value::Bytes(text))) => {
            let spelt = text.get(word.start as usize..word.end as usize).unwrap_or_default();
            String::from_utf8_lossy(spelt).into_owned()
        }
        _ => odd.name.to_string(),
    }
}
