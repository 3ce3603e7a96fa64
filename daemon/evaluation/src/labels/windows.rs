//! Windows of time in which anomalies are known to lie, by file.

use crate::error::LabelsError;
use std::collections::BTreeMap;
use std::path::Path;
use surmise_event::{Refusal, RefusalCode, parse_time};
use surmise_recording::SourceError;

/// A window of time, with both of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnomalyWindow {
    /// The first moment, in microseconds since 1970.
    pub start_us: i64,
    /// The last moment, in microseconds since 1970.
    pub end_us: i64,
}

/// The windows of a recording, or of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Labels {
    /// One list of windows for every file.
    All(Vec<AnomalyWindow>),
    /// Windows by the path of a file.
    ByFile(BTreeMap<String, Vec<AnomalyWindow>>),
}

impl Labels {
    /// Reads NAB's JSON, `{"folder/file.csv": [["start", "end"], …], …}`, or a CSV of `start,end` with or without that
    /// head.
    ///
    /// # Errors
    /// Names the file, the line and the reason.
    pub fn read(path: &Path) -> Result<Labels, SourceError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| SourceError::Open { file: file.clone(), error })?;
        let text = text.trim_start_matches('\u{feff}');
        let read = if text.trim_start().starts_with('{') { json(text) } else { csv(text) };
        read.map_err(|(line, refusal)| SourceError::Data { file, line, refusal })
    }

    /// The windows of a file: those of the path that agrees with its path in the most last parts, the name at least.
    ///
    /// # Errors
    /// No path agrees, or several do equally.
    pub fn of(&self, file: &str) -> Result<&[AnomalyWindow], LabelsError> {
        let all = match self {
            Labels::All(windows) => return Ok(windows),
            Labels::ByFile(all) => all,
        };
        let parts = |p: &str| p.split(['/', '\\']).rev().map(str::to_owned).collect::<Vec<_>>();
        let ours = parts(file);
        let alike = |p: &str| parts(p).iter().zip(&ours).take_while(|(a, b)| a == b).count();
        let longest = all.keys().map(|k| alike(k)).max().unwrap_or(0);
        let found: Vec<_> = all.iter().filter(|(k, _)| longest > 0 && alike(k) == longest).collect();
        match found.as_slice() {
            [(_, windows)] => Ok(windows),
            [] => Err(LabelsError::NoWindows(file.to_owned())),
            [(first, _), (second, _), ..] => Err(LabelsError::Ambiguous {
                file: file.to_owned(),
                first: (*first).clone(),
                second: (*second).clone(),
            }),
        }
    }
}

type LineFault = (u64, Refusal);

fn window(line: u64, start: &str, end: &str) -> Result<AnomalyWindow, LineFault> {
    let time =
        |field, s: &str| parse_time(s).map_err(|e| (line, Refusal::new(RefusalCode::BadTime, field, e.to_string())));
    let w = AnomalyWindow { start_us: time("start", start)?, end_us: time("end", end)? };
    if w.start_us > w.end_us {
        let reason = format!("a window cannot end at {end} before it starts at {start}");
        return Err((line, Refusal::new(RefusalCode::BadTime, "end", reason)));
    }
    Ok(w)
}

fn sorted(mut windows: Vec<AnomalyWindow>) -> Vec<AnomalyWindow> {
    windows.sort_unstable();
    windows
}

fn json(text: &str) -> Result<Labels, LineFault> {
    let all: BTreeMap<String, Vec<(String, String)>> = serde_json::from_str(text).map_err(|e| {
        let reason = format!("expected {{\"file\": [[\"start\", \"end\"], …], …}}: {e}");
        (e.line() as u64, Refusal::new(RefusalCode::BadJson, "labels", reason))
    })?;
    let line = |s: &str| text.find(s).map_or(0, |at| 1 + text[..at].matches('\n').count() as u64);
    let one = |(file, list): (String, Vec<(String, String)>)| {
        let windows: Result<_, _> = list.iter().map(|(a, b)| window(line(a), a, b)).collect();
        windows.map(|w| (file, sorted(w)))
    };
    all.into_iter().map(one).collect::<Result<_, _>>().map(Labels::ByFile)
}

