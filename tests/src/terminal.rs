//! A real terminal of a program: tmux, where it is installed.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A session of tmux that runs a shell, with a server of its own.
pub struct Tmux {
    socket: std::path::PathBuf,
}

impl Tmux {
    /// A shell on a terminal of so many columns and rows, with a socket in a folder. `None`, which is noted as not
    /// tested, where tmux is missing.
    pub fn start(dir: &Path, columns: u16, rows: u16) -> Option<Tmux> {
        if Command::new("tmux").arg("-V").output().is_err() {
            surmise_fixtures::skipped("surmise top in a real terminal", "tmux is not installed");
            return None;
        }
        let tmux = Tmux { socket: dir.join("tmux") };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let shell = ["sh", "-c", "PS1='$ ' exec sh"];
        let started =
            tmux.run(&[&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows][..], &shell].concat());
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        Some(tmux)
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(args).env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8");
        command.output().expect("tmux can be started")
    }

    /// Types a line into it, and Enter.
    pub fn type_line(&self, line: &str) {
        self.run(&["send-keys", "-l", line]);
        self.keys(&["Enter"]);
    }

    /// Presses keys, by tmux's names.
    pub fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"][..], keys].concat());
    }

    /// Gives the terminal another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.run(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// What is on the screen, and a word on whether it is the other screen, that of programs like `top`.
    pub fn screen(&self) -> (String, bool) {
        let text = String::from_utf8_lossy(&self.run(&["capture-pane", "-p"]).stdout).into_owned();
        let other = self.run(&["display-message", "-p", "#{alternate_on}"]).stdout;
        (text, other.starts_with(b"1"))
    }

    /// Waits until the screen is as it should be, and returns it.
    ///
    /// # Panics
    /// It is not within a minute.
    pub fn wait_for(&self, what: &str, is_there: impl Fn(&str, bool) -> bool) -> String {
        let start = Instant::now();
        loop {
            let (text, other) = self.screen();
            if is_there(&text, other) {
                return text;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{what} is not on the screen (other: {other}):\n{text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}
