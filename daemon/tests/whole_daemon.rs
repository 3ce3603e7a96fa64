//! What is the daemon's as a whole is not opened by a token that is good for some streams alone.
#![allow(missing_docs)]

mod common;

use common::Host;
use surmise_config::{AccessRole, TokenHash};
use surmised::{ENDPOINTS, Endpoint};

const ROLES: &str = "roles = [\"ingest\", \"read\", \"operate\"]";

fn token(name: &str, streams: &str) -> String {
    let hash = TokenHash::of(name.as_bytes());
    format!("[[auth.tokens]]\nname = {name:?}\nhash = \"{hash}\"\n{ROLES}\nstreams = [{streams:?}]\n")
}

/// The status of an answer to a token.
fn status(host: &Host, token: &str, endpoint: &Endpoint) -> u16 {
    let (agent, url) = (common::agent(), host.url(endpoint.path));
    let bearer = format!("Bearer {token}");
    let answer = match endpoint.method {
        "GET" => agent.get(&url).header("Authorization", bearer).call(),
        _ => agent.post(&url).header("Authorization", bearer).content_type("application/json").send(&b""[..]),
    };
    answer.unwrap().status().as_u16()
}

#[test]
fn what_is_the_daemons_as_a_whole_asks_for_a_token_of_all_streams() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = token("some", "web-*") + &token("all", "*");
    let host = Host::start_with(dir.path(), &format!("[model]\nnetwork = \"off\"\nmemory_mib = 1\n{tokens}"));
    for path in ["/-/reload", "/api/v1/config", "/api/v1/audit"] {
        let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.path == path).unwrap();
        assert_eq!((status(&host, "some", endpoint), status(&host, "all", endpoint)), (403, 200), "{path}");
    }
    host.stop();
}

/// An operation either has a stream in its path, or is the daemon's as a whole, or checks the stream that its query or
/// its body names: whoever adds one decides which.
#[test]
fn every_operation_is_of_a_stream_or_of_the_daemon() {
    let named =
        ["/api/v1/checkpoints", "/api/v1/replays", "/api/v1/replays/{id}", "/api/v1/producers/{producer}/reset"];
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.role == Some(AccessRole::Operate)) {
        let is_of_stream = endpoint.path.contains("{stream}");
        let ways = [is_of_stream, endpoint.is_of_whole_daemon(), named.contains(&endpoint.path)];
        assert_eq!(ways.into_iter().filter(|is| *is).count(), 1, "{} {}", endpoint.method, endpoint.path);
    }
}
