//! Who gets in: web pages of other origins, connections that say half a sentence, tokens, and epochs.
#![allow(missing_docs)]

mod common;

use common::{Host, Wire};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use surmise_config::{Config, TokenHash};
use surmised::Daemon;

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n";

/// Sends bytes and returns everything that comes back until the other side closes.
fn exchange(to: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.write_all(bytes).unwrap();
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer);
    answer
}

/// The status of a request with these lines in its head.
fn status(host: &Host, request: &str, head: &str, body: &str) -> u16 {
    let http = host.running().http_addr().unwrap();
    let length = body.len();
    let request = format!("{request} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n{body}");
    let answer = exchange(http, request.as_bytes());
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{request}: {answer}"))
}

/// A connection from another address of this machine.
fn connect_from(address: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((IpAddr::from(address), 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

#[test]
fn a_page_of_another_origin_gets_nothing_in_and_nothing_out() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[listen]\nhosts = [\"box.example\"]\n"));
    let events = "POST /api/v1/streams/web/events";
    let kind = "Content-Type: application/json\r\n";
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let old = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101 Firefox/60.0\r\n";
    for (request, head, body, expected) in [
        ("GET /api/v1/streams", "Host: localhost\r\n".into(), "", 200),
        ("GET /api/v1/streams", "Host: box.example:7070\r\nOrigin: http://box.example:7070\r\n".into(), "", 200),
        // a name that was rebound to this machine
        ("GET /api/v1/streams", "Host: evil.example\r\n".into(), "", 421),
        ("GET /api/v1/streams", "Host: evil.example:7070\r\nOrigin: http://evil.example:7070\r\n".into(), "", 421),
        ("GET /api/v1/streams", String::new(), "", 400),
        ("GET /api/v1/streams", "Host: localhost\r\nHost: evil.example\r\n".into(), "", 400),
        ("GET http://evil.example/api/v1/streams", "Host: localhost\r\n".into(), "", 400),
        // a page of another origin
        ("GET /api/v1/streams", "Host: localhost\r\nOrigin: http://evil.example\r\n".into(), "", 403),
        ("GET /api/v1/streams", "Host: localhost\r\nOrigin: null\r\n".into(), "", 403),
        ("GET /api/v1/streams", "Host: localhost:7070\r\nOrigin: http://localhost:3000\r\n".into(), "", 403),
        ("GET /api/v1/streams", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n".into(), "", 403),
        ("GET /", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n".into(), "", 200),
        (events, format!("Host: localhost\r\nOrigin: http://evil.example\r\n{kind}"), "evil", 403),
        // what a form can send without asking first
        (events, "Host: localhost\r\nContent-Type: text/plain\r\n".into(), "evil", 415),
        (events, "Host: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n".into(), "evil", 415),
        (events, "Host: localhost\r\n".into(), "evil", 415),
        // without a body there is nothing of a kind, but a form names one all the same
        ("POST /api/v1/checkpoints", "Host: localhost\r\n".into(), "", 200),
        ("POST /api/v1/checkpoints", "Host: localhost\r\nUser-Agent: curl/8.5.0\r\n".into(), "", 200),
        ("POST /api/v1/checkpoints", format!("Host: localhost\r\n{form}"), "", 415),
        ("POST /api/v1/checkpoints", "Host: localhost\r\nContent-Type: text/plain\r\n".into(), "", 415),
        ("POST /api/v1/checkpoints", "Host: localhost\r\nContent-Type: \r\n".into(), "", 415),
        ("POST /api/v1/checkpoints", "Host: localhost\r\n".into(), "evil", 415),
        ("POST /api/v1/checkpoints", "Host: localhost\r\nOrigin: http://evil.example\r\n".into(), "", 403),
        ("POST /api/v1/checkpoints", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n".into(), "", 403),
        // a browser of before 2019 tells neither of a page's request without CORS
        ("POST /api/v1/checkpoints", format!("Host: localhost\r\n{old}"), "", 415),
        ("POST /api/v1/checkpoints", format!("Host: localhost\r\n{old}Origin: http://localhost\r\n"), "", 200),
        ("PUT /api/v1/checkpoints/web/1/pin", format!("Host: localhost\r\n{form}"), "", 415),
        // what needs a body needs its kind
        ("POST /api/v1/streams/web/forget", "Host: localhost\r\n".into(), "", 415),
        (events, "Host: localhost\r\n".into(), "", 415),
        ("OPTIONS /api/v1/streams", "Host: localhost\r\nOrigin: http://evil.example\r\n".into(), "", 403),
        (events, format!("Host: localhost\r\nOrigin: http://localhost\r\n{kind}"), "\"good\"", 200),
    ] {
        assert_eq!(status(&host, request, &head, body), expected, "{request} {head:?}");
    }
    assert_eq!(host.get("/api/v1/streams/web").1["offset"], 1, "only the page of this origin has sent");
    host.stop();
}

#[test]
fn answers_forbid_frames_and_guesses_and_the_page_has_nothing_inline() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    for path in ["/", "/page.js", "/page.css", "/api/v1/streams", "/api/v1/nothing", "/-/healthy"] {
        let answer = common::agent().get(host.url(path)).call().unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(
            (header("x-content-type-options").as_str(), header("referrer-policy").as_str()),
            ("nosniff", "no-referrer")
        );
        assert!(answer.headers().get("access-control-allow-origin").is_none(), "{path}");
    }
    let page = host.get_text("/").1;
    assert!(
        !page.contains("<style") && !page.contains("<script>") && !page.contains(" style=") && !page.contains(" on")
    );
    host.stop();
}

#[test]
fn a_request_to_the_event_socket_is_no_event() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[listen]\nlines = \"127.0.0.1:0\"\n"));
    let body = "{\"stream\":\"web\",\"data\":\"evil\"}\nevil\n";
    let request = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for door in [host.running().tcp_addr().unwrap(), host.running().lines_addr().unwrap()] {
        let answer = exchange(door, request.as_bytes());
        let error = serde_json::from_str::<Value>(&answer).unwrap()["error"].clone();
        assert_eq!((&error["code"], &error["fatal"]), (&json!("bad_hello"), &json!(true)), "{error}");
        assert!(error["reason"].as_str().unwrap().contains("does not speak HTTP"), "{error}");
    }
    let unix = std::os::unix::net::UnixStream::connect(host.running().unix_path().unwrap()).unwrap();
    let mut unix = Wire::over(unix);
    unix.bytes(request.as_bytes());
    assert_eq!(unix.hear()["error"]["code"], "bad_hello");
    assert_eq!(host.get("/api/v1/streams").1["streams"], json!([]), "nothing was learnt");
    host.stop();
}

