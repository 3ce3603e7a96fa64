//! The files of the repository.

use std::path::{Path, PathBuf};

/// A file of the repository and what it holds.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path from the root of the repository, with `/` between the parts.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("invariant: this package lies two folders below the root").to_owned()
}

/// The text of a file, named from the root.
///
/// # Panics
/// It cannot be read.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// All files of Rust, by path.
pub fn rust_files() -> Vec<File> {
    files_ending(".rs")
}

/// All documents for people (Markdown), by path.
pub fn documents() -> Vec<File> {
    files_ending(".md")
}

/// All files whose name ends so, by path. What is built or hidden does not count.
fn files_ending(ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    collect(&root(), ending, &mut found);
    found.sort_unstable();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("invariant: it was found below the root");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        File { path: name.to_string_lossy().replace('\\', "/"), text }
    };
    found.into_iter().map(read).collect()
}

fn collect(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("invariant: a folder that opens can be listed").path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" && name != "data" {
                collect(&path, ending, found);
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}
