//! A wall clock that is wrong or jumps: the daemon starts, learns and recovers, whatever time it is told.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::{Value, json};
use surmised::move_wall_clock;

const YEAR_US: i64 = 31_557_600_000_000;

fn line(seq: u64) -> String {
    json!({"seq": seq, "key": format!("k{}", seq % 3), "time": 1_767_225_600 + seq, "data": {"v": seq * seq % 5}})
        .to_string()
}

/// Learns events and says what the state is then.
fn learn(host: &Host, from: u64, to: u64) -> Value {
    let body: String = (from..=to).map(|seq| line(seq) + "\n").collect();
    let answer = host.post("/api/v1/streams/s/events?producer=p&epoch=1", &body).1;
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(to - from + 1), &json!(0)), "{answer}");
    host.get("/api/v1/streams/s/hash").1
}

#[test]
fn a_clock_before_1970_and_one_that_jumps_change_nothing_that_is_learnt() {
    let steady = {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::start(dir.path());
        let state = learn(&host, 1, 80);
        host.stop();
        state
    };
    let dir = tempfile::tempdir().unwrap();
    // as on a machine that has lost its battery: what is not later than 1970 is shown as 1970
    move_wall_clock(-200 * YEAR_US);
    let mut host = Host::start(dir.path());
    learn(&host, 1, 20);
    assert_eq!(host.post("/api/v1/checkpoints?stream=s", "").0, 200);
    let checkpoints = host.get("/api/v1/checkpoints?stream=s").1;
    assert!(checkpoints["checkpoints"][0]["time"].as_str().unwrap().starts_with("1970-01-01"), "{checkpoints}");
    for (jump, first) in [(30 * YEAR_US, 21), (-3 * YEAR_US, 41), (0, 61)] {
        move_wall_clock(jump);
        let state = learn(&host, first, first + 19);
        assert_eq!(host.post("/api/v1/checkpoints?stream=s", "").0, 200);
        host.kill();
        host = Host::start(dir.path());
        assert_eq!(host.get("/api/v1/streams/s/hash").1, state);
    }
    assert_eq!(host.get("/api/v1/streams/s/hash").1, steady);
    // what is replaced while the clock is far ahead is kept, and comes back when the clock is right again
    move_wall_clock(40 * YEAR_US);
    assert_eq!(host.post("/api/v1/streams/s/reset", "").0, 200);
    move_wall_clock(0);
    assert_eq!(host.post("/api/v1/streams/s/undo", "").0, 200);
    assert_eq!(host.get("/api/v1/streams/s/hash").1, steady);
    host.stop();
}
