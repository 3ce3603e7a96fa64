//! A connection to a server of NATS, and what may be wrong with it.

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use std::path::PathBuf;
use std::time::Duration;
use surmise_config::{NATS_SCHEMES, NatsServers, ServerUrlError, decoded};
use tokio_util::sync::CancellationToken;

/// How long connecting may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// How often a ping is sent. Two without an answer end a connection.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// Why nothing is read from NATS, or published to it, now.
#[derive(Debug, thiserror::Error)]
pub enum NatsFault {
    /// An address cannot be read.
    #[error("{0}")]
    Url(#[from] ServerUrlError),
    /// The file of credentials cannot be read.
    #[error("credentials_file {path}: {source}")]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// The server does not let the daemon in.
    #[error(
        "the server refuses the user and the password, the token or the credentials; write those that it knows into \
         url, or into the file that credentials_file names"
    )]
    Refused,
    /// No server can be reached.
    #[error("no server can be reached ({0})")]
    Connect(async_nats::ConnectError),
    /// The connection has ended.
    #[error("the connection has ended")]
    Broken,
    /// The server has no JetStream.
    #[error("the server has no JetStream for this account; start it with -js, or with jetstream in its configuration")]
    WithoutJetStream,
    /// There is no such stream.
    #[error("there is no stream {0} in JetStream; write its name (jetstream = \"…\"), or make it there")]
    WithoutStream(String),
    /// Something that was asked of JetStream is not done.
    #[error("{what}: {why}")]
    Asked {
        /// What was asked.
        what: &'static str,
        /// Why it is not done.
        why: String,
    },
    /// The consumer cannot be used.
    #[error("the consumer {name} in JetStream {why}")]
    Consumer {
        /// Its name.
        name: String,
        /// What is wrong with it, and what to do.
        why: &'static str,
    },
    /// Some messages did not arrive.
    #[error("messages were lost on their way, or somebody else reads with the same consumer; reading begins anew")]
    Lost,
}

impl NatsFault {
    /// Something that was asked, with the reason why it is not done.
    pub fn asked(what: &'static str, why: impl ToString) -> NatsFault {
        NatsFault::Asked { what, why: why.to_string() }
    }
}

/// A connection to a server.
pub struct NatsConnection {
    /// The client.
    pub client: Client,
    /// Set once the connection has ended.
    ended: CancellationToken,
}

impl NatsConnection {
    /// Connects to one of these servers.
    ///
    /// # Errors
    /// None can be reached, or the first that can refuses what should open it.
    pub async fn open(servers: &NatsServers) -> Result<NatsConnection, NatsFault> {
        let (mut addresses, mut opening) = (Vec::new(), None);
        for url in &servers.urls {
            let mut url = url.parse(NATS_SCHEMES)?;
            if opening.is_none() && !url.username().is_empty() {
                opening = Some((decoded(url.username()), url.password().map(decoded)));
            }
            // what opens a server has no place in an address that errors may show
            let _ = (url.set_username(""), url.set_password(None));
            addresses.push(url.to_string());
        }
        let mut options = ConnectOptions::new()
            .name("surmised")
            .connection_timeout(CONNECT_TIME_MAX)
            .request_timeout(Some(ANSWER_TIME_MAX))
            .ping_interval(PING_INTERVAL)
            .retain_servers_order()
            .ignore_discovered_servers()
            .max_reconnects(addresses.len());
        options = match opening {
            Some((user, Some(password))) => options.user_and_password(user, password),
            Some((token, None)) => options.token(token),
            None => options,
        };
        if let Some(path) = &servers.credentials_file {
            let wrong = |source| NatsFault::Credentials { path: path.clone(), source };
            options = options.credentials_file(path).await.map_err(wrong)?;
        }
        let ended = CancellationToken::new();
        let ending = ended.clone();
        options = options.event_callback(move |event| {
            match event {
                Event::Disconnected | Event::Closed => ending.cancel(),
                // that a subject is not allowed is told by this alone
                Event::ServerError(error) => tracing::warn!("a server of NATS says: {error}"),
                _ => {}
            }
            std::future::ready(())
        });
        let client = options.connect(addresses).await.map_err(|error| match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => NatsFault::Refused,
            _ => NatsFault::Connect(error),
        })?;
        Ok(NatsConnection { client, ended })
    }

    /// Whether the connection has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Does something with the connection until that is done.
    ///
    /// # Errors
    /// The connection has ended before.
    pub async fn until_done<T>(&self, work: impl Future<Output = Result<T, NatsFault>>) -> Result<T, NatsFault> {
        self.ended.run_until_cancelled(work).await.unwrap_or(Err(NatsFault::Broken))
    }
}
