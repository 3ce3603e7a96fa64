//! What is linked, and what is unsafe: `deny.toml` is held here without cargo-deny and without a network, and unsafe
//! code stays in the files that are named for it.

use std::collections::BTreeSet;
use std::process::Command;
use surmise_rules::{read, root, rust_files};

/// Files that may hold unsafe code, with the reason.
const UNSAFE: &[(&str, &str)] = &[
    ("daemon/src/given_sockets.rs", "sockets that a service manager gives"),
    ("model/device/emulation/", "kernels in C, for the tests"),
    ("model/device/src/", "kernels on a GPU"),
    ("model/device/tests/", "kernels in C, for the tests"),
    ("model/lanes/src/", "vector kernels behind a check of the processor"),
    ("model/network/src/aligned.rs", "arrays on the boundary of a cache line"),
    ("model/network/src/products.rs", "vector kernels"),
    ("model/symbol/src/", "vector kernels, and memory in large pages"),
    ("tests/bench/src/", "measures what the system counts"),
    ("tests/fixtures/src/counting.rs", "an allocator that counts"),
    ("tests/src/daemon.rs", "signals to a child"),
    ("tests/tests/operation.rs", "a terminal that is closed"),
];

/// Lines above an unsafe block or function in which its argument stands.
const ARGUMENT_LINES: usize = 12;

fn deny() -> toml::Value {
    toml::from_str(&read("deny.toml")).expect("deny.toml is TOML")
}

fn texts(list: &toml::Value) -> Vec<String> {
    let list = list.as_array().expect("a list");
    list.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

/// Whether a licence expression can be met by allowed licences. It knows `OR`, `AND`, `/` and brackets.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.trim();
    let mut depth = 0;
    for (word, joins_all) in [(" OR ", false), ("/", false), (" AND ", true)] {
        for (at, c) in expression.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ if depth == 0 && expression[at..].starts_with(word) => {
                    let (left, right) = (&expression[..at], &expression[at + word.len()..]);
                    let (left, right) = (is_met(left, allowed), is_met(right, allowed));
                    return if joins_all { left && right } else { left || right };
                }
                _ => {}
            }
        }
    }
    match expression.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => is_met(inner, allowed),
        None => allowed.contains(expression),
    }
}

#[test]
fn every_licence_is_allowed_and_every_source_is_known() {
    let deny = deny();
    let allowed: BTreeSet<String> = texts(&deny["licenses"]["allow"]).into_iter().collect();
    let registries = texts(&deny["sources"]["allow-registry"]);
    let banned: Vec<&str> =
        deny["bans"]["deny"].as_array().unwrap().iter().map(|b| b["crate"].as_str().unwrap()).collect();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut ask = Command::new(cargo);
    // what other systems would link is not fetched by a build here
    let here = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    ask.current_dir(root()).args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &here]);
    let metadata = ask.output().expect("cargo can be started");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    assert!(packages.len() > 100, "{} packages", packages.len());
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let mut allowed_here = allowed.clone();
        for exception in deny["licenses"]["exceptions"].as_array().unwrap() {
            if exception["crate"].as_str() == Some(name) {
                allowed_here.extend(texts(&exception["allow"]));
            }
        }
        let licence = package["license"].as_str().unwrap_or("none");
        if !is_met(licence, &allowed_here) {
            wrong.push(format!("{name}: the licence {licence} is not allowed"));
        }
        if banned.contains(&name) {
            wrong.push(format!("{name} is banned"));
        }
        let source = package["source"].as_str();
        let is_known = |source: &str| registries.iter().any(|registry| source == format!("registry+{registry}"));
        if !source.is_none_or(is_known) {
            wrong.push(format!("{name}: its source {source:?} is not allowed"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_exception_has_its_date_and_reason() {
    let text = read("deny.toml");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_exception = |line: &str| line.starts_with("\"RUSTSEC-") || line.contains("allow = [\"");
    let mut found = 0;
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_exception(line)) {
        found += 1;
        let above = lines[at - 1];
        let is_dated = above.strip_prefix("# 20").is_some_and(|rest| rest.as_bytes().get(8) == Some(&b':'));
        assert!(is_dated && above.len() > 30, "{line}: the line above has no date and reason: {above}");
    }
    assert!(found >= 3);
}

#[test]
fn licence_expressions_are_understood() {
    let allowed: BTreeSet<String> = ["MIT", "Zlib"].map(String::from).into();
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT/GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("(GPL-3.0 OR Zlib) AND MIT", true),
        ("(GPL-3.0 OR Zlib) AND (ISC)", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

/// A line without its comment, texts left out.
fn code(line: &str) -> String {
    let line = line.split("//").next().unwrap_or_default();
    line.split('"').step_by(2).collect()
}

#[test]
fn unsafe_code_is_in_named_files_and_argued() {
    let words = regex::Regex::new(r"\bunsafe\b").expect("the pattern is sound");
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for file in rust_files() {
        let lines: Vec<&str> = file.text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| words.is_match(&code(line))) {
            let Some((place, _)) = UNSAFE.iter().find(|(place, _)| file.path.starts_with(place)) else {
                wrong.push(format!("{}:{}: unsafe code outside the files that are named for it", file.path, at + 1));
                continue;
            };
            used.insert(*place);
            let above = &lines[at.saturating_sub(ARGUMENT_LINES)..=at];
            let is_argued = above.iter().any(|line| line.contains("SAFETY") || line.contains("# Safety"));
            // a trait or an implementation of one is argued where its functions are, a type where it is called
            let is_block = line.contains("unsafe {");
            if is_block && !is_argued {
                wrong.push(format!("{}:{}: an unsafe block without a SAFETY comment", file.path, at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unused: Vec<&str> = UNSAFE.iter().map(|(place, _)| *place).filter(|place| !used.contains(place)).collect();
    assert!(unused.is_empty(), "no unsafe code is there any more: {unused:?}");
}
