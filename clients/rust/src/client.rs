//! The caller's side of the client.

use crate::owner::Owner;
use crate::window::{Entry, Window};
use crate::{Address, ClientError, Progress};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use surmise_event::{Record, Refusal, RefusalCode};
use surmise_protocol::{EventLine, Hello, Reply, Welcome};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// What can be chosen about a client.
#[derive(Clone, Debug)]
pub struct Options {
    /// Unacknowledged events that are held; [`Client::send`] waits at the bound.
    pub window_events: usize,
    /// Their bytes.
    pub window_bytes: usize,
    /// How long the first connection is tried for; with zero, once.
    pub first_connection: Duration,
    /// How long a lost connection is tried to be made again before the client gives up; `None` is for ever.
    pub give_up_after: Option<Duration>,
    /// The longest pause between two attempts.
    pub pause_max: Duration,
    /// Where outcomes and errors go. The connection waits while the channel is full, so read it concurrently.
    pub replies: Option<mpsc::Sender<Reply>>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            window_events: 8192,
            window_bytes: 8 << 20,
            first_connection: Duration::ZERO,
            give_up_after: None,
            pause_max: Duration::from_secs(5),
            replies: None,
        }
    }
}

/// A producer's connection to a daemon, made again whenever it breaks.
pub struct Client {
    commands: Option<mpsc::Sender<Entry>>,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<()>,
    welcome: Welcome,
    many: Arc<AtomicBool>,
    last: Option<u64>,
    sent: Option<u64>,
    skipped: u64,
}

impl Client {
    /// Connects with the usual options; returns when the daemon has answered the hello.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the hello.
    pub async fn connect(address: Address, hello: Hello) -> Result<Client, ClientError> {
        Client::connect_with(address, hello, Options::default()).await
    }

    /// Connects; returns when the daemon has answered the hello.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the hello.
    pub async fn connect_with(address: Address, hello: Hello, options: Options) -> Result<Client, ClientError> {
        let (commands, inbox) = mpsc::channel(options.window_events.clamp(1, 1024));
        let (news, progress) = watch::channel(Progress::default());
        let window = Window::new(options.window_events, options.window_bytes);
        let many = Arc::new(AtomicBool::new(false));
        let mut owner = Owner { address, hello, options, inbox, window, news, durable: None, many: many.clone() };
        let patience = owner.options.first_connection;
        let (connection, welcome) = owner.reach(Some(patience)).await?;
        owner.durable = welcome.committed_seq;
        owner.news.send_modify(|p| {
            p.acked = welcome.committed_seq;
            p.settled = welcome.committed_seq;
        });
        let task = tokio::spawn(owner.run(connection));
        Ok(Client { commands: Some(commands), progress, task, welcome, many, last: None, sent: None, skipped: 0 })
    }

    /// What the daemon answered to the first hello.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// The last sequence number of this producer and epoch that was durable before this client connected.
    pub fn committed_at_start(&self) -> Option<u64> {
        self.welcome.committed_seq
    }

    /// Events that were not sent because they were durable before this client connected.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Sends a record under the next sequence number, counting from 1, and returns that number. Events that the
    /// daemon had before this client connected are counted and not sent, so that sending the same records again
    /// resumes. Waits while the window of unacknowledged events is full.
    ///
    /// # Errors
    /// The record cannot be sent (its number is used up all the same), or the client has given up.
    pub async fn send(&mut self, record: Record) -> Result<u64, ClientError> {
        self.send_line(EventLine { seq: None, stream: None, record }).await
    }

    /// Sends an event under its own sequence number, which must rise, or the next one; otherwise like [`Client::send`].
    ///
    /// # Errors
    /// As for [`Client::send`], or the sequence number does not rise.
    pub async fn send_line(&mut self, mut line: EventLine) -> Result<u64, ClientError> {
        let seq = match (line.seq, self.last) {
            (None, last) => last.unwrap_or(0) + 1,
            (Some(seq), Some(last)) if seq <= last => return Err(ClientError::SeqNotRising { last, seq }),
            (Some(seq), _) => seq,
        };
        self.last = Some(seq);
        if self.welcome.committed_seq.is_some_and(|c| seq <= c) {
            self.skipped += 1;
            return Ok(seq);
        }
        line.seq = Some(seq);
        if line.stream.is_some() {
            self.many.store(true, Ordering::Relaxed);
        }
        let mut bytes = Vec::with_capacity(128);
        line.write_line(&mut bytes)?;
        if bytes.len() as u64 > self.welcome.line_bytes_max {
            let reason = format!(
                "{} bytes are more than the daemon's limit of {} a line",
                bytes.len(),
                self.welcome.line_bytes_max
            );
            return Err(ClientError::Record(Refusal::new(RefusalCode::LineTooLong, "line", reason)));
        }
        let commands = self.commands.as_ref().ok_or(ClientError::Closed)?;
        match commands.send(Entry { seq, line: bytes.into() }).await {
            Ok(()) => self.sent = Some(seq),
            Err(_) => return Err(self.failure()),
        }
        Ok(seq)
    }

    /// Waits until every event that was sent is durable or was refused.
    ///
    /// # Errors
    /// The client has given up.
    pub async fn flush(&mut self) -> Result<Progress, ClientError> {
        let sent = self.sent;
        let done = |p: &Progress| sent.is_none() || p.settled >= sent || p.failed.is_some();
        let waited = self.progress.wait_for(done).await.map(|p| p.clone());
        let progress = waited.map_err(|_| self.failure())?;
        match progress.failed {
            Some(e) if progress.settled < sent => Err(e),
            _ => Ok(progress),
        }
    }

    /// How far the client has come.
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// A view of the progress that another task can follow.
    pub fn follow(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits until every event is settled, and ends the connection.
    ///
    /// # Errors
    /// The client has given up.
    pub async fn close(mut self) -> Result<Progress, ClientError> {
        self.flush().await?;
        self.commands = None;
        let _ = (&mut self.task).await;
        Ok(self.progress())
    }

    fn failure(&self) -> ClientError {
        self.progress.borrow().failed.clone().unwrap_or(ClientError::Closed)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}
