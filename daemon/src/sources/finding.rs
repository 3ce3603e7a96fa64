//! Which files there are: those that patterns name, and those that had such a name before a rotation.

use super::tailed_file::FileId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Endings of files that are packed, and so have no lines.
const PACKED: [&str; 9] = ["gz", "zst", "xz", "bz2", "lz4", "lzma", "br", "zip", "Z"];
/// How often a folder is listed again while its files get other names.
const LISTS_MAX: usize = 50;
/// Digits of a date in the middle of a name; fewer of them may be anything.
const DATE_DIGITS_MIN: usize = 8;

/// The files that patterns name.
#[derive(Debug, Default)]
pub struct FoundFiles {
    /// The files, but for those with the name of a rotated one, by what they are.
    pub there: BTreeMap<FileId, PathBuf>,
    /// Those that patterns name though they are rotated.
    pub rotated: BTreeSet<FileId>,
    /// Folders that cannot be read, and what to do about it.
    pub errors: Vec<String>,
}

/// The files that patterns name.
pub fn find(patterns: &[String]) -> FoundFiles {
    let mut found = FoundFiles::default();
    for path in patterns.iter().filter_map(|pattern| glob::glob(pattern).ok()).flatten() {
        match path {
            Ok(path) => {
                if let Some((id, _)) = identity(&path) {
                    found.there.entry(id).or_insert(path);
                }
            }
            Err(e) => {
                let (path, error) = (e.path().display(), e.error());
                found
                    .errors
                    .push(format!("{path} cannot be looked into: {error}; let the daemon's user read the folder"));
            }
        }
    }
    let paths: Vec<PathBuf> = found.there.values().cloned().collect();
    let names: BTreeSet<&Path> = paths.iter().map(PathBuf::as_path).collect();
    // `app.log.1` is no log of its own where there is an `app.log`
    let is_rotated = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let cuts = name.char_indices().filter(|(_, letter)| matches!(letter, '.' | '-' | '_')).map(|(at, _)| at);
        let mut before = cuts.filter(|at| is_rotation_suffix(&name[*at..]));
        before.any(|at| names.contains(path.with_file_name(&name[..at]).as_path()))
    };
    let (rotated, there) = std::mem::take(&mut found.there).into_iter().partition(|(_, path)| is_rotated(path));
    found.there = there;
    found.rotated = BTreeMap::into_keys(rotated).collect();
    found
}

/// Files in the same folder that may have had this path before a rotation, or are copies of it, the oldest first.
///
/// Files that get other names while a folder is listed may be left out of the list. So it is listed until two lists
/// are the same, unless that is never so.
pub fn beside(path: &Path) -> Vec<(FileId, PathBuf)> {
    let mut list = listed_beside(path);
    for _ in 0..LISTS_MAX {
        let again = listed_beside(path);
        if again == list {
            break;
        }
        list = again;
    }
    list
}

fn listed_beside(path: &Path) -> Vec<(FileId, PathBuf)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let name = name.to_string_lossy();
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let paths =
        entries.filter(|entry| was_named(&name, &entry.file_name().to_string_lossy())).map(|entry| entry.path());
    let mut files: Vec<(SystemTime, FileId, PathBuf)> = paths
        .filter_map(|path| {
            let (id, meta) = identity(&path)?;
            Some((meta.modified().ok()?, id, path))
        })
        .collect();
    // of two that were written at once, the one with the higher number is older
    let age = |path: &Path| (path.as_os_str().len(), path.to_owned());
    files.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| age(&b.2).cmp(&age(&a.2))));
    files.into_iter().map(|(_, id, path)| (id, path)).collect()
}

/// Whether a rotation gives a file of one name the other: `a.log.1`, `a.log-20261128`, `a-20261128.log`.
fn was_named(name: &str, other: &str) -> bool {
    let behind = other.strip_prefix(name).is_some_and(is_rotation_suffix);
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let middle = other.strip_prefix(stem).and_then(|rest| rest.strip_suffix(ending)?.strip_suffix('.'));
    behind
        || middle.is_some_and(|middle| {
            is_rotation_suffix(middle) && middle.bytes().filter(u8::is_ascii_digit).count() >= DATE_DIGITS_MIN
        })
}

fn is_rotation_suffix(suffix: &str) -> bool {
    let is_dated = |rest: &str| rest.contains(|c: char| c.is_ascii_digit()) && rest.chars().all(is_of_date);
    suffix.strip_prefix(['.', '-', '_']).is_some_and(|rest| rest == "old" || is_dated(rest))
}

fn is_of_date(letter: char) -> bool {
    letter.is_ascii_digit() || matches!(letter, '.' | '-' | '_' | ':' | 'T')
}

/// Whether a file is to be found under a path.
pub fn leads_to(path: &Path, id: FileId) -> bool {
    identity(path).is_some_and(|(there, _)| there == id)
}

/// Which file it is, if lines can be read of it.
fn identity(path: &Path) -> Option<(FileId, Metadata)> {
    let meta = path.metadata().ok().filter(Metadata::is_file)?;
    let is_packed = path.extension().is_some_and(|ending| PACKED.iter().any(|packed| ending == *packed));
    (!is_packed).then(|| (FileId::of(&meta), meta))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_files_are_known() {
        for other in ["a.log.1", "a.log.old", "a.log-20261128", "a.log.2026-11-28T07", "a-20261128.log"] {
            assert!(was_named("a.log", other), "{other}");
        }
        for other in ["a.log", "a.log.bak", "a.log.gz", "ab.log", "a-2.log", "b.log.1", "a.logs"] {
            assert!(!was_named("a.log", other), "{other}");
        }
    }

    #[test]
    fn files_are_those_of_patterns_that_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.log", "a.log.1", "b-2.log", "b.log", "c.log.7", "d.log.2.gz", "x"] {
            std::fs::write(dir.path().join(name), "x\n").unwrap();
        }
        std::fs::create_dir(dir.path().join("e.log")).unwrap();
        let found = find(&[format!("{}/*.log*", dir.path().display())]);
        let mut names: Vec<_> = found.there.values().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!((names, found.rotated.len()), (vec!["a.log", "b-2.log", "b.log", "c.log.7"], 1));
        let siblings = beside(&dir.path().join("a.log"));
        assert_eq!(siblings.iter().map(|(_, path)| path.clone()).collect::<Vec<_>>(), [dir.path().join("a.log.1")]);
    }
}
