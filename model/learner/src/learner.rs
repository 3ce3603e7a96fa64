//! The learner of one stream: what it is made of, how it is made, and how its schema takes in records.

use crate::before_event::BeforeEvent;
use crate::drift::Watcher;
use crate::ending::Ending;
use crate::error::LearnerError;
use crate::explain::FieldExplanation;
use crate::field::{FieldModel, Model};
use crate::keys::{KeyState, Keys};
use crate::line_gaps::LineSilence;
use crate::number_fields::NumberFields;
use crate::open_sessions::OpenSessions;
use crate::options::{Options, OptionsError};
use crate::parts::KeptParts;
use crate::seen::FieldSeen;
use crate::silence::Silences;
use crate::symbol_field::SymbolField;
use crate::tally::{FieldTally, StreamTally};
use crate::values::{SideInputs, Values};
use std::sync::Arc;
use surmise_alarm::{Alarms, Judgement};
use surmise_event::{AlarmKind, Event, FirstEvents, Limits, Record, Refusal, RefusalCode, Schema};
use surmise_lines::LineOutcome;
use surmise_network::{JobSink, NoClone};
use surmise_number::ColumnPlaces;
use surmise_sessions::SessionJudge;
use surmise_state::incremental_copy;

/// The learner of one stream. It always holds a prediction of the next event, and learns from how wrong it was.
///
/// # What it holds
///
/// One model per field, shared by all keys of the stream; for every key a private state, such as its latest symbols;
/// and its own measures. A learner is an ordinary value: it can be cloned (a clone answers what the original would have
/// answered at that moment), saved and loaded.
///
/// # Determinism
///
/// Equal options, and equal events in equal order, give equal learners, bit for bit, on every machine with the same
/// kind of arithmetic. [`Learner::state_hash`] shows it.
#[derive(Clone)]
pub struct Learner {
    pub(crate) schema: Schema,
    pub(crate) options: Options,
    /// What predicts events.
    pub(crate) models: Models,
    /// The private states of keys.
    pub(crate) keys: Keys,
    /// Where the learner is in its stream.
    pub(crate) position: StreamPosition,
    /// What judges events by their surprise.
    pub(crate) monitors: Monitors,
    /// What was measured of predictions.
    pub(crate) measures: Measures,
    /// The events so far, until they decide what the fields hold.
    pub(crate) beginning: Option<FirstEvents>,
    /// Where gradient jobs are sent, if anywhere.
    job_sink: NoClone<Option<JobSink>>,
    pub(crate) scratch: Scratch,
}

/// The models of a stream.
#[derive(Clone, Default)]
pub(crate) struct Models {
    /// One per field, in schema order.
    pub(crate) fields: Vec<FieldModel>,
    /// The one model of all number fields; `None` until there is such a field, and where numbers are not predicted.
    pub(crate) numbers: Option<NumberFields>,
    /// By column: of numbers that only condition a target of another kind, what others see of them.
    pub(crate) places: Vec<ColumnPlaces>,
    /// Predicts the ends of keys, unless the first field's vocabulary holds them ([`crate::field::folds_ends`]).
    pub(crate) ending: Ending,
}

/// Where a learner is in its stream.
#[derive(Clone, Default)]
pub(crate) struct StreamPosition {
    /// The offset of the next event.
    pub(crate) offset: u64,
    /// How many events the models have learnt from.
    pub(crate) version: u64,
    /// Events whose time was earlier than that of their key's last event.
    pub(crate) late: u64,
}

/// What judges events by their surprise; neither has a part in predictions.
#[derive(Clone, Default)]
pub(crate) struct Monitors {
    /// Says how rare events are, and which of them begin an incident.
    pub(crate) alarms: Alarms,
    /// Finds lasting changes.
    pub(crate) drift: Watcher,
    /// Judges keys as a whole when they end.
    pub(crate) sessions: SessionJudge,
    /// The sessions that are not over yet.
    pub(crate) open_sessions: OpenSessions,
    /// Says from when on a silent key is over.
    pub(crate) silences: Silences,
    /// By field: says when its values were last seen.
    pub(crate) seen: Vec<FieldSeen>,
}

/// What a learner measures of its own predictions, and how much of it.
#[derive(Clone, Default)]
pub(crate) struct Measures {
    /// The sums of the report.
    pub(crate) tally: StreamTally,
    /// Whether events are added to the tally.
    pub(crate) scoring: bool,
    /// Whether ranks of symbols and CRPS of numbers are measured as well.
    pub(crate) ranks: bool,
    /// Whether the latest event's forecasts are kept.
    pub(crate) intervals: bool,
    /// The latest event's forecasts, if they are kept.
    pub(crate) forecasts: Vec<NumberForecast>,
    /// Whether the latest event's explanations are kept.
    pub(crate) explaining: bool,
    /// The latest event's explanations, if they are kept.
    pub(crate) explanations: Vec<FieldExplanation>,
    /// The latest event's parts, as far as they are kept.
    pub(crate) parts: KeptParts,
}

