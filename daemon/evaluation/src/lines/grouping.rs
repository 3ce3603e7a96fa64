//! Whether lines of one template are put together: grouping accuracy, as the log parsers' benchmark has it (Zhu and
//! others, "Tools and benchmarks for automated log parsing", ICSE-SEIP 2019).

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use surmise_lines::{LineLimits, LineModel};
use surmise_recording::SourceError;

/// The columns that are read.
const COLUMNS: [&str; 2] = ["Content", "EventId"];

/// Lines with the template that each is known to be of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupedLines {
    /// The messages of the lines, without the heads that a logger puts before them.
    pub messages: Vec<String>,
    /// The name of each one's template.
    pub templates: Vec<String>,
}

impl GroupedLines {
    /// The file of known templates of a log: `NAME_structured.csv` beside `NAME`.
    pub fn beside(log: &Path) -> PathBuf {
        let mut name = log.file_name().unwrap_or_default().to_owned();
        name.push("_structured.csv");
        log.with_file_name(name)
    }

    /// Whether a file's first line names the columns.
    pub fn is_one(path: &Path) -> bool {
        let head = csv::Reader::from_path(path).and_then(|mut r| r.headers().cloned()).unwrap_or_default();
        COLUMNS.iter().all(|name| head.iter().any(|c| c == *name))
    }

    /// Reads a CSV that has the columns `Content` and `EventId`.
    ///
    /// # Errors
    /// The file cannot be read, or lacks a column.
    pub fn read(path: &Path) -> Result<GroupedLines, SourceError> {
        let file = path.display().to_string();
        let open = |e: csv::Error| SourceError::Open { file: file.clone(), error: e.into() };
        let mut reader = csv::Reader::from_path(path).map_err(open)?;
        let head = reader.headers().map_err(open)?.clone();
        let column = |name: &'static str| {
            let missing = std::io::Error::new(std::io::ErrorKind::InvalidData, format!("no column {name}"));
            head.iter().position(|c| c == name).ok_or(SourceError::Open { file: file.clone(), error: missing })
        };
        let (content, event) = (column(COLUMNS[0])?, column(COLUMNS[1])?);
        let mut lines = GroupedLines::default();
        for row in reader.records() {
            let row = row.map_err(open)?;
            lines.messages.push(row.get(content).unwrap_or_default().to_owned());
            lines.templates.push(row.get(event).unwrap_or_default().to_owned());
        }
        Ok(lines)
    }
}

/// The share of lines whose group is exactly one of the true groups: a group that lacks a line, or has one too many, is
/// wrong for all of its lines. None without lines.
///
/// `truth` and `found`: `[lines]`, any names of groups.
pub fn grouping_accuracy<A: Eq + Hash, B: Eq + Hash>(truth: &[A], found: &[B]) -> Option<f64> {
    let lines = truth.len().min(found.len());
    // two groupings agree on a line if its group has as many lines in each of them as in both
    let (mut ours, mut theirs, mut both) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (t, f) in truth.iter().zip(found) {
        *theirs.entry(t).or_insert(0usize) += 1;
        *ours.entry(f).or_insert(0usize) += 1;
        *both.entry((t, f)).or_insert(0usize) += 1;
    }
    let right: usize = both.iter().filter(|((t, f), n)| theirs[t] == **n && ours[f] == **n).map(|(_, n)| n).sum();
    (lines > 0).then(|| right as f64 / lines as f64)
}

/// `[lines]`: the template that a stream of lines gives each, after all of them came, as templates may be joined.
pub fn model_groups<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<u32> {
    let mut model = LineModel::new(LineLimits::default());
    let first: Vec<u32> = lines
        .map(|line| {
            let reading = model.read(line.as_bytes(), None);
            model.observe(&reading, 0.0);
            reading.template
        })
        .collect();
    first.into_iter().map(|template| model.current_template(template)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_right_whole_or_not_at_all() {
        let accuracy =
            |truth: &str, found: &[u32]| grouping_accuracy(&truth.chars().collect::<Vec<_>>(), found).unwrap();
        assert_eq!(accuracy("aabbc", &[7, 7, 1, 1, 4]), 1.0);
        assert_eq!(accuracy("aabbc", &[7, 7, 1, 2, 4]), 0.6, "b is in two");
        assert_eq!(accuracy("aabbc", &[7, 7, 1, 1, 1]), 0.4, "b and c are one");
        assert_eq!(grouping_accuracy::<u8, u8>(&[], &[]), None);
    }

    #[test]
    fn a_model_of_lines_groups_what_differs_in_values() {
        let lines: Vec<String> = (0..60)
            .map(|i| match i % 3 {
                0 => format!("connection from 10.0.0.{i} closed after {} ms", i * 7),
                1 => format!("user u{} logged in", i * i),
                _ => "cache is warm".to_owned(),
            })
            .collect();
        let truth: Vec<usize> = (0..60).map(|i| i % 3).collect();
        let found = model_groups(lines.iter().map(String::as_str));
        assert_eq!(grouping_accuracy(&truth, &found), Some(1.0));
    }

    #[test]
    fn columns_are_found_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("a.log");
        let path = GroupedLines::beside(&log);
        assert!(path.ends_with("a.log_structured.csv"));
        std::fs::write(&path, "LineId,Content,EventId\n1,\"a, b\",E1\n2,c,E2\n").unwrap();
        let lines = GroupedLines::read(&path).unwrap();
        assert_eq!(
            (lines.messages, lines.templates),
            (vec!["a, b".into(), "c".into()], vec!["E1".into(), "E2".into()])
        );
        std::fs::write(&path, "LineId,Content\n1,a\n").unwrap();
        assert!(GroupedLines::read(&path).unwrap_err().to_string().contains("EventId"));
    }
}
