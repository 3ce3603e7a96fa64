//! The records of one field of a stream.

use crate::number_watch::NumberWatch;
use crate::symbol_watch::SymbolWatch;
use surmise_state::{Persist, State, StateError};

/// The records of one field.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldWatch {
    pub(crate) number: Option<Box<NumberWatch>>,
    pub(crate) symbol: Option<Box<SymbolWatch>>,
    /// Whether the symbols are templates of lines.
    pub(crate) templates: bool,
}

impl FieldWatch {
    /// What the respects weigh that enter the rarity of events.
    pub(crate) fn weight(&self) -> f64 {
        let symbols = self.symbol.as_ref().filter(|_| !self.templates);
        self.number.as_ref().map_or(0.0, |_| NumberWatch::WEIGHT) + symbols.map_or(0.0, |_| SymbolWatch::WEIGHT)
    }

    /// What the respects of templates weigh, which only begin incidents.
    pub(crate) fn weight_of_templates(&self) -> f64 {
        if self.templates { SymbolWatch::WEIGHT } else { 0.0 }
    }
}

impl Persist for FieldWatch {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let (mut number, mut symbol) = (self.number.is_some(), self.symbol.is_some());
        s.bool("number watch", &mut number)?;
        s.bool("symbol watch", &mut symbol)?;
        s.bool("templates", &mut self.templates)?;
        if s.is_reading() {
            self.number = number.then(Box::default);
            self.symbol = symbol.then(Box::default);
        }
        if let Some(number) = &mut self.number {
            number.persist(s)?;
        }
        match &mut self.symbol {
            Some(symbol) => symbol.persist(s),
            None => Ok(()),
        }
    }
}
