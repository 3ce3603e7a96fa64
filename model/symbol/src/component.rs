//! The components that a symbol model can be made without, to measure what each is worth (ablation, PREDICTOR §15).

/// A component of a symbol model that ablation can leave out; [`Spec::without`](crate::Spec::without) does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SymbolComponent {
    /// The gated linear recurrence.
    Network,
    /// Contexts of words, and of numbers in text.
    Words,
    /// Contexts of columns, fields and shapes of lines.
    Columns,
    /// The context of what followed the last two bytes.
    Followers,
    /// Contexts of symbols that are not the latest.
    Skips,
    /// Contexts of a session's multiset of symbols and of the position in it.
    Session,
    /// The symbols that came last, by recency.
    Recency,
    /// Probabilities of bit histories and the chain over them, as inputs of the mixer.
    Histories,
    /// The match models.
    Matches,
    /// Weights of the mixer that contexts other than the node select.
    WeightSets,
    /// Final mixers that contexts other than the node select.
    FinalMixers,
    /// The probability maps after the mixer.
    Maps,
    /// Contexts of the event's other fields.
    Sides,
    /// Contexts of the hour of the day and of the week.
    Clocks,
    /// Learners that read the event's numbers.
    Numbers,
}

impl SymbolComponent {
    /// Every component, in the order in which an event meets them.
    pub const ALL: [SymbolComponent; 15] = [
        SymbolComponent::Network,
        SymbolComponent::Words,
        SymbolComponent::Columns,
        SymbolComponent::Followers,
        SymbolComponent::Skips,
        SymbolComponent::Session,
        SymbolComponent::Recency,
        SymbolComponent::Histories,
        SymbolComponent::Matches,
        SymbolComponent::WeightSets,
        SymbolComponent::FinalMixers,
        SymbolComponent::Maps,
        SymbolComponent::Sides,
        SymbolComponent::Clocks,
        SymbolComponent::Numbers,
    ];

    /// The component's word in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            SymbolComponent::Network => "network",
            SymbolComponent::Words => "words",
            SymbolComponent::Columns => "columns",
            SymbolComponent::Followers => "followers",
            SymbolComponent::Skips => "skips",
            SymbolComponent::Session => "session",
            SymbolComponent::Recency => "recency",
            SymbolComponent::Histories => "histories",
            SymbolComponent::Matches => "matches",
            SymbolComponent::WeightSets => "weight-sets",
            SymbolComponent::FinalMixers => "final-mixers",
            SymbolComponent::Maps => "maps",
            SymbolComponent::Sides => "sides",
            SymbolComponent::Clocks => "clocks",
            SymbolComponent::Numbers => "numbers",
        }
    }

    /// The component with a name, if symbol models have one of that name.
    pub fn from_name(name: &str) -> Option<SymbolComponent> {
        SymbolComponent::ALL.into_iter().find(|component| component.name() == name)
    }
}
