//! The model of one field, and which values of the other fields it sees.

use crate::clock::Clocks;
use crate::gap::GapMeans;
use crate::line_gaps::LineGaps;
use crate::options::Options;
use crate::recipe::{numbers_of, sides_of, symbol_spec};
use crate::symbol_field::SymbolField;
use crate::values::{SideInputs, Values};
use crate::vocabulary::Vocabulary;
use std::sync::Arc;
use surmise_event::{FieldKind, Schema};
use surmise_lines::{LineLimits, LineModel};
use surmise_state::{IncrementalCopy, Persist, State, StateError, incremental_copy};
use surmise_symbol::Spec;

/// What predicts the values of a field.
///
/// Every kind of field but numbers has a symbol model of its own. Numbers have one model together, the learner's
/// `NumberModel`, because each of them is predicted from the past of all; a number field is a column of it.
#[derive(Clone)]
pub enum Model {
    /// Of a category: one symbol a value, numbered by a vocabulary in order of arrival.
    Category(SymbolField, Vocabulary),
    /// Of texts and single bytes: one symbol a byte.
    Bytes(SymbolField),
    /// Of gaps: one symbol a gap, the bin of `gap.rs`.
    Gap(SymbolField, GapMeans),
    /// Of lines: one symbol a line, its template; the line model reads lines, and predicts the slots of the template;
    /// the gaps tell when the next line is due.
    Line(SymbolField, Box<LineModel>, LineGaps),
    /// Of a number: its column in the learner's number model.
    Number(usize),
}

impl Model {
    fn symbol_field(&self) -> Option<&SymbolField> {
        match self {
            Model::Category(m, _) | Model::Bytes(m) | Model::Gap(m, _) | Model::Line(m, ..) => Some(m),
            Model::Number(_) => None,
        }
    }

    fn symbol_field_mut(&mut self) -> Option<&mut SymbolField> {
        match self {
            Model::Category(m, _) | Model::Bytes(m) | Model::Gap(m, _) | Model::Line(m, ..) => Some(m),
            Model::Number(_) => None,
        }
    }

    /// Replaces a copy that is of another variant by an empty copy of this one.
    fn match_variant(&self, copy: &mut Model) {
        if std::mem::discriminant(self) != std::mem::discriminant(copy) {
            *copy = self.empty_copy();
        }
    }
}

/// The model of one field, with the positions of the fields that it sees.
#[derive(Clone)]
pub struct FieldModel {
    /// The name of the field.
    pub name: Arc<str>,
    /// How many fields the schema had when the model was made, which decides what it sees. A checkpoint keeps it, so
    /// that the same model is made again.
    pub schema_fields: usize,
    /// Positions of the fields whose values are contexts of this one's symbols.
    pub sides: Vec<usize>,
    /// Positions of the number fields whose values condition this one's symbols.
    pub numbers: Vec<usize>,
    /// What predicts the field.
    pub model: Model,
}

impl FieldModel {
    /// Distinct symbols that were seen, or templates of lines; `None` for what has neither.
    pub(crate) fn distinct(&self) -> Option<u64> {
        match &self.model {
            // the end of a key is a symbol of the vocabulary, but no value
            Model::Category(_, v) => Some((v.len() - usize::from(v.end().is_some())) as u64),
            Model::Line(_, lines, _) => Some(lines.templates() as u64),
            Model::Bytes(_) | Model::Gap(..) | Model::Number(_) => None,
        }
    }

    /// Makes the model of the field at `position`; `column` is the column of the number model that the field becomes if
    /// it is a number.
    ///
    /// The model sees the other fields that the schema has now: of earlier fields (of all, for a target) the values in
    /// the same event, of later fields those in the key's previous event.
    ///
    /// `like` is a field that came before, whose recipe may be shared.
    pub fn new(
        schema: &Schema,
        position: usize,
        column: usize,
        options: &Options,
        like: Option<&FieldModel>,
    ) -> FieldModel {
        let field = &schema.fields[position];
        let spec = symbol_spec(schema, position, options);
        let of = |spec: Option<Spec>| spec.expect("invariant: every field that is no number has a recipe");
        let like = like.and_then(FieldModel::symbols);
        let waiting = |spec| SymbolField::waiting(of(spec), like);
        let model = match field.kind {
            FieldKind::Number => Model::Number(column),
            FieldKind::Byte => Model::Bytes(SymbolField::made(of(spec))),
            FieldKind::Text => Model::Bytes(waiting(spec)),
            FieldKind::Gap => Model::Gap(waiting(spec), GapMeans::default()),
            FieldKind::Line => Model::Line(waiting(spec), new_lines(), LineGaps::default()),
            FieldKind::Category => Model::Category(waiting(spec), Vocabulary::default()),
        };
        let (sides, numbers) = match &model {
            Model::Category(m, _) | Model::Gap(m, _) | Model::Line(m, ..) => {
                let sides = if m.spec().sides > 0 { sides_of(schema, position, options) } else { Vec::new() };
                let numbers = if m.spec().numbers > 0 { numbers_of(schema) } else { Vec::new() };
                (sides, numbers)
            }
            Model::Bytes(_) | Model::Number(_) => (Vec::new(), Vec::new()),
        };
        FieldModel { name: field.name.as_str().into(), schema_fields: schema.fields.len(), sides, numbers, model }
    }

