//! The parts of the predictor that a learner can be made without, to see what each is worth.
//!
//! A part is left out when models are made, by their recipe ([`Spec`], [`NumberOptions`]); what it would have told is
//! missing or zero, and everything else is as it is. Leaving out what a stream's learner does not have changes nothing.

use crate::field::recipe;
use crate::{NetworkSize, Options};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use surmise_event::{Kind, Schema};
use surmise_number::NumberOptions;
use surmise_symbol::{Context, Spec};

/// A part that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Part {
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
#[error("{0:?} is no part that can be left out; parts are {list}", list = Part::ALL.map(Part::name).join(", "))]
pub struct UnknownPart(pub String);

impl Part {
    /// All of them, in the order in which an event meets them.
    pub const ALL: [Part; 21] = [
        Part::Network,
        Part::Words,
        Part::Columns,
        Part::Followers,
        Part::Skips,
        Part::Session,
        Part::Recency,
        Part::Histories,
        Part::Matches,
        Part::WeightSets,
        Part::FinalMixers,
        Part::Maps,
        Part::Sides,
        Part::Clocks,
        Part::Numbers,
        Part::Stack,
        Part::Regressions,
        Part::Season,
        Part::Atoms,
        Part::Calibration,
        Part::Conditioning,
    ];

    /// Its word in options.
    pub fn name(self) -> &'static str {
        match self {
            Part::Network => "network",
            Part::Words => "words",
            Part::Columns => "columns",
            Part::Followers => "followers",
            Part::Skips => "skips",
            Part::Session => "session",
            Part::Recency => "recency",
            Part::Histories => "histories",
            Part::Matches => "matches",
            Part::WeightSets => "weight-sets",
            Part::FinalMixers => "final-mixers",
            Part::Maps => "maps",
            Part::Sides => "sides",
            Part::Clocks => "clocks",
            Part::Numbers => "numbers",
            Part::Stack => "stack",
            Part::Regressions => "regressions",
            Part::Season => "season",
            Part::Atoms => "atoms",
            Part::Calibration => "calibration",
            Part::Conditioning => "conditioning",
        }
    }

    /// The parts that a learner of these options has for a schema: leaving out any other would change nothing. Whether
    /// there is a season is for times to say.
    pub fn of(schema: &Schema, options: &Options) -> Vec<Part> {
        let columns = schema.fields.iter().any(|f| f.kind == Kind::Number);
        let made = |o: &Options| {
            let symbols: Vec<_> = (0..schema.fields.len()).map(|i| recipe(schema, i, o)).collect();
            (symbols, columns.then(|| o.numbers()))
        };
        let whole = made(options);
        let differs = |p: &Part| {
            let mut less = options.clone();
            less.without.insert(*p);
            made(&less) != whole
        };
        Part::ALL.into_iter().filter(differs).collect()
    }

    /// A recipe for symbols without the part, as far as the recipe has it.
    fn leave_out(self, spec: &mut Spec) {
        let mut drop = |fits: fn(Context) -> bool| spec.contexts.retain(|(c, _)| !fits(*c));
        match self {
            Part::Words => drop(|c| {
                matches!(c, Context::Word | Context::Words | Context::SkipWord | Context::GapWord | Context::Number)
            }),
            Part::Columns => drop(|c| matches!(c, Context::Above | Context::Field | Context::Shape)),
            Part::Followers => drop(|c| c == Context::Followers),
            Part::Skips => drop(|c| matches!(c, Context::Skip(_))),
            Part::Session => drop(|c| matches!(c, Context::Bag(..) | Context::Position)),
            Part::Recency => spec.recency = false,
            Part::Histories => spec.without.histories = true,
            Part::Matches => spec.without.matches = true,
            Part::WeightSets => spec.without.weight_sets = true,
            Part::FinalMixers => spec.without.final_mixers = true,
            Part::Maps => spec.without.maps = true,
            Part::Numbers => spec.numbers = 0,
            // networks, sides and clocks are left out where the recipe is chosen
            _ => {}
        }
    }
}

impl Options {
    /// Whether a part takes part.
    pub(crate) fn has(&self, part: Part) -> bool {
        !self.without.contains(&part)
    }

    /// The network's size, if it takes part.
    pub(crate) fn network(&self) -> NetworkSize {
        if self.has(Part::Network) { self.network } else { NetworkSize::Off }
    }

    /// A recipe for symbols without what is left out.
    pub(crate) fn reduce(&self, mut spec: Spec) -> Spec {
        self.without.iter().for_each(|p| p.leave_out(&mut spec));
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
        if !self.has(Part::Season) {
            // no day is short enough to be remembered
            o.season_rows = 0;
        }
        o.without = surmise_number::Without {
            stack: !self.has(Part::Stack),
            regressions: !self.has(Part::Regressions),
            atoms: !self.has(Part::Atoms),
            calibration: !self.has(Part::Calibration),
            conditioning: !self.has(Part::Conditioning),
        };
        o
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Part {
    type Err = UnknownPart;
    fn from_str(s: &str) -> Result<Part, UnknownPart> {
        Part::ALL.into_iter().find(|p| p.name() == s).ok_or_else(|| UnknownPart(s.into()))
    }
}

impl TryFrom<String> for Part {
    type Error = UnknownPart;
    fn try_from(s: String) -> Result<Part, UnknownPart> {
        s.parse()
    }
}

impl From<Part> for &'static str {
    fn from(p: Part) -> &'static str {
        p.name()
    }
}
