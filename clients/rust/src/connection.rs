//! The task that keeps the connection to the daemon, and sends again what a broken one left unacknowledged.

use crate::address::{Address, Duplex};
use crate::error::ClientError;
use crate::options::ClientOptions;
use crate::progress::SendProgress;
use crate::trust::distrust;
use crate::window::{SendWindow, UnackedEvent};
use futures::StreamExt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use surmise_protocol::{ErrorReply, Hello, RefusalCode, Reply, Welcome};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LinesCodec};

/// Bytes of the longest reply that is read.
const REPLY_BYTES_MAX: usize = 16 << 20;
/// Bytes of events that are gathered for one write.
const WRITE_BYTES_MAX: usize = 64 << 10;
/// The first pause between two attempts to connect.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// How long replies are still read after a write has failed.
const LAST_REPLY_TIME_MAX: Duration = Duration::from_millis(200);

/// The lines of the daemon on one connection.
type ReplyLines = FramedRead<ReadHalf<Box<dyn Duplex>>, LinesCodec>;

/// A connection on which the daemon has answered the hello.
pub(crate) struct Connection {
    lines: ReplyLines,
    write: WriteHalf<Box<dyn Duplex>>,
}

/// How a connection ended.
enum Ended {
    /// The caller closed the client and everything is settled.
    Done,
    /// The connection broke; a new one may help.
    Lost(String),
    /// A new connection would not help.
    Failed(ClientError),
}

/// The task that owns the connection and the window of unacknowledged events.
pub(crate) struct ConnectionTask {
    pub(crate) address: Address,
    pub(crate) hello: Hello,
    pub(crate) options: ClientOptions,
    /// Events that the caller sends.
    pub(crate) inbox: mpsc::Receiver<UnackedEvent>,
    pub(crate) window: SendWindow,
    /// Whether the daemon may still meet the hello of an attempt that was given up, after that of a later one.
    pub(crate) gave_up: AtomicBool,
    /// Where the task publishes how far sending has come.
    pub(crate) progress: watch::Sender<SendProgress>,
    /// The largest number that was acknowledged and not refused: the daemon's log has that event.
    pub(crate) durable: Option<u64>,
    /// Whether events name streams of their own. The daemon then knows of each stream alone what it has, and its
    /// welcome may give a smaller number than it acknowledged.
    pub(crate) names_streams: Arc<AtomicBool>,
}

impl ConnectionTask {
    /// Runs connections, one after the other, until the caller closes the client or a new one would not help.
    pub(crate) async fn run(mut self, mut connection: Connection) {
        loop {
            self.progress.send_modify(|progress| progress.connected = true);
            let failed = match self.exchange(connection).await {
                Ended::Done => return self.progress.send_modify(|progress| progress.connected = false),
                Ended::Failed(e) => e,
                Ended::Lost(reason) => {
                    self.progress.send_modify(|progress| {
                        progress.connected = false;
                        progress.lost = Some(reason);
                    });
                    match self.resume().await {
                        Ok(c) => {
                            connection = c;
                            continue;
                        }
                        Err(e) => e,
                    }
                }
            };
            return self.progress.send_modify(|progress| {
                progress.connected = false;
                progress.failed = Some(failed);
            });
        }
    }

    /// Connects again, and removes from the window what the daemon has made durable meanwhile.
    ///
    /// # Errors
    /// The daemon cannot be reached, refuses the client, or no longer has what it acknowledged.
    async fn resume(&mut self) -> Result<Connection, ClientError> {
        let (connection, welcome) = self.reach(self.options.give_up_after).await?;
        let committed = welcome.committed_seq;
        // a store that was replaced by an older one must not go unnoticed
        if let Some(acked) = self.durable
            && committed.is_none_or(|c| c < acked)
            && !self.names_streams.load(Ordering::Relaxed)
        {
            return Err(ClientError::Forgotten { acked, committed });
        }
        if let Some(c) = committed {
            self.durable = self.window.acknowledge(c).max(self.durable);
        }
        let settled = self.window.settled();
        self.progress.send_modify(|progress| {
            progress.reconnects += 1;
            progress.acked = committed.max(progress.acked);
            progress.settled = settled.max(progress.settled);
        });
        Ok(connection)
    }

