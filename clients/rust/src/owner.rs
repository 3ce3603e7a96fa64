//! The task that owns the connection.

use crate::address::Duplex;
use crate::window::{Entry, Window};
use crate::{Address, ClientError, Options, Progress};
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

/// How long an answer to the hello may take.
const WELCOME_WITHIN: Duration = Duration::from_secs(10);
/// The longest reply that is read.
const REPLY_BYTES_MAX: usize = 16 << 20;
/// Bytes that are gathered for one write.
const WRITE_BYTES: usize = 64 << 10;
/// The first pause between two attempts to connect.
const PAUSE_MIN: Duration = Duration::from_millis(20);

pub(crate) struct Connection {
    lines: FramedRead<ReadHalf<Box<dyn Duplex>>, LinesCodec>,
    write: WriteHalf<Box<dyn Duplex>>,
}

/// How a connection ended.
enum Ended {
    /// The caller closed the client and everything is settled.
    Done,
    /// It broke; another may do.
    Lost(String),
    /// Another would not help.
    Failed(ClientError),
}

/// Owns the connection and the window of unacknowledged events.
pub(crate) struct Owner {
    pub(crate) address: Address,
    pub(crate) hello: Hello,
    pub(crate) options: Options,
    pub(crate) inbox: mpsc::Receiver<Entry>,
    pub(crate) window: Window,
    pub(crate) news: watch::Sender<Progress>,
    /// The last event that was acknowledged and not refused: the daemon's log has it.
    pub(crate) durable: Option<u64>,
    /// Whether events name streams of their own. The daemon then knows only of each stream what it has, and may say
    /// less in its welcome than it acknowledged.
    pub(crate) many: Arc<AtomicBool>,
}

