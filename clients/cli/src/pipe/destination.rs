//! Where the lines go: to a daemon that runs, or to one that is started here.

use super::args::PipeArgs;
use crate::global::Global;
#[cfg(feature = "learner")]
use crate::in_process::{self, InProcess};
use surmise_client::{Address, TrustedRoots};
use surmise_protocol::Health;
#[cfg(not(feature = "learner"))]
use surmise_terminal::Exit;
use surmise_terminal::{Failure, Http};

/// Where a daemon runs if nobody says otherwise.
const USUAL_SERVER: &str = "http://127.0.0.1:7070";

/// A daemon, and how it is reached.
pub(super) struct LineDestination {
    pub(super) http: Http,
    pub(super) events: Address,
    pub(super) roots: Option<TrustedRoots>,
    stream: String,
    #[cfg(feature = "learner")]
    own: Option<OwnDaemon>,
}

/// A daemon in this process.
#[cfg(feature = "learner")]
struct OwnDaemon {
    daemon: InProcess,
    /// Where its state is kept; none where it is thrown away.
    kept: Option<std::path::PathBuf>,
    /// Removed with everything in it when it is dropped.
    temporary: Option<tempfile::TempDir>,
}

impl LineDestination {
    /// The daemon that runs at the server's address; one that is started here where none does, and none was asked for.
    pub(super) async fn find(global: &Global, args: &PipeArgs) -> Result<LineDestination, Failure> {
        if args.data.is_none() && args.budget.is_none() && !args.own {
            let http = global.http()?;
            let asked = http.clone();
            let answer = tokio::task::spawn_blocking(move || asked.get::<Health>("/-/healthy", &[]));
            match answer.await.map_err(Failure::internal)? {
                Ok(health) if health.server.starts_with("surmised") => {
                    return LineDestination::running(global, http, args);
                }
                // what a person has named is not replaced by something else
                Err(failure) if global.server != USUAL_SERVER => return Err(failure),
                _ => {}
            }
        }
        LineDestination::own(args).await
    }

    fn running(global: &Global, http: Http, args: &PipeArgs) -> Result<LineDestination, Failure> {
        let events = global.address()?;
        let roots = if matches!(events, Address::Tls(_)) { Some(global.roots()?) } else { None };
        let stream = args.stream.clone();
        Ok(LineDestination {
            http,
            events,
            roots,
            stream,
            #[cfg(feature = "learner")]
            own: None,
        })
    }

    #[cfg(not(feature = "learner"))]
    async fn own(_: &PipeArgs) -> Result<LineDestination, Failure> {
        let reason = format!("no surmised runs at {USUAL_SERVER}, and this program was built without a learner");
        Err(Failure::new(Exit::Unreachable, reason))
    }

    #[cfg(feature = "learner")]
    async fn own(args: &PipeArgs) -> Result<LineDestination, Failure> {
        use surmise_config::{Config, StreamRule};
        use surmise_event::{Field, FieldKind, VALUE};
        let temporary = match &args.data {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("surmise-").tempdir()?),
        };
        let mut config = Config::default();
        config.store.dir = match (&args.data, &temporary) {
            (Some(dir), _) => dir.clone(),
            (None, Some(dir)) => dir.path().to_owned(),
            (None, None) => return Err(Failure::internal("there is no directory")),
        };
        // ports of its own: another pipe must not take it for a daemon that stays
        (config.listen.http, config.listen.tcp) = ("127.0.0.1:0".into(), "127.0.0.1:0".into());
        config.alarm.budget = args.budget.unwrap_or(config.alarm.budget);
        let rule = StreamRule { fields: vec![Field::new(VALUE, FieldKind::Line)], ..StreamRule::default() };
        config.streams.insert(args.stream.clone(), rule);
        let daemon = in_process::start(config).await?;
        Ok(LineDestination {
            http: Http::new(&format!("http://{}", daemon.http), None, None),
            events: daemon.tcp.into(),
            roots: None,
            stream: args.stream.clone(),
            own: Some(OwnDaemon { daemon, kept: args.data.clone(), temporary }),
        })
    }

    /// What is said before the first line is read.
    pub(super) fn introduction(&self) -> Vec<String> {
        let (server, stream) = (self.http.server(), &self.stream);
        #[cfg(feature = "learner")]
        if let Some(own) = &self.own {
            let kept = own.kept.as_ref().map_or(String::new(), |dir| format!(", kept in {}", dir.display()));
            return vec![
                format!("learning standard input in this process, as stream {stream}{kept}; one line is one incident"),
                format!("meanwhile: the page at {server}/, or surmise top --server {server}"),
            ];
        }
        vec![format!("surmised runs at {server}: lines go to its stream {stream}; --stream names another one")]
    }

    /// Ends what was started here. Returns what becomes of what was learnt.
    pub(super) async fn end(self) -> Result<String, Failure> {
        #[cfg(feature = "learner")]
        if let Some(OwnDaemon { daemon, kept, temporary }) = self.own {
            daemon.stop().await?;
            drop(temporary);
            return Ok(match kept {
                Some(dir) => format!("what was learnt is kept in {}; the next run goes on from it", dir.display()),
                None => "what was learnt is thrown away; surmise pipe --data DIR keeps it".into(),
            });
        }
        Ok(format!("what was learnt stays with surmised: surmise watch --stream {}", self.stream))
    }
}
