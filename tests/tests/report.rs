//! `surmise replay` with a report, figures and comparisons.

use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use surmise_tests::surmise;

const RIGHT_TO_LEFT: char = '\u{202e}';

/// A log with a burst of errors, and lines that would do harm to a page that believed them.
fn hostile_log(dir: &Path) -> PathBuf {
    let path = dir.join("<b>access&.log");
    let mut text = String::new();
    for i in 0..1500u32 {
        let (client, page) = (i * 7919 % 200, ["", "cart", "login"][(i * 31 % 3) as usize]);
        let status = if (1000..1030).contains(&i) { 502 } else { 200 };
        match i {
            700 => text.push_str("<script>fetch('http://evil.example/')</script><img src=x onerror=alert(1)>\n"),
            900 => writeln!(text, "\"quotes\" & {RIGHT_TO_LEFT}gnp.exe \u{1b}[31mred\u{7} \u{200b}עברית").unwrap(),
            _ => writeln!(text, "10.0.0.{client} GET /{page} HTTP/1.1 {status} id={i}").unwrap(),
        }
    }
    std::fs::write(&path, text).unwrap();
    path
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_report_is_one_page_that_asks_for_nothing_and_believes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = hostile_log(dir.path());
    let (page, figures) = (dir.path().join("report.html"), dir.path().join("pictures"));
    let args = ["replay".as_ref(), log.as_os_str(), "--report".as_ref(), page.as_os_str()];
    let more = ["--figures".as_ref(), figures.as_os_str(), "--compare".as_ref(), "network=off".as_ref()];
    let out = surmise(args.into_iter().chain(more));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let told = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(told.contains("figures in") && told.contains("network=off") && told.contains("95 % margin"), "{told}");
    let html = text(&page);
    for wanted in ["Learning curve", "Reliability", "What was unusual", "Compared with", "state hash", "[model]", "502"]
    {
        assert!(html.contains(wanted), "{wanted} is missing");
    }
    assert!(html.contains("default-src &#39;none&#39;") || html.contains("default-src 'none'"));
    for harm in ["<script", "<img", "<link", "<iframe", "<object", "<b>access", "@import", "url("] {
        assert!(!html.contains(harm), "the page has {harm}");
    }
    // whatever begins with a bracket is a tag of the page's own
    for tag in html.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        let asks = [" src=", " srcset=", " onerror", " onclick", " onload", "javascript:"];
        assert!(asks.iter().all(|a| !tag.contains(a)), "the page has <{tag}>");
    }
    let leads = html.split("href=\"").skip(1).all(|rest| rest.starts_with('#'));
    assert!(leads, "a link leads away from the page");
    let hidden = |c: char| (c.is_control() && c != '\n') || c == RIGHT_TO_LEFT || c == '\u{200b}';
    assert!(!html.contains(hidden), "a mark that is not seen is in the page");
    assert!(html.contains("&lt;script&gt;") && html.contains("⟨U+202E⟩") && html.contains("␛[31m"), "it is shown");
    let mut kinds = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(&figures).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        match path.extension().and_then(|e| e.to_str()) {
            Some("svg") => assert!(bytes.starts_with(b"<svg xmlns") && bytes.ends_with(b"</svg>\n")),
            Some("png") => assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 5000, "{}", path.display()),
            other => panic!("{other:?}"),
        }
        *kinds.entry(path.extension().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert!(kinds.len() == 2 && kinds.values().all(|n| *n >= 5), "{kinds:?}");
}

/// The section of a page with an id.
fn section<'a>(html: &'a str, id: &str) -> &'a str {
    let (_, rest) = html.split_once(&format!("<section id=\"{id}\"")).unwrap_or_else(|| panic!("no section {id}"));
    rest.split_once("</section>").unwrap().0
}

