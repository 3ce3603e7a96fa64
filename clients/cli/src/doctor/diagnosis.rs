//! What was found of one thing that was examined.

use serde_json::{Value, json};
use surmise_terminal::Paint;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Soundness {
    /// As it should be.
    Fine,
    /// Worth a look.
    Look,
    /// Not as it should be.
    Wrong,
}

impl Soundness {
    fn word(self) -> &'static str {
        match self {
            Soundness::Fine => "fine",
            Soundness::Look => "look",
            Soundness::Wrong => "wrong",
        }
    }
}

/// A token that a file holds in clear.
pub(super) fn clear_token(found: String) -> Diagnosis {
    let advice = "whoever reads the file can use it: surmise token hash makes the token_hash that takes its place";
    Diagnosis::bad(Soundness::Look, "auth.token", found, advice)
}

/// What was found of one thing that was examined.
#[derive(Debug)]
pub(super) struct Diagnosis {
    pub(super) verdict: Soundness,
    /// What was examined.
    pub(super) about: String,
    /// What was found.
    pub(super) found: String,
    /// What to do about it; empty if nothing is to be done.
    pub(super) advice: String,
}

impl Diagnosis {
    pub(super) fn fine(about: impl Into<String>, found: impl Into<String>) -> Diagnosis {
        Diagnosis { verdict: Soundness::Fine, about: about.into(), found: found.into(), advice: String::new() }
    }

    pub(super) fn bad(
        verdict: Soundness,
        about: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Diagnosis {
        Diagnosis { verdict, about: about.into(), found: found.into(), advice: advice.into() }
    }

    pub(super) fn json(&self) -> Value {
        let Diagnosis { verdict, about, found, advice } = self;
        json!({ "verdict": verdict.word(), "about": about, "found": found, "advice": advice })
    }

    pub(super) fn line(&self, paint: Paint) -> String {
        let word = format!("{:5}", self.verdict.word());
        let word = match self.verdict {
            Soundness::Fine => paint.green(&word),
            Soundness::Look => paint.alarm(0.5, &word),
            Soundness::Wrong => paint.alarm(1.0, &word),
        };
        let advice = if self.advice.is_empty() { String::new() } else { format!("\n      {}", self.advice) };
        format!("{word} {}: {}{advice}", paint.bold(&self.about), self.found)
    }
}
