//! Signals, reloads and logs: whatever ends the daemon leaves a checkpoint, and nothing that happens to its log
//! stops it.

use serde_json::json;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use surmise_tests::{TestDaemon, command};

/// Small networks, so that a start is quick.
const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n";

/// Sends events over the event socket until they are acknowledged.
fn send(d: &TestDaemon, from: u64, to: u64) {
    let mut w = d.connect();
    w.hello("p", 1, "s", &["ack"]);
    for seq in from..=to {
        w.send(&format!("{{\"seq\":{seq},\"data\":\"s{}\"}}", seq % 5));
    }
    w.until_ack(to);
}

fn learnt_again(d: &TestDaemon) -> String {
    let metrics = d.text("/metrics");
    metrics.lines().find(|l| l.starts_with("surmise_recovery_events ")).expect("there is such a metric").to_owned()
}

#[test]
fn every_signal_that_ends_it_leaves_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let mut sent = 0;
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1, libc::SIGALRM, libc::SIGXCPU] {
        let mut d = TestDaemon::start_with(&state, SMALL, &[]);
        assert_eq!(learnt_again(&d), "surmise_recovery_events 0", "before signal {signal}");
        send(&d, sent + 1, sent + 50);
        sent += 50;
        d.send_signal(signal);
        assert_eq!(d.wait().code(), Some(0), "signal {signal}");
    }
    let d = TestDaemon::start_with(&state, SMALL, &[]);
    assert_eq!(learnt_again(&d), "surmise_recovery_events 0");
    assert_eq!(d.get("/api/v1/streams/s").1["offset"], sent);
}

/// A daemon in a session of its own, with a terminal that is then closed.
#[test]
fn closing_the_terminal_leaves_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let (mut master, mut slave) = (0, 0);
    let none = std::ptr::null_mut();
    // SAFETY: both numbers are written before openpty returns, and the other pointers may be null.
    assert_eq!(unsafe { libc::openpty(&mut master, &mut slave, none, none.cast(), none.cast()) }, 0);
    // SAFETY: openpty has just made both descriptors, which nothing else owns.
    let (master, slave) = unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
    let terminal = slave.as_raw_fd();
    // the daemon must not hold the master itself, or closing it here would not close the terminal
    // SAFETY: the descriptor is open.
    unsafe { libc::fcntl(master.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
    let mut d = TestDaemon::spawn_as(&state, SMALL, |c| {
        c.stdin(Stdio::from(slave.try_clone().unwrap()));
        // SAFETY: setsid and ioctl may be called between fork and exec.
        unsafe {
            c.pre_exec(move || {
                libc::setsid();
                libc::ioctl(terminal, libc::TIOCSCTTY, 0);
                Ok(())
            })
        };
    });
    d.wait_ready();
    send(&d, 1, 50);
    drop((slave, master));
    assert_eq!(d.wait().code(), Some(0));
    let d = TestDaemon::start_with(&state, SMALL, &[]);
    assert_eq!(learnt_again(&d), "surmise_recovery_events 0");
    assert_eq!(d.get("/api/v1/streams/s").1["offset"], 50);
}

#[test]
fn going_past_the_grace_is_no_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let toml = format!("{SMALL}[shutdown]\ngrace = \"0s\"\n");
    let mut d = TestDaemon::start_with(&state, &toml, &[]);
    send(&d, 1, 5_000);
    assert_eq!(d.terminate().code(), Some(70));
    let d = TestDaemon::start_with(&state, SMALL, &[]);
    assert_eq!(d.get("/api/v1/streams/s").1["offset"], 5_000, "what was acknowledged is there");
}

