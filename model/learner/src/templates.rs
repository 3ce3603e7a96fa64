//! The templates of a stream's lines, for people.

use crate::field::Model;
use crate::learner::Learner;
use surmise_event::KnownTemplate;

impl Learner {
    /// How many templates of lines there are in all fields, and those of the most lines, at most `max`, in this order;
    /// of as many lines those first that came first. There are none in a stream without lines.
    pub fn templates(&self, max: usize) -> (usize, Vec<KnownTemplate>) {
        let mut found = Vec::new();
        for (i, field) in self.models.fields.iter().enumerate() {
            let Model::Line(_, lines, _) = &field.model else { continue };
            found.extend(lines.template_counts().into_iter().map(|(number, count)| (i, number, count, lines)));
        }
        found.sort_by_key(|(field, number, count, _)| (std::cmp::Reverse(*count), *field, *number));
        let count = found.len();
        let told = found.into_iter().take(max).filter_map(|(i, number, count, lines)| {
            Some(KnownTemplate {
                field: self.schema.fields[i].name.to_string(),
                text: lines.template_text(number)?,
                lines: count,
                latest_offset: self.monitors.seen.get(i).and_then(|seen| seen.symbol(number)),
            })
        });
        (count, told.collect())
    }
}
