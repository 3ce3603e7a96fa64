//! The list of HTTP endpoints in the README is the table that the daemon routes by.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use surmised::{ENDPOINTS, Endpoint, document};

const BEGIN: &str = "<!-- endpoints: SURMISE_WRITE=1 cargo test -p surmised --test endpoints -->\n";
const END: &str = "<!-- end of endpoints -->\n";

/// The table as the README has it.
fn table() -> String {
    let mut table = String::from("| | path | role | |\n|---|---|---|---|\n");
    for Endpoint { method, path, role, about, .. } in ENDPOINTS {
        let role = role.map_or("", |role| role.name());
        writeln!(table, "| {method} | `{path}` | {role} | {about} |").unwrap();
    }
    table
}

#[test]
fn the_readme_lists_every_endpoint() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README has a list of endpoints");
    let (listed, after) = rest.split_once(END).expect("the list of endpoints ends");
    if std::env::var_os("SURMISE_WRITE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
    } else {
        assert_eq!(listed, table(), "SURMISE_WRITE=1 cargo test -p surmised --test endpoints writes the list");
    }
}

/// The status of the answer to a request without a body.
fn ask(host: &Host, method: &str, path: &str) -> u16 {
    let (agent, url) = (common::agent(), host.url(path));
    let answer = match method {
        "GET" => agent.get(url).call(),
        "POST" => agent.post(url).header("Content-Type", "application/json").send(""),
        "PUT" => agent.put(url).send_empty(),
        "DELETE" => agent.delete(url).call(),
        other => panic!("{other} {path}"),
    };
    answer.unwrap().status().as_u16()
}

#[test]
fn every_endpoint_is_routed() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(
        dir.path(),
        "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[sources.remote_write]\nmetrics = [\"up\"]\n",
    );
    assert_eq!(host.post("/api/v1/streams/web/events", "{\"data\":\"a\"}\n{\"data\":\"b\"}\n").0, 200);
    assert_eq!(host.post("/api/v1/checkpoints", "").0, 200);
    for Endpoint { method, path, .. } in ENDPOINTS {
        // a feed never ends, and what deletes the stream comes last; other tests follow both
        if path.ends_with("/watch") || path.ends_with("/delete") {
            continue;
        }
        // another test follows a replay
        if path.starts_with("/api/v1/replays") && (*path, *method) != ("/api/v1/replays", "GET") {
            let path = path.replace("{id}", "1");
            assert_eq!(ask(&host, method, &path), if *method == "POST" { 400 } else { 404 }, "{method} {path}");
            continue;
        }
        // these ask for more than the path says
        let expected = if ["/rename", "/schema", "/diff", "/predict", "/infer", "/feedback", "/forget", "/write"]
            .iter()
            .any(|end| path.ends_with(end))
        {
            400
        } else {
            200
        };
        // a reset before has made another stream of it
        let version = host.get("/v2/models/web").1["versions"][0].as_str().unwrap_or_default().to_owned();
        let path = path
            .replace("{stream}", "web")
            .replace("{version}", &version)
            .replace("{generation}", "1")
            .replace("{offset}", "1")
            .replace("{producer}", "p");
        assert_eq!(ask(&host, method, &path), expected, "{method} {path}");
    }
    assert_eq!(ask(&host, "POST", "/api/v1/streams/web/delete"), 200);
    host.stop();
}

#[test]
fn the_committed_document_is_what_the_code_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/openapi.json");
    let given = serde_json::to_string_pretty(document()).unwrap() + "\n";
    if std::env::var_os("SURMISE_WRITE").is_some() {
        std::fs::write(&path, given).unwrap();
    } else {
        let committed = std::fs::read_to_string(&path).unwrap();
        assert!(committed == given, "SURMISE_WRITE=1 cargo test -p surmised --test endpoints writes the document");
    }
}

#[test]
fn the_document_is_served_and_can_be_read_in_a_browser() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\nmemory_mib = 1\n");
    let (status, served) = host.get("/api/v1/openapi.json");
    assert_eq!((status, &served), (200, document()));
    let (status, page) = host.get_text("/api");
    assert_eq!(status, 200);
    for Endpoint { path, .. } in ENDPOINTS.iter().filter(|endpoint| endpoint.path.starts_with("/api/v1/")) {
        assert!(document()["paths"][path].is_object() && page.contains(path), "{path}");
    }
    for name in document()["components"]["schemas"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("id=\"{name}\"")), "{name}");
    }
    // it asks no other host for anything
    assert!(!page.contains("://") && !page.contains("<script"));
    host.stop();
}

/// Every `$ref` of a document.
fn references<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
    match value {
        Value::Object(object) => {
            out.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|inner| references(inner, out));
        }
        Value::Array(list) => list.iter().for_each(|inner| references(inner, out)),
        _ => {}
    }
}

#[test]
fn the_document_refers_to_what_it_has() {
    let mut named = Vec::new();
    references(document(), &mut named);
    assert!(named.len() > 50);
    for name in named {
        assert!(document().pointer(name.strip_prefix('#').unwrap()).is_some(), "{name}");
    }
}

#[test]
fn an_error_that_no_handler_sees_is_a_problem_too() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\nmemory_mib = 1\n");
    assert_eq!(host.post("/api/v1/streams/web/events", "{\"data\":\"a\"}\n").0, 200);
    for (path, expected) in [
        ("/api/v1/checkpoints/%ff/1", 400),
        ("/api/v1/replays/first", 400),
        ("/api/v1/streams/%ff/next", 400),
        ("/api/v1/streams/web/learner?top=3", 400),
        ("/api/v1/nothing", 404),
        ("/api/v1/streams/web/rename", 405),
    ] {
        let answer = common::agent().get(host.url(path)).call().unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap();
        assert_eq!((answer.status().as_u16(), kind), (expected, "application/problem+json"), "{path}");
        assert_eq!(answer.headers().contains_key("allow"), expected == 405, "{path}");
    }
    // a body that is longer than one that is read whole may be
    let long = "x".repeat((2 << 20) + 1);
    let (status, problem) = host.post("/api/v1/streams/web/predict", &long);
    assert_eq!((status, &problem["status"]), (413, &413.into()));
    host.stop();
}
