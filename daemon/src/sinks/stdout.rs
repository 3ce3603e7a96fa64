//! Writing messages to standard output, a line of JSON each.
//!
//! A write never waits: bytes are written as many at a time as a pipe takes at once, and only when the system says that
//! it takes them. A line that was begun is finished before another one begins.

use super::carrier::{Carrier, SendResult};
use super::message::SinkMessage;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};

/// Bytes that a pipe takes at once if it takes any (`PIPE_BUF`).
const WRITE_BYTES_MAX: usize = 4096;
/// How long a message waits for a reader before it is tried again later.
const WAIT_MAX: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Standard output, or in tests something in its place.
#[derive(Default)]
pub struct StandardOutput {
    other: Option<OwnedFd>,
    /// What is left of a line that was begun.
    unwritten: Vec<u8>,
}

impl StandardOutput {
    /// Writes some of what is left. Returns whether anything could be written.
    fn write_some(&mut self) -> Result<bool, Errno> {
        let stdout = std::io::stdout();
        let output = self.other.as_ref().map_or_else(|| stdout.as_fd(), OwnedFd::as_fd);
        let mut waited = [PollFd::new(&output, PollFlags::OUT)];
        match poll(&mut waited, Some(&WAIT_MAX)) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            // a signal is no answer
            Err(Errno::INTR) => return Ok(true),
            Err(e) => return Err(e),
        }
        let part = &self.unwritten[..self.unwritten.len().min(WRITE_BYTES_MAX)];
        match rustix::io::write(output, part) {
            Ok(written) => {
                self.unwritten.drain(..written);
                Ok(written > 0)
            }
            Err(Errno::INTR) => Ok(true),
            Err(e) => Err(e),
        }
    }
}

impl Carrier for StandardOutput {
    fn send(&mut self, message: &SinkMessage, now_us: i64) -> SendResult {
        // what is left is of this message, which is tried again
        if self.unwritten.is_empty() {
            self.unwritten = message.json(now_us).into_bytes();
            self.unwritten.push(b'\n');
        }
        while !self.unwritten.is_empty() {
            match self.write_some() {
                Ok(true) => {}
                Ok(false) | Err(Errno::AGAIN) => return SendResult::Failed("standard output takes nothing now".into()),
                Err(e @ (Errno::PIPE | Errno::BADF)) => {
                    self.unwritten = Vec::new();
                    return SendResult::Refused(format!("nobody reads standard output any more: {e}"));
                }
                Err(e) => return SendResult::Failed(format!("standard output: {e}")),
            }
        }
        SendResult::Taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::message::tests::rare;
    use serde_json::{Value, json};
    use std::io::{BufRead, BufReader};

    #[test]
    fn a_full_pipe_is_waited_for_later_and_a_closed_one_refuses() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut output = StandardOutput { other: Some(writer.into()), unwritten: Vec::new() };
        // more than a pipe holds: a part of the line is written, and the rest of it is when it is sent again
        let message = rare(json!({ "data": "x".repeat(200_000) }), 1000.0);
        assert!(matches!(output.send(&message, 0), SendResult::Failed(_)));
        let reading = std::thread::spawn(move || {
            let mut lines = BufReader::new(reader).lines();
            let lines: Vec<String> = lines.by_ref().take(2).map(Result::unwrap).collect();
            lines
        });
        while output.send(&message, 0) != SendResult::Taken {}
        assert_eq!(output.send(&rare(json!({ "data": "y" }), 1000.0), 0), SendResult::Taken);
        let lines = reading.join().unwrap();
        let data = |line: &str| serde_json::from_str::<Value>(line).unwrap()["data"]["event"]["data"].clone();
        assert_eq!((data(&lines[0]), data(&lines[1])), ("x".repeat(200_000).into(), "y".into()));
        assert!(matches!(output.send(&message, 0), SendResult::Refused(_)));
    }
}