fn csv(text: &str) -> Result<Labels, LineFault> {
    let mut windows = Vec::new();
    for (number, row) in text.lines().enumerate() {
        let line = number as u64 + 1;
        let cells: Vec<&str> = row.split(',').map(|c| c.trim().trim_matches('"')).collect();
        match cells.as_slice() {
            [""] => {}
            ["start", "end", ..] if number == 0 => {}
            [start, end, ..] => windows.push(window(line, start, end)?),
            _ => {
                let reason = format!("expected a line start,end, got {row:?}");
                return Err((line, Refusal::new(RefusalCode::MissingField, "end", reason)));
            }
        }
    }
    Ok(Labels::All(sorted(windows)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Labels, SourceError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("labels");
        std::fs::write(&path, text).unwrap();
        Labels::read(&path)
    }

    const JSON: &str = r#"{
        "a/x.csv": [],
        "b/x.csv": [["2014-04-11 00:00:00.000000", "2014-04-12 00:00:00.000000"],
                    ["2014-04-10 07:15:00.000000", "2014-04-10 16:45:00.000000"]],
        "b/y.csv": [["2014-04-10", "2014-04-11"]]
    }"#;

    #[test]
    fn windows_are_found_by_the_longest_common_end_of_paths() {
        let l = read(JSON).unwrap();
        let b = l.of("/data/nab/b/x.csv").unwrap();
        assert_eq!(b.len(), 2);
        assert!(b[0].start_us < b[1].start_us, "in the order of time");
        assert_eq!(l.of("a/x.csv").unwrap(), []);
        assert_eq!(l.of("y.csv").unwrap().len(), 1);
        assert_eq!(l.of("./elsewhere/y.csv").unwrap().len(), 1);
        let e = l.of("x.csv").unwrap_err().to_string();
        assert!(e.contains("a/x.csv or b/x.csv"), "{e}");
        let e = l.of("b/z.csv").unwrap_err().to_string();
        assert!(e.contains("no windows are given for b/z.csv"), "{e}");
        assert!(l.of("b/my.csv").is_err(), "whole parts of a path agree or do not");
    }

    #[test]
    fn a_csv_holds_the_windows_of_any_file() {
        let want = Labels::All(vec![
            AnomalyWindow { start_us: 1_000_000, end_us: 2_500_000 },
            AnomalyWindow { start_us: 7_000_000, end_us: 8_000_000 },
        ]);
        for text in ["start,end\n7,8\n1,2.5\n\n", "7,8\r\n 1 , 2.5 , why \r\n", "\u{feff}start,end\n7,8\n\"1\",\"2.5\""]
        {
            assert_eq!(read(text).unwrap(), want, "{text:?}");
        }
        assert_eq!(want.of("anything").unwrap().len(), 2);
        assert_eq!(read("").unwrap(), Labels::All(vec![]));
    }

    #[test]
    fn faults_name_the_line() {
        let fault = |text: &str| read(text).unwrap_err().to_string();
        assert!(fault("start,end\n1,2\n5,4\n").contains(":3: field \"end\""), "{}", fault("start,end\n1,2\n5,4\n"));
        assert!(fault("1,2\nsoon,4").contains(":2: field \"start\""));
        assert!(fault("1,2\n3").contains(":2: "));
        assert!(fault("{\n\"a\": [[\"1\", \"2\"],\n[\"x\", \"2\"]]}").contains(":3: field \"start\""));
        assert!(fault("{\n\"a\": 7}").contains(":2: field \"labels\""));
        let none = Labels::read(Path::new("/nowhere/labels.json")).unwrap_err();
        assert!(matches!(none, SourceError::Open { .. }));
    }
}