#[test]
fn half_requests_and_silence_keep_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[limits]\nconnections = 8\n"));
    let (http, tcp) = (host.running().http_addr().unwrap(), host.running().tcp_addr().unwrap());
    let half: Vec<TcpStream> = (0..40)
        .map(|i| {
            let mut socket = TcpStream::connect(http).unwrap();
            socket.write_all(["GET /api/v1/streams HTTP/1.1\r\nHost: ", ""][i % 2].as_bytes()).unwrap();
            socket
        })
        .collect();
    let silent: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(tcp).unwrap()).collect();
    for path in ["/-/healthy", "/-/ready", "/metrics", "/api/v1/streams"] {
        assert_eq!(host.get_text(path).0, 200, "{path}");
    }
    let mut wire = host.connect();
    wire.hello(json!({"producer": "p", "stream": "s"}));
    wire.say(r#"{"seq":1,"data":"a"}"#);
    wire.until_ack(1);
    // the one that was silent for longest is told why it had to go
    let mut oldest = Wire::over(silent[0].try_clone().unwrap());
    assert_eq!(oldest.hear()["error"]["code"], "limit_reached");
    drop((half, silent));
    host.stop();
}

#[test]
fn when_all_places_are_taken_questions_are_refused_and_probes_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[limits]\nconnections = 4\n"));
    let http = host.running().http_addr().unwrap();
    host.post("/api/v1/streams/s/events", "\"a\"\n\"b\"\n");
    let follow = || {
        let mut socket = TcpStream::connect(http).unwrap();
        socket.write_all(b"GET /api/v1/streams/s/watch HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut begun = [0; 12];
        socket.read_exact(&mut begun).unwrap();
        (&begun == b"HTTP/1.1 200").then_some(socket)
    };
    // the connection of the post has its place for as long as the daemon has not seen it end
    let follower = |_| (0..1000).find_map(|_| follow()).expect("there is a place");
    let followers: Vec<TcpStream> = (0..4).map(follower).collect();
    let answer = common::agent().get(host.url("/api/v1/streams")).call().unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    for path in ["/-/healthy", "/-/ready", "/metrics"] {
        assert_eq!(host.get_text(path).0, 200, "{path}");
    }
    assert_eq!(host.post("/api/v1/checkpoints", "").0, 200, "operators have room, too");
    // more half requests than the reserve has places take none away
    let half: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(http).unwrap()).collect();
    assert_eq!(host.get_text("/-/healthy").0, 200);
    drop((followers, half));
    let until = Instant::now() + Duration::from_secs(10);
    while host.get_text("/api/v1/streams").0 != 200 {
        assert!(Instant::now() < until, "places that are free again are not given away");
        std::thread::sleep(Duration::from_millis(10));
    }
    host.stop();
}

