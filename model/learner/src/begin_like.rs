//! The beginning of a stream that is like another one: what was learnt of that one's events is kept, and all that is
//! that stream's own goes.

use crate::field::Model;
use crate::keys::Keys;
use crate::learner::{Learner, Measures, Monitors, StreamPosition};
use crate::options::Options;
use crate::tally::{FieldTally, StreamTally};
use surmise_event::Schema;

impl Learner {
    /// Makes the learner of a stream of which nothing has come yet, that begins with what this one has learnt.
    ///
    /// What is kept is what predicts any stream of the kind: the schema, the models of all fields with their
    /// vocabularies and templates, and the weights by which experts are mixed. What belongs to the other stream goes:
    /// its keys, its position and clock, its measures and incidents, and what is usual or rare in it, which the new
    /// stream learns of its own events. [`model_version`](Learner::model_version) goes on, as it counts the events that
    /// the models have learnt from; [`offset`](Learner::offset) begins at 0.
    ///
    /// # Determinism
    /// Equal learners begin equal ones, bit for bit (PREDICTOR §17 measures what it is worth).
    ///
    /// # Errors
    /// Why a stream of that schema and those options cannot begin so. The budget of alarms may be another one; the
    /// declared fields must be among those of this learner.
    pub fn begin_like(mut self, declared: &Schema, options: &Options) -> Result<Learner, UnlikeStream> {
        if self.beginning.is_some() {
            return Err(UnlikeStream::Undecided);
        }
        if (Options { alarm_budget: options.alarm_budget, ..self.options.clone() }) != *options {
            return Err(UnlikeStream::Options);
        }
        for field in &declared.fields {
            let known =
                self.schema.fields.iter_mut().find(|known| (&known.name, known.kind) == (&field.name, field.kind));
            known.ok_or_else(|| UnlikeStream::Field(field.name.clone()))?.required = field.required;
        }
        if declared.closed && declared.fields.len() < self.schema.fields.len() {
            return Err(UnlikeStream::Closed);
        }
        self.schema.closed = declared.closed;
        self.options = options.clone();
        self.set_job_sink(None);
        let fields = vec![FieldTally::default(); self.models.fields.len()];
        self.measures = Measures { tally: StreamTally { fields, ..StreamTally::default() }, ..Measures::default() };
        self.set_scoring(true);
        self.keys = Keys::new(&self.options);
        self.position = StreamPosition { version: self.position.version, ..StreamPosition::default() };
        self.monitors = Monitors::default();
        for field in &mut self.models.fields {
            if let Model::Line(_, lines, gaps) = &mut field.model {
                lines.begin_like();
                gaps.begin_like();
            }
        }
        Ok(self)
    }
}

/// Why a stream cannot begin with what another one has learnt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnlikeStream {
    /// The other one does not know yet what its fields hold.
    #[error("the other one is too short: what its fields hold was not decided yet")]
    Undecided,
    /// The options of the models differ.
    #[error("its options differ from those that the other one was made with")]
    Options,
    /// A declared field is none of the other one's, or of another kind.
    #[error("the other one has no field {0:?} of that kind")]
    Field(String),
    /// The new stream refuses fields that the other one has.
    #[error("its schema is closed, and the other one has more fields")]
    Closed,
}
