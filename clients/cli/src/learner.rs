//! The options of a learner on the command line: a preset, a configuration file, single keys.

use clap::Args;
use std::path::PathBuf;
use surmise_config::{Config, LearningTable};
use surmise_evaluation::ReplayError;
use surmise_learner::{DELAY_CHUNKS_MAX, LearnerError, Options};
use surmise_protocol::suggest;
use surmise_terminal::{Exit, Failure};

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LearnerArgs {
    /// A named set of choices: auto, bytes, symbols, numbers, records.
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// One choice, named as in the daemon's `model` table: network=off, engine=dfdx, memory_mib=16, seed=7, …
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// A configuration file of the daemon; its `model` table counts here.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Chunks that an update of a network waits before it takes effect, while other threads compute it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=i64::from(DELAY_CHUNKS_MAX)))]
    pub(crate) delay_chunks: Option<u32>,
    /// Predict this field given the other fields of the same event, and score it alone.
    #[arg(long, value_name = "FIELD")]
    pub(crate) target: Option<String>,
}

impl LearnerArgs {
    /// Whether any option was given.
    pub(crate) fn any(&self) -> bool {
        self.preset.is_some()
            || !self.set.is_empty()
            || self.config.is_some()
            || self.target.is_some()
            || self.delay_chunks.is_some()
    }

    /// The same question to a learner of which nothing is chosen: what is to be predicted remains.
    pub(crate) fn defaults(&self) -> LearnerArgs {
        LearnerArgs { target: self.target.clone(), ..LearnerArgs::default() }
    }

    /// The options: defaults, under the file and the environment, under the preset, under single keys.
    pub(crate) fn options(&self) -> Result<Options, Failure> {
        Ok(self.choices()?.0)
    }

    /// The options of the learner, and the table `learning` of the configuration, which says where gradients are
    /// computed.
    pub(crate) fn choices(&self) -> Result<(Options, LearningTable), Failure> {
        let config = Config::load(self.config.as_deref()).map_err(Failure::usage)?;
        let mut options = config.options(None).map_err(Failure::usage)?;
        if let Some(p) = &self.preset {
            options = set(&options, "preset", p)?;
        }
        for pair in &self.set {
            let (k, v) = pair
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("--set: expected KEY=VALUE, got {pair:?}")))?;
            options = set(&options, k.trim().strip_prefix("model.").unwrap_or(k.trim()), v.trim())?;
        }
        if self.target.is_some() {
            options.target.clone_from(&self.target);
        }
        if let Some(n) = self.delay_chunks {
            options.delay_chunks = n;
        }
        Ok((options, config.learning))
    }
}

/// The failure that a replay's error is. (`Failure` cannot convert it by itself, as it has to know no learner.)
pub(crate) fn replay_failure(error: ReplayError) -> Failure {
    let exit = match error {
        ReplayError::Source(e) => return e.into(),
        ReplayError::Learner(LearnerError::Options(_))
        | ReplayError::Device(_)
        | ReplayError::Labels(_)
        | ReplayError::Target { .. }
        | ReplayError::NoEvent { .. }
        | ReplayError::NoRecordings => Exit::Usage,
        ReplayError::Learner(_) | ReplayError::Threads(_) => Exit::Internal,
        ReplayError::Checkpoint { .. } | ReplayError::Unlike { .. } | ReplayError::OtherFields { .. } => Exit::Data,
        ReplayError::Write { .. } | ReplayError::Pages(_) => Exit::Storage,
    };
    Failure::new(exit, error)
}

/// The options with one of them changed.
fn set(options: &Options, key: &str, value: &str) -> Result<Options, Failure> {
    let mut all = serde_json::to_value(options).map_err(Failure::internal)?;
    let Some(table) = all.as_object_mut() else { return Err(Failure::usage("the options are no table")) };
    let keys: Vec<String> = table.keys().cloned().collect();
    let Some(slot) = table.get_mut(key) else {
        let hint = match suggest(key, keys.iter().map(String::as_str)) {
            Some(s) => format!("did you mean {s:?}?"),
            None => format!("keys are {}", keys.join(", ")),
        };
        return Err(Failure::usage(format!("--set: unknown key {key:?}; {hint}")));
    };
    *slot = match serde_json::from_str(value) {
        Ok(v @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)))
            if slot.is_number() || slot.is_boolean() =>
        {
            v
        }
        // a list is words between commas
        _ if slot.is_array() => value.split(',').map(str::trim).filter(|v| !v.is_empty()).collect(),
        _ => value.into(),
    };
    serde_json::from_value(all).map_err(|e| Failure::usage(format!("{key}={value}: {e}").replace('`', "\"")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_learner::{Component, NetworkSize};

    fn options(set: &[&str]) -> Result<Options, Failure> {
        LearnerArgs { set: set.iter().map(|s| (*s).to_owned()).collect(), ..LearnerArgs::default() }.options()
    }

    #[test]
    fn single_keys_are_set() {
        let o = options(&["network=off", "model.seed=7", "memory_mib=16", "target=5"]).unwrap();
        assert_eq!((o.network, o.seed, o.memory_mib, o.target.as_deref()), (NetworkSize::Off, 7, 16, Some("5")));
        let says = |s: &str| options(&[s]).unwrap_err().to_string();
        assert!(says("netwrk=off").contains("did you mean \"network\"?"));
        assert!(says("network=of").contains("expected one of"), "{}", says("network=of"));
        let o = options(&["ablate=words, matches"]).unwrap();
        assert!(
            o.ablate.iter().copied().eq([Component::Words, Component::Matches])
                && options(&["ablate="]).unwrap().ablate.is_empty()
        );
        let error = says("ablate=words,wrods");
        assert!(error.contains("wrods") && error.contains("weight-sets"), "{error}");
        assert!(says("seed=x").contains("seed=x") && says("seed").contains("KEY=VALUE"));
    }

    #[test]
    fn a_delay() {
        let delay = |a: &LearnerArgs| a.options().map(|o| o.delay_chunks).map_err(|e| e.to_string());
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        std::fs::write(&file, "[learning]\ndelay_chunks = 3\n").unwrap();
        let mut a = LearnerArgs { config: Some(file.clone()), ..LearnerArgs::default() };
        assert_eq!(delay(&a), Ok(3));
        a.delay_chunks = Some(1);
        assert_eq!(delay(&a), Ok(1));
        std::fs::write(&file, "[model]\ndelay_chunks = 3\n").unwrap();
        assert!(delay(&a).unwrap_err().contains("learning.delay_chunks"));
        std::fs::write(&file, "[learning]\ndelay_chunks = 65\n").unwrap();
        assert!(delay(&a).unwrap_err().contains("65 is not within 0 and 64"));
    }

    #[test]
    fn a_file_and_a_preset() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        std::fs::write(&file, "[model]\nnetwork = \"small\"\nseed = 3\n").unwrap();
        let a = LearnerArgs { config: Some(file.clone()), preset: Some("numbers".into()), ..LearnerArgs::default() };
        let o = a.options().unwrap();
        assert_eq!((o.network, o.seed), (NetworkSize::Small, 3));
        std::fs::write(&file, "[model]\nnetwrk = \"small\"\n").unwrap();
        assert!(a.options().unwrap_err().to_string().contains("network"));
    }
}
