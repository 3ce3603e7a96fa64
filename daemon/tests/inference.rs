//! The read side of the Open Inference Protocol, version 2.
#![allow(missing_docs)]

mod common;

use common::{Host, agent};
use serde_json::{Value, json};

fn infer(host: &Host, body: Value) -> (u16, Value) {
    host.post("/v2/models/web/infer", &body.to_string())
}

fn tensor<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let outputs = answer["outputs"].as_array().unwrap_or_else(|| panic!("{answer}"));
    outputs.iter().find(|output| output["name"] == name).unwrap_or_else(|| panic!("no {name} in {answer}"))
}

#[test]
fn streams_are_models_that_can_be_asked() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\nmemory_mib = 1\n");
    assert_eq!(host.get("/v2/health/live"), (200, json!({"live": true})));
    assert_eq!(host.get("/v2/health/ready"), (200, json!({"ready": true})));
    assert_eq!(host.get("/v2").1["name"], "surmise");
    let lines: String = (0..400)
        .map(|n| {
            let page = ["/home", "/cart"][n % 2];
            json!({"key": "u", "data": {"page": page, "ms": if n % 2 == 0 { 10 } else { 90 }}}).to_string() + "\n"
        })
        .collect();
    assert_eq!(host.post("/api/v1/streams/web/events", &lines).1["accepted"], 400);
    let (_, model) = host.get("/v2/models/web");
    let page = json!({"name": "page", "datatype": "BYTES", "shape": [-1]});
    assert!(model["inputs"].as_array().unwrap().contains(&page), "{model}");
    assert_eq!(host.get("/v2/models/web/ready"), (200, json!({"ready": true})));
    // what comes next for a key, and what is left of an event of which a part is known
    let (status, next) = infer(&host, json!({"id": "7", "parameters": {"sequence_id": "u"}}));
    assert_eq!((status, &next["id"], &next["model_name"]), (200, &json!("7"), &json!("web")), "{next}");
    assert_eq!(tensor(&next, "page")["data"][0], "/home");
    assert!(tensor(&next, "page.probability")["data"][0].as_f64().unwrap() > 0.8, "{next}");
    let given = json!([{"name": "page", "datatype": "BYTES", "shape": [1], "data": ["/cart"]}]);
    let asked = json!({"parameters": {"sequence_id": "u"}, "inputs": given, "outputs": [{"name": "ms"}]});
    let (_, rest) = infer(&host, asked);
    assert_eq!(rest["outputs"].as_array().unwrap().len(), 3, "{rest}");
    assert_eq!(tensor(&rest, "ms.levels")["shape"], tensor(&rest, "ms.quantiles")["shape"]);
    // errors are as the protocol has them
    for (path, body) in [("/v2/models/other/infer", "{}"), ("/v2/models/web/infer", "nothing"), ("/v2/nothing", "{}")] {
        let (status, answer) = host.post(path, body);
        assert!((400..500).contains(&status) && answer["error"].is_string(), "{path}: {answer}");
    }
    let two = json!([{"name": "page", "datatype": "BYTES", "shape": [2], "data": ["/cart", "/home"]}]);
    assert_eq!(infer(&host, json!({"inputs": two})).0, 400);
    let (status, answer) = infer(&host, json!({"inputs": [{"name": "ms", "shape": [3], "data": [20]}]}));
    let error = answer["error"].as_str().unwrap();
    assert!(status == 400 && error.contains("[3]") && error.contains("one value, 20"), "{answer}");
    assert_eq!(infer(&host, json!({"outputs": [{"name": "nothing"}]})).0, 400);
    // versions, what tools ask beside, and the requests of clients that name no kind of body
    let version = model["versions"][0].as_str().unwrap();
    let path = |rest: &str| format!("/v2/models/web/versions/{version}{rest}");
    assert_eq!(host.get(&path("")).1["inputs"], model["inputs"]);
    assert_eq!(host.get(&path("/ready")), (200, json!({"ready": true})));
    let statistics = host.get(&path("/stats")).1["model_stats"][0].clone();
    assert_eq!(statistics, json!({"name": "web", "version": version, "inference_count": 400, "execution_count": 400}));
    assert_eq!(host.get("/v2/models/web/versions/99").0, 404);
    assert_eq!(host.get("/v2").1["extensions"], json!(["sequence(string_id)", "statistics", "surmise.streams"]));
    let untyped = |path: &str, length: Option<&str>| {
        let request = agent().post(host.url(path));
        let request = length.into_iter().fold(request, |r, n| r.header("Inference-Header-Content-Length", n));
        let mut answer = request.send(&b"{}"[..]).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    assert_eq!(untyped(&path("/infer"), None).0, 200);
    let (status, binary) = untyped("/v2/models/web/infer", Some("2"));
    assert!(status == 400 && binary.contains("binary_data=False"), "{binary}");
    assert_eq!(untyped("/api/v1/streams/web/predict", None).0, 415);
    assert_eq!(untyped("/-/reload", None).0, 200);
    assert_eq!(host.get("/api/v1/streams/web").1["offset"], 400, "nothing is learnt");
    host.stop();
}
