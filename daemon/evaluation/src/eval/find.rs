//! The streams of a folder.

use super::known::{KnownLines, known_lines};
use super::manifest::{Manifest, RecordingTask};
use crate::labels::{Labels, SessionLabels};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use surmise_recording::SourceError;

/// Folders within folders that are searched, so that a link to a parent folder ends.
const FOLDERS_DEEP_MAX: usize = 16;

/// One row of the table: recordings, and what is known of them.
#[derive(Clone, Debug)]
pub struct RecordedStream {
    /// The name of the stream in tables.
    pub title: String,
    /// One recording, or all of those for which one file gives the known anomalies; each is learnt by itself.
    pub files: Vec<PathBuf>,
    /// The file with the windows of known anomalies.
    pub labels: Option<PathBuf>,
    /// What is known of the recordings' lines, in a file beside each.
    pub lines: Option<KnownLines>,
    /// What the manifest says, or only what can be inferred.
    pub task: RecordingTask,
}

impl RecordedStream {
    /// The file of anomalous sessions that are to be mixed into the stream's.
    pub(super) fn anomalous(&self) -> Option<PathBuf> {
        Some(self.files.first()?.with_file_name(self.task.anomalous.as_ref()?))
    }
}

/// The streams of a folder, those that manifests name first, in their order; the first manifest that names a file
/// decides about it.
///
/// A JSON file that holds windows of anomalies for files of its folder makes one stream of these files. So do logs of a
/// folder that have files of labelled lines or of templates beside them ([`KnownLines`]). A recording with labels by
/// session beside it ([`SessionLabels::beside`]) is a stream of which the verdicts on sessions are measured, too.
/// Hidden
/// files, `eval.toml`, and files called README or LICENSE are no recordings.
///
/// # Errors
/// A folder cannot be read.
pub fn find_streams(folder: &Path, manifests: &[Manifest]) -> Result<Vec<RecordedStream>, SourceError> {
    let open = |error| SourceError::Open { file: folder.display().to_string(), error };
    let root = folder.canonicalize().map_err(open)?;
    let mut files = Vec::new();
    walk(folder, 0, &mut files)?;
    files.sort();
    let mut found: Vec<(usize, usize, RecordedStream)> = Vec::new();
    let mut taken = BTreeSet::new();
    let mut add = |path: &Path, files: Vec<PathBuf>, labels: Option<PathBuf>, lines: Option<KnownLines>| {
        let within = path.strip_prefix(folder).unwrap_or(path);
        let (rank, tasks) = tasks(manifests, &root.join(within));
        for (i, task) in tasks {
            let labels = labels.clone().or_else(|| task.labels.as_ref().map(|l| path.with_file_name(l)));
            let several = files.len() > 1 && (labels.is_some() || lines.is_some());
            let own = within.parent().filter(|p| several && !p.as_os_str().is_empty());
            // what lies beside a single log gives it no name
            let alone = files.first().filter(|_| lines.is_some()).and_then(|f| f.strip_prefix(folder).ok());
            let own = own.or(alone).unwrap_or(within).display();
            let default = || lines.map_or(own.to_string(), |known| format!("{own}, {}", known.name()));
            let title = task.title.clone().unwrap_or_else(default);
            found.push((rank, i, RecordedStream { title, files: files.clone(), labels, lines, task }));
        }
    };
    for path in files.iter().filter(|p| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"))) {
        let Ok(Labels::ByFile(windows)) = Labels::read(path) else { continue };
        let labelled: Vec<PathBuf> =
            windows.keys().filter_map(|k| Some(path.parent()?.join(k))).filter(|f| f.is_file()).collect();
        if !labelled.is_empty() {
            taken.insert(path.clone());
            taken.extend(labelled.iter().cloned());
            add(path, labelled, Some(path.clone()), None);
        }
    }
    for (known, logs) in known_lines(&files) {
        // logs with labels are judged by these alone; those with templates are streams of their own as well
        let logs_taken = logs.iter().filter(|_| known == KnownLines::Faults).cloned();
        taken.extend(logs.iter().map(|log| known.beside(log)).chain(logs_taken));
        add(&known.beside(&logs[0]), logs, None, Some(known));
    }
    let of_sessions = |path: &PathBuf| {
        let beside = SessionLabels::beside(path);
        (beside != *path && beside.is_file() && SessionLabels::is_one(&beside)).then_some(beside)
    };
    taken.extend(files.iter().filter_map(of_sessions));
    for path in files.iter().filter(|p| !taken.contains(*p)) {
        add(path, vec![path.clone()], None, None);
    }
    found.sort_by_key(|(rank, i, _)| (*rank, *i));
    let windows: BTreeSet<PathBuf> = found.iter().filter_map(|f| f.2.labels.clone()).collect();
    let streams = found.into_iter().map(|f| f.2);
    let is_whole = |s: &RecordedStream| s.anomalous().is_none_or(|file| file.is_file());
    Ok(streams.filter(|s| !s.task.skip && is_whole(s) && !s.files.iter().any(|f| windows.contains(f))).collect())
}

