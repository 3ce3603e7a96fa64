//! The Rust client's questions over HTTP, asked of a real daemon.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::{Value, json};
use surmise_client::{ClientError, Forget, Questions};
use surmise_event::{Data, Datum, Expected, Record};

#[test]
fn everything_is_asked_and_events_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\nmemory_mib = 1\n");
    let lines: String = (0..600)
        .map(|n| {
            let page = if n == 500 { "/nowhere" } else { ["/home", "/cart"][n % 2] };
            let key = if n < 300 { "u" } else { "v" };
            json!({"key": key, "data": {"page": page, "ms": 10 + 80 * (n % 2)}}).to_string() + "\n"
        })
        .collect();
    assert_eq!(host.post("/api/v1/streams/web/events", &lines).1["accepted"], 600);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let daemon = Questions::at(&host.url("")).unwrap();
        assert_eq!(daemon.status("web").await.unwrap().offset, 600);
        let next = daemon.next("web", Some("u")).await.unwrap();
        let Expected::Symbols { top, .. } = &next.fields["page"] else { panic!("{next:?}") };
        assert_eq!((top[0].0.as_deref(), next.key.as_deref()), (Some("/home"), Some("u")));
        assert_eq!(daemon.forecast("web", None, 3).await.unwrap().len(), 3);
        let page = ("page".into(), Datum::Text("/cart".into()));
        let given = Record { data: Data::Fields(vec![page]), key: Some("u".into()), ..Record::default() };
        let rest = daemon.predict("web", &given).await.unwrap();
        assert!(rest.fields.contains_key("ms") && !rest.fields.contains_key("page"), "{rest:?}");
        let why = daemon.why("web", 500).await.unwrap();
        assert_eq!((why.offset, &*why.parts[0].name), (500, "page"), "{why:?}");
        assert_eq!(&*daemon.incidents("web").await.unwrap().stream, "web");
        assert!(daemon.surprises("web").await.unwrap().surprises.iter().any(|event| event.offset == 500));
        let system: Value = daemon.get("/api/v1/system", &[]).await.unwrap();
        assert!(system["limits"].is_array(), "{system}");
        // what is forgotten leaves nothing: the state is that of a stream that never saw it
        let events = Forget { key: Some("v".into()), ..Forget::default() };
        let forgotten = daemon.forget("web", &events).await.unwrap();
        assert_eq!((forgotten.offset_before, forgotten.forgotten), (600, 300), "{forgotten:?}");
        let first: String = lines.lines().take(300).map(|line| line.to_owned() + "\n").collect();
        assert_eq!(host.post("/api/v1/streams/spared/events", &first).1["accepted"], 300);
        let hash = |stream: &str| host.get(&format!("/api/v1/streams/{stream}/hash")).1["state_hash"].clone();
        assert_eq!(hash("web"), hash("spared"));
        // what the daemon has against a question is told
        let problem = daemon.forget("web", &Forget::default()).await.unwrap_err();
        assert!(matches!(&problem, ClientError::Problem(problem) if problem.status == 400), "{problem}");
        let unknown = daemon.status("no such/stream").await.unwrap_err();
        assert!(matches!(&unknown, ClientError::Problem(problem) if problem.status == 404), "{unknown}");
        let nobody = Questions::at("http://127.0.0.1:1").unwrap().status("web").await.unwrap_err();
        assert!(matches!(nobody, ClientError::Unreachable { .. }), "{nobody}");
    });
    host.stop();
}

/// Whoever has an acknowledgement is answered of what was acknowledged, on a stream that is idle and on a busy one.
#[test]
fn a_fresh_answer_is_of_everything_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\nmemory_mib = 1\n");
    let lines = |count: usize| json!({"data": {"page": "/home"}}).to_string().repeat(count).replace("}{", "}\n{");
    let send = |count: usize| assert_eq!(host.post("/api/v1/streams/web/events", &lines(count)).1["accepted"], count);
    let offset = |path: &str| host.get(&format!("/api/v1/streams/web/{path}fresh")).1["offset"].as_u64().unwrap();
    for round in 1..=60 {
        send(7);
        for path in ["next?", "forecast?horizon=2&"] {
            assert_eq!(offset(path), round * 7, "{path}");
        }
    }
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| (0..40).for_each(|_| send(2_000)));
        while !flood.is_finished() {
            let acknowledged = host.get("/api/v1/streams/web").1["committed_offset"].as_u64().unwrap();
            assert!(offset("next?") >= acknowledged);
        }
    });
}