#[test]
fn a_report_of_numbers_tells_errors_by_horizon_costs_and_simple_predictors() {
    let dir = tempfile::tempdir().unwrap();
    let (file, page, figures) = (dir.path().join("load.csv"), dir.path().join("r.html"), dir.path().join("pictures"));
    let rows = (0..900u32).map(|i| {
        let (day, hour) = (1 + i / 24, i % 24);
        let load = 50.0 + 20.0 * (f64::from(hour) / 24.0 * std::f64::consts::TAU).sin() + f64::from(i * i % 7);
        format!("2026-{:02}-{:02} {hour:02}:00:00,{load:.2}\n", 1 + day / 28, 1 + day % 28)
    });
    std::fs::write(&file, "date,load\n".to_owned() + &rows.collect::<String>()).unwrap();
    let paths = [&file, &page, &figures].map(|path| path.to_str().unwrap());
    let out =
        surmise(["replay", paths[0], "--time", "date", "--horizon", "5", "--report", paths[1], "--figures", paths[2]]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let html = text(&page);
    let horizon = section(&html, "horizon");
    for wanted in
        ["Error by horizon", "mean squared error", "mean absolute error", "within the 90 % interval", "steps ahead"]
    {
        assert!(horizon.contains(wanted), "{wanted} is missing of horizon");
    }
    let cost = section(&html, "cost");
    for wanted in
        ["What it cost", "events per second", "processor time", "most memory", "state of the learner", "weights"]
    {
        assert!(cost.contains(wanted), "{wanted} is missing of cost");
    }
    // the rows are what was measured: some memory, some weights
    let value = |row: &str| cost.split_once(row).unwrap().1.split("<td").nth(1).unwrap().split_once('>').unwrap().1;
    for row in ["most memory of the process", "state of the learner", "weights of networks"] {
        let measured = value(row);
        assert!(measured.starts_with(|c: char| ('1'..='9').contains(&c)), "{row}: {measured}");
    }
    let simple = |html: &str, wanted: &[&str]| {
        let section = section(html, "simple");
        wanted
            .iter()
            .for_each(|wanted| assert!(section.contains(wanted), "{wanted} is missing of the simple predictors"));
    };
    simple(&html, &["MSE ahead", "MAE ahead", "persistence", "seasonal", "direct RLS"]);
    // and what comes next stands beside its own simple predictors
    simple(&html, &["linear RLS", "Holt", "moving average"]);
    for name in ["horizon-squared", "horizon-absolute", "horizon-coverage"] {
        let figure = text(&figures.join(format!("{name}.svg")));
        assert!(figure.starts_with("<svg xmlns") && figure.contains("steps ahead"), "{name}");
    }
    // without a horizon, the next event alone is predicted by others
    let out = surmise(["replay", paths[0], "--time", "date", "--report", paths[1]]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let html = text(&page);
    simple(&html, &["MSE", "MAE", "persistence", "seasonal", "moving average", "Holt", "linear RLS"]);
    assert!(!html.contains("id=\"horizon\""));
}

/// Whatever a report collects on the way, what is learnt is the same.
#[test]
fn a_report_changes_nothing_that_is_learnt() {
    let dir = tempfile::tempdir().unwrap();
    let log = hostile_log(dir.path());
    let replay = |more: &[&std::ffi::OsStr]| -> Value {
        let base = ["replay".as_ref(), log.as_os_str(), "--output".as_ref(), "json".as_ref()];
        let out = surmise(base.iter().chain(more));
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let plain = replay(&[]);
    let page = dir.path().join("r.html");
    let reported = replay(&["--report".as_ref(), page.as_os_str(), "--no-baselines".as_ref()]);
    for same in ["state_hash", "loss_bits_per_event", "regret_bits", "experts", "fields"] {
        assert_eq!(plain[same], reported[same], "{same}");
    }
    let (course, incidents) = (&plain["course"], &reported["highlights"]["incidents"]);
    let last = |of: &Value| of.as_array().unwrap().last().unwrap().as_f64().unwrap();
    assert_eq!(last(&course["rows"]), 1500.0);
    let bits = last(&course["series"][0]["sums"]) / 1500.0;
    assert!((bits - plain["loss_bits_per_event"].as_f64().unwrap()).abs() < 1e-5, "{bits}");
    let offsets: Vec<u64> = incidents.as_array().unwrap().iter().filter_map(|i| i["offset"].as_u64()).collect();
    assert!(offsets.contains(&700), "the line that is like no other is an incident: {offsets:?}");
}

#[test]
fn replays_are_compared_with_options_and_with_files() {
    let dir = tempfile::tempdir().unwrap();
    let (tokens, other) = (dir.path().join("a.tokens"), dir.path().join("b.tokens"));
    let lines =
        |n: u32| (0..n).fold(String::new(), |s, i| s + &format!("open read{} read{} close\n", i % 3, (i + 1) % 3));
    std::fs::write(&tokens, lines(600)).unwrap();
    std::fs::write(&other, lines(500)).unwrap();
    let run = |args: &[&str]| surmise(args);
    let (a, b) = (tokens.to_str().unwrap(), other.to_str().unwrap());
    let stored = dir.path().join("now.json");
    let stored = stored.to_str().unwrap();
    let kept = run(&["replay", a, "--set", "ablate=matches", "--output", "json"]);
    std::fs::write(stored, &kept.stdout).unwrap();
    let out = run(&[
        "replay",
        a,
        "--output",
        "json",
        "--compare",
        stored,
        "--compare",
        "network=off seed=3",
        "--compare",
        "seed=1",
    ]);
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    let compared = json["comparison"].as_array().unwrap();
    assert_eq!(compared.len(), 3);
    let whole = |i: usize| &compared[i]["differences"][0];
    assert_eq!(
        (&compared[0]["with"], &compared[1]["with"]),
        (&Value::from(stored), &Value::from("network=off seed=3"))
    );
    let kept: Value = serde_json::from_slice(&kept.stdout).unwrap();
    let difference = kept["loss_bits_per_event"].as_f64().unwrap() - json["loss_bits_per_event"].as_f64().unwrap();
    assert!((whole(0)["difference"].as_f64().unwrap() - difference).abs() < 1e-5, "{compared:?}");
    assert!(whole(1)["margin"].as_f64().unwrap() > 0.0 && compared[1]["result"]["state_hash"] != json["state_hash"]);
    assert_eq!((&whole(2)["verdict"], &compared[2]["result"]["state_hash"]), (&"same".into(), &json["state_hash"]));

    let said = |out: &std::process::Output| String::from_utf8_lossy(&out.stderr).into_owned();
    let out = run(&["replay", b, "--compare", stored]);
    assert!(
        out.status.code() == Some(65) && said(&out).contains("only replays of the same recording"),
        "{}",
        said(&out)
    );
    let out = run(&["replay", a, "--compare", "netwrk=off"]);
    assert!(out.status.code() == Some(64) && said(&out).contains("did you mean \"network\""), "{}", said(&out));
    // without a value it is with the defaults, if anything was chosen
    let out = run(&["replay", a, "--output", "json", "--set", "ablate=matches", "--compare"]);
    let chosen: Value = serde_json::from_slice(&out.stdout).unwrap();
    let with = &chosen["comparison"][0];
    assert_eq!((&with["with"], &chosen["state_hash"]), (&"the defaults".into(), &kept["state_hash"]));
    assert_eq!(with["result"]["state_hash"], json["state_hash"]);
    let out = run(&["replay", a, "--compare"]);
    assert!(out.status.code() == Some(64) && said(&out).contains("nothing differs"), "{}", said(&out));
    let out = run(&["replay", a, "--compare", "fast"]);
    assert!(
        out.status.code() == Some(64) && said(&out).contains("expected options such as network=off"),
        "{}",
        said(&out)
    );
    std::fs::write(stored, "{\"events\": 3}").unwrap();
    assert_eq!(run(&["replay", a, "--compare", stored]).status.code(), Some(65));
    let out = run(&["replay", a, "--report", "/no/such/folder/r.html"]);
    assert!(out.status.code() == Some(74) && said(&out).contains("/no/such/folder"), "{}", said(&out));
}
