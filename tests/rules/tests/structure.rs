//! How the code is cut: no circles among files, nothing that nobody includes, documentation everywhere, sizes.

use std::collections::BTreeSet;
use surmise_rules::{Facts, File, Modules, circles, packages, rust_files};

/// Files that may use each other, with the reason.
const CIRCLES: &[(&[&str], &str)] = &[];

/// Lines that a file may have, and how many files may have more.
const FILE_LINES_MAX: (usize, usize) = (400, 8);

/// Lines that a function may have, and how many functions may have more.
const FUNCTION_LINES_MAX: (usize, usize) = (60, 10);

/// A use of one file by another that comes back to it makes both one: neither can be read, tested or moved alone.
#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut found = Vec::new();
    for package in packages() {
        for root in &package.roots {
            found.extend(circles(&Modules::below(root).graph()));
        }
    }
    found.retain(|circle| !CIRCLES.iter().any(|(files, _)| circle.iter().all(|f| files.contains(&f.as_str()))));
    let told: Vec<String> = found.iter().map(|circle| circle.join("\n  ")).collect();
    assert!(
        found.is_empty(),
        "circles of files; move what both need into a file of its own:\n  {}",
        told.join("\n\n  ")
    );
}

#[test]
fn packages_do_not_use_each_other_in_a_circle() {
    let graph = packages().into_iter().map(|p| (p.name, p.dependencies)).collect();
    assert!(circles(&graph).is_empty(), "{:?}", circles(&graph));
}

/// Files of a package that no root includes are compiled by nobody and rot.
#[test]
fn every_file_is_included() {
    let mut included = BTreeSet::new();
    for package in packages() {
        for root in &package.roots {
            included.extend(Modules::below(root).files());
        }
    }
    let in_source = |f: &&File| packages().iter().any(|p| f.path.starts_with(&format!("{}/src/", p.folder)));
    let files = rust_files();
    let lost: Vec<&str> =
        files.iter().filter(in_source).map(|f| f.path.as_str()).filter(|f| !included.contains(*f)).collect();
    assert!(lost.is_empty(), "no module includes {}", lost.join(", "));
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = (rust_files().iter())
        .filter(|f| !f.path.ends_with("build.rs") && !f.text.lines().take(3).any(|l| l.starts_with("//!")))
        .map(|f| f.path.clone())
        .collect();
    assert!(silent.is_empty(), "these begin without a //! sentence: {}", silent.join(", "));
}

/// Sizes are of the code itself; tests inside a file count to the file and not to its functions.
#[test]
fn files_and_functions_fit_on_a_screen_or_two() {
    let (mut files, mut functions) = (Vec::new(), Vec::new());
    for f in rust_files() {
        let lines = f.text.lines().count();
        files.extend((lines > FILE_LINES_MAX.0).then(|| format!("{} has {lines} lines", f.path)));
        for g in Facts::of(&f).functions {
            functions.extend(
                (g.lines > FUNCTION_LINES_MAX.0).then(|| format!("{}:{} {} {}", f.path, g.line, g.name, g.lines)),
            );
        }
    }
    println!("{} files over {} lines:\n  {}", files.len(), FILE_LINES_MAX.0, files.join("\n  "));
    println!("{} functions over {} lines:\n  {}", functions.len(), FUNCTION_LINES_MAX.0, functions.join("\n  "));
    assert!(files.len() <= FILE_LINES_MAX.1, "too many long files:\n  {}", files.join("\n  "));
    assert!(functions.len() <= FUNCTION_LINES_MAX.1, "too many long functions:\n  {}", functions.join("\n  "));
}

/// Folders that are for every system: what learns, what is spoken, and the client for programs.
const PORTABLE: &[&str] = &["model/", "clients/protocol/", "clients/rust/src/", "clients/terminal/", "config/src/"];

/// The files there that ask a system for more where it is that system: with which guard, and for what.
const GUARDED: &[(&str, &str, &str)] = &[
    ("model/symbol/src/huge_memory.rs", "#[cfg(target_os = \"linux\")]", "libc::"),
    ("clients/rust/src/address.rs", "#[cfg(unix)]", "UnixStream"),
];

/// .ci/run has compilers for Linux alone, so it is held that nothing asks for another system.
#[test]
fn what_is_portable_asks_no_system_for_more_than_every_one_has() {
    let of_one_system = ["std::os::", "rustix::", "libc::", "nix::", "windows_sys::", "UnixStream", "UnixListener"];
    let files = rust_files();
    let portable = files.iter().filter(|f| PORTABLE.iter().any(|folder| f.path.starts_with(folder)));
    let (mut looked_at, mut bound) = (0, Vec::new());
    let is_guarded = |path: &str| GUARDED.iter().any(|(guarded, ..)| path == *guarded);
    for file in portable.filter(|f| !is_guarded(&f.path) && !f.path.contains("/tests/")) {
        looked_at += 1;
        bound.extend(of_one_system.iter().filter(|word| file.text.contains(**word)).map(|word| (&file.path, *word)));
    }
    assert!(looked_at > 100 && bound.is_empty(), "{looked_at} files; these are bound to a system: {bound:?}");
    for (path, guard, asked) in GUARDED {
        let guarded = files.iter().find(|f| f.path == *path).expect("the file is where it was");
        assert!(guarded.text.contains(guard) && guarded.text.contains(asked), "{path}: {asked} behind {guard}");
    }
}
