//! `surmise config`: what is in force and where it comes from, what is wrong with a file, and what a file would change.

use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;
use surmise_tests::{TestDaemon, command, surmise};

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[auth]\ntoken = \"between us\"\n";

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_daemon_shows_what_is_in_force_and_what_a_file_would_change() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let d = TestDaemon::start_with(&state, SMALL, &[("SURMISE__LIMITS__STREAMS", "77")]);
    let ask = |args: &[&str]| {
        let done = d.client(args).env("SURMISE_TOKEN", "between us").output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", text(done.stderr));
        text(done.stdout)
    };
    let shown = ask(&["config", "show"]);
    let file = state.with_extension("toml");
    let written = std::fs::read_to_string(&file).unwrap();
    let line = |key: &str| 1 + written.lines().position(|line| line.starts_with(key)).unwrap();
    for (key, comment) in [
        ("network = \"off\"", format!("{}, line {}", file.display(), line("network"))),
        ("streams = 77", "environment: SURMISE__LIMITS__STREAMS".into()),
        ("generations = 3", "default".into()),
        ("threads = 0", "default; here threads = ".into()),
        ("memory = \"0B\"", "default; here memory = \"".into()),
        ("disk = \"0B\"", "default; here disk = \"".into()),
        ("token = \"…\"", format!("{}, line {}", file.display(), line("token"))),
    ] {
        let line = shown.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key} in {shown}"));
        assert!(line.contains(&format!("# {comment}")), "{line}");
    }
    assert!(!shown.contains("between us"), "{shown}");
    // what is printed is a configuration
    std::fs::write(dir.path().join("shown.toml"), &shown).unwrap();
    let checked = surmise(["config", "check", dir.path().join("shown.toml").to_str().unwrap()]);
    assert!(checked.status.success(), "{}", text(checked.stderr));

    let path = file.to_str().unwrap();
    let before = std::fs::read_to_string(&file).unwrap();
    let differing = || -> Vec<Value> {
        let all: Value = serde_json::from_str(&ask(&["config", "diff", path, "--output", "json"])).unwrap();
        all["differences"].as_array().unwrap().clone()
    };
    let environment = json!({"key": "limits.streams", "running": "77", "file": "10000",
        "takes_effect": "never: SURMISE__LIMITS__STREAMS overrides it"});
    assert_eq!(differing(), [environment]);
    let after = before.replace("[store]\n", "[store]\ndisk = \"1GiB\"\n");
    std::fs::write(&file, format!("{after}[limits]\nfields = 9\n")).unwrap();
    let keys = |found: Vec<Value>| found.iter().map(|d| d["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(keys(differing()), ["store.disk", "limits.streams", "limits.fields"]);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let reload = agent.post(format!("http://{}/-/reload", d.http)).header("Authorization", "Bearer between us");
    assert_eq!(reload.header("Content-Type", "application/json").send(&b""[..]).unwrap().status(), 200);
    assert_eq!(keys(differing()), ["limits.streams", "limits.fields"], "what is reloaded is in force");
    assert!(ask(&["config", "show"]).contains("disk = \"1GiB\""));
}

#[test]
fn faults_have_their_lines() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("surmised.toml");
    let path = file.to_str().unwrap();
    for (written, faults) in [
        ("[store]\ndir = \"x\"\n[limits]\nstream = 3\n", vec![":4: unknown key \"stream\" in [limits]; did you mean"]),
        (
            "[store]\ngenerations = 0\n\n[owners]\nthreads = 9999\n",
            vec![":2: store.generations: 0", ":5: owners.threads"],
        ),
        (
            "[tls]\ncertificate = \"none.crt\"\nkey = \"none.key\"\n",
            vec![":2: tls.certificate: none.crt cannot be used"],
        ),
    ] {
        std::fs::write(&file, written).unwrap();
        let checked = surmise(["config", "check", path]);
        assert_eq!(checked.status.code(), Some(64));
        let said = text(checked.stderr);
        assert!(faults.iter().all(|fault| said.contains(&format!("{path}{fault}"))), "{said}");
    }
    std::fs::write(&file, "[store]\ndir = \"x\"\n").unwrap();
    assert_eq!(text(surmise(["config", "check", path]).stdout), format!("{path}: the configuration is fine\n"));
    let mut show = command("surmise");
    let shown = show.args(["config", "show", "--config", path]).env("SURMISE__OWNERS__THREADS", "3").output().unwrap();
    let shown = text(shown.stdout);
    assert!(shown.contains("threads = 3") && shown.contains("# environment: SURMISE__OWNERS__THREADS"), "{shown}");
    assert!(text(surmise(["config", "reference"]).stdout).starts_with("# Configuration reference\n"));
}

#[test]
fn a_token_in_clear_is_warned_of_and_its_hash_opens_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let told = |d: &TestDaemon| {
        let done = d.client(&["doctor", "--output", "json"]).env("SURMISE_TOKEN", "between us").output().unwrap();
        text(done.stdout)
    };
    let d = TestDaemon::start_with(&state, SMALL, &[]);
    let file = state.with_extension("toml");
    assert!(told(&d).contains("it stands in clear in line"), "{}", told(&d));
    let examined = || text(surmise(["doctor", "--config", file.to_str().unwrap()]).stdout);
    assert!(examined().contains("look  auth.token: it stands in clear in line"), "{}", examined());
    drop(d);

    let mut hash = command("surmise");
    let mut hash = hash.args(["token", "hash"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    hash.stdin.take().unwrap().write_all(b"between us\n").unwrap();
    let line = text(hash.wait_with_output().unwrap().stdout);
    assert!(line.starts_with("token_hash = \"sha256:"), "{line}");
    let d = TestDaemon::start_with(&state, &SMALL.replace("token = \"between us\"\n", &line), &[]);
    assert!(told(&d).contains("\"streams\"") && !told(&d).contains("in clear"), "{}", told(&d));
    assert!(!examined().contains("auth.token"), "{}", examined());
    assert!(text(d.client(&["doctor"]).output().unwrap().stdout).contains("token"), "without the token it is refused");
}
