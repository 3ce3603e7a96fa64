//! How far a stream of JetStream is read, and whether messages were gone before they were read.
//!
//! Messages have sequences without holes, so one that is missing was removed: by a purge, or by a limit of the stream.
//! Where only some subjects are read, holes are where the others are. Then only what was removed at the beginning of
//! the stream can be told, unless everything up to there is known to have been read.

use crate::nats::JetStreamFacts;
use crate::source_board::InputStatus;

/// How far one stream is read.
pub struct ReadSequence {
    /// Its name in JetStream.
    name: String,
    /// Whether only some of its subjects are read.
    is_filtered: bool,
    /// The sequence up to which the log has it; none until it is known where to begin.
    position: Option<u64>,
    /// When the message of the position came, in microseconds since 1970.
    position_time_us: Option<i64>,
    /// Everything up to this sequence is read, or was told to be gone, or is of other subjects.
    covered: u64,
    /// Up to where the stream was read to its end.
    ended_at: u64,
    /// Whether the position is from before this connection.
    is_from_before: bool,
    facts: JetStreamFacts,
    /// Why it is not read on.
    pub error: Option<String>,
}

impl ReadSequence {
    /// A stream of which nothing is known yet.
    pub fn new(name: &str, is_filtered: bool) -> ReadSequence {
        ReadSequence {
            name: name.to_owned(),
            is_filtered,
            position: None,
            position_time_us: None,
            covered: 0,
            ended_at: 0,
            is_from_before: false,
            facts: JetStreamFacts::default(),
            error: None,
        }
    }

    /// The sequence up to which the log has it.
    pub fn position(&self) -> Option<u64> {
        self.position
    }

    /// Begins after the message of a sequence that the log has, or with the first that is there.
    pub fn begin(&mut self, known: Option<u64>, facts: &JetStreamFacts) {
        self.error = None;
        if self.facts.created_us != facts.created_us {
            (self.position, self.position_time_us, self.ended_at) = (None, None, 0);
        }
        self.facts = facts.clone();
        // what was refused last is known here alone
        self.position = known.max(self.position);
        self.is_from_before = self.position.is_some();
        self.covered = self.position.unwrap_or(facts.first - 1);
    }

    /// Takes what the server says of the stream. Returns what was gone before it was read, if anything was.
    pub fn take_facts(&mut self, facts: &JetStreamFacts) -> Option<String> {
        self.facts = facts.clone();
        let position = self.position.unwrap_or(0);
        self.error = (facts.last < position).then(|| {
            format!(
                "{}: the stream in JetStream ends at {}, before {position}, up to which the log has it: it lost what \
                 came last, or is a backup; messages are read again once their sequences are higher (to read all of \
                 it, give the source another name)",
                self.name, facts.last
            )
        });
        let (first, covered) = (facts.first, self.covered);
        if self.error.is_some() || first <= covered + 1 {
            return None;
        }
        self.covered = first - 1;
        if !self.is_filtered {
            return Some(self.gone(first - 1 - covered, covered));
        }
        // what others have read may be all that is gone
        let is_usual = self.is_from_before && !facts.keeps_read;
        (!is_usual).then(|| {
            format!(
                "{}: messages after {covered}, before {first}, were removed from JetStream before they were read, \
                 unless all of them were of other subjects",
                self.name
            )
        })
    }

    /// Takes the sequences of messages that came, in order. Returns what was gone before them, if anything was.
    pub fn take_messages(&mut self, sequences: impl Iterator<Item = u64>) -> Option<String> {
        let (before, mut missing) = (self.covered, 0);
        for sequence in sequences.filter(|sequence| *sequence > before) {
            missing += sequence.saturating_sub(self.covered + 1);
            self.covered = self.covered.max(sequence);
        }
        (missing > 0 && !self.is_filtered).then(|| self.gone(missing, before))
    }

    fn gone(&self, count: u64, after: u64) -> String {
        let what = if count == 1 { "1 message".to_owned() } else { format!("{count} messages") };
        let were = if count == 1 { "was" } else { "were" };
        format!("{}: {what} after {after} {were} removed from JetStream before being read", self.name)
    }

    /// Notes that messages up to this one are durable or refused.
    pub fn advance(&mut self, sequence: u64, time_us: i64) {
        if self.position.is_none_or(|position| position < sequence) {
            (self.position, self.position_time_us) = (Some(sequence), Some(time_us));
        }
        self.is_from_before = false;
    }

