//! `surmise doctor` through the real programs: what is wrong is named, with what to do; what is well is not.

use serde_json::Value;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output};
use surmise_fixtures::free_port;
use surmise_tests::sourced::wait_for;
use surmise_tests::{TestDaemon, command, surmise};

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// Examines a daemon.
fn examine(d: &TestDaemon, more: &[&str]) -> Output {
    d.surmise(&[&["doctor"], more].concat())
}

/// The findings that are not fine: what each is about, and how bad it is.
fn faults(out: &Output) -> Vec<(String, String)> {
    let told: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(out)));
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let all = told["findings"].as_array().unwrap().iter();
    let bad = all.filter(|finding| finding["verdict"] != "fine");
    bad.map(|finding| {
        assert!(!text(finding, "advice").is_empty(), "{finding} says what to do");
        (text(finding, "about"), text(finding, "verdict"))
    })
    .collect()
}

#[test]
fn a_daemon_that_is_well_is_told_so_and_what_is_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("app.log");
    let source = format!("[sources.files.app]\npaths = [{:?}]\n", log.display().to_string());
    std::fs::write(&log, "a\nb\n").unwrap();
    let d = TestDaemon::start_with(&dir.path().join("data"), &format!("{source}[limits]\nstreams = 2\n"), &[]);
    let out = examine(&d, &[]);
    assert!(out.status.success(), "{}", said(&out));
    for about in ["daemon", "version", "event socket", "clock", "limits", "checkpoints", "streams", "source app"] {
        assert!(said(&out).contains(&format!("fine  {about}: ")), "{about}: {}", said(&out));
    }
    assert_eq!(faults(&examine(&d, &["--output", "json"])), []);
    // the source has its stream, and the limit is reached
    wait_for(&d, "app", 2);
    for stream in ["x", "y"] {
        d.post(&format!("/api/v1/streams/{stream}/events"), b"{\"data\":\"a\"}\n");
    }
    let out = examine(&d, &["--output", "json"]);
    assert_eq!(out.status.code(), Some(69), "{}", said(&out));
    assert_eq!(faults(&out), [("limits.streams".to_owned(), "wrong".to_owned())]);
    // nobody listens where the event socket should be
    let (server, nobody) = (format!("http://{}", d.http), format!("127.0.0.1:{}", free_port()));
    let out = surmise(["doctor", "--output", "json", "--server", &server, "--socket", &nobody]);
    assert_eq!(faults(&out)[0], ("event socket".to_owned(), "look".to_owned()));
}

#[test]
fn without_a_daemon_it_says_how_to_get_one() {
    let server = format!("http://127.0.0.1:{}", free_port());
    let out = surmise(["doctor", "--server", &server]);
    assert_eq!(out.status.code(), Some(69), "{}", said(&out));
    assert!(said(&out).contains("wrong daemon: ") && said(&out).contains("start surmised"), "{}", said(&out));
}

