//! What documents say is so: sections, links, commands and figures.

use regex::Regex;
use std::collections::BTreeSet;
use surmise_rules::{File, documents, read, root, rust_files};

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
            let comment = line.trim_start().strip_prefix("//").map(|c| c.trim_start_matches(['/', '!', ' ']));
            if comment.is_some_and(|c| !c.starts_with('|')) && line.chars().count() > COLUMNS_MAX {
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
/// wherever it is found, in documents, in the configuration and in code; one may be rounded more than another.
const FIGURES: &[(&str, &str)] = &[
    ("the format of a learner's bytes", r"Checkpoints of learners have format (\d+)|const FORMAT: u32 = (\d+)"),
    ("bits that a delay of one chunk costs", r"\+([.\d]+) %\s+bits\s+for\s+one\s+or\s+two|1\.9098 \(\+([.\d]+) %\)"),
    ("bytes of a piece of a checkpoint", r"pieces of (\d+) KiB|small against a segment \((\d+) KiB"),
    ("bytes a second on tinyshakespeare", r"90,000 → (\d+),000 bytes|whole file in `replay`: (\d+),\d00"),
    ("events a second on HDFS keys", r"220,000 → (\d+),000 events|\| HDFS keys \| [^|]*\| (\d+),\d00"),
    (
        "ETTh1, squared error one hour ahead",
        r"ETTh1, one hour ahead, 17,420 events \| MSE<br>MAE \| \*\*([.\d]+)|\.2025\s+to\s+([.\d]+)\s+MSE",
    ),
    ("checkpoints that are kept", r"(three) generations|generations = (3)"),
    ("events until a checkpoint", r"after (200,000) events|checkpoint_events = (200000)"),
];

/// Whether two figures are the same number, one perhaps with fewer decimals.
fn agree(a: &str, b: &str) -> bool {
    let plain = |s: &str| s.replace(',', "").replace("three", "3");
    let (a, b) = (plain(a), plain(b));
    let decimals = |s: &str| s.split_once('.').map_or(0, |(_, d)| d.len());
    let digits = decimals(&a).min(decimals(&b));
    let rounded = |s: &str| s.parse::<f64>().map(|x| format!("{x:.digits$}"));
    rounded(&a).is_ok_and(|x| Ok(x) == rounded(&b))
}

#[test]
fn documents_that_give_the_same_figure_agree() {
    assert!(agree(".1834", "0.183") && agree("200,000", "200000") && !agree(".1834", ".184"));
    let configuration = File { path: "config/surmised.toml".into(), text: read("config/surmised.toml") };
    let mut all = documents();
    all.extend(rust_files().into_iter().filter(|f| !f.path.starts_with("tests/rules/")));
    all.push(configuration);
    for (name, pattern) in FIGURES {
        let pattern = Regex::new(pattern).expect("the pattern is sound");
        let mut found: Vec<(String, String)> = Vec::new();
        for d in &all {
            for c in pattern.captures_iter(&d.text) {
                let value = c.iter().skip(1).flatten().next().expect("a pattern catches a figure").as_str();
                found.push((value.to_owned(), d.path.clone()));
            }
        }
        assert!(found.len() > 1, "{name} is given once or never: {found:?}");
        assert!(found.iter().all(|(value, _)| agree(value, &found[0].0)), "{name} has several values: {found:?}");
    }
}