#[test]
fn one_address_cannot_take_every_place() {
    let dir = tempfile::tempdir().unwrap();
    let host =
        Host::start_with(dir.path(), &format!("{SMALL}[limits]\nconnections = 8\nconnections_per_address = 2\n"));
    let tcp = host.running().tcp_addr().unwrap();
    let greet = |address| {
        let mut wire = Wire::over(connect_from(address, tcp));
        let answer = wire.hello(json!({"stream": "s"}));
        (wire, answer)
    };
    let held: Vec<_> = (0..2).map(|_| greet([127, 0, 0, 2])).collect();
    let mut third = Wire::over(connect_from([127, 0, 0, 2], tcp));
    let error = third.hear()["error"].clone();
    assert!(error["reason"].as_str().unwrap().contains("limits.connections_per_address"), "{error}");
    assert!(greet([127, 0, 0, 3]).1["welcome"].is_object());
    drop(held);
    host.stop();
}

#[test]
fn heads_bodies_and_hellos_have_a_time_limit() {
    let dir = tempfile::tempdir().unwrap();
    let limits = "[limits]\nhead_time = \"100ms\"\nbody_time = \"150ms\"\nhello_time = \"100ms\"\n";
    let host = Host::start_with(dir.path(), &format!("{SMALL}{limits}"));
    let http = host.running().http_addr().unwrap();
    let start = Instant::now();
    exchange(http, b"GET /api/v1/streams HTTP/1.1\r\nHost: ");
    let head = "POST /api/v1/streams/s/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let answer = exchange(http, format!("{head}Content-Length: 100\r\n\r\n1\n2\n\"hal").as_bytes());
    assert!(start.elapsed() < Duration::from_secs(8), "neither was waited for");
    let problem: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let taken = json!({"lines": 2, "accepted": 2, "duplicates": 0, "rejected": 0});
    assert_eq!((&problem["status"], &problem["taken"]), (&json!(408), &taken), "{problem}");
    // a body that breaks off says what was taken, too
    let broken = format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\n3\n4\n\r\nnonsense\r\n");
    let answer = exchange(http, broken.as_bytes());
    let problem: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!((&problem["status"], &problem["taken"]["accepted"]), (&json!(400), &json!(2)), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("the first 2 lines were taken"), "{problem}");
    assert_eq!(host.get("/api/v1/streams/s").1["offset"], 4);
    // without tokens, the first line may take its time
    let mut slow = host.connect();
    std::thread::sleep(Duration::from_millis(200));
    assert!(slow.hello(json!({}))["welcome"].is_object());
    host.stop();
    let host = Host::start_with(dir.path(), &format!("{SMALL}{limits}[auth]\ntoken = \"t\"\n"));
    let error = host.connect().hear()["error"].clone();
    assert!(error["reason"].as_str().unwrap().contains("limits.hello_time"), "{error}");
    host.stop();
}

/// A table of a token.
fn token(name: &str, rest: &str) -> String {
    let hash = TokenHash::of(name.as_bytes());
    format!("[[auth.tokens]]\nname = \"the {name}\"\nhash = \"{hash}\"\n{rest}\n")
}

