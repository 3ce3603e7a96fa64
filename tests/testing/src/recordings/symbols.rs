//! Bytes, texts, log lines and sessions of symbols.

use super::chain::Chain;
use super::{Measure, Recording};
use crate::Random;
use std::fmt::Write;

/// The recordings of this kind.
pub fn all() -> Vec<Recording> {
    vec![
        uniform_bytes(),
        markov_bytes("markov-1", 1, 16, 40_000, 11),
        markov_bytes("markov-3", 3, 8, 60_000, 12),
        regimes(),
        words(),
        requests(),
        sessions(),
        catalogue(),
    ]
}

/// Bytes that nothing can foretell: 8 bits each.
fn uniform_bytes() -> Recording {
    let mut random = Random::new(10);
    let bytes: Vec<u8> = (0..20_000).map(|_| random.below(256) as u8).collect();
    Recording::new("uniform", "bytes", bytes, &["--format", "bytes"]).best(Measure::BitsPerEvent, 8.0)
}

/// Letters, each drawn by the `order` letters before it.
fn markov_bytes(name: &'static str, order: u32, letters: usize, count: usize, seed: u64) -> Recording {
    let mut random = Random::new(seed);
    let contexts = letters.pow(order);
    let chain = Chain::draw(&mut random, contexts, letters, 4);
    let (mut context, mut bits, mut text) = (0, 0.0, Vec::new());
    for _ in 0..count {
        let (letter, held) = chain.next(&mut random, context);
        context = (context * letters + letter) % contexts;
        bits += held;
        text.push(b'a' + letter as u8);
    }
    Recording::new(name, "bytes", text, &["--format", "bytes"]).best(Measure::BitsPerEvent, bits / count as f64)
}

/// A chain that gives way to another without notice, and then comes back.
fn regimes() -> Recording {
    const EACH: usize = 20_000;
    let mut random = Random::new(13);
    let chains = [Chain::draw(&mut random, 12, 12, 4), Chain::draw(&mut random, 12, 12, 4)];
    let (mut last, mut bits, mut text) = (0, 0.0, Vec::new());
    for i in 0..3 * EACH {
        let (letter, held) = chains[i / EACH % 2].next(&mut random, last);
        last = letter;
        bits += held;
        text.push(b'a' + letter as u8);
    }
    let count = text.len() as f64;
    Recording::new("regimes", "bytes", text, &["--format", "bytes"]).best(Measure::BitsPerEvent, bits / count)
}

/// A word of random letters, different from all before.
fn word(random: &mut Random, taken: &mut Vec<String>) -> String {
    loop {
        let length = 2 + random.below(7);
        let word: String = (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect();
        if !taken.contains(&word) {
            taken.push(word.clone());
            return word;
        }
    }
}

/// A text of words, each drawn by the one before it. Blanks and ends of lines stand where they must, so that all the
/// bits are in the choice of words.
fn words() -> Recording {
    const VOCABULARY: usize = 200;
    let mut random = Random::new(14);
    let mut vocabulary = Vec::new();
    for _ in 0..VOCABULARY {
        word(&mut random, &mut vocabulary);
    }
    let chain = Chain::draw(&mut random, VOCABULARY, VOCABULARY, 60);
    let (mut last, mut bits, mut text) = (0, 0.0, String::new());
    for i in 1..=16_000 {
        let (next, held) = chain.next(&mut random, last);
        last = next;
        bits += held;
        text.push_str(&vocabulary[next]);
        text.push(if i % 12 == 0 { '\n' } else { ' ' });
    }
    let count = text.len() as f64;
    Recording::new("words", "txt", text, &["--format", "bytes"]).best(Measure::BitsPerEvent, bits / count)
}

/// Lines of a log: templates that follow one another by a chain, with parameters that are drawn evenly.
fn requests() -> Recording {
    const TEMPLATES: usize = 9;
    const LINES: usize = 3_000;
    let mut random = Random::new(15);
    let chain = Chain::draw(&mut random, TEMPLATES, TEMPLATES, 4);
    let mut hosts = Vec::new();
    for _ in 0..16 {
        word(&mut random, &mut hosts);
    }
    let (mut last, mut bits, mut text) = (0, 0.0, String::new());
    for _ in 0..LINES {
        let (template, held) = chain.next(&mut random, last);
        last = template;
        let host = &hosts[random.below(16) as usize];
        let port = 1000 + random.below(1000);
        bits += held + 4.0;
        let mut with_port = |text: &str| {
            bits += 1000f64.log2();
            format!("{text}{port}")
        };
        let line = match template {
            0 => with_port(&format!("session opened for {host} port ")),
            1 => with_port(&format!("connection from {host} port ")) + " accepted",
            2 => format!("authentication failure for user {host}"),
            3 => format!("retry {host} after timeout"),
            4 => with_port(&format!("closing channel of {host} on ")),
            5 => format!("warning: queue of {host} is nearly full"),
            6 => format!("health check of {host} passed"),
            7 => with_port(&format!("GET /status/{host}?port=")) + " 200",
            _ => format!("session closed for {host}"),
        };
        writeln!(text, "{line}").expect("writing to a string cannot fail");
    }
    Recording::new("requests", "log", text, &["--format", "lines"]).best(Measure::BitsPerEvent, bits / LINES as f64)
}

/// Sessions of log keys by a chain; the end of a session is one of its symbols.
fn sessions() -> Recording {
    const KEYS: usize = 24;
    let mut random = Random::new(16);
    // context and symbol 0 are the start and the end of a session
    let chain = Chain::draw(&mut random, KEYS + 1, KEYS + 1, 6);
    let (mut bits, mut events, mut text) = (0.0, 0, String::new());
    for _ in 0..3_000 {
        let mut last = 0;
        loop {
            let (mut key, mut held) = chain.next(&mut random, last);
            while last == 0 && key == 0 {
                // no session is empty: what is drawn again holds the bits of a choice among the others
                (key, held) = chain.next(&mut random, last);
            }
            if last == 0 {
                held += chain.log2_without(last, 0);
            }
            bits += held;
            events += 1;
            if key == 0 {
                break;
            }
            if last != 0 {
                text.push(' ');
            }
            write!(text, "E{key}").expect("writing to a string cannot fail");
            last = key;
        }
        text.push('\n');
    }
    Recording::new("sessions", "tokens", text, &["--format", "tokens"])
        .best(Measure::BitsPerEvent, bits / f64::from(events))
}

/// Clicks in a catalogue of 1,500 items, of which each leads to a few others: a large alphabet, most of it rare.
fn catalogue() -> Recording {
    const ITEMS: u64 = 1_500;
    const END: f64 = 0.2;
    let mut random = Random::new(17);
    let follows: Vec<[u64; 4]> = (0..ITEMS).map(|_| std::array::from_fn(|_| random.below(ITEMS))).collect();
    let mut text = String::new();
    for _ in 0..4_000 {
        // the square makes a few items popular
        let mut item = (random.uniform() * random.uniform() * ITEMS as f64) as u64;
        write!(text, "{item}").expect("writing to a string cannot fail");
        while !random.happens(END) {
            item = follows[item as usize][random.below(4) as usize];
            write!(text, " {item}").expect("writing to a string cannot fail");
        }
        text.push('\n');
    }
    Recording::new("catalogue", "tokens", text, &["--format", "tokens"])
}
