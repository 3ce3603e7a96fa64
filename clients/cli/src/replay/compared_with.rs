//! The values of `--compare`.

use std::path::PathBuf;

/// What a replay is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ComparedWith {
    /// A replay with these options changed: as they were written, and each by itself.
    Options(String, Vec<String>),
    /// A replay by a fresh learner of which nothing was chosen.
    Defaults,
    /// The result of another replay.
    File(PathBuf),
}

/// The value of a `--compare` that has none.
pub(super) const DEFAULTS: &str = "defaults";

/// Reads what to compare with.
pub(super) fn compared_with(text: &str) -> Result<ComparedWith, &'static str> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if !words.is_empty() && words.iter().all(|word| word.contains('=')) {
        return Ok(ComparedWith::Options(words.join(" "), words));
    }
    if text == DEFAULTS {
        return Ok(ComparedWith::Defaults);
    }
    if text.ends_with(".json") && !words.first().is_some_and(|word| word.contains('=')) {
        return Ok(ComparedWith::File(text.into()));
    }
    Err("expected options such as network=off, or a file RESULT.json of --output json; nothing is the defaults")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_is_with_options_or_with_a_file() {
        let parse = compared_with;
        let set = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            parse("network=off  model.seed=7"),
            Ok(ComparedWith::Options("network=off model.seed=7".into(), set(&["network=off", "model.seed=7"])))
        );
        assert_eq!(parse(DEFAULTS), Ok(ComparedWith::Defaults));
        assert_eq!(parse("../a b/now.json"), Ok(ComparedWith::File("../a b/now.json".into())));
        for bad in ["", "network", "network=off now.json", "report.html"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
