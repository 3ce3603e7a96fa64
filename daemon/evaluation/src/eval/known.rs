//! Logs of which something is known, in files beside them.

use crate::lines::{GroupedLines, LineLabels};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What is known of the lines of a stream's recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownLines {
    /// Faults and benign novelties by line, in `NAME.labels.csv` beside `NAME.log`.
    Faults,
    /// The template of each line, in `NAME_structured.csv` beside `NAME`.
    Templates,
}

impl KnownLines {
    const ALL: [KnownLines; 2] = [KnownLines::Faults, KnownLines::Templates];

    /// The file beside a log in which it is known.
    pub fn beside(self, log: &Path) -> PathBuf {
        match self {
            KnownLines::Faults => LineLabels::beside(log),
            KnownLines::Templates => GroupedLines::beside(log),
        }
    }

    /// A word for tables.
    pub fn name(self) -> &'static str {
        match self {
            KnownLines::Faults => "faults",
            KnownLines::Templates => "templates",
        }
    }

    fn is_one(self, path: &Path) -> bool {
        match self {
            KnownLines::Faults => LineLabels::is_one(path),
            KnownLines::Templates => GroupedLines::is_one(path),
        }
    }
}

/// The logs of each folder of whose lines something is known.
pub(super) fn known_lines(files: &[PathBuf]) -> Vec<(KnownLines, Vec<PathBuf>)> {
    let all: BTreeSet<&PathBuf> = files.iter().collect();
    let mut found = Vec::new();
    for known in KnownLines::ALL {
        let mut folders: BTreeMap<Option<&Path>, Vec<PathBuf>> = BTreeMap::new();
        for log in files {
            let beside = known.beside(log);
            if beside != *log && all.contains(&beside) && known.is_one(&beside) {
                folders.entry(log.parent()).or_default().push(log.clone());
            }
        }
        found.extend(folders.into_values().map(|logs| (known, logs)));
    }
    found
}
