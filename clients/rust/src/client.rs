//! The client as its caller sees it: events go in, progress comes out.

use crate::address::Address;
use crate::connection::ConnectionTask;
use crate::error::ClientError;
use crate::options::ClientOptions;
use crate::progress::SendProgress;
use crate::window::{SendWindow, UnackedEvent};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use surmise_event::{Data, Feedback, Record, Refusal, RefusalCode};
use surmise_protocol::{EventLine, Hello, Welcome};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Events that may wait between the caller and the client's task.
const COMMANDS_MAX: usize = 1024;

/// Bytes that the line of an event usually needs.
const LINE_BYTES_USUAL: usize = 128;

/// A producer's connection to a daemon, which is made again whenever it breaks.
pub struct Client {
    /// Events on their way to the task; `None` once the client is closed.
    commands: Option<mpsc::Sender<UnackedEvent>>,
    progress: watch::Receiver<SendProgress>,
    task: JoinHandle<()>,
    welcome: Welcome,
    /// Whether any event has named a stream of its own.
    names_streams: Arc<AtomicBool>,
    /// The last sequence number that was used.
    last_seq: Option<u64>,
    /// The last sequence number that was given to the task.
    sent_seq: Option<u64>,
    skipped: u64,
}

impl Client {
    /// Connects with the default options; returns when the daemon has answered the hello.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the hello.
    pub async fn connect(address: Address, hello: Hello) -> Result<Client, ClientError> {
        Client::connect_with(address, hello, ClientOptions::default()).await
    }

    /// Connects with options of the caller; returns when the daemon has answered the hello.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the hello.
    pub async fn connect_with(address: Address, hello: Hello, options: ClientOptions) -> Result<Client, ClientError> {
        let (commands, inbox) = mpsc::channel(options.window_events.clamp(1, COMMANDS_MAX));
        let (publisher, progress) = watch::channel(SendProgress::default());
        let window = SendWindow::new(options.window_events, options.window_bytes);
        let names_streams = Arc::new(AtomicBool::new(false));
        let mut connection_task = ConnectionTask {
            address,
            hello,
            options,
            inbox,
            window,
            gave_up: AtomicBool::new(false),
            progress: publisher,
            durable: None,
            names_streams: names_streams.clone(),
        };
        let time_max = connection_task.options.first_connection;
        let (connection, welcome) = connection_task.reach(Some(time_max)).await?;
        connection_task.durable = welcome.committed_seq;
        connection_task.progress.send_modify(|progress| {
            progress.acked = welcome.committed_seq;
            progress.settled = welcome.committed_seq;
        });
        let task = tokio::spawn(connection_task.run(connection));
        Ok(Client {
            commands: Some(commands),
            progress,
            task,
            welcome,
            names_streams,
            last_seq: None,
            sent_seq: None,
            skipped: 0,
        })
    }

    /// The answer of the daemon to the first hello.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// The last sequence number of this producer and epoch that was durable before this client connected.
    pub fn committed_at_start(&self) -> Option<u64> {
        self.welcome.committed_seq
    }

    /// How many events were not sent because they were durable before this client connected.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Sends a record under the next sequence number, counting from 1, and returns that number. Waits while the window
    /// of unacknowledged events is full.
    ///
    /// Events that were durable before this client connected are counted and not sent, so a program resumes by sending
    /// the same records again from the beginning.
    ///
    /// # Errors
    /// The record cannot be sent (its number is used up all the same), or the client has given up.
    pub async fn send(&mut self, record: Record) -> Result<u64, ClientError> {
        self.send_line(EventLine { seq: None, id: None, stream: None, record }).await
    }

    /// Says of an incident whether it mattered, as an event of the stream under the next sequence number; otherwise
    /// like [`Client::send`]. The daemon refuses it if it knows no such incident.
    ///
    /// # Errors
    /// As for [`Client::send`].
    pub async fn feedback(&mut self, feedback: Feedback) -> Result<u64, ClientError> {
        self.send(Record { data: Data::Feedback(Box::new(feedback)), ..Record::default() }).await
    }

    /// Sends an event under its own sequence number, which must rise, or under the next one; otherwise like
    /// [`Client::send`].
    ///
    /// # Errors
    /// As for [`Client::send`], or the sequence number does not rise.
    pub async fn send_line(&mut self, mut line: EventLine) -> Result<u64, ClientError> {
        let seq = match (line.seq, self.last_seq) {
            (None, last) => last.unwrap_or(0) + 1,
            (Some(seq), Some(last)) if seq <= last => return Err(ClientError::SeqNotRising { last, seq }),
            (Some(seq), _) => seq,
        };
        // the number is used up even if the record cannot be sent: the next program run has to number alike
        self.last_seq = Some(seq);
        // the daemon would only answer that it is a duplicate
        if self.welcome.committed_seq.is_some_and(|committed| seq <= committed) {
            self.skipped += 1;
            return Ok(seq);
        }
        line.seq = Some(seq);
        if line.stream.is_some() {
            self.names_streams.store(true, Ordering::Relaxed);
        }
        let mut bytes = Vec::with_capacity(LINE_BYTES_USUAL);
        line.write_line(&mut bytes)?;
        // the daemon would skip the line and could not name its number
        if bytes.len() as u64 > self.welcome.line_bytes_max {
            let reason = format!(
                "{} bytes are more than the daemon's limit of {} a line",
                bytes.len(),
                self.welcome.line_bytes_max
            );
            return Err(ClientError::Record(Refusal::new(RefusalCode::LineTooLong, "line", reason)));
        }
        let commands = self.commands.as_ref().ok_or(ClientError::Closed)?;
        match commands.send(UnackedEvent { seq, line: bytes.into() }).await {
            Ok(()) => self.sent_seq = Some(seq),
            Err(_) => return Err(self.failure()),
        }
        Ok(seq)
    }

    /// Waits until every event that was sent is durable or was refused.
    ///
    /// # Errors
    /// The client has given up.
    pub async fn flush(&mut self) -> Result<SendProgress, ClientError> {
        let sent = self.sent_seq;
        let is_done = |progress: &SendProgress| sent.is_none() || progress.settled >= sent || progress.failed.is_some();
        let waited = self.progress.wait_for(is_done).await.map(|progress| progress.clone());
        let progress = waited.map_err(|_| self.failure())?;
        match progress.failed {
            // a failure after everything was settled is not this call's
            Some(error) if progress.settled < sent => Err(error),
            _ => Ok(progress),
        }
    }

    /// How far sending has come.
    pub fn progress(&self) -> SendProgress {
        self.progress.borrow().clone()
    }

    /// A view of the progress that another task can follow.
    pub fn follow(&self) -> watch::Receiver<SendProgress> {
        self.progress.clone()
    }

    /// Waits until every event is durable or was refused, and ends the connection.
    ///
    /// # Errors
    /// The client has given up.
    pub async fn close(mut self) -> Result<SendProgress, ClientError> {
        self.flush().await?;
        // the task ends once its channel is closed and its window is empty
        self.commands = None;
        let _ = (&mut self.task).await;
        Ok(self.progress())
    }

    /// Why the task has ended.
    fn failure(&self) -> ClientError {
        self.progress.borrow().failed.clone().unwrap_or(ClientError::Closed)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}