impl Owner {
    /// Connects, and connects again, until the caller closes or it cannot go on.
    pub(crate) async fn run(mut self, mut connection: Connection) {
        loop {
            self.news.send_modify(|p| p.connected = true);
            let failed = match self.converse(connection).await {
                Ended::Done => return self.news.send_modify(|p| p.connected = false),
                Ended::Failed(e) => e,
                Ended::Lost(reason) => {
                    self.news.send_modify(|p| {
                        p.connected = false;
                        p.lost = Some(reason);
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
            return self.news.send_modify(|p| {
                p.connected = false;
                p.failed = Some(failed);
            });
        }
    }

    /// Connects again, and drops what the daemon has by now.
    async fn resume(&mut self) -> Result<Connection, ClientError> {
        let (connection, welcome) = self.reach(self.options.give_up_after).await?;
        let committed = welcome.committed_seq;
        if let Some(acked) = self.durable
            && committed.is_none_or(|c| c < acked)
            && !self.many.load(Ordering::Relaxed)
        {
            return Err(ClientError::Forgotten { acked, committed });
        }
        if let Some(c) = committed {
            self.durable = self.window.acknowledge(c).max(self.durable);
        }
        let settled = self.window.settled();
        self.news.send_modify(|p| {
            p.reconnects += 1;
            p.acked = committed.max(p.acked);
            p.settled = settled.max(p.settled);
        });
        Ok(connection)
    }

    /// Tries to connect, with growing pauses, for as long as there is patience (`None` is for ever).
    pub(crate) async fn reach(&self, patience: Option<Duration>) -> Result<(Connection, Welcome), ClientError> {
        let start = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            let error = match self.greet().await {
                Ok(x) => return Ok(x),
                Err(e) => e,
            };
            let passing = match &error {
                ClientError::Unreachable { .. } => true,
                ClientError::Refused(e) => passes(e),
                _ => false,
            };
            if !passing || patience.is_some_and(|p| start.elapsed() + pause > p) {
                return Err(error);
            }
            tokio::time::sleep(pause.mul_f64(spread())).await;
            pause = (pause * 2).min(self.options.pause_max);
        }
    }

    /// One attempt: connects and exchanges hello and welcome.
    async fn greet(&self) -> Result<(Connection, Welcome), ClientError> {
        let unreachable = |reason: String| ClientError::Unreachable { address: self.address.to_string(), reason };
        let attempt = async {
            let stream = self.address.open().await.map_err(|e| unreachable(e.to_string()))?;
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
        timeout(WELCOME_WITHIN, attempt).await.unwrap_or_else(|_| Err(unreachable("no answer to the hello".into())))
    }

    /// Writes events and reads replies until the connection ends. Writing never keeps from reading, so that a daemon
    /// that waits for its replies to be read cannot be waited for.
    async fn converse(&mut self, connection: Connection) -> Ended {
        let Connection { mut lines, mut write } = connection;
        self.window.rewind();
        let (mut out, mut at, mut closing) = (Vec::with_capacity(WRITE_BYTES), 0, false);
        loop {
            if at == out.len() {
                out.clear();
                at = 0;
                let mut events = 0;
                while out.len() < WRITE_BYTES
                    && let Some(line) = self.window.next_unwritten()
                {
                    out.extend_from_slice(line);
                    events += 1;
                }
                if events > 0 {
                    self.news.send_modify(|p| p.written += events);
                }
            }
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
                        Ok(reply) => if let Some(end) = self.hear(reply).await { return end },
                    },
                },
                n = write.write(&out[at..]), if at < out.len() => match n {
                    Ok(n) => at += n,
                    // the reason may stand in a reply that is still to be read
                    Err(e) => return self.last_words(&mut lines, e.to_string()).await,
                },
                entry = self.inbox.recv(), if !closing && self.window.has_room() => match entry {
                    None => closing = true,
                    Some(entry) => {
                        self.window.push(entry);
                        while self.window.has_room() && let Ok(entry) = self.inbox.try_recv() {
                            self.window.push(entry);
                        }
                    }
                },
            }
        }
    }

    /// Takes in a reply; `Some` if the connection ends with it.
    async fn hear(&mut self, reply: Reply) -> Option<Ended> {
        match &reply {
            Reply::Ack(ack) => {
                self.durable = self.window.acknowledge(ack.ack).max(self.durable);
                let settled = self.window.settled();
                self.news.send_modify(|p| {
                    p.acked = Some(ack.ack).max(p.acked);
                    p.settled = settled.max(p.settled);
                    p.duplicates += ack.duplicates;
                });
                return None;
            }
            Reply::Error(e) if passes(e) => return Some(Ended::Lost(e.to_string())),
            Reply::Error(e) if e.fatal => return Some(Ended::Failed(ClientError::Refused(e.clone()))),
            Reply::Error(e) => {
                e.seq.map(|seq| self.window.refuse(seq));
                let settled = self.window.settled();
                self.news.send_modify(|p| {
                    p.refuse(e);
                    p.settled = settled.max(p.settled);
                });
            }
            Reply::Outcome(_) | Reply::Welcome(_) => {}
        }
        if let Some(replies) = &self.options.replies {
            let _ = replies.send(reply).await;
        }
        None
    }

    /// Reads what the daemon said before the connection broke.
    async fn last_words(
        &mut self,
        lines: &mut FramedRead<ReadHalf<Box<dyn Duplex>>, LinesCodec>,
        reason: String,
    ) -> Ended {
        while let Ok(Some(Ok(line))) = timeout(Duration::from_millis(200), lines.next()).await {
            let Ok(reply) = Reply::parse(line.as_bytes()) else { break };
            if let Some(end) = self.hear(reply).await {
                return end;
            }
        }
        Ended::Lost(reason)
    }
}

/// Whether an error is one of the moment, so that connecting again may help.
fn passes(e: &ErrorReply) -> bool {
    matches!(e.code, RefusalCode::Unavailable | RefusalCode::LimitReached)
        && (e.fatal || e.code == RefusalCode::Unavailable)
}

/// A factor that keeps clients from all connecting at the same instant.
fn spread() -> f64 {
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    0.5 + (random >> 11) as f64 / (1u64 << 53) as f64 / 2.0
}
