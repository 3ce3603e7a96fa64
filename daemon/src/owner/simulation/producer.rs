//! A producer of a simulated world, and its connection: the daemon's own intake, numbering and tickets, without a
//! socket.

use super::process::Process;
use crate::fencing::Claim;
use crate::hub::by_stream;
use crate::inbox::{Batch, ReplyOptions};
use crate::ingest::cutter::CutLine;
use crate::ingest::numbering::{Numbering, ProducerEpoch, RisingNumbers, Watermark};
use crate::ingest::{Door, Intake, LineChunk, LineSyntax};
use crate::ticket::Outbox;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use surmise_config::LimitsTable;
use surmise_event::RefusalCode;
use surmise_fixtures::Random;
use surmise_protocol::Reply;

/// Events that a producer sends ahead of the acknowledgements.
const UNACKNOWLEDGED_MAX: u64 = 24;

/// One connection. What is cut from it waits in `under_way` until the network and the reader deliver it.
pub struct SimulatedConnection {
    intake: Intake,
    outbox: Arc<Outbox>,
    watermark: Arc<Watermark>,
    pub claim: Claim,
    pub under_way: VecDeque<Batch>,
    /// Whether the daemon has told that it cannot make events durable.
    broken: bool,
}

/// What a producer knows: it outlives crashes of the daemon.
pub struct SimulatedProducer {
    pub name: Arc<str>,
    number: u64,
    /// The streams that it sends to.
    streams: Vec<Arc<str>>,
    pub epoch: u64,
    pub sent: u64,
    pub events: u64,
    /// By epoch, the largest number that was acknowledged.
    pub acknowledged: BTreeMap<u64, u64>,
    /// Refusals that it was told, by epoch and number.
    pub refused: BTreeMap<(u64, u64), RefusalCode>,
    pub connection: Option<SimulatedConnection>,
}

/// Text, key and end of an event, all from its place.
pub struct EventContent {
    pub stream: Arc<str>,
    pub text: &'static str,
    key: Option<u64>,
    end: bool,
}

impl SimulatedProducer {
    pub fn new(number: u64, streams: Vec<Arc<str>>, events: u64) -> SimulatedProducer {
        SimulatedProducer {
            name: format!("p{number}").into(),
            number,
            streams,
            epoch: 1,
            sent: 0,
            events,
            acknowledged: BTreeMap::new(),
            refused: BTreeMap::new(),
            connection: None,
        }
    }

    /// The stream of its hello.
    pub fn home(&self) -> Arc<str> {
        self.streams[0].clone()
    }

    /// What an event of this producer holds.
    pub fn content(&self, epoch: u64, seq: u64) -> EventContent {
        let mut random = Random::new((self.number << 40) ^ (epoch << 32) ^ seq);
        random.bits();
        let stream = self.streams[random.below(self.streams.len() as u64) as usize].clone();
        let text = match random.below(60) {
            0 => super::POISON,
            n => ["a", "b", "c", "bc"][((n & 1) + seq * seq) as usize % 4],
        };
        let key = (random.below(3) > 0).then(|| random.below(7));
        EventContent { stream, text, key, end: key.is_some() && random.below(9) == 0 }
    }

    fn line(&self, seq: u64) -> String {
        let EventContent { stream, text, key, end } = self.content(self.epoch, seq);
        let key = key.map_or(String::new(), |key| format!(r#""key":"k{key}","#));
        let end = if end { r#","end":true"# } else { "" };
        format!(r#"{{"seq":{seq},"stream":"{stream}",{key}"data":"{text}"{end}}}"#)
    }

    /// The largest number of the present epoch that was acknowledged; 0 if none was.
    pub fn acknowledged_now(&self) -> u64 {
        self.acknowledged.get(&self.epoch).copied().unwrap_or(0)
    }

    /// Whether every event is answered: acknowledged, or refused beyond the last acknowledged one.
    pub fn is_finished(&self) -> bool {
        (self.acknowledged_now() + 1..=self.events).all(|seq| self.refused.contains_key(&(self.epoch, seq)))
    }

    /// Connects, and resumes where the welcome says. That may be before what was acknowledged: of events that came
    /// twice to one of several streams, only that stream knows, and recognises them again.
    pub fn connect(&mut self, process: &Process) {
        let limits = LimitsTable::default();
        let claimed = futures::executor::block_on(process.fencing.claim(&self.name, self.epoch));
        let claim = claimed.expect("no newer epoch is known than the producer's own");
        let committed = claim.committed;
        let producer = ProducerEpoch { producer: self.name.clone(), epoch: self.epoch };
        let watermark = Arc::new(Watermark::default());
        watermark.report_to(&process.fencing, &producer);
        let mut intake = Intake::new(Door::EventSocket, LineSyntax::Json, self.home(), &limits);
        let numbers = RisingNumbers::new(committed, Some(producer), self.home(), watermark.clone());
        intake.number_by(Numbering::Rising(numbers));
        let outbox = Arc::default();
        self.sent = committed.unwrap_or(0);
        // the welcome acknowledges, too
        if let Some(committed) = committed {
            self.acknowledge(committed);
        }
        let under_way = VecDeque::new();
        self.connection = Some(SimulatedConnection { intake, outbox, watermark, claim, under_way, broken: false });
    }

    fn acknowledge(&mut self, seq: u64) {
        let known = self.acknowledged.entry(self.epoch).or_default();
        *known = seq.max(*known);
    }

    /// Sends some of the next events, if it may.
    pub fn send(&mut self, at_most: u64) {
        let last = self.events.min(self.acknowledged_now() + UNACKNOWLEDGED_MAX).min(self.sent + at_most);
        let lines: Vec<String> = (self.sent + 1..=last).map(|seq| self.line(seq)).collect();
        let Some(connection) = self.connection.as_mut().filter(|c| !c.broken && !lines.is_empty()) else { return };
        self.sent = last;
        let mut chunk = LineChunk::default();
        for line in &lines {
            connection.intake.read_line(CutLine::Whole(line.as_bytes()), 0, &mut chunk);
        }
        assert!(chunk.refusals.is_empty() && chunk.not_rising.is_none(), "{:?}", chunk.refusals);
        if let Some(producer) = connection.intake.numbering().multi_stream_producer() {
            connection.outbox.mark(&producer.producer, producer.epoch);
        }
        let batches = by_stream(chunk.events);
        let parts = connection.outbox.ticket(chunk.lines, batches.len(), chunk.counts);
        for ((stream, items), pending) in batches.into_iter().zip(parts) {
            let answers = ReplyOptions { outcome: true, ..ReplyOptions::default() };
            connection.under_way.push_back(Batch { stream, items, answers, told: None, pending });
        }
    }

    /// The daemon writes what is answered; `is_read` says whether the producer still reads it.
    pub fn read_answers(&mut self, is_read: bool) {
        let Some(connection) = &mut self.connection else { return };
        let drained = connection.outbox.drain();
        if let Some(high) = drained.counts.high.filter(|_| !connection.broken) {
            assert!(high <= self.sent, "only what was sent is acknowledged");
            connection.watermark.raise(high);
        }
        let broken = connection.broken;
        connection.broken |= drained.failed;
        if !is_read {
            return;
        }
        for reply in drained.replies {
            if let Reply::Error(e) = reply
                && let Some(seq) = e.seq
            {
                self.refused.insert((self.epoch, seq), e.code);
            }
        }
        if let Some(high) = drained.counts.high.filter(|_| !broken) {
            self.acknowledge(high);
        }
    }

    /// Whether the connection is there and works.
    pub fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| !connection.broken)
    }
}
