//! What watches a daemon from outside asks for metrics and labels that it has: the rules of `config/prometheus` and the
//! dashboard of `config/grafana`.

use std::path::Path;
use surmised::{METRICS, MetricKind};

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The expressions of the rules, each in one line.
fn rules() -> Vec<String> {
    let text = text("prometheus/alerts.yml");
    let mut found: Vec<String> = Vec::new();
    let mut folded = false;
    for line in text.lines() {
        match line.trim_start().strip_prefix("expr:") {
            Some(rest) => {
                folded = rest.trim() == ">-";
                found.push(if folded { String::new() } else { rest.trim().to_owned() });
            }
            None if folded && line.starts_with("          ") => {
                let last = found.last_mut().expect("a folded expression begins with its name");
                *last = format!("{last} {}", line.trim());
            }
            None => folded = false,
        }
    }
    found
}

/// Every expression and every query of variables of the dashboard.
fn queries(of: &serde_json::Value, found: &mut Vec<String>) {
    match of {
        serde_json::Value::Object(all) => {
            for (name, value) in all {
                match value.as_str() {
                    Some(query) if name == "expr" || name == "definition" => found.push(query.to_owned()),
                    _ => queries(value, found),
                }
            }
        }
        serde_json::Value::Array(all) => all.iter().for_each(|value| queries(value, found)),
        _ => {}
    }
}

/// The words of an expression that are names: of metrics, labels and functions.
fn words(expression: &str) -> impl Iterator<Item = &str> {
    expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// The metric that a name in an expression belongs to, and the label that the ending adds.
fn metric(name: &str) -> Option<&'static surmised::Metric> {
    METRICS.iter().find(|m| {
        let histogram = matches!(m.kind, MetricKind::Histogram(_));
        let series = |ending: &str| name.strip_suffix(ending) == Some(m.name);
        if histogram { series("_bucket") || series("_sum") || series("_count") } else { m.name == name }
    })
}

/// Names in `{…}` and behind `by`, that are labels.
fn labels(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    for selector in expression.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        let name = |pair: &str| pair.split(['=', '!', '~']).next().map(|n| n.trim().to_owned());
        found.extend(selector.split(',').filter_map(name).filter(|n| !n.is_empty()));
    }
    for list in expression.split(" by (").skip(1).filter_map(|rest| rest.split(')').next()) {
        found.extend(list.split(',').map(|n| n.trim().to_owned()));
    }
    found
}

#[test]
fn rules_and_dashboard_ask_for_metrics_and_labels_that_there_are() {
    let dashboard: serde_json::Value = serde_json::from_str(&text("grafana/surmise.json")).unwrap();
    let mut asked = Vec::new();
    queries(&dashboard, &mut asked);
    let (panels, rules) = (asked.len(), rules());
    assert!(panels > 40 && rules.len() >= 15, "{panels} queries, {} rules", rules.len());
    asked.extend(rules);
    let mut used = std::collections::BTreeSet::new();
    for expression in &asked {
        let named: Vec<&str> = words(expression).filter(|word| word.starts_with("surmise_")).collect();
        assert!(!named.is_empty(), "{expression} asks for nothing of surmise");
        let found: Vec<_> =
            named.iter().map(|n| metric(n).unwrap_or_else(|| panic!("{n} is no metric: {expression}"))).collect();
        for label in labels(expression) {
            let scraped = ["instance", "job", "le"].contains(&label.as_str());
            let known = scraped || found.iter().any(|m| m.labels.contains(&label.as_str()));
            assert!(known, "{label} is no label of a metric in {expression}");
        }
        used.extend(found.iter().map(|m| m.name));
    }
    let unseen: Vec<&str> = METRICS.iter().map(|m| m.name).filter(|name| !used.contains(name)).collect();
    // a start tells of these two in its log, and nothing follows from them
    assert_eq!(unseen, ["surmise_streams_resident", "surmise_recovery_events", "surmise_log_lines_lost_total"]);
}

#[test]
fn a_misspelt_name_or_label_would_be_found() {
    assert!(metric("surmise_events_recieved_total").is_none() && metric("surmise_learn_duration_seconds").is_none());
    assert_eq!(metric("surmise_learn_duration_seconds_bucket").map(|m| m.name), Some("surmise_learn_duration_seconds"));
    assert_eq!(labels("sum by (group, le) (rate(a{kind=~\"x\",b!=\"y\"}[5m]))"), ["kind", "b", "group", "le"]);
}
