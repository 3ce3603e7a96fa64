//! Faults and benign novelties by the lines of a log in which they lie.

use std::path::{Path, PathBuf};
use surmise_event::{Refusal, RefusalCode};
use surmise_recording::SourceError;

/// The columns that a file of labelled lines begins with.
const HEAD: [&str; 4] = ["first", "last", "kind", "class"];

/// Lines that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineWindow {
    /// The first line, counted from 0 among those that are not blank.
    pub first: usize,
    /// The last line.
    pub last: usize,
    /// What happened, in a word.
    pub kind: String,
    /// Whether it is a fault that is to be found; otherwise it is a novelty that is none.
    pub is_fault: bool,
}

/// What is known of a log's lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineLabels {
    /// In the order of the file.
    pub windows: Vec<LineWindow>,
}

impl LineLabels {
    /// The file of labels of a log: `NAME.labels.csv` beside `NAME.log`, or `NAME` with any other ending.
    pub fn beside(log: &Path) -> PathBuf {
        log.with_extension("labels.csv")
    }

    /// Whether a file begins as one of labelled lines does.
    pub fn is_one(path: &Path) -> bool {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let head = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
        head.split(',').map(str::trim).take(HEAD.len()).eq(HEAD)
    }

    /// Reads a CSV with the columns `first,last,kind,class`, of which `class` is `fault` or `benign`; what comes behind
    /// them is a note.
    ///
    /// # Errors
    /// Names the file, the line and the reason.
    pub fn read(path: &Path) -> Result<LineLabels, SourceError> {
        let file = path.display().to_string();
        let open = |e: csv::Error| SourceError::Open { file: file.clone(), error: e.into() };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).map_err(open)?;
        let mut windows = Vec::new();
        for (i, row) in reader.records().enumerate() {
            let row = row.map_err(open)?;
            let line = row.position().map_or(i as u64 + 2, csv::Position::line);
            let fault = |field: &str, reason: String| SourceError::Data {
                file: file.clone(),
                line,
                refusal: Refusal::new(RefusalCode::WrongType, field, reason),
            };
            let cell = |k: usize| row.get(k).unwrap_or_default().trim();
            let number = |k: usize| {
                cell(k)
                    .parse::<usize>()
                    .map_err(|_| fault(HEAD[k], format!("expected a line's number, got {:?}", cell(k))))
            };
            let (first, last) = (number(0)?, number(1)?);
            if last < first {
                return Err(fault("last", format!("line {last} comes before the first, {first}")));
            }
            let is_fault = match cell(3) {
                "fault" => true,
                "benign" => false,
                other => return Err(fault("class", format!("expected fault or benign, got {other:?}"))),
            };
            windows.push(LineWindow { first, last, kind: cell(2).to_owned(), is_fault });
        }
        Ok(LineLabels { windows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_and_faults_name_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.labels.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            LineLabels::read(&path)
        };
        let head = "first,last,kind,class,note\n";
        let found = read(&format!("{head}3,9,lock,fault,\"a lock, held\"\n12,12,deploy,benign,\n")).unwrap();
        assert_eq!(found.windows[0], LineWindow { first: 3, last: 9, kind: "lock".into(), is_fault: true });
        assert!(!found.windows[1].is_fault && LineLabels::is_one(&path));
        for (rows, says) in
            [("3,9,lock,fault\nx,9,a,fault\n", ":3: "), ("9,3,a,fault\n", "before"), ("1,2,a,odd\n", "odd")]
        {
            let told = read(&format!("{head}{rows}")).unwrap_err().to_string();
            assert!(told.contains(says), "{told}");
        }
        read("start,end\n1,2\n").ok();
        assert!(!LineLabels::is_one(&path));
        assert_eq!(LineLabels::beside(Path::new("a/app-a.log")), Path::new("a/app-a.labels.csv"));
    }
}