/// The status of a request with a token.
fn ask(host: &Host, token: &str, method: &str, path: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    let answer = match method {
        "GET" => common::agent().get(host.url(path)).header("Authorization", bearer).call(),
        _ => {
            let request = common::agent().post(host.url(path)).header("Content-Type", "application/json");
            request.header("Authorization", bearer).send("1\n")
        }
    };
    answer.unwrap().status().as_u16()
}

#[test]
fn a_token_opens_its_roles_and_its_streams_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = token("writer", "roles = [\"ingest\"]\nstreams = [\"web-*\"]")
        + &token("reader", "roles = [\"read\"]")
        + &token("half", "roles = [\"ingest\", \"read\", \"operate\"]\nstreams = [\"web-1\"]");
    let host = Host::start_with(dir.path(), &format!("{SMALL}[auth]\ntoken = \"all\"\n{tokens}"));
    let (events, other) = ("/api/v1/streams/web-1/events", "/api/v1/streams/db/events");
    for (token, method, path, expected) in [
        ("all", "POST", events, 200),
        ("all", "POST", other, 200),
        ("writer", "POST", events, 200),
        ("writer", "POST", other, 403),
        ("writer", "GET", "/api/v1/streams/web-1/next", 403),
        ("writer", "GET", "/metrics", 403),
        ("reader", "GET", "/api/v1/streams/web-1/next", 200),
        ("reader", "GET", "/metrics", 200),
        ("reader", "POST", events, 403),
        ("reader", "POST", "/api/v1/checkpoints", 403),
        ("half", "POST", "/api/v1/checkpoints?stream=web-1", 200),
        ("half", "POST", "/api/v1/checkpoints?stream=db", 403),
        ("half", "POST", "/api/v1/checkpoints", 403),
        ("half", "GET", "/api/v1/checkpoints?stream=db", 403),
        ("half", "GET", "/api/v1/streams/db", 403),
        ("half", "GET", "/api/v1/nothing", 404),
        ("stranger", "GET", "/api/v1/streams", 401),
        ("stranger", "GET", "/-/healthy", 200),
    ] {
        assert_eq!(ask(&host, token, method, path), expected, "{token} {method} {path}");
    }
    let listed = common::agent().get(host.url("/api/v1/streams")).header("Authorization", "Bearer half").call();
    let listed: Value = serde_json::from_str(&listed.unwrap().body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(listed["streams"].as_array().unwrap().len(), 1, "only what the token is good for: {listed}");
    // the event socket
    let refused = |hello: Value| host.connect().hello(hello)["error"].clone();
    for hello in [
        json!({"token": "reader", "stream": "web-1"}),
        json!({"token": "writer", "stream": "db"}),
        json!({"token": "writer", "stream": "web-1", "want": ["outcome"]}),
        json!({"token": "writer2"}),
    ] {
        let error = refused(hello.clone());
        assert_eq!((&error["code"], &error["fatal"]), (&json!("unauthorized"), &json!(true)), "{hello} {error}");
    }
    let mut wire = host.connect();
    wire.hello(json!({"token": "writer", "stream": "web-1", "producer": "p"}));
    wire.say(r#"{"seq":1,"stream":"db","data":"a"}"#);
    assert_eq!(wire.hear()["error"]["code"], "unauthorized");
    wire.say(r#"{"seq":2,"stream":"web-2","data":"a"}"#);
    wire.until_ack(2);
    assert_eq!(ask(&host, "all", "GET", "/api/v1/streams/db"), 200);
    host.stop();
}

#[test]
fn tokens_change_without_a_restart_and_end_what_they_had_opened() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("surmised.toml");
    let write = |tokens: &str| {
        let listen = "[listen]\ntcp = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
        let store = dir.path().join("data");
        std::fs::write(&file, format!("{listen}[store]\ndir = {store:?}\n{SMALL}{tokens}")).unwrap();
    };
    write(&(token("old", "roles = [\"ingest\"]") + &token("kept", "roles = [\"ingest\", \"read\"]")));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let running = runtime.block_on(Daemon::start(Config::load(Some(&file)).unwrap())).unwrap();
    let host = Host { runtime, running: Some(running) };
    let open = |name: &str| {
        let mut wire = host.connect();
        let answer = wire.hello(json!({"token": name, "stream": "s"}));
        (wire, answer)
    };
    let (mut old, mut kept) = (open("old").0, open("kept").0);
    write(&(token("new", "roles = [\"ingest\"]") + &token("kept", "roles = [\"ingest\", \"read\"]")));
    assert_eq!(host.running().reload().unwrap().needs_restart, Vec::<String>::new());
    assert_eq!(old.hear()["error"]["code"], "unauthorized", "what the token had opened ends");
    kept.say(r#"{"seq":1,"data":"a"}"#);
    kept.until_ack(1);
    assert_eq!(open("old").1["error"]["code"], "unauthorized");
    assert!(open("new").1["welcome"].is_object());
    // a file with a fault changes nothing, and what cannot change now is named
    std::fs::write(&file, "[auth]\ntoken = \"s3cret\" oops\n").unwrap();
    let error = host.running().reload().unwrap_err().to_string();
    assert!(error.contains("line 2") && !error.contains("s3cret"), "{error}");
    assert!(open("new").1["welcome"].is_object());
    write(&(token("new", "roles = [\"ingest\"]") + "[owners]\nthreads = 7\n"));
    assert_eq!(host.running().reload().unwrap().needs_restart, ["owners.threads"]);
    host.stop();
}

#[test]
fn an_epoch_counts_once_an_event_of_it_is_learnt() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let hello = |epoch: u64| json!({"producer": "web-7", "epoch": epoch, "stream": "s"});
    let post = |host: &Host, epoch: u64, body: &str| {
        host.post(&format!("/api/v1/streams/s/events?producer=web-7&epoch={epoch}"), body).0
    };
    let mut owner = host.connect();
    owner.hello(hello(3));
    owner.say(r#"{"seq":1,"data":"a"}"#);
    owner.until_ack(1);
    // a request without an event, one with an event that is refused, and one with an epoch that nobody can follow
    assert_eq!(post(&host, 4, ""), 200);
    assert_eq!(post(&host, 4, "{broken"), 200);
    assert_eq!(post(&host, u64::MAX, r#"{"seq":1,"data":"evil"}"#), 409);
    assert_eq!(host.connect().hello(hello(u64::MAX))["error"]["code"], "bad_epoch");
    owner.say(r#"{"seq":2,"data":"a"}"#);
    owner.until_ack(2);
    // an epoch that is only claimed is forgotten with its connection, or with the daemon
    let mut claimed = host.connect();
    assert!(claimed.hello(hello(100))["welcome"].is_object());
    assert_eq!(host.connect().hello(hello(99))["error"]["code"], "fenced", "while the connection lasts it holds");
    drop(claimed);
    let until = Instant::now() + Duration::from_secs(10);
    while host.connect().hello(hello(99))["welcome"].is_null() {
        assert!(Instant::now() < until, "the claim outlives its connection");
    }
    let mut claimed = host.connect();
    assert!(claimed.hello(hello(200))["welcome"].is_object());
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    assert!(host.connect().hello(hello(99))["welcome"].is_object());
    // one that is learnt is not forgotten
    let mut learnt = host.connect();
    learnt.hello(hello(101));
    learnt.say(r#"{"seq":1,"data":"a"}"#);
    learnt.until_ack(1);
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    assert_eq!(host.connect().hello(hello(100))["error"]["code"], "fenced");
    assert_eq!(host.connect().hello(hello(101))["welcome"]["committed_seq"], 1);
    host.stop();
}

#[test]
fn the_largest_number_is_acknowledged_as_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let mut wire = host.connect();
    wire.hello(json!({"producer": "p", "epoch": 1, "stream": "s"}));
    wire.say(&format!(r#"{{"seq":{},"data":"a"}}"#, u64::MAX));
    assert_eq!(wire.hear(), json!({"ack": u64::MAX, "duplicates": 0}));
    wire.say(r#"{"data":"a"}"#);
    let answer = wire.hear();
    assert!(
        answer["error"]["code"] == "seq_not_rising" || answer == json!({"ack": u64::MAX, "duplicates": 1}),
        "{answer}"
    );
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    let welcome = host.connect().hello(json!({"producer": "p", "epoch": 1, "stream": "s"}));
    assert_eq!(welcome["welcome"]["committed_seq"], u64::MAX);
    host.stop();
}
