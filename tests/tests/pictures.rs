//! `surmise next --plot` and `surmise forecast --plot`: the pictures of what is expected.

use std::path::Path;
use surmise_tests::{Random, TestDaemon};

/// What a command prints on a terminal of 80 columns.
fn drawn(d: &TestDaemon, args: &[&str]) -> String {
    let out = d.client(args).env("COLUMNS", "80").env("TERM", "xterm").output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    text
}

/// A daemon with a stream of pages that recur and one of readings that rise and fall.
fn daemon_of_pages_and_readings(dir: &Path) -> TestDaemon {
    let d = TestDaemon::start(&dir.join("state"));
    let pages = (0..480).map(|i| format!("{{\"data\":\"{}\"}}\n", ["/home", "/list", "/item", "/cart"][i % 4]));
    let mut random = Random::new(5);
    let readings =
        (0..480).map(|i| format!("{{\"data\":{{\"ms\":{}}}}}\n", 50 + [0, 9, 20, 9][i % 4] + random.below(12)));
    for (stream, body) in [("web", pages.collect::<String>()), ("load", readings.collect())] {
        let (status, answer) = d.post(&format!("/api/v1/streams/{stream}/events"), body.as_bytes());
        assert!(status == 200 && answer["accepted"] == 480, "{answer}");
    }
    d
}

#[test]
fn next_draws_bars_of_symbols_and_a_fan_of_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let d = daemon_of_pages_and_readings(dir.path());
    // the likeliest first, with the longest bar
    let text = drawn(&d, &["next", "--stream", "web", "--plot"]);
    let bar = |page: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(page));
        line.unwrap_or_else(|| panic!("{page}: {text}")).matches('█').count()
    };
    assert!(bar("/home") > 10 && bar("/home") > bar("/list"), "{text}");
    let text = drawn(&d, &["next", "--stream", "load", "--plot"]);
    assert!(text.contains("ms") && text.contains('•') && text.contains(['░', '▒', '─']), "{text}");
    let text = drawn(&d, &["next", "--stream", "web", "--plot", "--ascii"]);
    assert!(text.is_ascii() && text.contains("##########"), "{text}");
}

#[test]
fn forecast_draws_each_step_and_a_fan_behind_the_latest_values() {
    let dir = tempfile::tempdir().unwrap();
    let d = daemon_of_pages_and_readings(dir.path());
    let text = drawn(&d, &["forecast", "--stream", "web", "--horizon", "3", "--plot"]);
    for (step, page) in [("+1", "/home"), ("+2", "/list"), ("+3", "/item")] {
        let line = text.lines().find(|line| line.trim_start().starts_with(step));
        assert!(line.is_some_and(|line| line.contains(page) && line.contains('█')), "{step}: {text}");
    }
    // the fan lies behind, that is right of, the values that came
    let text = drawn(&d, &["forecast", "--stream", "load", "--horizon", "8", "--plot"]);
    let column = |marks: &[char]| {
        let columns = text.lines().flat_map(|line| line.chars().enumerate().filter(|(_, c)| marks.contains(c)));
        columns.map(|(column, _)| column).collect::<Vec<_>>()
    };
    let (came, expected) = (column(&['•']), column(&['░', '▒']));
    assert!(came.len() > 8 && expected.len() > 8 && came.iter().max() < expected.iter().min(), "{text}");
    let text = drawn(&d, &["forecast", "--stream", "load", "--horizon", "8", "--plot", "--ascii"]);
    assert!(text.is_ascii() && text.contains('*') && text.contains(['.', ':']), "{text}");
}