    /// Notes that everything that was there with the latest facts is read.
    pub fn note_end(&mut self) {
        self.ended_at = self.facts.last;
        if self.is_filtered {
            self.covered = self.covered.max(self.facts.last);
        }
        self.is_from_before = false;
    }

    /// How much newer the newest message is than the position, in seconds.
    pub fn lag_seconds(&self) -> Option<f64> {
        if self.facts.last <= self.ended_at.max(self.position.unwrap_or(0)) {
            return Some(0.0);
        }
        let (first, last) = self.facts.times_us;
        let from = match self.position {
            Some(_) => self.position_time_us?,
            None => first,
        };
        Some((last - from).max(0) as f64 / 1e6)
    }

    /// What is told of it.
    pub fn status(&self) -> InputStatus {
        let text = |sequence: u64| Some(sequence).filter(|sequence| *sequence > 0).map(|sequence| sequence.to_string());
        InputStatus {
            name: self.name.clone(),
            position: self.position.and_then(text),
            newest: text(self.facts.last.max(self.position.unwrap_or(0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(first: u64, last: u64) -> JetStreamFacts {
        JetStreamFacts { created_us: 7, first, last, times_us: (1_000_000, 3_500_000), keeps_read: true }
    }

    #[test]
    fn what_is_removed_before_it_is_read_is_told_once_with_how_many_they_are() {
        let mut read = ReadSequence::new("ORDERS", false);
        // removed before anything was read: not missed
        read.begin(None, &facts(5, 9));
        assert_eq!((read.take_facts(&facts(5, 9)), read.lag_seconds()), (None, Some(2.5)));
        assert_eq!(read.take_messages([5, 6].into_iter()), None);
        read.advance(6, 1_500_000);
        assert_eq!(read.lag_seconds(), Some(2.0));
        // what was read may be removed
        assert_eq!(read.take_facts(&facts(7, 9)), None);
        let gap = read.take_facts(&facts(10, 19)).unwrap();
        assert!(gap.contains("ORDERS: 3 messages after 6 were removed"), "{gap}");
        assert_eq!(read.take_facts(&facts(10, 19)), None);
        // two in the middle, and one that comes again
        let gap = read.take_messages([6, 10, 12, 14].into_iter()).unwrap();
        assert!(gap.contains("2 messages after 9 were removed"), "{gap}");
        read.advance(14, 3_500_000);
        // a purge of everything, which leaves nothing but the next sequence
        let gap = read.take_facts(&facts(16, 15)).unwrap();
        assert!(gap.contains("1 message after 14 was removed"), "{gap}");
        read.note_end();
        assert_eq!(read.lag_seconds(), Some(0.0));
        // another process
        let mut later = ReadSequence::new("ORDERS", false);
        later.begin(Some(14), &facts(21, 30));
        assert!(later.take_facts(&facts(21, 30)).unwrap().contains("6 messages after 14"));
    }

    #[test]
    fn messages_of_other_subjects_are_not_missed() {
        let mut read = ReadSequence::new("ORDERS", true);
        read.begin(None, &facts(1, 9));
        assert_eq!(read.take_messages([2, 8].into_iter()), None);
        read.advance(8, 0);
        assert_eq!(read.take_facts(&facts(9, 20)), None);
        read.note_end();
        // all that is gone was of other subjects
        assert_eq!((read.take_facts(&facts(21, 30)), read.lag_seconds()), (None, Some(3.5)));
        let gap = read.take_facts(&facts(26, 30)).unwrap();
        assert!(gap.contains("messages after 20, before 26,") && gap.contains("other subjects"), "{gap}");
        let mut queue = ReadSequence::new("WORK", true);
        let work = |first, last| JetStreamFacts { keeps_read: false, ..facts(first, last) };
        queue.begin(Some(3), &work(9, 9));
        assert_eq!(queue.take_facts(&work(9, 9)), None, "others have read what is gone");
    }

    #[test]
    fn a_stream_that_ends_before_its_position_is_not_read_silently() {
        let mut read = ReadSequence::new("ORDERS", false);
        read.begin(Some(9), &facts(1, 4));
        assert_eq!(read.take_facts(&facts(1, 4)), None);
        assert!(read.error.as_ref().is_some_and(|error| error.contains("ends at 4, before 9")));
        assert_eq!((read.take_facts(&facts(1, 10)), &read.error), (None, &None));
        // made anew: its sequences mean other messages
        read.begin(None, &JetStreamFacts { created_us: 8, ..facts(1, 4) });
        assert_eq!((read.position(), read.error.clone()), (None, None));
    }
}
