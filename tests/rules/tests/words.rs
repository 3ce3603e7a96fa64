//! One word, one thing: the glossary of the README is the law of names.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use surmise_rules::{Facts, read, rust_files};

/// Type names that may be defined more than once, with the reason.
const SAME_NAME: &[(&str, &str)] = &[];

/// A row of the glossary: a word, what it means, and words that are never used for it.
struct Row {
    word: String,
    never: Vec<String>,
}

fn glossary() -> Vec<Row> {
    let text = read("README.md");
    let table = text.split("## Words").nth(1).expect("the README has a section of words");
    let rows = table.lines().skip_while(|l| !l.starts_with("|---")).skip(1).take_while(|l| l.starts_with('|'));
    let cells = rows.map(|r| r.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect::<Vec<_>>());
    let list = |cell: &str| cell.split(',').map(|w| w.trim().to_lowercase()).filter(|w| !w.is_empty()).collect();
    let row = |c: Vec<String>| Row { word: c[0].clone(), never: c.get(2).map_or_else(Vec::new, |n| list(n)) };
    cells.map(row).collect()
}

/// The words that an identifier is made of, in small letters.
fn words(identifier: &str) -> Vec<String> {
    let parts = Regex::new("[A-Z]+[a-z0-9]*|[a-z0-9]+").expect("the pattern is sound");
    parts.find_iter(identifier).map(|m| m.as_str().to_lowercase()).collect()
}

#[test]
fn the_glossary_is_a_table_and_its_words_are_used() {
    let rows = glossary();
    assert!(rows.len() >= 20, "{} words", rows.len());
    let text: String = rust_files().into_iter().map(|f| f.text.to_lowercase()).collect();
    for row in &rows {
        for word in row.word.split(',').map(|w| w.trim().trim_matches('`').to_lowercase()) {
            assert!(text.contains(&word), "the glossary explains {word:?}, which the code does not use");
        }
    }
    let mut seen = BTreeSet::new();
    assert!(rows.iter().all(|r| seen.insert(r.word.clone())), "a word stands twice in the glossary");
}

#[test]
fn no_identifier_uses_a_word_that_the_glossary_rules_out() {
    let never: BTreeMap<String, String> =
        glossary().into_iter().flat_map(|r| r.never.into_iter().map(move |n| (n, r.word.clone()))).collect();
    let mut found = Vec::new();
    for f in rust_files() {
        for identifier in Facts::of(&f).identifiers {
            for word in words(&identifier) {
                let single = word.strip_suffix('s').unwrap_or(&word);
                if let Some(say) = never.get(&word).or_else(|| never.get(single)) {
                    found.push(format!("{}: {identifier} has {word:?}; the word is {say:?}", f.path));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_type_name_is_defined_twice() {
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let product = |path: &str| !["/tests/", "/benches/", "/examples/"].iter().any(|p| path.contains(p));
    for f in rust_files().into_iter().filter(|f| product(&f.path) && !f.path.ends_with("tests.rs")) {
        for t in Facts::of(&f).types {
            types.entry(t.name).or_default().push(format!("{}:{}", f.path, t.line));
        }
    }
    let all = types.len();
    types.retain(|name, places| places.len() > 1 && !SAME_NAME.iter().any(|(n, _)| n == name));
    let told: Vec<String> = types.iter().map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    println!("{} of {all} names of types are defined more than once", types.len() + SAME_NAME.len());
    assert!(told.is_empty(), "defined more than once:\n  {}", told.join("\n  "));
    assert!(SAME_NAME.len() <= 10, "too many exceptions");
}

/// An error that is a text cannot be told apart, tested or translated.
#[test]
fn no_function_returns_a_text_as_its_error() {
    let mut found = Vec::new();
    for f in rust_files() {
        for g in Facts::of(&f).functions {
            if g.returns.contains("Result <") && g.returns.ends_with(", String >") {
                found.push(format!("{}:{} {}", f.path, g.line, g.name));
            }
        }
    }
    assert!(found.is_empty(), "Result<_, String> is returned by\n  {}", found.join("\n  "));
}

/// A new kind of field is added by following the compiler: no arm may swallow it.
#[test]
fn no_arm_hides_a_kind_of_field() {
    let test = Regex::new(r"matches!\([^;]*?FieldKind::").expect("the pattern is sound");
    let mut found = Vec::new();
    for f in rust_files().into_iter().filter(|f| f.path != "model/event/src/schema.rs") {
        let code = f.text.split("#[cfg(test)]").next().unwrap_or_default();
        let product = f.path.contains("/src/") && !f.path.ends_with("tests.rs");
        if product && test.is_match(code) {
            found.push(format!("{} asks matches!(…, FieldKind::…)", f.path));
        }
        if product {
            found.extend(
                surmise_rules::hidden_arms(&f, "FieldKind").into_iter().map(|l| format!("{}:{l} has `_ =>`", f.path)),
            );
        }
    }
    assert!(found.is_empty(), "match every kind, or ask a method of FieldKind:\n  {}", found.join("\n  "));
}
