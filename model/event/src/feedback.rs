//! What people say of incidents, as it comes in a stream like an event.

use serde::{Deserialize, Serialize};

/// Bytes of the longest label.
const LABEL_BYTES_MAX: usize = 64;

/// What a person says of an incident: a training signal for the alarms of its stream, which is logged and learnt like
/// an event. It says whether the incident mattered, gives it a label, or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// The offset of an event of the incident.
    pub offset: u64,
    /// Whether the incident mattered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<FeedbackVerdict>,
    /// A label, which later incidents of the kind are told with. An empty one takes the label away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Box<str>>,
    /// Which incarnation of the stream's name the offset is of; it is refused if the stream is another one by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u32>,
}

/// Whether an incident mattered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FeedbackVerdict {
    /// It did not: later incidents of the kind have to be rarer to be told.
    Normal,
    /// It did: later incidents of the kind need not be as rare to be told.
    Bad,
}

impl FeedbackVerdict {
    /// All verdicts, in the order of their codes.
    pub const ALL: [FeedbackVerdict; 2] = [FeedbackVerdict::Normal, FeedbackVerdict::Bad];

    /// The word for the verdict in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            FeedbackVerdict::Normal => "normal",
            FeedbackVerdict::Bad => "bad",
        }
    }
}

impl Feedback {
    /// What is wrong with it, if anything is: the part, and what to do.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        match &self.label {
            None if self.verdict.is_none() => {
                Some(("feedback", "say a verdict (normal or bad), a label, or both".into()))
            }
            Some(label) if label.len() > LABEL_BYTES_MAX => {
                Some(("label", format!("a label has at most {LABEL_BYTES_MAX} bytes, not {}", label.len())))
            }
            Some(label) if label.chars().any(char::is_control) => {
                Some(("label", "a label has no control characters".into()))
            }
            Some(_) | None => None,
        }
    }
}