    /// Tries to connect, with growing pauses, for at most `time_max` (`None` is for ever).
    ///
    /// # Errors
    /// The daemon cannot be reached in that time, or refuses the client.
    pub(crate) async fn reach(&self, time_max: Option<Duration>) -> Result<(Connection, Welcome), ClientError> {
        let start = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            let error = match self.greet().await {
                Ok(connected) => return Ok(connected),
                Err(error) => error,
            };
            let may_pass = match &error {
                ClientError::Unreachable { .. } | ClientError::Untrusted { .. } => true,
                ClientError::Refused(reply) => is_passing(reply),
                _ => false,
            };
            if !may_pass || time_max.is_some_and(|time_max| start.elapsed() + pause > time_max) {
                return Err(error);
            }
            tokio::time::sleep(pause.mul_f64(jitter())).await;
            // a daemon that starts again is not met by all of its clients at once
            pause = (pause * 2).min(self.options.pause_max);
        }
    }

    /// Makes one attempt: connects, and exchanges hello and welcome.
    async fn greet(&self) -> Result<(Connection, Welcome), ClientError> {
        let unreachable = |reason: String| ClientError::Unreachable { address: self.address.to_string(), reason };
        let attempt = async {
            let opened = self.address.open(self.options.trusted_roots.as_ref()).await;
            let stream = opened.map_err(|e| match distrust(&e) {
                Some(reason) => ClientError::Untrusted { address: self.address.to_string(), reason },
                None => unreachable(e.to_string()),
            })?;
            let (read, mut write) = tokio::io::split(stream);
            let mut hello = Vec::new();
            self.hello.write_line(&mut hello);
            write.write_all(&hello).await.map_err(|e| unreachable(e.to_string()))?;
            let mut lines = FramedRead::new(read, LinesCodec::new_with_max_length(REPLY_BYTES_MAX));
            let line = match lines.next().await {
                None => return Err(unreachable("the connection was closed before an answer to the hello".into())),
                Some(Err(e)) => return Err(unreachable(e.to_string())),
                Some(Ok(line)) => line,
            };
            match Reply::parse(line.as_bytes()) {
                Ok(Reply::Welcome(w)) => Ok((Connection { lines, write }, w)),
                Ok(Reply::Error(e)) => Err(ClientError::Refused(e)),
                Ok(_) => Err(ClientError::Protocol("the hello was not answered by a welcome".into())),
                Err(e) => Err(ClientError::Protocol(e.to_string())),
            }
        };
        timeout(self.options.welcome_time, attempt).await.unwrap_or_else(|_| {
            self.gave_up.store(true, Ordering::Relaxed);
            Err(unreachable("no answer to the hello".into()))
        })
    }

    /// Writes events and reads replies until the connection ends.
    ///
    /// Reading goes on while a write waits: a daemon that waits for its replies to be read takes no further events, and
    /// the two would wait for each other.
    async fn exchange(&mut self, connection: Connection) -> Ended {
        let Connection { mut lines, mut write } = connection;
        // the new connection has seen none of the events; those that the daemon has left the window in `resume`
        self.window.rewind();
        let (mut out, mut written, mut closing) = (Vec::with_capacity(WRITE_BYTES_MAX), 0, false);
        loop {
            if written == out.len() {
                self.gather(&mut out);
                written = 0;
            }
            // every event is settled, so the other side loses nothing by the end of the connection
            if closing && self.window.is_empty() {
                let _ = write.shutdown().await;
                return Ended::Done;
            }
            tokio::select! {
                line = lines.next() => match line {
                    None => return Ended::Lost("surmised closed the connection".into()),
                    Some(Err(e)) => return Ended::Lost(e.to_string()),
                    Some(Ok(line)) => match Reply::parse(line.as_bytes()) {
                        Err(e) => return Ended::Failed(ClientError::Protocol(e.to_string())),
                        Ok(reply) => if let Some(end) = self.handle_reply(reply).await { return end },
                    },
                },
                count = write.write(&out[written..]), if written < out.len() => match count {
                    Ok(count) => written += count,
                    // the reason may be in a reply that is still to be read
                    Err(e) => return self.read_last_replies(&mut lines, e.to_string()).await,
                },
                event = self.inbox.recv(), if !closing && self.window.has_room() => match event {
                    None => closing = true,
                    Some(event) => {
                        self.window.push(event);
                        while self.window.has_room() && let Ok(event) = self.inbox.try_recv() {
                            self.window.push(event);
                        }
                    }
                },
            }
        }
    }

    /// Gathers lines that were not written to this connection for the next write.
    fn gather(&mut self, out: &mut Vec<u8>) {
        out.clear();
        let mut events = 0;
        while out.len() < WRITE_BYTES_MAX
            && let Some(line) = self.window.next_unwritten()
        {
            out.extend_from_slice(line);
            events += 1;
        }
        if events > 0 {
            self.progress.send_modify(|progress| progress.written += events);
        }
    }

    /// Handles a reply of the daemon; `Some` if the connection ends with it.
    async fn handle_reply(&mut self, reply: Reply) -> Option<Ended> {
        match &reply {
            Reply::Ack(ack) => {
                self.durable = self.window.acknowledge(ack.ack).max(self.durable);
                let settled = self.window.settled();
                self.progress.send_modify(|progress| {
                    progress.acked = Some(ack.ack).max(progress.acked);
                    progress.settled = settled.max(progress.settled);
                    progress.duplicates += ack.duplicates;
                });
                return None;
            }
            Reply::Error(e) if is_passing(e) => return Some(Ended::Lost(e.to_string())),
            // a daemon that meets the hello of an earlier attempt late takes that for a newer connection, once
            Reply::Error(e) if e.code == RefusalCode::Fenced && self.gave_up.swap(false, Ordering::Relaxed) => {
                return Some(Ended::Lost(e.to_string()));
            }
            Reply::Error(e) if e.fatal => return Some(Ended::Failed(ClientError::Refused(e.clone()))),
            Reply::Error(e) => {
                // an event that nobody can name would be waited for without end
                let Some(seq) = e.seq else { return Some(Ended::Failed(ClientError::Refused(e.clone()))) };
                self.window.refuse(seq);
                let settled = self.window.settled();
                self.progress.send_modify(|progress| {
                    progress.note_refusal(e);
                    progress.settled = settled.max(progress.settled);
                });
            }
            Reply::Outcome(_) | Reply::Welcome(_) => {}
        }
        // the caller may have dropped the receiver; then replies are of no interest
        if let Some(replies) = &self.options.replies {
            let _ = replies.send(reply).await;
        }
        None
    }

    /// Reads the replies that came before the connection broke.
    async fn read_last_replies(&mut self, lines: &mut ReplyLines, reason: String) -> Ended {
        while let Ok(Some(Ok(line))) = timeout(LAST_REPLY_TIME_MAX, lines.next()).await {
            let Ok(reply) = Reply::parse(line.as_bytes()) else { break };
            if let Some(end) = self.handle_reply(reply).await {
                return end;
            }
        }
        Ended::Lost(reason)
    }
}

/// Whether the cause of an error may pass, so that connecting again may help.
fn is_passing(error: &ErrorReply) -> bool {
    match error.code {
        RefusalCode::Unavailable => true,
        // as many connections as there may be; a limit that an event meets will be there the next time, too
        RefusalCode::LimitReached => error.fatal,
        _ => false,
    }
}

/// A random factor from a half to one, which keeps clients from all connecting at the same instant.
fn jitter() -> f64 {
    // the seed of a hash map is the one source of randomness that the standard library has
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    0.5 + (random >> 11) as f64 / (1u64 << 53) as f64 / 2.0
}
