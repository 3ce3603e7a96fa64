//! One row per event: how surprising it was, and what was expected of its numbers, or of the target.

use crate::error::ReplayError;
use crate::horizon::HorizonScores;
use std::fs::File;
use std::path::{Path, PathBuf};
use surmise_event::{Data, Event, Expected, Limits, Outcome, Record, Value, format_time};
use surmise_learner::{Learner, NumberForecast};

/// What is told of a forecast of a number.
const FORECAST_COLUMNS: [&str; 3] = ["yhat", "yhat_lower", "yhat_upper"];

/// Writes the file of scores, one row an event.
pub(crate) struct ScoreWriter {
    path: PathBuf,
    out: csv::Writer<File>,
    fields: Option<Vec<String>>,
    /// Whether the target has columns as a symbol.
    tells_symbol: bool,
    /// What was expected of the next event's target, if that is no number: the likeliest symbol, and how likely it is.
    expected: Option<(String, f64)>,
}

impl ScoreWriter {
    pub(crate) fn create(path: &Path) -> Result<ScoreWriter, ReplayError> {
        let file =
            File::create(path).map_err(|error| ReplayError::Write { file: path.display().to_string(), error })?;
        Ok(ScoreWriter {
            path: path.into(),
            out: csv::Writer::from_writer(file),
            fields: None,
            tells_symbol: false,
            expected: None,
        })
    }

    /// Takes in what is expected of the target of the event that comes next, given its other fields.
    pub(crate) fn expect(&mut self, record: &Record, learner: &Learner, limits: &Limits) {
        self.expected = None;
        let Some(target) = symbol_target(learner) else { return };
        let Data::Fields(fields) = &record.data else { return };
        let given = fields.iter().filter(|(name, _)| **name != *target).cloned().collect();
        let given = Record { data: Data::Fields(given), ..record.clone() };
        let answer = learner.predict_given(&given, limits, 1).ok().flatten();
        if let Some(Expected::Symbols { top, .. }) = answer.as_ref().and_then(|answer| answer.fields.get(target))
            && let Some((symbol, p)) = top.first()
        {
            self.expected = Some((symbol.as_deref().unwrap_or_default().to_owned(), *p));
        }
    }

    /// Writes a row; the first one decides which numbers have columns. `time_us` is the time of the event, or the one
    /// that its line tells. Where several steps are forecast, `horizon` knows what was forecast of the event so long
    /// before it.
    pub(crate) fn write(
        &mut self,
        event: &Event,
        time_us: Option<i64>,
        outcome: &Outcome,
        learner: &Learner,
        horizon: Option<&HorizonScores>,
    ) -> Result<(), ReplayError> {
        let forecasts = learner.latest_forecasts();
        if self.fields.is_none() {
            let header = self.header(learner, horizon);
            self.write_row(&header)?;
        }
        let mut row = vec![
            outcome.offset.to_string(),
            event.key.as_deref().unwrap_or("").to_owned(),
            time_us.map(format_time).unwrap_or_default(),
            outcome.surprise_bits.to_string(),
            outcome.anomaly_score.to_string(),
            outcome.rarity_events.to_string(),
            why(event, outcome, learner),
        ];
        for (i, name) in self.fields.iter().flatten().enumerate() {
            // forecasts mostly come in the order of the columns
            let named = |f: &&NumberForecast| *f.field == **name;
            let found = forecasts.get(i).filter(named).or_else(|| forecasts.iter().find(named));
            row.extend(columns_of(found.map(|f| [f.mean, f.interval_90[0], f.interval_90[1]])));
        }
        if let Some(horizon) = horizon {
            for name in self.fields.iter().flatten() {
                row.extend(columns_of(horizon.due().and_then(|due| far_forecast(due.fields.get(name)?))));
            }
        }
        if self.tells_symbol {
            let (symbol, p) = self.expected.take().unzip();
            row.extend([symbol.unwrap_or_default(), p.map_or(String::new(), |p| p.to_string())]);
        }
        self.write_row(&row)
    }

    fn write_row(&mut self, row: &[String]) -> Result<(), ReplayError> {
        let fault = |e: csv::Error| ReplayError::Write { file: self.path.display().to_string(), error: e.into() };
        self.out.write_record(row).map_err(fault)
    }

    /// The names of columns; remembers which numbers have some, and whether the target has.
    fn header(&mut self, learner: &Learner, horizon: Option<&HorizonScores>) -> Vec<String> {
        // of a stream with a target nothing else is forecast
        let target = learner.options().target.as_deref();
        let is_forecast = |name: &str| target.is_none_or(|target| name == target);
        let numbers = learner.schema().fields.iter().filter(|f| f.kind.is_number() && is_forecast(&f.name));
        let numbers: Vec<String> = numbers.map(|f| f.name.clone()).collect();
        let mut header: Vec<String> =
            ["offset", "key", "time", "surprise_bits", "anomaly_score", "rarity_events", "why"]
                .map(str::to_owned)
                .into();
        for n in &numbers {
            header.extend(FORECAST_COLUMNS.map(|c| format!("{n}_{c}")));
        }
        if let Some(horizon) = horizon {
            let steps = horizon.steps();
            for n in &numbers {
                header.extend(FORECAST_COLUMNS.map(|c| format!("{n}_{c}_{steps}")));
            }
        }
        if let Some(target) = symbol_target(learner) {
            self.tells_symbol = true;
            header.extend(["yhat", "probability"].map(|c| format!("{target}_{c}")));
        }
        self.fields = Some(numbers);
        header
    }

    pub(crate) fn finish(mut self) -> Result<(), ReplayError> {
        self.out.flush().map_err(|error| ReplayError::Write { file: self.path.display().to_string(), error })
    }
}

/// The target of a stream, if it has one that is no number.
fn symbol_target(learner: &Learner) -> Option<&str> {
    let target = learner.options().target.as_deref()?;
    let field = learner.schema().fields.iter().find(|field| field.name == target);
    Some(target).filter(|_| field.is_none_or(|field| !field.kind.is_number()))
}

/// The columns of a forecast, empty where there is none.
fn columns_of(forecast: Option<[f64; 3]>) -> [String; 3] {
    forecast.map_or_else(Default::default, |values| values.map(|value| value.to_string()))
}

/// The mean of a number that was forecast over several steps, and the ends of its interval of nine in ten.
fn far_forecast(expected: &Expected) -> Option<[f64; 3]> {
    let Expected::Number { mean, quantiles, .. } = expected else { return None };
    Some([*mean, *quantiles.get("0.05")?, *quantiles.get("0.95")?])
}

/// What is most unusual in an event: the field that makes it as rare as it is, or else the one that costs most beyond
/// what was expected, and of a text its oddest word; empty where nothing is unusual.
fn why(event: &Event, outcome: &Outcome, learner: &Learner) -> String {
    let rarest = learner.rarest_field().and_then(|name| outcome.fields.iter().find(|field| *field.name == *name));
    let odd = || {
        let most = outcome.fields.iter().max_by(|a, b| a.evidence_bits().total_cmp(&b.evidence_bits()));
        most.filter(|field| field.evidence_bits() > 0.0)
    };
    let Some(odd) = rarest.or_else(odd) else { return String::new() };
    let value = learner.schema().position(&odd.name).and_then(|i| event.values.get(i));
    match (odd.word, value) {
        (Some(word), Some(Value::Bytes(text))) => {
            let spelt = text.get(word.start as usize..word.end as usize).unwrap_or_default();
            String::from_utf8_lossy(spelt).into_owned()
        }
        _ => odd.name.to_string(),
    }
}