/// What was forecast of a number field before its value came.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberForecast {
    /// The name of the field.
    pub field: Arc<str>,
    /// The point forecast.
    pub mean: f64,
    /// The bounds of the interval that holds the value with probability .9: the quantiles of the levels .05 and .95.
    pub interval_90: [f64; 2],
}

/// Buffers that are kept from one event to the next, so that an event allocates nothing.
#[derive(Clone)]
pub(crate) struct Scratch {
    /// What one field sees of the others.
    pub(crate) side_inputs: SideInputs,
    /// The event's own values, as far as they were observed, over the key's previous ones.
    pub(crate) current: Values,
    /// The symbols of one text, or of the categories before the first number.
    pub(crate) symbols: Vec<u32>,
    /// The name of the field under which the end of a key is reported.
    pub(crate) end_name: Arc<str>,
    /// What the evidence of the event's line came to, where the event has one.
    pub(crate) line_judgement: Option<Judgement>,
    /// What that is about, where it is something that can come again.
    pub(crate) line_cause: Option<u64>,
    /// What kind of incident the evidence of the line makes, and the silence before the line, if there was one.
    pub(crate) line_kind: AlarmKind,
    pub(crate) line_silence: Option<LineSilence>,
    /// The time that the event's line tells, where it tells one.
    pub(crate) line_time_us: Option<i64>,
    /// The outcome of the event's line; kept for its lists.
    pub(crate) line: LineOutcome,
    /// The field that says most of how rare the latest event is.
    pub(crate) rarest_field: Option<u32>,
    /// The number of the line's template.
    pub(crate) template: u32,
    /// Where the event found the models.
    pub(crate) before: BeforeEvent,
}

incremental_copy!(Learner {
    large: models;
    small: schema, options, keys, position, monitors, measures, beginning, job_sink, scratch,
});

incremental_copy!(Models { large: fields; small: numbers, places, ending });

impl Default for Scratch {
    fn default() -> Self {
        Scratch {
            side_inputs: SideInputs::default(),
            current: Values::default(),
            symbols: Vec::new(),
            end_name: "end".into(),
            line_judgement: None,
            line_cause: None,
            line_kind: AlarmKind::Value,
            line_silence: None,
            line_time_us: None,
            line: LineOutcome::default(),
            rarest_field: None,
            template: 0,
            before: BeforeEvent::default(),
        }
    }
}

impl Learner {
    /// Makes a learner that has seen nothing.
    ///
    /// # Errors
    /// The target is none of a closed schema's fields, an option is out of bounds, or the preset does not fit the
    /// schema.
    pub fn new(schema: Schema, options: Options) -> Result<Learner, LearnerError> {
        if let Some(target) = &options.target
            && schema.position(target).is_none()
            && schema.closed
        {
            let fields = schema.fields.iter().map(|f| f.name.clone()).collect();
            return Err(OptionsError::UnknownTarget { target: target.clone(), fields }.into());
        }
        options.check()?;
        options.preset.check(&schema)?;
        let mut learner = Learner {
            keys: Keys::new(&options),
            beginning: FirstEvents::of(&schema),
            schema,
            options,
            models: Models::default(),
            position: StreamPosition::default(),
            monitors: Monitors::default(),
            measures: Measures { scoring: true, ..Measures::default() },
            job_sink: NoClone::default(),
            scratch: Scratch::default(),
        };
        learner.grow();
        Ok(learner)
    }

    /// The fields of the stream as they are now.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The options that the learner was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Binds a record to the schema: makes it an event with one value per field. An open schema grows by the record's
    /// new fields, and the learner by models for them. A record that is refused changes nothing.
    ///
    /// # Errors
    /// Names the field and the reason.
    pub fn bind(&mut self, record: &Record, limits: &Limits) -> Result<Event, Refusal> {
        let event = self.schema.bind(record, limits)?;
        if let Some(feedback) = &event.feedback
            && !self.monitors.alarms.knows(feedback.offset)
        {
            let reason = format!("no incident that is still known has an event {}; alarms list them", feedback.offset);
            return Err(Refusal::new(RefusalCode::UnknownIncident, "offset", reason));
        }
        // the schema has grown: either models follow, or it shrinks again
        if self.models.fields.len() < self.schema.fields.len()
            && let Err(fault) = self.options.preset.check(&self.schema)
        {
            let field = self.schema.fields.pop().map_or_else(String::new, |f| f.name);
            self.schema.fields.truncate(self.models.fields.len());
            return Err(Refusal::new(RefusalCode::WrongType, field, fault.to_string()));
        }
        if let Err(refusal) = self.check_room(&event) {
            self.schema.fields.truncate(self.models.fields.len());
            return Err(refusal);
        }
        if self.models.fields.len() < self.schema.fields.len() {
            self.grow();
        }
        Ok(event)
    }