/// What the first manifest that names a file says about it.
fn tasks(manifests: &[Manifest], path: &Path) -> (usize, Vec<(usize, RecordingTask)>) {
    for (rank, m) in manifests.iter().enumerate() {
        let named: Vec<_> = m.tasks.iter().enumerate().filter(|(_, t)| t.names(path)).collect();
        if !named.is_empty() {
            return (rank, named.into_iter().map(|(i, t)| (i, t.clone())).collect());
        }
    }
    (manifests.len(), vec![(0, RecordingTask::default())])
}

fn walk(folder: &Path, depth: usize, out: &mut Vec<PathBuf>) -> Result<(), SourceError> {
    let open = |error| SourceError::Open { file: folder.display().to_string(), error };
    for entry in std::fs::read_dir(folder).map_err(open)? {
        let path = entry.map_err(open)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let about = ["README", "LICENSE"].iter().any(|w| name.starts_with(w));
        if name.starts_with('.') || about || name == "eval.toml" {
            continue;
        }
        if path.is_dir() {
            if depth < FOLDERS_DEEP_MAX {
                walk(&path, depth + 1, out)?;
            }
        } else if path.is_file() {
            out.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_streams() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("README.md", "about");
        write(".hidden", "x");
        write("b.txt", "text");
        write("a.csv", "x\n1\n");
        write("a.windows", "start,end\n1,2\n");
        write("skipped.dat", "x");
        write("cpu/windows.json", r#"{"one/x.csv": [], "y.csv": [], "gone.csv": []}"#);
        write("cpu/one/x.csv", "t,v\n1,1\n");
        write("cpu/y.csv", "t,v\n1,1\n");
        write("cpu/other.csv", "t,v\n1,1\n");
        write("logs/x.log", "a\n");
        write("logs/x.labels.csv", "first,last,kind,class\n0,0,a,fault\n");
        write("logs/y.log", "a\n");
        write("s.tokens", "a b\n");
        write("s.labels.csv", "key,label\n0,0\n");
        write("logs/y.log_structured.csv", "Content,EventId\na,E1\n");
        let text = "[[stream]]\nfiles = [\"b.txt\"]\ntitle = \"B\"\n[[stream]]\nfiles = [\"a.csv\"]\nhorizon = 3\n\
                    labels = \"a.windows\"\n[[stream]]\nfiles = [\"a.csv\"]\n[[stream]]\nfiles = [\"*.dat\"]\nskip = true\n";
        let m = Manifest::parse("m", text).unwrap();
        let found = find_streams(dir.path(), &[m]).unwrap();
        let found: Vec<_> =
            found.iter().map(|s| (s.title.as_str(), s.files.len(), s.task.horizon, s.labels.is_some())).collect();
        assert_eq!(
            found,
            [
                ("B", 1, None, false),
                ("a.csv", 1, Some(3), true),
                ("a.csv", 1, None, false),
                ("cpu", 2, None, true),
                ("logs/x.log, faults", 1, None, false),
                ("logs/y.log, templates", 1, None, false),
                ("cpu/other.csv", 1, None, false),
                ("logs/y.log", 1, None, false),
                ("s.tokens", 1, None, false)
            ]
        );
        assert!(find_streams(&dir.path().join("none"), &[]).is_err());
    }
}
