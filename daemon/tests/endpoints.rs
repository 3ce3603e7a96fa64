//! The list of HTTP endpoints in the README is the table that the daemon routes by.
#![allow(missing_docs)]

mod common;

use common::Host;
use std::fmt::Write;
use std::path::Path;
use surmised::{ENDPOINTS, Endpoint};

const BEGIN: &str = "<!-- endpoints: SURMISE_WRITE=1 cargo test -p surmised --test endpoints -->\n";
const END: &str = "<!-- end of endpoints -->\n";

/// The table as the README has it.
fn table() -> String {
    let mut table = String::from("| | path | role | |\n|---|---|---|---|\n");
    for Endpoint { method, path, role, about } in ENDPOINTS {
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

#[test]
fn every_endpoint_is_routed() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\nmemory_mib = 1\n");
    assert_eq!(host.post("/api/v1/streams/web/events", "{\"data\":\"a\"}\n{\"data\":\"b\"}\n").0, 200);
    assert_eq!(host.post("/api/v1/checkpoints", "").0, 200);
    for Endpoint { method, path, .. } in ENDPOINTS {
        // a feed never ends, and what deletes the stream comes last; other tests follow both
        if path.ends_with("/watch") || path.ends_with("/delete") {
            continue;
        }
        // these ask for more than the path says
        let expected =
            if ["/rename", "/schema", "/diff", "/predict"].iter().any(|end| path.ends_with(end)) { 400 } else { 200 };
        let path = path
            .replace("{stream}", "web")
            .replace("{generation}", "1")
            .replace("{offset}", "1")
            .replace("{producer}", "p");
        let status = match *method {
            "GET" => common::agent().get(host.url(&path)).call().unwrap().status(),
            "POST" => {
                let request = common::agent().post(host.url(&path)).header("Content-Type", "application/json");
                request.send("").unwrap().status()
            }
            other => panic!("{other} {path}"),
        };
        assert_eq!(status, expected, "{method} {path}");
    }
    let delete =
        common::agent().post(host.url("/api/v1/streams/web/delete")).header("Content-Type", "application/json");
    assert_eq!(delete.send("").unwrap().status(), 200);
    host.stop();
}
