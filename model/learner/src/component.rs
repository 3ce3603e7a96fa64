//! The parts of the predictor that a learner can be made without, to see what each is worth.
//!
//! A part is left out when models are made, by their recipe ([`Spec`], [`NumberOptions`]); what it would have told is
//! missing or zero, and everything else is as it is. Leaving out what a stream's learner does not have changes nothing.

use crate::field::recipe;
use crate::{NetworkSize, Options};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use surmise_event::{FieldKind, Schema};
use surmise_number::NumberOptions;
use surmise_symbol::{Context, Spec};

/// A part that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Component {
    /// The gated linear recurrence, of symbols and of numbers.
    Network,
    /// Contexts of words, and of numbers in text.
    Words,
    /// Contexts of columns, fields and shapes of lines.
    Columns,
    /// What followed the last two bytes.
    Followers,
    /// Contexts of symbols that are not the latest.
    Skips,
    /// The multiset of a session, and the position in it.
    Session,
    /// The symbols that came last.
    Recency,
    /// Mapped histories and the chain over them, as inputs of the mixer.
    Histories,
    /// The match models.
    Matches,
    /// Weights of the mixer that other contexts than the node select.
    WeightSets,
    /// Final mixers that other contexts than the node select.
    FinalMixers,
    /// The probability maps after the mixer.
    Maps,
    /// Other fields of a record, as contexts.
    Sides,
    /// The hour of the day and of the week, as contexts.
    Clocks,
    /// Learners that give symbols their event's numbers.
    Numbers,
    /// The regression on a number's experts; their mean by share stands for it.
    Stack,
    /// Regressions on the past of numbers; the last value stands for them.
    Regressions,
    /// Days before and the usual day.
    Season,
    /// Mass on single values of numbers.
    Atoms,
    /// Correction of distributions by their own record.
    Calibration,
    /// What a number is told of its own event.
    Conditioning,
}

/// A name that no part has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no part that can be left out; parts are {list}", list = Component::ALL.map(Component::name).join(", "))]
pub struct UnknownComponent(pub String);

impl Component {
    /// All of them, in the order in which an event meets them.
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
        Component::Atoms,
        Component::Calibration,
        Component::Conditioning,
    ];

    /// Its word in options.
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
            Component::Atoms => "atoms",
            Component::Calibration => "calibration",
            Component::Conditioning => "conditioning",
        }
    }

    /// The parts that a learner of these options has for a schema: leaving out any other would change nothing. Whether
    /// there is a season is for times to say.
    pub fn of(schema: &Schema, options: &Options) -> Vec<Component> {
        let columns = schema.fields.iter().any(|f| f.kind == FieldKind::Number);
        let made = |o: &Options| {
            let symbols: Vec<_> = (0..schema.fields.len()).map(|i| recipe(schema, i, o)).collect();
            (symbols, columns.then(|| o.numbers()))
        };
        let whole = made(options);
        let differs = |p: &Component| {
            let mut less = options.clone();
            less.ablate.insert(*p);
            made(&less) != whole
        };
        Component::ALL.into_iter().filter(differs).collect()
    }

    /// A recipe for symbols without the part, as far as the recipe has it.
    fn leave_out(self, spec: &mut Spec) {
        let mut drop = |fits: fn(Context) -> bool| spec.contexts.retain(|(c, _)| !fits(*c));
        match self {
            Component::Words => drop(|c| {
                matches!(c, Context::Word | Context::Words | Context::SkipWord | Context::GapWord | Context::Number)
            }),
            Component::Columns => drop(|c| matches!(c, Context::Above | Context::Field | Context::Shape)),
            Component::Followers => drop(|c| c == Context::Followers),
            Component::Skips => drop(|c| matches!(c, Context::Skip(_))),
            Component::Session => drop(|c| matches!(c, Context::Bag(..) | Context::Position)),
            Component::Recency => spec.recency = false,
            Component::Histories => spec.ablation.histories = true,
            Component::Matches => spec.ablation.matches = true,
            Component::WeightSets => spec.ablation.weight_sets = true,
            Component::FinalMixers => spec.ablation.final_mixers = true,
            Component::Maps => spec.ablation.maps = true,
            Component::Numbers => spec.numbers = 0,
            // networks, sides and clocks are left out where the recipe is chosen
            _ => {}
        }
    }
}

impl Options {
    /// Whether a part takes part.
    pub(crate) fn has(&self, part: Component) -> bool {
        !self.ablate.contains(&part)
    }

    /// The network's size, if it takes part.
    pub(crate) fn network(&self) -> NetworkSize {
        if self.has(Component::Network) { self.network } else { NetworkSize::Off }
    }

    /// A recipe for symbols without what is left out.
    pub(crate) fn reduce(&self, mut spec: Spec) -> Spec {
        self.ablate.iter().for_each(|p| p.leave_out(&mut spec));
        spec
    }

    /// How the model of numbers is made.
    pub(crate) fn numbers(&self) -> NumberOptions {
        let mut o = NumberOptions { horizon: self.horizon as usize, ..NumberOptions::default() };
        match (self.network(), &mut o.network) {
            (NetworkSize::Off, n) => *n = None,
            (size, Some(n)) => {
                n.engine = self.engine;
                n.delay_chunks = self.delay_chunks as usize;
                n.hidden = match size {
                    NetworkSize::Medium => 64,
                    NetworkSize::Large => 128,
                    _ => n.hidden,
                };
            }
            (_, None) => {}
        }
        if !self.has(Component::Season) {
            // no day is short enough to be remembered
            o.season_rows = 0;
        }
        o.ablation = surmise_number::NumberAblation {
            stack: !self.has(Component::Stack),
            regressions: !self.has(Component::Regressions),
            atoms: !self.has(Component::Atoms),
            calibration: !self.has(Component::Calibration),
            conditioning: !self.has(Component::Conditioning),
        };
        o
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
        Component::ALL.into_iter().find(|p| p.name() == s).ok_or_else(|| UnknownComponent(s.into()))
    }
}

impl TryFrom<String> for Component {
    type Error = UnknownComponent;
    fn try_from(s: String) -> Result<Component, UnknownComponent> {
        s.parse()
    }
}

impl From<Component> for &'static str {
    fn from(p: Component) -> &'static str {
        p.name()
    }
}
