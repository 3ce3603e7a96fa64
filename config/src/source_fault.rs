//! What may be wrong with a source of the configuration.

use crate::address::AddressError;
use crate::remote_write::RemoteWriteFault;
use crate::server_url::ServerUrlError;
use crate::stream_name::StreamNameError;

/// Bytes that the name of a source has at most.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// What is wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceFault {
    /// The name cannot be that of a label.
    #[error("the name of a source has letters, digits, - and _, {NAME_BYTES_MAX} at most")]
    Name,
    /// There are no paths.
    #[error("a source of files needs paths = [\"/var/log/…\"]")]
    WithoutPaths,
    /// A path is not absolute, so it would depend on where the daemon was started.
    #[error("{0:?} is not absolute; write the whole path")]
    Relative(String),
    /// A pattern cannot be read.
    #[error("paths: {pattern:?}: {error}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: glob::PatternError,
    },
    /// An option belongs to another format.
    #[error("{0}")]
    Misplaced(&'static str),
    /// There is nothing to receive messages at.
    #[error("a source of syslog needs an address: udp, tcp or unix")]
    WithoutAddress,
    /// An address cannot be read.
    #[error("{key}: {error}")]
    Address {
        /// Its key.
        key: &'static str,
        /// What was expected.
        error: AddressError,
    },
    /// Other machines could send, in clear and without a token.
    #[error(
        "{key}: whoever reaches {address} can send to it, and syslog has neither encryption nor tokens; give an address \
         of this machine, such as 127.0.0.1, behind a relay, or say insecure = true where the network is trusted"
    )]
    InClear {
        /// Its key.
        key: &'static str,
        /// The address.
        address: std::net::SocketAddr,
    },
    /// The address of a server cannot be one.
    #[error("{0}")]
    Url(ServerUrlError),
    /// A topic cannot be one.
    #[error("topics: {0:?} is no topic: + has to be a whole level, and # the last one")]
    Topic(String),
    /// A subject cannot be one.
    #[error("subjects: {0:?} is no subject: tokens have dots between, * has to be a whole token, and > the last one")]
    Subject(String),
    /// There are too many of something.
    #[error("{what}: {most} are the most")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// The stream cannot have this name.
    #[error("stream: {0}")]
    Stream(StreamNameError),
    /// The table of remote write is at fault.
    #[error(transparent)]
    RemoteWrite(#[from] RemoteWriteFault),
}
