//! Predictions of chosen streams as series for Prometheus.
#![allow(missing_docs)]

mod common;

use common::{Host, agent};
use surmise_config::TokenHash;

/// The value of a series; `None` if it is not there.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn chosen_streams_are_series_of_their_numbers_and_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let more = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[export.series]\nstreams = [\"shop-*\"]\nseries_max = 12\n";
    let host = Host::start_with(dir.path(), more);
    let body: String = (0..600)
        .map(|i| format!("{{\"data\":{{\"ms\":{},\"page\":\"p{}\",\"load\":{}.5}}}}\n", 50 + i % 5, i % 3, i % 7))
        .collect();
    for stream in ["shop-1", "db"] {
        assert_eq!(host.post(&format!("/api/v1/streams/{stream}/events"), &body).0, 200);
    }
    let (status, text) = host.get_text("/api/v1/series");
    assert_eq!(status, 200, "{text}");
    let next = host.get("/api/v1/streams/shop-1/next").1;
    for field in ["ms", "load"] {
        let of = |name: &str| value(&text, &format!("{name}{{stream=\"shop-1\",field=\"{field}\"}}")).unwrap();
        let expected = &next["fields"][field];
        let quantile = |level: &str| expected["quantiles"][level].as_f64().unwrap();
        assert_eq!(Some(of("yhat")), expected["mean"].as_f64(), "{text}");
        assert_eq!((of("yhat_lower"), of("yhat_upper")), (quantile("0.05"), quantile("0.95")));
    }
    let score = value(&text, "anomaly_score{stream=\"shop-1\"}").unwrap();
    assert!((0.0..1.5).contains(&score) && !text.contains("page") && !text.contains("db"), "{text}");
    assert_eq!(value(&text, "surmise_series_left_out"), Some(0.0));
    // an odd event is seen by its score, and a second stream does not fit into twelve series
    assert_eq!(host.post("/api/v1/streams/shop-1/events", "{\"data\":{\"ms\":9000,\"page\":\"p0\"}}\n").0, 200);
    assert_eq!(host.post("/api/v1/streams/shop-2/events", &body).0, 200);
    let text = host.get_text("/api/v1/series").1;
    assert!(value(&text, "anomaly_score{stream=\"shop-1\"}").unwrap() > score.max(1.0), "{text}");
    assert!(!text.contains("shop-2") && value(&text, "surmise_series_left_out") == Some(1.0), "{text}");
    host.stop();
}

#[test]
fn a_token_reads_the_series_of_its_streams_alone() {
    let dir = tempfile::tempdir().unwrap();
    let token = |name: &str, roles: &str, streams: &str| {
        let hash = TokenHash::of(name.as_bytes());
        format!(
            "[[auth.tokens]]\nname = \"{name}\"\nhash = \"{hash}\"\nroles = [\"{roles}\"]\nstreams = [\"{streams}\"]\n"
        )
    };
    let tokens = [token("all", "ingest", "*"), token("one", "read", "a")].concat();
    let more = format!("[model]\nnetwork = \"off\"\nmemory_mib = 1\n[export.series]\nstreams = [\"*\"]\n{tokens}");
    let host = Host::start_with(dir.path(), &more);
    let ask = |path: &str, token: &str, body: Option<&str>| {
        let (agent, bearer) = (agent(), format!("Bearer {token}"));
        let answer = match body {
            Some(body) => agent
                .post(host.url(path))
                .header("Content-Type", "application/x-ndjson")
                .header("Authorization", bearer)
                .send(body),
            None => agent.get(host.url(path)).header("Authorization", bearer).call(),
        };
        let mut answer = answer.unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    for stream in ["a", "b"] {
        assert_eq!(
            ask(&format!("/api/v1/streams/{stream}/events"), "all", Some("{\"data\":1}\n{\"data\":2}\n")).0,
            200
        );
    }
    assert_eq!(ask("/api/v1/series", "all", None).0, 403, "it may not read");
    let (status, text) = ask("/api/v1/series", "one", None);
    assert!(status == 200 && value(&text, "yhat{stream=\"a\",field=\"value\"}").is_some(), "{status} {text}");
    assert!(!text.contains("stream=\"b\""), "{text}");
    host.stop();
}
