//! Standard output: in which form results are printed there, and how a line is.

use clap::ValueEnum;
use std::io::Write;

/// How results are printed.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Text,
    /// For programs: JSON on standard output, and nothing else there.
    Json,
}

/// Prints one line and flushes it, so that a program behind a pipe sees each line as soon as it is there.
///
/// # Errors
/// Standard output cannot be written; [`BrokenPipe`](std::io::ErrorKind::BrokenPipe) if its reader has closed it.
pub fn print_line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Prints several lines as [`print_line`] does.
///
/// # Errors
/// Standard output cannot be written.
pub fn print_lines(lines: impl IntoIterator<Item = impl AsRef<str>>) -> std::io::Result<()> {
    lines.into_iter().try_for_each(|line| print_line(line.as_ref()))
}
