//! The event socket and HTTP are doors to the same house: the same bytes are learnt and refused alike.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::Value;
use std::io::BufRead;
use surmise_fixtures::Random;

/// A line as senders write them: mostly good, sometimes with a fault.
fn line(random: &mut Random) -> Vec<u8> {
    let number = random.below(100);
    match random.below(12) {
        0 => b"{broken".to_vec(),
        1 => b"\xff\xfe".to_vec(),
        2 => Vec::new(),
        3 => b" \t\r".to_vec(),
        4 => b"{\"data\":{\"ms\":\"fast\"}}".to_vec(),
        5 => b"{\"data\":{\"ms\":1e400}}".to_vec(),
        6 => b"{\"data\":{\"ms\":1},\"time\":\"noon\"}".to_vec(),
        7 => vec![b'x'; 300 + number as usize],
        8 => b"{\"hello\":{\"protocol\":1}}".to_vec(),
        9 => format!("{{\"ms\":{number}}}").into_bytes(),
        _ => format!("{{\"key\":\"k{}\",\"data\":{{\"ms\":{number}}}}}", number % 3).into_bytes(),
    }
}

/// The line, the code and the field of every error, in the order of lines.
fn errors<'a>(errors: impl Iterator<Item = &'a Value>) -> Vec<(u64, String, String)> {
    let text = |error: &Value, key: &str| error[key].as_str().unwrap().to_owned();
    let mut errors: Vec<_> =
        errors.map(|error| (error["line"].as_u64().unwrap(), text(error, "code"), text(error, "field"))).collect();
    errors.sort();
    errors
}

#[test]
fn the_same_bytes_through_both_doors_are_learnt_and_refused_alike() {
    const BODIES: u64 = 30;
    let dir = tempfile::tempdir().unwrap();
    let more = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[limits]\nline_bytes = \"256B\"\n";
    let host = Host::start_with(dir.path(), more);
    let mut random = Random::new(5);
    let mut learnt = 0;
    for body in 0..BODIES {
        // a first line that is an event, as a hello or a fault there belongs to the connection, not to the door
        let mut bytes = b"{\"data\":{\"ms\":1}}\n".to_vec();
        for _ in 0..random.below(180) {
            bytes.extend(line(&mut random));
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(b"{\"data\":{\"ms\":2}}"); // the last line needs no line end
        let mut socket = host.connect();
        for part in bytes.chunks(1 + random.below(3000) as usize) {
            socket.bytes(part);
        }
        socket.half_close();
        let replies: Vec<Value> =
            socket.lines.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        let over_socket = errors(replies.iter().map(|reply| &reply["error"]));
        let mut response = common::agent()
            .post(host.url("/api/v1/streams/posted/events"))
            .header("Content-Type", "application/x-ndjson")
            .send(&bytes[..])
            .unwrap();
        let answer: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        assert_eq!(answer["rejected"], over_socket.len(), "body {body}: {answer}");
        let over_http = errors(answer["errors"].as_array().unwrap().iter());
        // an answer over HTTP lists a hundred errors at most, and owners refuse later than doors
        if over_socket.len() <= 100 {
            assert_eq!(over_http, over_socket, "body {body}");
        }
        learnt += answer["accepted"].as_u64().unwrap();
    }
    let [socket, http] = ["default", "posted"].map(|stream| host.get(&format!("/api/v1/streams/{stream}/hash")).1);
    assert_eq!((&socket["offset"], &http["offset"]), (&learnt.into(), &learnt.into()));
    assert_eq!(socket["state_hash"], http["state_hash"]);
    host.stop();
}
