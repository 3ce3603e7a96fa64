//! Connections that send as fast as they are read, from one thread and out of one buffer, so that a flood of hundreds
//! takes little of the processors from the daemon that is measured: what it takes is counted.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use surmise_evaluation::thread_seconds;
use surmise_event::Record;
use surmise_protocol::{EventLine, Hello};
use surmise_terminal::{Exit, Failure};

/// How long the thread waits when no connection takes anything.
const FULL_WAIT: Duration = Duration::from_millis(5);

/// A flood over some connections, until it is stopped.
pub(crate) struct Flood {
    stop: Arc<AtomicBool>,
    sender: JoinHandle<Flooded>,
}

/// What a flood was.
pub(crate) struct Flooded {
    /// Connections that were there until the end.
    pub(crate) connections: usize,
    /// Lines that were taken, a second.
    pub(crate) lines: f64,
    /// The part of one processor that sending took.
    pub(crate) processor: f64,
}

impl Flood {
    /// Begins with one connection for each stream that is named. Events are not numbered, and replies not asked for.
    pub(crate) fn start(to: SocketAddr, streams: &[String], records: &[Record]) -> Result<Flood, Failure> {
        let mut lines = Vec::new();
        for record in records {
            let line = EventLine { seq: None, id: None, stream: None, record: record.clone() };
            line.write_line(&mut lines).map_err(|e| Failure::new(Exit::Data, e))?;
        }
        let open = |stream: &String| -> Result<(TcpStream, usize), Failure> {
            let mut socket = TcpStream::connect(to)?;
            let mut first = Vec::new();
            Hello { stream: Some(stream.clone()), want: Vec::new(), ..Hello::default() }.write_line(&mut first);
            socket.write_all(&first)?;
            socket.set_nonblocking(true)?;
            Ok((socket, 0))
        };
        let mut sockets = streams.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, count) = (stop.clone(), records.len());
        let sender = std::thread::spawn(move || {
            let (begun, cpu, mut taken) = (Instant::now(), thread_seconds(), 0);
            while !stopped.load(Ordering::Relaxed) {
                let mut any = false;
                sockets.retain_mut(|(socket, sent)| match socket.write(&lines[*sent..]) {
                    Ok(bytes) => {
                        any = true;
                        taken += bytes;
                        *sent = (*sent + bytes) % lines.len();
                        true
                    }
                    Err(e) => matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
                });
                if !any {
                    std::thread::sleep(FULL_WAIT);
                }
            }
            let seconds = begun.elapsed().as_secs_f64();
            let lines = taken as f64 / lines.len() as f64 * count as f64 / seconds;
            Flooded { connections: sockets.len(), lines, processor: (thread_seconds() - cpu) / seconds }
        });
        Ok(Flood { stop, sender })
    }

    /// Stops, and closes the connections.
    ///
    /// # Errors
    /// The daemon has closed one before.
    pub(crate) fn stop(self, connections: usize) -> Result<Flooded, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let flooded = self.sender.join().map_err(|_| Failure::internal("the flood's sender panicked"))?;
        if flooded.connections < connections {
            let what = format!("{} of {connections} connections that flood are left", flooded.connections);
            return Err(Failure::internal(what));
        }
        Ok(flooded)
    }
}