#[test]
fn a_reload_says_what_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let d = TestDaemon::start_with(&state, SMALL, &[]);
    let file = state.with_extension("toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let nothing = json!({"applied": [], "needs_restart": []});
    assert_eq!(d.post("/-/reload", b""), (200, nothing));
    std::fs::write(&file, format!("{before}[limits]\nproducers = 99\n")).unwrap();
    assert_eq!(d.post("/-/reload", b"").1["needs_restart"], json!(["limits.producers"]));
    let metric = |value: u32| {
        let wanted = format!("surmise_config_last_reload_successful {value}");
        let start = Instant::now();
        while !d.text("/metrics").lines().any(|l| l == wanted) {
            assert!(start.elapsed() < Duration::from_secs(20), "{wanted}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    metric(1);
    std::fs::write(&file, format!("{before}[limits]\nproducer = 99\n")).unwrap();
    d.send_signal(libc::SIGHUP);
    metric(0);
    let (status, problem) = d.post("/-/reload", b"");
    assert!(status == 422 && problem["detail"].as_str().unwrap().contains("producers"), "{problem}");
    send(&d, 1, 50);
    std::fs::write(&file, before).unwrap();
    d.send_signal(libc::SIGHUP);
    metric(1);
}

/// Starts a daemon that logs much to a standard error which takes nothing, and has it learn.
fn learns_without_a_log(state: &Path, log: Stdio) {
    let mut d = TestDaemon::spawn_as(state, SMALL, |c| {
        c.env("RUST_LOG", "trace").stderr(log);
    });
    d.wait_ready();
    for part in 0..5 {
        send(&d, part * 200 + 1, part * 200 + 200);
        assert_eq!(d.post("/api/v1/checkpoints", b"").0, 200);
    }
    assert_eq!(d.get("/-/healthy").0, 200);
    let metrics = d.text("/metrics");
    let lost = metrics.lines().find_map(|l| l.strip_prefix("surmise_log_lines_lost_total ")).unwrap();
    assert!(lost.parse::<u64>().unwrap() > 0, "lost lines are counted: {lost}");
    assert_eq!(d.terminate().code(), Some(0));
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    learns_without_a_log(&dir.path().join("full"), Stdio::from(full));
    // a pipe whose reader is gone
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    learns_without_a_log(&dir.path().join("gone"), Stdio::from(writer));
    // a pipe whose reader reads nothing: the line under way waits for ever, and nothing else does
    let (reader, writer) = std::io::pipe().unwrap();
    let mut d = TestDaemon::spawn_as(&dir.path().join("silent"), SMALL, |c| {
        c.env("RUST_LOG", "trace").stderr(Stdio::from(writer));
    });
    d.wait_ready();
    send(&d, 1, 5_000);
    assert_eq!((d.get("/-/healthy").0, d.terminate().code()), (200, Some(0)));
    drop(reader);
}

/// The programs print their faults where they can, and leave with the code of the fault where they cannot.
#[test]
fn a_fault_has_its_exit_code_even_if_it_cannot_be_printed() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = command("surmised").args(["--config", "/nowhere.toml"]).stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(64));
}

/// A manager that asks to be told hears that the daemon is ready, that it is well, and that it leaves.
#[test]
fn a_service_manager_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (state, socket) = (dir.path().join("state"), dir.path().join("manager"));
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let hear_until = |word: &str| {
        let mut bytes = [0; 4096];
        loop {
            let length = manager.recv(&mut bytes).unwrap_or_else(|e| panic!("{word} is never told: {e}"));
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if text.lines().any(|line| line == word) {
                return text;
            }
        }
    };
    let asked = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "1000000")];
    let mut d = TestDaemon::start_with(&state, SMALL, &asked);
    let starting = hear_until("STATUS=opening the store and restoring streams");
    assert!(starting.contains("EXTEND_TIMEOUT_USEC=30000000"), "{starting}");
    assert!(hear_until("READY=1").contains("STATUS=0 streams"));
    hear_until("WATCHDOG=1");
    hear_until("WATCHDOG=1");
    send(&d, 1, 10);
    d.send_signal(libc::SIGTERM);
    hear_until("STOPPING=1");
    assert_eq!(d.wait().code(), Some(0));
}
