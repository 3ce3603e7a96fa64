//! How a command ends.

use std::fmt::Display;
use std::process::ExitCode;
use surmise_client::ClientError;
use surmise_evaluation::ReplayError;
use surmise_learner::LearnerError;
use surmise_recording::SourceError;

/// Why a command ends without having done its work: the exit codes of sysexits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Wrong usage or configuration.
    Usage = 64,
    /// Bad input data.
    Data = 65,
    /// The daemon cannot be reached.
    Unreachable = 69,
    /// A fault of ours.
    Internal = 70,
    /// Storage.
    Storage = 74,
}

impl From<Exit> for ExitCode {
    fn from(e: Exit) -> ExitCode {
        ExitCode::from(e as u8)
    }
}

/// A command that did not do its work, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Display) -> Failure {
        Failure { exit, message: message.to_string() }
    }

    pub(crate) fn usage(message: impl Display) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// Standard output is gone, as when `| head` has seen enough.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.message.is_empty()
    }

    pub(crate) fn tell(&self) {
        eprintln!("surmise: {}", self.message);
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Failure {
        let message = if e.kind() == std::io::ErrorKind::BrokenPipe { String::new() } else { e.to_string() };
        Failure { exit: Exit::Storage, message }
    }
}

impl From<SourceError> for Failure {
    fn from(e: SourceError) -> Failure {
        let exit = match &e {
            SourceError::Usage(_) | SourceError::Open { .. } => Exit::Usage,
            SourceError::Read { .. } => Exit::Storage,
            SourceError::Data { .. } => Exit::Data,
        };
        Failure::new(exit, e)
    }
}

impl From<ReplayError> for Failure {
    fn from(e: ReplayError) -> Failure {
        let exit = match e {
            ReplayError::Source(e) => return e.into(),
            ReplayError::Learner(LearnerError::Options(_)) => Exit::Usage,
            ReplayError::Threads(_) => Exit::Internal,
            ReplayError::Device(_) => Exit::Usage,
            ReplayError::Learner(_) => Exit::Internal,
            ReplayError::Checkpoint { .. } => Exit::Data,
            ReplayError::Write { .. } | ReplayError::Pages(_) => Exit::Storage,
        };
        Failure::new(exit, e)
    }
}

impl From<ClientError> for Failure {
    fn from(e: ClientError) -> Failure {
        let exit = match &e {
            ClientError::Address(_) | ClientError::Refused(_) | ClientError::SeqNotRising { .. } => Exit::Usage,
            ClientError::Unreachable { .. } | ClientError::Protocol(_) => Exit::Unreachable,
            ClientError::Record(_) => Exit::Data,
            ClientError::Forgotten { .. } => Exit::Storage,
            ClientError::Closed => Exit::Internal,
        };
        let hint = match &e {
            ClientError::Unreachable { .. } => "; is surmised running? --socket or SURMISE_SOCKET says where",
            _ => "",
        };
        Failure::new(exit, format!("{e}{hint}"))
    }
}
