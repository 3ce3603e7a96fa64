//! What is known of recordings beyond their names and content.

use crate::row_range::RowRange;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt::Display;
use std::path::{Component, Path};
use std::str::FromStr;
use surmise_protocol::suggest;
use surmise_recording::{FieldChoice, Format};

/// The public streams that this program knows by name.
const KNOWN: &str = include_str!("../../../../config/eval.toml");

/// What a manifest says about the files that it names.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingTask {
    /// Which files: the last parts of their paths, in which `*` stands for any characters of a part.
    pub files: Vec<String>,
    /// What the stream is called in tables; by default the file's path.
    pub title: Option<String>,
    /// Whether the files are left out.
    pub skip: bool,
    /// The format.
    #[serde(deserialize_with = "parsed")]
    pub format: Option<Format>,
    /// What columns hold, as `NAME:KIND`.
    #[serde(deserialize_with = "choices", skip_serializing)]
    pub fields: Vec<FieldChoice>,
    /// The column that names the key.
    pub key: Option<String>,
    /// The column that holds the time.
    pub time: Option<String>,
    /// The field that is predicted given the others.
    pub target: Option<String>,
    /// Rows whose deviation is the unit of errors; all, if none are named.
    #[serde(deserialize_with = "parsed", skip_serializing)]
    pub unit_rows: Option<RowRange>,
    /// Rows that the measures count.
    #[serde(deserialize_with = "parsed", skip_serializing)]
    pub score_rows: Option<RowRange>,
    /// Steps to forecast.
    pub horizon: Option<u32>,
    /// Windows of known anomalies, relative to the recording's folder.
    pub labels: Option<String>,
    /// A file of anomalous sessions in the recording's folder, to be mixed into its normal ones and found.
    pub anomalous: Option<String>,
    /// What others reached, in words.
    pub references: Vec<String>,
    /// What of the program was chosen with these files in sight, in words.
    pub tuned_on: Option<String>,
    /// Which files of several these were, as in `files`; the others are held out.
    pub tuned_files: Vec<String>,
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(d: D) -> Result<Option<T>, D::Error> {
    String::deserialize(d)?.parse().map(Some).map_err(serde::de::Error::custom)
}

fn choices<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<FieldChoice>, D::Error> {
    Vec::<String>::deserialize(d)?.iter().map(|c| c.parse().map_err(serde::de::Error::custom)).collect()
}

impl RecordingTask {
    /// Whether the task names a file.
    pub(crate) fn names(&self, path: &Path) -> bool {
        is_named(&self.files, path)
    }

    /// Whether the program was tuned on a file of the stream.
    pub(crate) fn is_tuned_on(&self, path: &Path) -> bool {
        is_named(&self.tuned_files, path)
    }
}

/// Whether one of the patterns names the last parts of a path.
fn is_named(patterns: &[String], path: &Path) -> bool {
    let parts: Vec<String> = path
        .components()
        .filter_map(|c| if let Component::Normal(p) = c { Some(p.to_string_lossy().into_owned()) } else { None })
        .collect();
    patterns.iter().any(|pattern| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        pattern.len() <= parts.len() && pattern.iter().rev().zip(parts.iter().rev()).all(|(p, part)| like(p, part))
    })
}

/// Whether a part of a path is like a pattern.
fn like(pattern: &str, part: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == part };
    let Some(mut part) = part.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = part.find(piece) else { return false };
        part = &part[at + piece.len()..];
    }
    part.ends_with(last)
}

/// What is known of the recordings of a folder.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// One table `[[stream]]` after the other; a file that several name is as many streams.
    #[serde(default, rename = "stream")]
    pub tasks: Vec<RecordingTask>,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("{file}: {error}")]
    Open {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// It says what cannot be.
    #[error("{file}:{line}: {reason}")]
    Content {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what may have been meant.
        reason: String,
    },
}

