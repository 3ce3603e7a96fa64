//! Whether the time of a refusal tells how much of a token is right.
#![allow(missing_docs)]

mod common;

use common::Host;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// Requests of each kind; SURMISE_TRIALS=20000 is the campaign.
fn trials() -> usize {
    std::env::var("SURMISE_TRIALS").map_or(300, |count| count.parse().expect("a count"))
}

/// Asks with a token on an open connection, and returns how long the refusal took.
fn ask(connection: &mut BufReader<TcpStream>, token: &str) -> f64 {
    let request = format!("GET /api/v1/streams HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    let start = Instant::now();
    connection.get_mut().write_all(request.as_bytes()).unwrap();
    let (mut line, mut length, mut is_refused) = (String::new(), 0, false);
    loop {
        line.clear();
        connection.read_line(&mut line).unwrap();
        is_refused |= line.starts_with("HTTP/1.1 401");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let took = start.elapsed().as_secs_f64();
    connection.read_exact(&mut vec![0; length]).unwrap();
    assert!(is_refused);
    took
}

/// The t-statistic that tells two kinds of requests apart.
const TELLING_T: f64 = 4.5;

/// Welch's t-statistic of two samples, of which the slowest tenth is left out: what the system does between is not what
/// is looked for.
fn t_statistic(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
    let [(mean_a, error_a), (mean_b, error_b)] = [&mut a, &mut b].map(|times| {
        times.sort_by(f64::total_cmp);
        let kept = &times[..times.len() * 9 / 10];
        let n = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / n;
        (mean, kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (n - 1.0) / n)
    });
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}

/// Of three statistics the least counts, as other work on a machine moves them. That comparisons are of hashes, and in
/// constant time, is how it is built.
#[test]
fn the_time_of_a_refusal_does_not_depend_on_how_much_of_a_token_is_right() {
    let token = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("[auth]\ntoken = \"{token}\"\n"));
    let mut connection = BufReader::new(TcpStream::connect(host.running().http_addr().unwrap()).unwrap());
    connection.get_ref().set_nodelay(true).unwrap();
    let (wrong_first, wrong_last) = (format!("x{}", &token[1..]), format!("{}x", &token[..63]));
    let mut statistic = || {
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for trial in 0..trials() {
            // the order changes, so that neither kind always follows the other
            let mut one = |kind: bool| match kind {
                true => first.push(ask(&mut connection, &wrong_first)),
                false => last.push(ask(&mut connection, &wrong_last)),
            };
            one(trial.is_multiple_of(2));
            one(!trial.is_multiple_of(2));
        }
        t_statistic(first, last)
    };
    let all = [statistic(), statistic(), statistic()];
    println!("t = {all:.2?} over {} requests of each kind", trials());
    let least = all.iter().fold(f64::INFINITY, |least, t| least.min(t.abs()));
    assert!(least < TELLING_T, "{all:?} tell right and wrong beginnings of a token apart");
    drop(connection);
    host.stop();
}
