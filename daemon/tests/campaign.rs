//! A normal load beside connections that stop reading, that send a byte a second, and that send half a request. The
//! times are printed, not asserted; the counts come from the environment: SURMISE_STRANGERS=1000 is the campaign.
#![allow(missing_docs)]

mod common;

use common::{Host, Wire};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const NORMAL: usize = 8;

fn strangers() -> usize {
    std::env::var("SURMISE_STRANGERS").map_or(24, |count| count.parse().expect("a count"))
}

fn seconds() -> u64 {
    std::env::var("SURMISE_SECONDS").map_or(1, |count| count.parse().expect("seconds"))
}

/// A connection from an address of this machine that other strangers share with it, 250 of them at most.
fn connect_from(number: usize, to: SocketAddr) -> Option<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let address = IpAddr::from([127, 0, 1, (1 + number / 250) as u8]);
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    socket.connect_timeout(&to.into(), Duration::from_secs(5)).ok()?;
    Some(TcpStream::from(socket))
}

/// The latencies of acknowledgements in seconds, of a normal load of some seconds.
fn normal_load(host: &Host, round: usize) -> Vec<f64> {
    let connections: Vec<Wire> = (0..NORMAL).map(|_| host.connect()).collect();
    measure(connections, round)
}

fn measure(connections: Vec<Wire>, round: usize) -> Vec<f64> {
    let until = Instant::now() + Duration::from_secs(seconds());
    std::thread::scope(|s| {
        let load = |(i, mut wire): (usize, Wire)| {
            s.spawn(move || {
                wire.hello(json!({"producer": format!("n{round}-{i}"), "stream": format!("normal-{i}")}));
                let mut times = Vec::new();
                for seq in 1.. {
                    let start = Instant::now();
                    wire.say(&format!(r#"{{"seq":{seq},"data":"p{}"}}"#, seq % 5));
                    wire.until_ack(seq);
                    times.push(start.elapsed().as_secs_f64());
                    if Instant::now() > until {
                        return times;
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                times
            })
        };
        let loads: Vec<_> = connections.into_iter().enumerate().map(load).collect();
        loads.into_iter().flat_map(|load| load.join().unwrap()).collect()
    })
}

fn quantile(times: &mut [f64], at: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * at) as usize] * 1e3
}

/// Bytes of this process in memory, the daemon's and the strangers'.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}

#[test]
fn strangers_do_not_slow_a_normal_load_down() {
    let (count, dir) = (strangers(), tempfile::tempdir().unwrap());
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\nmemory_mib = 1\n");
    let (http, tcp) = (host.running().http_addr().unwrap(), host.running().tcp_addr().unwrap());
    let mut before = normal_load(&host, 0);
    let memory_before = resident_mib();
    // those that stop reading
    let deaf: Vec<TcpStream> = (0..count)
        .filter_map(|i| {
            let mut socket = connect_from(i, tcp)?;
            let hello = json!({"hello": {"protocol": 1, "producer": format!("deaf-{i}"), "stream": "deaf", "want": ["outcome", "next"]}});
            let events: String = (0..20).map(|n| format!("{{\"data\":\"d{}\"}}\n", n % 7)).collect();
            socket.write_all(format!("{hello}\n{events}").as_bytes()).ok().map(|()| socket)
        })
        .collect();
    // half requests
    let half: Vec<TcpStream> = (0..count + count / 40)
        .filter_map(|i| {
            let mut socket = connect_from(i, http)?;
            socket.write_all(b"GET /api/v1/streams HTTP/1.1\r\nHost: loc").ok().map(|()| socket)
        })
        .collect();
    let done = AtomicBool::new(false);
    let (mut beside, mut health, mut questions) = (Vec::new(), Vec::new(), Vec::new());
    std::thread::scope(|s| {
        // a byte a second, half of them to either door; one that was sent away comes again
        s.spawn(|| {
            let post = b"POST /api/v1/streams/slow/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n";
            let open = |i: usize| {
                let mut socket = connect_from(i, if i.is_multiple_of(2) { http } else { tcp })?;
                let head: &[u8] = if i.is_multiple_of(2) { post } else { b"" };
                socket.write_all(head).ok().map(|()| socket)
            };
            let mut slow: Vec<Option<TcpStream>> = (0..count).map(open).collect();
            while !done.load(Ordering::Relaxed) {
                for (i, place) in slow.iter_mut().enumerate() {
                    let sent = place.as_mut().is_some_and(|socket| socket.write_all(b"x").is_ok());
                    if !sent {
                        *place = open(i);
                    }
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        let probing = s.spawn(|| {
            let (mut health, mut questions) = (Vec::new(), Vec::new());
            while !done.load(Ordering::Relaxed) {
                for (path, times) in [("/-/healthy", &mut health), ("/api/v1/streams/normal-0/next", &mut questions)] {
                    let start = Instant::now();
                    let mut socket = TcpStream::connect(http).unwrap();
                    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
                    socket.write_all(request.as_bytes()).unwrap();
                    let mut answer = String::new();
                    let _ = socket.read_to_string(&mut answer);
                    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer:?}");
                    times.push(start.elapsed().as_secs_f64());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            (health, questions)
        });
        std::thread::sleep(Duration::from_millis(500));
        beside = normal_load(&host, 1);
        done.store(true, Ordering::Relaxed);
        (health, questions) = probing.join().unwrap();
    });
    println!(
        "{} do not read, {count} send a byte a second, {} half requests, for {} s; acknowledgements p99 {:.1} ms before, \
         {:.1} ms beside ({} and {}); health p99 {:.1} ms, longest {:.1} ms of {}; questions p99 {:.1} ms of {}; \
         memory {memory_before} MiB before, {} MiB beside",
        deaf.len(),
        half.len(),
        seconds(),
        quantile(&mut before, 0.99),
        quantile(&mut beside, 0.99),
        before.len(),
        beside.len(),
        quantile(&mut health, 0.99),
        quantile(&mut health, 1.0),
        health.len(),
        quantile(&mut questions, 0.99),
        questions.len(),
        resident_mib(),
    );
    drop((deaf, half));
    host.stop();
}
