//! What the query of an endpoint may say.

/// One parameter of a query. The table of endpoints lists it, and the handler reads it by the same constant; so what
/// documents say of it is what is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name in the query.
    pub name: &'static str,
    /// Which values it takes.
    pub values: ParameterValues,
    /// Whether a request without it is refused.
    pub is_required: bool,
    /// What it says, in one clause.
    pub about: &'static str,
}

/// The values that a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterValues {
    /// Any text.
    Text,
    /// A whole number within bounds.
    Number {
        /// The least.
        low: usize,
        /// The largest.
        high: usize,
        /// What counts if the query does not say it; none where that depends on what is asked.
        default: Option<usize>,
    },
    /// Yes or no, in one of the words of [`YES`] and [`NO`].
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// The words for yes. A parameter that stands alone means yes, too.
pub const YES: [&str; 3] = ["true", "1", ""];
/// The words for no.
pub const NO: [&str; 2] = ["false", "0"];

impl Parameter {
    /// A parameter that takes any text.
    pub const fn text(name: &'static str, about: &'static str) -> Parameter {
        Parameter { name, values: ParameterValues::Text, is_required: false, about }
    }

    /// A parameter that takes a whole number within bounds.
    pub const fn number(
        name: &'static str,
        (low, high): (usize, usize),
        default: Option<usize>,
        about: &'static str,
    ) -> Parameter {
        Parameter { name, values: ParameterValues::Number { low, high, default }, is_required: false, about }
    }

    /// A parameter that says yes or no.
    pub const fn flag(name: &'static str, about: &'static str) -> Parameter {
        Parameter { name, values: ParameterValues::Flag, is_required: false, about }
    }

    /// A parameter that takes one of these words.
    pub const fn one_of(name: &'static str, words: &'static [&'static str], about: &'static str) -> Parameter {
        Parameter { name, values: ParameterValues::OneOf(words), is_required: false, about }
    }

    /// The same parameter, without which a request is refused.
    pub const fn required(self) -> Parameter {
        Parameter { is_required: true, ..self }
    }

    /// What was expected instead of a value; none if the parameter takes it.
    pub fn fault(&self, value: &str) -> Option<String> {
        let expected = match self.values {
            ParameterValues::Text => return None,
            ParameterValues::Number { low, high, .. } => match value.parse() {
                Ok(number) if (low..=high).contains(&number) => return None,
                _ if high == usize::MAX => format!("a whole number from {low} on"),
                _ => format!("a whole number from {low} to {high}"),
            },
            ParameterValues::Flag if YES.contains(&value) || NO.contains(&value) => return None,
            ParameterValues::Flag => "true or false".into(),
            ParameterValues::OneOf(words) if words.contains(&value) => return None,
            ParameterValues::OneOf(words) => format!("one of {}", words.join(", ")),
        };
        Some(format!("expected {expected}, got {value:?}"))
    }
}
