//! What documents say is so: sections, links, commands and figures.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use surmise_rules::{documents, read, root, rust_files};

/// Columns of a line of prose.
const COLUMNS_MAX: usize = 120;

/// Prose is wrapped; a table, a link, a picture or a figure of a program may be as long as it is.
#[test]
fn lines_of_prose_fit_into_120_columns() {
    let mut found = Vec::new();
    for d in documents() {
        let mut fenced = false;
        for (i, line) in d.text.lines().enumerate() {
            fenced ^= line.trim_start().starts_with("```");
            let exempt = fenced || line.trim_start().starts_with(['|', '!', '<']) || line.starts_with("    ");
            if !exempt && line.chars().count() > COLUMNS_MAX {
                found.push(format!("{}:{}", d.path, i + 1));
            }
        }
    }
    for f in rust_files() {
        for (i, line) in f.text.lines().enumerate() {
            if line.trim_start().starts_with("//") && line.chars().count() > COLUMNS_MAX {
                found.push(format!("{}:{}", f.path, i + 1));
            }
        }
    }
    assert!(found.is_empty(), "{} lines of prose are longer:\n  {}", found.len(), found.join("\n  "));
}

/// The numbers of the sections of model/PREDICTOR.md.
fn sections() -> BTreeSet<u32> {
    let heading = Regex::new(r"(?m)^## (\d+)\.? ").expect("the pattern is sound");
    heading.captures_iter(&read("model/PREDICTOR.md")).map(|c| c[1].parse().unwrap()).collect()
}

#[test]
fn every_section_that_code_names_exists() {
    let named = Regex::new(r"PREDICTOR(?:\.md)?,? (?:§ ?|section )(\d+)").expect("the pattern is sound");
    let (mut count, known) = (0, sections());
    assert!(known.len() > 10, "model/PREDICTOR.md has sections {known:?}");
    for f in rust_files().into_iter().chain(documents()) {
        for c in named.captures_iter(&f.text) {
            count += 1;
            assert!(known.contains(&c[1].parse().unwrap()), "{} names section {} of PREDICTOR", f.path, &c[1]);
        }
    }
    assert!(count >= 20, "code names sections of PREDICTOR.md {count} times");
}

/// The anchor of a heading, as web pages of repositories make it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("the pattern is sound");
    for d in documents() {
        let folder = d.path.rsplit_once('/').map_or("", |(f, _)| f);
        for c in link.captures_iter(&d.text).filter(|c| !c[1].contains("://")) {
            let (path, section) = c[1].split_once('#').unwrap_or((&c[1], ""));
            let target = if path.is_empty() {
                d.path.clone()
            } else {
                format!("{folder}/{path}").trim_start_matches('/').to_owned()
            };
            assert!(root().join(&target).exists(), "{} links to {target}, which is not there", d.path);
            if !section.is_empty() {
                let headings: Vec<String> = read(&target)
                    .lines()
                    .filter_map(|l| l.trim_start_matches('#').strip_prefix(' ').map(anchor))
                    .collect();
                assert!(headings.iter().any(|h| h == section), "{} links to {target}#{section}", d.path);
            }
        }
    }
}

/// Figures that several documents give: a name, and how it is written. What the pattern catches has to be the same
/// wherever it is found, in documents and in the comments of code.
const FIGURES: &[(&str, &str)] = &[];

#[test]
fn documents_that_give_the_same_figure_agree() {
    for (name, pattern) in FIGURES {
        let pattern = Regex::new(pattern).expect("the pattern is sound");
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for d in documents().into_iter().chain(rust_files()).filter(|d| !d.path.starts_with("tests/rules/")) {
            for c in pattern.captures_iter(&d.text) {
                let value = c.iter().skip(1).flatten().next().expect("a pattern catches a figure").as_str();
                found.entry(value.trim_start_matches('0').to_owned()).or_default().push(d.path.clone());
            }
        }
        assert!(found.values().map(Vec::len).sum::<usize>() > 1, "{name} is given once or never: {found:?}");
        assert_eq!(found.len(), 1, "{name} has several values: {found:?}");
    }
}