impl Manifest {
    /// The public streams that this program knows by name.
    pub fn known() -> Manifest {
        Manifest::parse("eval.toml", KNOWN).expect("invariant: a test reads the manifest that comes with the program")
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// Names the file, the line and the reason; an unknown key with the known one that it is like.
    pub fn read(path: &Path) -> Result<Manifest, ManifestError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ManifestError::Open { file: file.clone(), error })?;
        Manifest::parse(&file, &text)
    }

    pub(crate) fn parse(file: &str, text: &str) -> Result<Manifest, ManifestError> {
        let fault = |line, reason| ManifestError::Content { file: file.into(), line, reason };
        let manifest: Manifest = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |s| 1 + text[..s.start.min(text.len())].matches('\n').count());
            fault(line, with_suggestion(e.message()))
        })?;
        match manifest.tasks.iter().position(|t| t.files.is_empty()) {
            Some(i) => {
                let at = text.match_indices("[[stream]]").nth(i).map_or(0, |(at, _)| at);
                let line = 1 + text[..at].matches('\n').count();
                Err(fault(line, "the stream names no files; add files = [\"NAME\"]".into()))
            }
            None => Ok(manifest),
        }
    }
}

/// serde's complaint about an unknown key, with the known key that it is like.
fn with_suggestion(message: &str) -> String {
    let words: Vec<&str> = message.split('`').collect();
    match words.as_slice() {
        [start, key, rest @ ..] if start.starts_with("unknown field") => {
            let known: Vec<&str> = rest.iter().skip(1).step_by(2).copied().collect();
            match suggest(key, known.iter().copied()) {
                Some(s) => format!("unknown key {key:?}; did you mean {s:?}?"),
                None => format!("unknown key {key:?}; keys are {}", known.join(", ")),
            }
        }
        _ => message.trim().replace('`', "\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_that_comes_with_the_program_is_sound() {
        let known = Manifest::known();
        let ett: Vec<_> = known.tasks.iter().filter(|t| t.names(Path::new("/x/ett/ETTh1.csv"))).collect();
        assert_eq!(ett.iter().map(|t| t.horizon).collect::<Vec<_>>(), [None, Some(24)]);
        assert_eq!(ett[0].unit_rows, Some(RowRange { from: 0, to: 2880 }));
        let logs = known.tasks.iter().filter(|t| t.names(Path::new("data/logs/Apache_2k.log")));
        assert!(logs.eq(known.tasks.iter().filter(|t| t.files == ["Apache_2k.log"])));
    }

    impl PartialEq for RecordingTask {
        fn eq(&self, other: &RecordingTask) -> bool {
            self.files == other.files && self.title == other.title
        }
    }

    #[test]
    fn faults_name_the_line_and_what_was_meant() {
        let says = |text: &str| Manifest::parse("m.toml", text).unwrap_err().to_string();
        let unknown = says("[[stream]]\nfiles = [\"a\"]\nformt = \"csv\"\n");
        assert_eq!(unknown, "m.toml:3: unknown key \"formt\"; did you mean \"format\"?");
        assert!(says("[[steam]]\n").contains("did you mean \"stream\"?"), "{}", says("[[steam]]\n"));
        assert!(says("[[stream]]\nfiles = [\"a\"]\nformat = \"cvs\"\n").contains(":3: \"cvs\" is not a format"));
        assert!(says("[[stream]]\nfiles = [\"a\"]\n\n[[stream]]\ntitle = \"b\"\n").contains(":4: the stream names no"));
        assert!(says("[[stream]]\nfiles = [\"a\"]\nscore_rows = \"5:2\"").contains("A below B"));
    }

    #[test]
    fn patterns_name_the_end_of_a_path() {
        let names = |pattern: &str, path: &str| {
            RecordingTask { files: vec![pattern.into()], ..RecordingTask::default() }.names(Path::new(path))
        };
        assert!(names("a.csv", "/x/a.csv") && names("x/*.csv", "/x/a.csv") && names("*_2k.*", "y/z_2k.log"));
        assert!(!names("x/a.csv", "a.csv") && !names("*.csv", "/x.csv/a") && !names("y/*", "/x/a"));
        assert!(like("*", "") && like("a*b*c", "abbc") && !like("a*b*c", "acb"));
    }
}
