//! Hundreds of streams at once, questions meanwhile, and memory within its bound.

use std::sync::atomic::{AtomicBool, Ordering};
use surmise_tests::Daemon;

#[test]
fn two_hundred_streams_from_twenty_connections() {
    const STREAMS: u64 = 200;
    const EVENTS: u64 = 1000;
    const CONNECTIONS: u64 = 20;
    let dir = tempfile::tempdir().unwrap();
    let d = Daemon::start(&dir.path().join("state"));
    let done = AtomicBool::new(false);
    let answered = std::thread::scope(|s| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|c| {
                let d = &d;
                s.spawn(move || {
                    let mut w = d.connect();
                    w.hello(&format!("producer-{c}"), 1, &format!("s-{c}"), &["ack"]);
                    let mine: Vec<u64> = (0..STREAMS).filter(|i| i % CONNECTIONS == c).collect();
                    let mut seq = 0;
                    for i in 0..EVENTS {
                        for stream in &mine {
                            seq += 1;
                            let page = (i * (stream + 1)) % 7;
                            w.send(&format!(
                                r#"{{"seq":{seq},"stream":"s-{stream}","key":"k{}","data":{{"page":"/p{page}"}}}}"#,
                                i % 3
                            ));
                        }
                    }
                    w.until_ack(seq);
                })
            })
            .collect();
        let questions = s.spawn(|| {
            let mut n = 0u64;
            while !done.load(Ordering::Relaxed) {
                let (status, v) = d.get(&format!("/api/v1/streams/s-{}/next?key=k1&top=3", n % STREAMS));
                assert!(status == 200 || status == 404, "{status} {v}");
                n += u64::from(status == 200);
            }
            n
        });
        senders.into_iter().for_each(|t| t.join().unwrap());
        done.store(true, Ordering::Relaxed);
        questions.join().unwrap()
    });
    assert!(answered > 0, "questions were answered meanwhile");
    let (_, list) = d.get("/api/v1/streams");
    let streams = list["streams"].as_array().unwrap();
    assert_eq!(streams.len() as u64, STREAMS);
    for s in streams {
        assert_eq!(s["offset"], EVENTS, "{s}");
    }
    let peak = d.peak_memory();
    eprintln!(
        "{} events in {STREAMS} streams, {answered} questions answered meanwhile, peak memory {} MB",
        STREAMS * EVENTS,
        peak >> 20
    );
    assert!(peak < 4 << 30, "{peak} bytes");
    assert!(d.text("/metrics").contains("surmise_events_received_total"));
}
