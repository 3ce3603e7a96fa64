//! Incidents and rare events as messages of syslog: at a socket of UDP, and through rsyslog, however they come to it.
#![allow(missing_docs)]

mod common;

use common::Host;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use surmise_fixtures::{TestProgram, free_port, skipped};

const MODEL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n";

/// Usual events of a stream, and an odd one at the end if asked for.
fn send(host: &Host, stream: &str, usual: usize, is_odd: bool) {
    let mut body: String =
        (0..usual).map(|i| format!("{{\"key\":\"k\",\"data\":\"{}\"}}\n", ["a", "b", "c"][i % 3])).collect();
    if is_odd {
        body.push_str("{\"key\":\"k\",\"data\":\"never seen\"}\n");
    }
    assert_eq!(host.post(&format!("/api/v1/streams/{stream}/events"), &body).0, 200);
}

/// How many messages of the sink have come to a result.
fn count(host: &Host, result: &str) -> f64 {
    host.metric(&format!("surmise_sink_messages_total{{sink=\"syslog\",result=\"{result}\"}}"))
}

#[test]
fn incidents_and_rare_events_are_packets_of_udp_and_none_is_told_twice() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let next = || {
        let mut packet = [0; 4096];
        let length = socket.recv(&mut packet).expect("a message comes");
        String::from_utf8(packet[..length].to_vec()).unwrap()
    };
    let table = format!(
        "{MODEL}[export.syslog]\nudp = \"{}\"\nfacility = \"local0\"\nstreams = [\"web*\"]\nended = true\n\
         rarer_than = 2000\n[streams.webrare.alarm]\nbudget = \"1/1000000000\"\n",
        socket.local_addr().unwrap()
    );
    let host = Host::start_with(&data, &table);
    send(&host, "other", 6000, true);
    send(&host, "web", 6000, true);
    let begun = next();
    // local0 is 16; once in some million events is an error
    assert!(begun.starts_with("<131>1 20") && begun.contains(" surmised "), "{begun}");
    assert!(
        begun.contains("incident.begins [surmise@32473 stream=\"web\" offset=\"6000\" rarity_events=\""),
        "{begun}"
    );
    assert!(begun.contains(" kind=\"value\" key=\"k\"] incident in web: Unexpected value, since event "), "{begun}");
    assert!(begun.ends_with(" events: never seen"), "{begun}");
    send(&host, "web", 6000, false);
    let ended = next();
    assert!(ended.starts_with("<134>1 20") && ended.contains("incident is over in web: Unexpected value"), "{ended}");
    // the budget of this stream allows no incident of an event that is rare enough for the sink
    send(&host, "webrare", 6000, true);
    let rare = next();
    assert!(rare.contains(" event.rare [surmise@32473 stream=\"webrare\" offset=\"6000\" rarity_events=\""), "{rare}");
    assert!(rare.contains(" key=\"k\"] rare event in webrare, once in ") && rare.ends_with(": never seen"), "{rare}");
    // a message is counted once it is sent, and other tests of this process may count, too
    let start = Instant::now();
    while count(&host, "taken") < 3.0 {
        assert!(start.elapsed() < Duration::from_secs(10), "{}", host.get_text("/metrics").1);
    }
    assert_eq!(count(&host, "dropped"), 0.0);
    host.stop();
    // what was delivered is known after a restart
    let host = Host::start_with(&data, &table);
    send(&host, "web2", 6000, true);
    assert!(next().contains("stream=\"web2\""));
    host.stop();
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// A port that is free for UDP and TCP now.
fn port() -> u16 {
    loop {
        let port = free_port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Starts rsyslog, which writes what it reads of each message into a file.
fn rsyslogd(dir: &Path, port: u16) -> TestProgram {
    let (conf, socket) = (dir.join("rsyslog.conf"), dir.join("log"));
    let text = format!(
        "global(workDirectory=\"{}\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\nmodule(load=\"imudp\")\n\
         module(load=\"imtcp\")\n\
         input(type=\"imuxsock\" Socket=\"{}\" UseSpecialParser=\"off\" ParseHostname=\"on\")\n\
         input(type=\"imudp\" Address=\"127.0.0.1\" Port=\"{port}\")\n\
         input(type=\"imtcp\" Address=\"127.0.0.1\" Port=\"{port}\")\n\
         template(name=\"parts\" type=\"string\" string=\"%syslogfacility-text%.%syslogseverity-text% %app-name% \
         %msgid% %structured-data%%msg%\\n\")\naction(type=\"omfile\" file=\"{}\" template=\"parts\")\n",
        dir.display(),
        socket.display(),
        dir.join("messages").display(),
    );
    std::fs::write(&conf, text).unwrap();
    let mut command = Command::new("rsyslogd");
    command.arg("-n").arg("-f").arg(&conf).arg("-i").arg(dir.join("pid"));
    let running = TestProgram(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let start = Instant::now();
    while !socket.exists() || std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "rsyslogd does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    running
}

#[test]
fn rsyslog_reads_every_part_of_a_message_whatever_way_it_comes() {
    if !is_there("rsyslogd") {
        return skipped("messages to rsyslog", "rsyslogd (Debian's package rsyslog) is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let port = port();
    let _rsyslogd = rsyslogd(dir.path(), port);
    let unix = dir.path().join("log").display().to_string();
    let ways = [("udp", format!("127.0.0.1:{port}")), ("tcp", format!("localhost:{port}")), ("unix", unix)];
    for (way, address) in ways {
        let table = format!("{MODEL}[export.syslog]\n{way} = \"{address}\"\nfacility = \"local3\"\n");
        let host = Host::start_with(&dir.path().join(way), &table);
        send(&host, way, 6000, true);
        let start = Instant::now();
        let wanted = format!("[surmise@32473 stream=\"{way}\" offset=\"6000\"");
        let line = loop {
            let text = std::fs::read_to_string(dir.path().join("messages")).unwrap_or_default();
            if let Some(line) = text.lines().find(|line| line.contains(&wanted)) {
                break line.to_owned();
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{way}: {text}");
            std::thread::sleep(Duration::from_millis(50));
        };
        assert!(line.starts_with("local3.err surmised incident.begins [surmise@32473 "), "{line}");
        let words = format!("]incident in {way}: Unexpected value, since event ");
        assert!(line.contains(&words) && line.ends_with(": never seen"), "{line}");
        host.stop();
    }
}
