//! Offsets of a log and of what learns it again without some of its events.

/// How the offsets of a log follow from those of its events that are learnt again, where some are passed over.
#[derive(Debug, Default)]
pub struct Renumbering {
    runs: Vec<Run>,
}

/// Events of the log that follow each other in both numberings, from an offset of the log on.
#[derive(Debug)]
struct Run {
    from: u64,
    /// The new number of the first; nothing where the events are passed over.
    number: Option<u64>,
    /// Whether all of its offsets are of one event, which takes another number of them now.
    is_one: bool,
}

impl Renumbering {
    /// Nothing is known of offsets before this one: they were other events'.
    pub fn begin(&mut self) {
        self.runs.clear();
    }

    /// Notes the event that follows in the log. It takes so many offsets from `offset` on, and has so many new numbers
    /// from `number` on, if it is not passed over.
    pub fn note(&mut self, offset: u64, offsets: u64, number: Option<u64>, numbers: u64) {
        let is_one = number.is_some() && numbers != offsets;
        let goes_on = self.runs.last().is_some_and(|run| !run.is_one && !is_one && run.of(offset) == number);
        if !goes_on {
            self.runs.push(Run { from: offset, number, is_one });
        }
    }

    /// The new number of an event of the log; none if it was passed over, or came before the beginning.
    pub fn of(&self, offset: u64) -> Option<u64> {
        let run = self.runs.partition_point(|run| run.from <= offset).checked_sub(1)?;
        self.runs[run].of(offset)
    }
}

impl Run {
    fn of(&self, offset: u64) -> Option<u64> {
        self.number.map(|number| if self.is_one { number } else { number + (offset - self.from) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_follow_what_is_passed_over() {
        let mut numbers = Renumbering::default();
        let mut number = 0;
        for offset in (0..8).chain([10, 11]) {
            let is_kept = !(3..6).contains(&offset);
            numbers.note(offset, 1, is_kept.then_some(number), u64::from(is_kept));
            number += u64::from(is_kept);
            if offset == 7 {
                numbers.note(8, 2, None, 0);
            }
        }
        let of: Vec<Option<u64>> = (0..12).map(|offset| numbers.of(offset)).collect();
        let kept = |n: u64| Some(n);
        let gone = None;
        assert_eq!(of, [kept(0), kept(1), kept(2), gone, gone, gone, kept(3), kept(4), gone, gone, kept(5), kept(6)]);
        assert_eq!(numbers.runs.len(), 5);
        // the log of a stream that counted its events anew: what it calls 17 is none of the events above
        numbers.begin();
        numbers.note(20, 1, Some(30), 1);
        numbers.note(21, 1, Some(31), 1);
        assert_eq!((numbers.of(17), numbers.of(20), numbers.of(21)), (None, Some(30), Some(31)));
    }

    #[test]
    fn an_event_may_take_another_number_of_offsets() {
        let mut numbers = Renumbering::default();
        numbers.note(0, 5, Some(0), 1);
        numbers.note(5, 3, Some(1), 1);
        numbers.note(8, 1, Some(2), 1);
        numbers.note(9, 1, Some(3), 1);
        assert_eq!([0, 4, 5, 7, 8, 9].map(|offset| numbers.of(offset)), [0, 0, 1, 1, 2, 3].map(Some));
    }
}
