//! What a daemon asks the system for, as strace tells it.

use crate::daemon::TestDaemon;
use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Whether there is a strace to ask.
pub fn is_there() -> bool {
    Command::new("strace").arg("-V").output().is_ok()
}

/// Starts a daemon whose calls are written to a file, with more arguments of strace, and waits until it is ready.
pub fn start(dir: &Path, toml: &str, trace: &Path, arguments: &[&str]) -> TestDaemon {
    // -D has strace be nobody's parent, so that the daemon gets the signals
    let mut daemon = TestDaemon::spawn_as(dir, toml, |c| {
        let mut traced = Command::new("strace");
        traced.args(["-D", "-f", "-q", "-e", "signal=none"]).args(arguments).arg("-o").arg(trace);
        traced.arg(c.get_program()).args(c.get_args()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        *c = traced;
    });
    daemon.wait_ready();
    daemon
}

/// What strace wrote, once it has written that the program has left.
pub fn whole(trace: &Path) -> String {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(trace).expect("strace has begun to write");
        let last = text.lines().last().unwrap_or_default().to_owned();
        if last.contains("+++ exited with") || last.contains("+++ killed by") || begun.elapsed().as_secs() > 20 {
            return text;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A call, and where in the trace it began and ended. A thread's calls are in its order, and of two threads a call that
/// ended before another began came before it.
#[derive(Clone, Debug)]
pub struct TracedCall {
    /// Which thread made it.
    pub thread: u32,
    /// Its name.
    pub name: String,
    /// Its arguments, and what it came to.
    pub said: String,
    /// The line in which it begins.
    pub begun: usize,
    /// The line in which it ends.
    pub ended: usize,
}

impl TracedCall {
    /// What it came to, if that is a number.
    pub fn result(&self) -> Option<i64> {
        self.said.rsplit_once(" = ")?.1.split_whitespace().next()?.parse().ok()
    }
}

/// The calls of a trace that ended, in the order of their ends.
pub fn calls(text: &str) -> Vec<TracedCall> {
    let mut unfinished: HashMap<u32, TracedCall> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, said)) = line.split_once(' ') else { continue };
        let (Ok(thread), said) = (thread.parse(), said.trim_start()) else { continue };
        if let Some(rest) = said.strip_prefix("<... ") {
            let Some(mut call) = unfinished.remove(&thread) else { continue };
            call.said += rest.split_once("resumed>").map_or("", |(_, rest)| rest);
            call.ended = number;
            calls.push(call);
        } else if let Some((name, said)) = said.split_once('(') {
            let begins = said.strip_suffix("<unfinished ...>");
            let said = begins.unwrap_or(said).to_owned();
            let call = TracedCall { thread, name: name.to_owned(), said, begun: number, ended: number };
            match begins {
                Some(_) => drop(unfinished.insert(thread, call)),
                None => calls.push(call),
            }
        }
    }
    calls
}