#[test]
fn what_a_daemon_would_be_started_with_is_examined_before() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("surmised.toml");
    let doctor = |text: &str| {
        std::fs::write(&config, text).unwrap();
        surmise(["doctor", "--output", "json", "--config", config.to_str().unwrap()])
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let held = TcpListener::bind(taken).unwrap();
    let data = dir.path().join("data");
    let listen = |http: &str| format!("[listen]\nhttp = \"{http}\"\ntcp = \"off\"\n[store]\ndir = {:?}\n", data);
    let sound = doctor(&format!("{}[limits]\nconnections = 10\n", listen(&format!("127.0.0.1:{}", free_port()))));
    assert!(sound.status.success(), "{}", said(&sound));
    assert!(!data.exists(), "nothing is begun");
    let out = doctor(&listen(&taken.to_string()));
    assert_eq!(out.status.code(), Some(69), "{}", said(&out));
    assert!(faults(&out).contains(&("listen.http".to_owned(), "wrong".to_owned())), "{}", said(&out));
    drop(held);
    // what sources would listen on
    let heard = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = dir.path().join("log");
    let bound = UnixDatagram::bind(&socket).unwrap();
    let (free, udp) = (free_port(), heard.local_addr().unwrap());
    let syslog = format!("[sources.syslog.fleet]\ntcp = \"127.0.0.1:{free}\"\nudp = \"{udp}\"\nunix = {socket:?}\n");
    let out = doctor(&format!("{}{syslog}", listen("off")));
    let wrong = |place: &str| (format!("sources.syslog.fleet.{place}"), "wrong".to_owned());
    assert_eq!(faults(&out), [wrong("udp"), wrong("unix")], "{}", said(&out));
    drop((heard, bound));
    assert!(doctor(&format!("{}{syslog}", listen("off"))).status.success(), "a socket that nobody answers at is free");
    let out = doctor("[limits]\nstream = 2\n");
    assert_eq!(faults(&out), [("configuration".to_owned(), "wrong".to_owned())]);
    assert!(said(&out).contains("streams"), "the key that was meant is named: {}", said(&out));
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let out = doctor(&format!("[listen]\nhttp = \"off\"\ntcp = \"off\"\n[store]\ndir = {:?}\n", file.join("data")));
    assert!(faults(&out).contains(&("data directory".to_owned(), "wrong".to_owned())), "{}", said(&out));
}

#[test]
fn the_files_that_the_system_allows_are_what_counts_and_not_what_the_shell_begins_with() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("surmised.toml");
    std::fs::write(&config, format!("[listen]\nhttp = \"off\"\ntcp = \"off\"\n[store]\ndir = {:?}\n", dir.path()))
        .unwrap();
    let after = |limits: &str| {
        let script = format!("{limits}; exec \"$0\" doctor --config \"$1\"");
        let program = command("surmise").get_program().to_owned();
        let out = Command::new("sh").args(["-c", &script]).arg(program).arg(&config).output().unwrap();
        said(&out)
    };
    let low_at_first = after("ulimit -Sn 256; ulimit -Hn 4096");
    assert!(low_at_first.contains("fine  open files: 4096 are allowed"), "{low_at_first}");
    let low = after("ulimit -n 600");
    assert!(low.contains("look  open files: 600 may be open here") && low.contains("not 1024"), "{low}");
}

/// What a daemon would be started with names files that are not there, and one port for two.
#[test]
fn files_that_are_not_there_and_ports_that_are_asked_for_twice_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (file, port) = (dir.path().join("surmised.toml"), free_port());
    let text = format!(
        "[listen]\nhttp = \"127.0.0.1:{port}\"\ntcp = \"127.0.0.1:{port}\"\n[store]\ndir = {:?}\n\
         [export.webhooks.w]\nurl = \"http://127.0.0.1:9/hook\"\nsecret_file = {:?}\n\
         [sources.files.app]\npaths = [{:?}]\n",
        dir.path().join("data"),
        dir.path().join("secret"),
        dir.path().join("*.log"),
    );
    std::fs::write(&file, text).unwrap();
    let examine = || surmise(["doctor", "--output", "json", "--config", file.to_str().unwrap()]);
    let out = examine();
    let wanted = [("listen.tcp", "wrong"), ("export.webhooks.w.secret_file", "wrong"), ("sources.files.app", "look")];
    let faults_of = |out: &Output| faults(out).into_iter().filter(|(about, _)| about != "disk").collect::<Vec<_>>();
    assert_eq!(
        faults_of(&out),
        wanted.map(|(about, verdict)| (about.to_owned(), verdict.to_owned())),
        "{}",
        said(&out)
    );
    std::fs::write(dir.path().join("secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    std::fs::write(dir.path().join("app.log"), "a\n").unwrap();
    assert_eq!(faults_of(&examine()), [("listen.tcp".to_owned(), "wrong".to_owned())]);
}