    /// Makes models for the fields that have none yet.
    fn grow(&mut self) {
        let schema = std::mem::take(&mut self.schema);
        let more = schema.fields.len() - self.models.fields.len();
        self.models.fields.reserve_exact(more);
        self.measures.tally.fields.reserve_exact(more);
        let known = self.models.fields.len();
        for position in known..schema.fields.len() {
            self.add_model(position, &schema);
        }
        // a target that has learnt nothing yet sees the fields that came with the first event, too
        let target = self.options.target.as_ref().and_then(|target| schema.position(target));
        if let Some(target) = target.filter(|target| *target < known && self.position.version == 0) {
            let model = FieldModel::new(&schema, target, 0, &self.options, None);
            if model.symbols().is_some() {
                self.models.fields[target] = model;
            }
        }
        self.schema = schema;
        if self.models.numbers.is_some() || self.predicts_numbers() {
            self.add_columns();
        }
        self.pass_job_sink_on();
    }

    /// Makes the model of the field at `position` of a schema; [`Learner::add_columns`] follows for all together.
    pub(crate) fn add_model(&mut self, position: usize, schema: &Schema) {
        let column = self.models.fields.iter().filter(|f| matches!(f.model, Model::Number(_))).count();
        let like = self.models.fields.iter().rev().find(|f| f.symbols().is_some());
        let field = FieldModel::new(schema, position, column, &self.options, like);
        self.models.fields.push(field);
        self.measures.tally.fields.push(FieldTally::default());
    }

    /// Gives the number model a column for each number field that has none. Numbers share one model, which begins with
    /// the first of them.
    pub(crate) fn add_columns(&mut self) {
        let columns = self.models.fields.iter().filter(|f| matches!(f.model, Model::Number(_))).count();
        if columns > 0 {
            let (options, seed) = (&self.options, self.options.seed);
            let numbers = self.models.numbers.get_or_insert_with(|| NumberFields::new(options.numbers(), seed));
            numbers.add_columns(columns - numbers.columns());
        }
    }

    /// The position of the target, once there is such a field.
    pub(crate) fn target(&self) -> Option<usize> {
        self.options.target.as_ref().and_then(|target| self.schema.position(target))
    }

    /// Whether numbers are predicted: all are, unless they only condition a target that is no number.
    pub(crate) fn predicts_numbers(&self) -> bool {
        self.target().is_none_or(|target| matches!(self.models.fields[target].model, Model::Number(_)))
    }

    /// The private state of a key that begins now.
    pub(crate) fn new_key(&self) -> KeyState {
        KeyState {
            symbols: self.models.fields.iter().map(|f| f.symbols().map(SymbolField::new_key)).collect(),
            numbers: self.models.numbers.as_ref().map(|n| Box::new(n.new_key())),
            previous: Values::new(self.models.fields.len()),
            ..KeyState::default()
        }
    }

    /// Gives a key that was made before the schema grew the parts that it lacks.
    pub(crate) fn complete(&self, key: &mut KeyState) {
        let fields = &self.models.fields;
        key.symbols.reserve_exact(fields.len().saturating_sub(key.symbols.len()));
        for field in &fields[key.symbols.len().min(fields.len())..] {
            key.symbols.push(field.symbols().map(SymbolField::new_key));
        }
        key.previous.resize(fields.len());
        if key.numbers.is_none() {
            key.numbers = self.models.numbers.as_ref().map(|n| Box::new(n.new_key()));
        }
    }

    /// Sets where gradient jobs of networks are sent, for a learner whose updates wait ([`Options::delay_chunks`]). It
    /// changes when gradients are computed, never what is learnt. A clone sends its jobs nowhere, nor does a learner
    /// that was read from a checkpoint.
    pub fn set_job_sink(&mut self, job_sink: Option<JobSink>) {
        self.job_sink = NoClone(job_sink.filter(|_| self.options.delay_chunks > 0));
        self.pass_job_sink_on();
    }

    /// Where gradient jobs are sent, if anywhere.
    pub(crate) fn job_sink(&self) -> Option<JobSink> {
        self.job_sink.0.clone()
    }

    /// Discards what networks have yet to learn from: for a copy that only answers, and learns no more.
    pub fn discard_pending_jobs(&mut self) {
        let models = &mut self.models;
        models.fields.iter_mut().filter_map(FieldModel::symbols_mut).for_each(SymbolField::discard_pending_jobs);
        models.numbers.iter_mut().for_each(NumberFields::discard_pending_jobs);
    }

    fn pass_job_sink_on(&mut self) {
        let (job_sink, models) = (&self.job_sink.0, &mut self.models);
        models.fields.iter_mut().filter_map(FieldModel::symbols_mut).for_each(|m| m.set_job_sink(job_sink.clone()));
        models.numbers.iter_mut().for_each(|m| m.set_job_sink(job_sink.clone()));
    }
}
