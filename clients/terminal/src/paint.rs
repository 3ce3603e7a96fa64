//! Colours for people, left out where standard output is no terminal.

use std::io::IsTerminal;

/// The colours of standard output: escape codes on a terminal, nothing elsewhere or where `NO_COLOR` is set.
#[derive(Clone, Copy)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// The colours that standard output shows.
    pub fn stdout() -> Paint {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Paint { on: !plain && std::io::stdout().is_terminal() }
    }

    /// No colours, whatever standard output is.
    pub fn off() -> Paint {
        Paint { on: false }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Text that stands out, such as a title.
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// Text that steps back, such as the heading of a table.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Text that says that all is well.
    pub fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Text coloured from calm to alarming by an anomaly score from 0 to 1.
    pub fn alarm(self, score: f64, text: &str) -> String {
        match score {
            s if s >= 0.9 => self.with("1;31", text),
            s if s >= 0.7 => self.with("31", text),
            s if s >= 0.5 => self.with("33", text),
            _ => text.to_owned(),
        }
    }
}
