//! Real streams, where a machine has them.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The path of a real stream, or of their whole folder where `path` is empty; or none, and a line that says so.
///
/// The environment variable `SURMISE_DATA` names the folder (a relative one from the repository's root). Without it,
/// `../shared/data` beside the repository is taken, if it is there. No stream is part of the repository, because others
/// own them, so that a test that gets none has to return: what it would have held is then not held, which
/// [`skipped`] makes visible.
pub fn data(what: &str, path: &str) -> Option<PathBuf> {
    let named = std::env::var_os("SURMISE_DATA").filter(|d| !d.is_empty());
    let folder = root().join(named.as_deref().unwrap_or("../shared/data".as_ref()));
    let found = folder.join(path);
    if found.exists() {
        return Some(found);
    }
    assert!(named.is_none() || folder.is_dir(), "SURMISE_DATA names {}, which is no folder", folder.display());
    skipped(what, &format!("{} is not there", if path.is_empty() { "the folder of real streams" } else { path }));
    None
}

/// Says that something was not tested, and why.
///
/// The line goes around the test harness, which swallows what a test that passes prints with `eprintln!`, and also into
/// the file that `SURMISE_SKIPPED` names, so that `.ci/run` can list at its end what it has not held.
pub fn skipped(what: &str, why: &str) {
    let line = format!("SKIPPED {what}: {why}\n");
    // a line that can't be told changes nothing about what was tested
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(list) = std::env::var_os("SURMISE_SKIPPED").filter(|f| !f.is_empty())
        && let Ok(mut list) = std::fs::OpenOptions::new().create(true).append(true).open(list)
    {
        let _ = list.write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs one of these tests again, in a process whose environment is as given, and returns what it printed.
    fn rerun(test: &str, env: &[(&str, &Path)]) -> (bool, String) {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", &format!("data::tests::{test}"), "--ignored"]).env_remove("SURMISE_SKIPPED");
        let out = again.envs(env.iter().copied()).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
    }

    #[test]
    #[ignore = "is run by the tests below, in an environment of their own"]
    fn asks_for_a_stream() {
        data("a stream that no folder has", "no/such/stream");
    }

    #[test]
    fn what_is_skipped_is_said_past_the_harness_and_listed() {
        let folder = std::env::temp_dir().join(format!("surmise-testing-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let list = folder.join("skipped");
        let (passed, said) = rerun("asks_for_a_stream", &[("SURMISE_DATA", &folder), ("SURMISE_SKIPPED", &list)]);
        let line = "SKIPPED a stream that no folder has: no/such/stream is not there\n";
        assert!(passed && said.contains(line), "{said}");
        assert_eq!(std::fs::read_to_string(&list).unwrap(), line);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_named_but_not_there_is_a_fault() {
        let (passed, _) = rerun("asks_for_a_stream", &[("SURMISE_DATA", Path::new("/no/such/folder"))]);
        assert!(!passed, "a misspelt folder would pass for tested");
    }
}
