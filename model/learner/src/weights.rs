//! The weights of a learner's networks, for other programs.

use crate::field::Model;
use crate::learner::Learner;
use crate::number_fields::NumberFields;
use crate::symbol_field::SymbolField;
use crate::vocabulary::Token;
use surmise_event::FieldKind;
use surmise_network::NamedArray;

/// The network of a field, or of all numbers of a stream.
pub struct FieldNetwork<'a> {
    /// The fields that it predicts.
    pub fields: Vec<&'a str>,
    /// What they hold.
    pub kind: FieldKind,
    /// Its weights.
    pub arrays: Vec<NamedArray<'a>>,
    /// Of a category what each id of a symbol stands for; none for an id that is not a text, such as the end of a key.
    pub symbols: Vec<Option<&'a str>>,
}

impl Learner {
    /// The networks that predict, in the order of the fields. A network that does not predict yet, or a challenger, is
    /// not among them.
    pub fn networks(&self) -> Vec<FieldNetwork<'_>> {
        let mut networks: Vec<FieldNetwork<'_>> = Vec::new();
        for (field, model) in self.schema().fields.iter().zip(&self.models.fields) {
            let Some(arrays) = model.symbols().and_then(SymbolField::made_model).map(|made| made.network_arrays())
            else {
                continue;
            };
            let symbols = match &model.model {
                Model::Category(_, vocabulary) => vocabulary.tokens().map(Token::text).collect(),
                _ => Vec::new(),
            };
            networks.push(FieldNetwork { fields: vec![&field.name], kind: field.kind, arrays, symbols });
        }
        if let Some(made) = self.models.numbers.as_ref().and_then(NumberFields::made_model) {
            let numbers = self.schema().fields.iter().filter(|field| field.kind == FieldKind::Number);
            let fields = numbers.map(|field| &*field.name).collect();
            let arrays = made.network_arrays();
            networks.push(FieldNetwork { fields, kind: FieldKind::Number, arrays, symbols: Vec::new() });
        }
        networks.retain(|network| !network.arrays.is_empty());
        networks
    }
}
