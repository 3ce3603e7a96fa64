//! The components of the predictor that a learner can be made without, to measure what each of them is worth.
//!
//! A component is ablated when models are made, in their recipe ([`Spec`](surmise_symbol::Spec), `NumberOptions`):
//! what it would have contributed is missing or zero, and everything else stays as it is. Ablating a component that a
//! stream's learner does not have changes nothing. PREDICTOR §15 lists what each is worth on real streams.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use surmise_number::NumberComponent;
use surmise_symbol::SymbolComponent;

/// A component of the predictor that can be ablated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Component {
    /// The gated linear recurrence, of symbols and of numbers (PREDICTOR §5).
    Network,
    /// Contexts of words, and of numbers in text (PREDICTOR §3).
    Words,
    /// Contexts of columns, fields and shapes of lines (PREDICTOR §3).
    Columns,
    /// The context of what followed the last two bytes (PREDICTOR §3).
    Followers,
    /// Contexts of symbols that are not the latest (PREDICTOR §3).
    Skips,
    /// The multiset of a session, and the position in it, as contexts (PREDICTOR §3).
    Session,
    /// The symbols that came last (PREDICTOR §4).
    Recency,
    /// Mapped bit histories and the chain over them, as inputs of the mixer (PREDICTOR §3).
    Histories,
    /// The match models (PREDICTOR §4).
    Matches,
    /// Weights of the mixer that are selected by other contexts than the node (PREDICTOR §6).
    WeightSets,
    /// Final mixers that are selected by other contexts than the node (PREDICTOR §6).
    FinalMixers,
    /// The probability maps after the mixer (PREDICTOR §6).
    Maps,
    /// Other fields of a record, as contexts (PREDICTOR §2).
    Sides,
    /// The hour of the day and of the week, as contexts (PREDICTOR §2).
    Clocks,
    /// The learners that condition symbols on their event's numbers (PREDICTOR §11).
    Numbers,
    /// The regression on a number's experts; without it the mean of the experts by share takes its place (PREDICTOR
    /// §8).
    Stack,
    /// Regressions on the past of numbers; without them the last value takes their place (PREDICTOR §8).
    Regressions,
    /// The days before and the usual day of a number (PREDICTOR §8).
    Season,
    /// Probability mass on single values of numbers (PREDICTOR §8).
    PointMasses,
    /// The correction of a number's distribution by its own record (PREDICTOR §8).
    Calibration,
    /// The values of the same event that condition a number (PREDICTOR §8).
    Conditioning,
}

/// A name that no component has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no component that can be ablated; components are {list}", list = names())]
pub struct UnknownComponent(pub String);

/// The names of all components.
fn names() -> String {
    Component::ALL.map(Component::name).join(", ")
}

impl Component {
    /// All components, in the order in which an event meets them.
    pub const ALL: [Component; 21] = [
        Component::Network,
        Component::Words,
        Component::Columns,
        Component::Followers,
        Component::Skips,
        Component::Session,
        Component::Recency,
        Component::Histories,
        Component::Matches,
        Component::WeightSets,
        Component::FinalMixers,
        Component::Maps,
        Component::Sides,
        Component::Clocks,
        Component::Numbers,
        Component::Stack,
        Component::Regressions,
        Component::Season,
        Component::PointMasses,
        Component::Calibration,
        Component::Conditioning,
    ];

    /// The word for the component in options.
    pub fn name(self) -> &'static str {
        match self {
            Component::Network => "network",
            Component::Words => "words",
            Component::Columns => "columns",
            Component::Followers => "followers",
            Component::Skips => "skips",
            Component::Session => "session",
            Component::Recency => "recency",
            Component::Histories => "histories",
            Component::Matches => "matches",
            Component::WeightSets => "weight-sets",
            Component::FinalMixers => "final-mixers",
            Component::Maps => "maps",
            Component::Sides => "sides",
            Component::Clocks => "clocks",
            Component::Numbers => "numbers",
            Component::Stack => "stack",
            Component::Regressions => "regressions",
            Component::Season => "season",
            Component::PointMasses => "point-masses",
            Component::Calibration => "calibration",
            Component::Conditioning => "conditioning",
        }
    }

    /// The symbol models' component of this name, if they have one; what it means to leave it out is theirs to say.
    pub(crate) fn of_symbols(self) -> Option<SymbolComponent> {
        SymbolComponent::from_name(self.name())
    }

    /// The number model's component of this name, if it has one; what it means to leave it out is that model's to say.
    pub(crate) fn of_numbers(self) -> Option<NumberComponent> {
        NumberComponent::from_name(self.name())
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Component {
    type Err = UnknownComponent;
    fn from_str(s: &str) -> Result<Component, UnknownComponent> {
        Component::ALL.into_iter().find(|c| c.name() == s).ok_or_else(|| UnknownComponent(s.into()))
    }
}

impl TryFrom<String> for Component {
    type Error = UnknownComponent;
    fn try_from(s: String) -> Result<Component, UnknownComponent> {
        s.parse()
    }
}

impl From<Component> for &'static str {
    fn from(c: Component) -> &'static str {
        c.name()
    }
}
