//! How a program begins and ends: its command line, what can go wrong, and the exit code.

use clap::Parser;
use std::fmt::Display;
use std::process::ExitCode;
use surmise_client::ClientError;
use surmise_recording::SourceError;

/// Why a command could not do its work: the exit codes of sysexits, by which scripts tell the cases apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Wrong usage or configuration.
    Usage = 64,
    /// Bad input data.
    Data = 65,
    /// The daemon cannot be reached.
    Unreachable = 69,
    /// A fault of this program.
    Internal = 70,
    /// Files or the store.
    Storage = 74,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// A command that stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command could not do its work.
    #[error("{message}")]
    Failed {
        /// What kind of reason it was, for scripts.
        exit: Exit,
        /// The reason, for people.
        message: String,
    },
    /// The program that reads standard output has closed it.
    ///
    /// In `surmise stream ls | head -1`, `head` leaves after one line. A C program would then be ended by SIGPIPE, but
    /// Rust ignores that signal before `main`, so that the next write returns an error instead. Nothing went wrong:
    /// the reader has what it wanted, so the program ends quietly, and successfully.
    #[error("standard output was closed by the program that reads it")]
    BrokenPipe,
}

impl Failure {
    /// A failure of some kind, with its reason.
    pub fn new(exit: Exit, message: impl Display) -> Failure {
        Failure::Failed { exit, message: message.to_string() }
    }

    /// Wrong usage or configuration.
    pub fn usage(message: impl Display) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// A fault of this program.
    pub fn internal(message: impl Display) -> Failure {
        Failure::new(Exit::Internal, message)
    }

    /// The kind of reason, which is the exit code; none where the program ends successfully all the same.
    pub fn exit(&self) -> Option<Exit> {
        match self {
            Failure::Failed { exit, .. } => Some(*exit),
            Failure::BrokenPipe => None,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => Failure::new(Exit::Storage, error),
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Failure {
        use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        let exit = match &error {
            SourceError::Usage(_) | SourceError::Open { .. } => Exit::Usage,
            // a compressed file that is cut off or damaged is no matter of the disk
            SourceError::Read { error, .. } if matches!(error.kind(), UnexpectedEof | InvalidData | InvalidInput) => {
                Exit::Data
            }
            SourceError::Read { .. } => Exit::Storage,
            SourceError::Data { .. } => Exit::Data,
        };
        Failure::new(exit, error)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        let exit = match &error {
            ClientError::Address(_) | ClientError::Refused(_) | ClientError::SeqNotRising { .. } => Exit::Usage,
            ClientError::Problem(_) => Exit::Usage,
            ClientError::Unreachable { .. } => {
                let hint = "is surmised running? --socket or SURMISE_SOCKET says where";
                return Failure::new(Exit::Unreachable, format!("{error}; {hint}"));
            }
            ClientError::Certificates { .. } | ClientError::Untrusted { .. } => Exit::Usage,
            ClientError::Protocol(_) => Exit::Unreachable,
            ClientError::Record(_) => Exit::Data,
            ClientError::Forgotten { .. } => Exit::Storage,
            ClientError::Closed => Exit::Internal,
        };
        Failure::new(exit, error)
    }
}

/// Reads the command line.
///
/// # Errors
/// The exit code with which the program ends instead: of wrong usage, which is explained on standard error, or of
/// success after `--help` and `--version`.
pub fn parse<P: Parser>() -> Result<P, ExitCode> {
    P::try_parse().map_err(|error| {
        // nothing is left to do where the explanation cannot be printed
        let _ = error.print();
        if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS }
    })
}

/// The exit code of a program whose work is done; a failure is printed on standard error.
pub fn finish(program: &str, done: Result<(), Failure>) -> ExitCode {
    let Err(failure) = done else { return ExitCode::SUCCESS };
    match failure.exit() {
        None => ExitCode::SUCCESS,
        Some(exit) => {
            eprintln!("{program}: {failure}");
            exit.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    #[test]
    fn a_file_that_is_cut_off_is_no_fault_of_the_disk() {
        let exit = |kind| {
            let read = SourceError::Read { file: "a.gz".into(), error: Error::new(kind, "it was cut off") };
            Failure::from(read).exit()
        };
        assert_eq!(exit(ErrorKind::UnexpectedEof), Some(Exit::Data));
        assert_eq!(exit(ErrorKind::InvalidData), Some(Exit::Data));
        assert_eq!(exit(ErrorKind::StorageFull), Some(Exit::Storage));
    }
}