    /// The field's symbol model; `None` if the field is a number.
    pub fn symbols(&self) -> Option<&SymbolField> {
        self.model.symbol_field()
    }

    /// The field's symbol model, to learn with; `None` if the field is a number.
    pub fn symbols_mut(&mut self) -> Option<&mut SymbolField> {
        self.model.symbol_field_mut()
    }

    /// The probability that the value of a field that waits for its second one is there; `None` if the field does not
    /// wait, or always has a value.
    pub fn presence(&self) -> Option<f64> {
        match &self.model {
            Model::Category(field, _) | Model::Bytes(field) => field.presence(),
            Model::Gap(..) | Model::Line(..) | Model::Number(_) => None,
        }
    }

    /// Gathers what the field's prediction may use: the values of the other fields in `current`, and the time of the
    /// key's last event.
    pub fn fill_side_inputs(&self, current: &Values, clocks: Clocks, out: &mut SideInputs) {
        out.side.clear();
        out.side.extend(self.sides.iter().map(|i| current.hashes.get(*i).copied().unwrap_or(0)));
        out.side.extend(clocks.hours().iter().take(self.symbols().map_or(0, |m| m.spec().clocks)));
        out.numbers.clear();
        out.numbers.extend(self.numbers.iter().map(|i| current.numbers.get(*i).copied().unwrap_or(f64::NAN)));
    }
}

/// A line model that has seen no line.
fn new_lines() -> Box<LineModel> {
    Box::new(LineModel::new(LineLimits::default()))
}

/// Whether the end of a key is a symbol of the first field's vocabulary, instead of an event that `ending.rs` predicts.
pub fn folds_ends(schema: &Schema) -> bool {
    schema.fields.first().is_some_and(|f| f.kind.has_vocabulary())
}

incremental_copy!(FieldModel { large: model; small: name, schema_fields, sides, numbers });

impl IncrementalCopy for Model {
    fn empty_copy(&self) -> Self {
        match self {
            Model::Category(m, v) => Model::Category(m.empty_copy(), v.empty_copy()),
            Model::Bytes(m) => Model::Bytes(m.empty_copy()),
            Model::Gap(m, _) => Model::Gap(m.empty_copy(), GapMeans::default()),
            // the line model comes with the moment of the copy, whole
            Model::Line(m, ..) => Model::Line(m.empty_copy(), new_lines(), LineGaps::default()),
            Model::Number(column) => Model::Number(*column),
        }
    }

    fn reserve(&self, copy: &mut Self, room: &mut usize) -> bool {
        self.match_variant(copy);
        match (self, copy) {
            (Model::Category(m, v), Model::Category(copy, copied)) => v.reserve(copied, room) && m.reserve(copy, room),
            (Model::Bytes(m), Model::Bytes(copy)) | (Model::Gap(m, _), Model::Gap(copy, _)) => m.reserve(copy, room),
            (Model::Line(m, ..), Model::Line(copy, ..)) => m.reserve(copy, room),
            (Model::Number(_), _) => true,
            (Model::Category(..) | Model::Bytes(_) | Model::Gap(..) | Model::Line(..), _) => {
                unreachable!("the variants were matched")
            }
        }
    }

    fn begin_copy(&mut self, copy: &mut Self) {
        self.match_variant(copy);
        match (self, copy) {
            (Model::Category(m, v), Model::Category(copy, copied)) => {
                v.begin_copy(copied);
                m.begin_copy(copy);
            }
            (Model::Bytes(m), Model::Bytes(copy)) => m.begin_copy(copy),
            (Model::Gap(m, means), Model::Gap(copy, copied)) => {
                copied.clone_from(means);
                m.begin_copy(copy);
            }
            (Model::Line(m, lines, gaps), Model::Line(copy, copied, copied_gaps)) => {
                copied.clone_from(lines);
                copied_gaps.clone_from(gaps);
                m.begin_copy(copy);
            }
            (Model::Number(column), copy) => *copy = Model::Number(*column),
            (Model::Category(..) | Model::Bytes(_) | Model::Gap(..) | Model::Line(..), _) => {
                unreachable!("the variants were matched")
            }
        }
    }

    fn copy_some(&mut self, room: &mut usize) -> bool {
        self.symbol_field_mut().is_none_or(|m| m.copy_some(room))
    }

    fn finish_copy(&mut self) {
        self.symbol_field_mut().into_iter().for_each(|m| m.finish_copy());
    }
}

impl Persist for FieldModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        match &mut self.model {
            Model::Category(m, v) => {
                v.persist(s)?;
                m.persist(s)
            }
            Model::Bytes(m) => m.persist(s),
            Model::Gap(m, means) => {
                means.persist(s)?;
                m.persist(s)
            }
            Model::Line(m, lines, gaps) => {
                lines.persist(s)?;
                gaps.persist(s)?;
                m.persist(s)
            }
            // the learner writes its number model once, for all number fields
            Model::Number(_) => Ok(()),
        }
    }
}
