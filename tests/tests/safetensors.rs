//! Python's safetensors reads what `surmise export safetensors` writes, where Python has it.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use surmise_fixtures::skipped;
use surmise_tests::{TestDaemon, surmise};

/// Prints of each array of a file its type, its shape and the sum of its squares, as JSON, and the file's metadata.
const READER: &str = r"
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], framework='numpy') as f:
    arrays = {name: f.get_tensor(name) for name in f.keys()}
    print(json.dumps({'about': f.metadata(), 'arrays': {name: [str(a.dtype), list(a.shape),
        float((a.astype('float64') ** 2).sum())] for name, a in arrays.items()}}))
";

/// A Python that has safetensors: the one that `SURMISE_PYTHON` names, as `.ci/run` does, or `python3`.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("SURMISE_PYTHON").filter(|p| !p.is_empty());
    let python = PathBuf::from(named.unwrap_or_else(|| "python3".into()));
    let found = Command::new(&python).args(["-c", "import safetensors.numpy"]).output();
    found.is_ok_and(|out| out.status.success()).then_some(python)
}

#[test]
fn python_opens_the_weights_of_a_stream() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(&dir.path().join("data"));
    let events: String = (0..3000)
        .map(|i| format!("{{\"data\":{{\"page\":\"p{}\",\"load\":{}.5}}}}\n", i * 7 % 5, 100 + i * i % 23))
        .collect();
    let url = format!("http://{}/api/v1/streams/web/events", daemon.http);
    assert!(ureq::post(url).content_type("application/x-ndjson").send(&events).is_ok());
    let server = format!("http://{}", daemon.http);
    let made = surmise(["checkpoint", "create", "--stream", "web", "--server", &server]);
    assert!(made.status.success());
    let out = dir.path().join("web.safetensors");
    let args = ["export", "safetensors", "--stream", "web", "--out", out.to_str().unwrap(), "--server", &server];
    let done = surmise(args);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let manifest: Value = serde_json::from_slice(&std::fs::read(out.with_extension("json")).unwrap()).unwrap();
    assert_eq!(manifest["offset"], 3000);
    let networks = manifest["networks"].as_array().unwrap();
    let of = |name: &str| networks.iter().find(|network| network["name"] == name).unwrap();
    let symbols: BTreeSet<&str> = of("page")["symbols"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(symbols, BTreeSet::from(["p0", "p1", "p2", "p3", "p4"]));
    assert_eq!(of("numbers")["fields"], serde_json::json!(["load"]));
    // a checkpoint as a file gives the same
    let (file, again) = (dir.path().join("web.ckpt"), dir.path().join("again.safetensors"));
    let saved = surmise(["checkpoint", "export", "web", "--to", file.to_str().unwrap(), "--server", &server]);
    assert!(saved.status.success());
    assert!(
        surmise(["export", "safetensors", file.to_str().unwrap(), "--out", again.to_str().unwrap()]).status.success()
    );
    let none = surmise(["export", "safetensors", out.to_str().unwrap(), "--out", again.to_str().unwrap()]);
    assert!(!none.status.success() && String::from_utf8_lossy(&none.stderr).contains("checkpoint"));
    let Some(python) = python() else {
        return skipped("Python's own reader on exported weights", "there is no Python with safetensors and numpy");
    };
    let read = Command::new(python).args(["-c", READER]).arg(&out).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read: Value = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!(read["about"]["state_hash"], manifest["state_hash"]);
    let (mut named, mut squares) = (0, 0.0);
    for array in networks.iter().flat_map(|network| network["arrays"].as_array().unwrap()) {
        let found = &read["arrays"][array["name"].as_str().unwrap()];
        assert_eq!(found[1], array["shape"], "{array}");
        named += 1;
        if found[0] == "float32" && array["name"].as_str().unwrap().starts_with("page.layers.0.") {
            squares += found[2].as_f64().unwrap();
        }
    }
    assert_eq!(read["arrays"].as_object().unwrap().len(), named);
    // what the daemon says of the layer is what the arrays say
    let url = format!("{server}/api/v1/streams/web/learner");
    let learner: Value = ureq::get(url).call().unwrap().body_mut().read_json().unwrap();
    let page = learner["fields"].as_array().unwrap().iter().find(|field| field["name"] == "page").unwrap();
    let norm = page["network"]["each_layer"][0]["weight_norm"].as_f64().unwrap();
    assert!((squares.sqrt() / norm - 1.0).abs() < 1e-6, "{} is not {norm}", squares.sqrt());
}
