//! Losses block by block, so that a difference of two is told with how sure it is.
//!
//! Events of a stream depend on each other, and so do the losses of its predictors: as many events as there are would
//! make every difference look certain. So losses are summed over [`BLOCKS_MAX`] blocks at most of events in a row,
//! paired between predictors, and it is the blocks whose scatter says how far a difference may be off. Of several
//! recordings, each is a block.

/// Blocks that are kept at most; then pairs of them become one.
pub(crate) const BLOCKS_MAX: usize = 64;
/// Rows of a block at first.
const BLOCK_ROWS: u64 = 16;
/// Blocks from which something is told of a difference.
const TOLD_MIN: usize = 8;

/// What was summed at the ends of blocks: blocks of the same rows for whoever goes over the same recording.
#[derive(Clone, Debug)]
pub(crate) struct BlockNotes<T> {
    blocks_max: usize,
    rows: u64,
    next: u64,
    notes: Vec<(u64, T)>,
}

impl<T> BlockNotes<T> {
    pub(crate) fn new() -> BlockNotes<T> {
        BlockNotes::of(BLOCKS_MAX)
    }

    /// Notes of another number of blocks at most.
    pub(crate) fn of(blocks_max: usize) -> BlockNotes<T> {
        BlockNotes { blocks_max, rows: BLOCK_ROWS, next: BLOCK_ROWS, notes: Vec::new() }
    }

    /// Whether a block ends at or before this row, so that sums are to be noted.
    pub(crate) fn are_due(&self, row: u64) -> bool {
        row >= self.next
    }

    /// Notes the sums over all rows before this one.
    pub(crate) fn note(&mut self, row: u64, sums: T) {
        self.notes.push((row, sums));
        if self.notes.len() == self.blocks_max {
            // the last note of each pair is the sum over both
            let mut second = true;
            self.notes.retain(|_| {
                second = !second;
                second
            });
            self.rows *= 2;
        }
        self.next = (row / self.rows + 1) * self.rows;
    }

    /// The sums at the ends of all blocks, the last at the end of all rows.
    pub(crate) fn finish(mut self, row: u64, sums: T) -> Vec<T> {
        // what is left at the end is a block of its own if it is half of one at least
        if self.notes.last().is_some_and(|(last, _)| row - last < self.rows / 2) {
            self.notes.pop();
        }
        self.notes.push((row, sums));
        self.notes.into_iter().map(|(_, sums)| sums).collect()
    }
}

/// What each block adds to a mean: its share of the sum, divided by how many there are in all blocks. Nothing, if sums
/// were begun anew in between.
///
/// `sums`: `[blocks]`, the sum so far and how many it is of.
pub(crate) fn shares_of_mean(sums: &[(f64, f64)]) -> Option<Vec<f64>> {
    let count = sums.last().filter(|s| s.1 > 0.0)?.1;
    let mut before = (0.0, 0.0);
    let mut shares = Vec::with_capacity(sums.len());
    for sum in sums {
        if sum.1 < before.1 {
            return None;
        }
        shares.push((sum.0 - before.0) / count);
        before = *sum;
    }
    Some(shares)
}

/// The half width of the interval that holds a sum over dependent blocks in 95 of 100 cases: Student's law over blocks,
/// to whose variance that of neighbours is added (Newey and West, 1987, with one lag). `centred`: `[blocks]`, what each
/// adds to the sum, less what it should add.
pub(crate) fn half_width(centred: &[f64]) -> Option<f64> {
    let n = centred.len();
    if n < TOLD_MIN {
        return None;
    }
    let own: f64 = centred.iter().map(|r| r * r).sum();
    let neighbours: f64 = centred.windows(2).map(|w| w[0] * w[1]).sum();
    let variance = (own + neighbours.max(0.0)) * n as f64 / (n - 1) as f64;
    Some(student(n - 1) * variance.sqrt())
}

/// What Student's law of so many degrees of freedom exceeds, up or down, in 5 of 100 cases: its expansion around the
/// normal law (Abramowitz and Stegun, 26.7.5), right to three digits from seven degrees on.
fn student(degrees: usize) -> f64 {
    let (z, v) = (1.959_963_984_540_054f64, degrees as f64);
    let terms = [
        z,
        (z.powi(3) + z) / 4.0,
        (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
        (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
    ];
    terms.iter().enumerate().map(|(k, t)| t / v.powi(k as i32)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_the_same_for_the_same_rows() {
        let mut notes = BlockNotes::new();
        for row in 1..=100_000u64 {
            if notes.are_due(row) {
                notes.note(row, row);
            }
        }
        let ends = notes.finish(100_000, 100_000);
        assert!((BLOCKS_MAX / 2..=BLOCKS_MAX).contains(&ends.len()), "{}", ends.len());
        let lengths: Vec<u64> = ends.windows(2).map(|w| w[1] - w[0]).collect();
        assert!(lengths[..lengths.len() - 1].iter().all(|l| *l == ends[0]), "{ends:?}");
        assert_eq!(ends.last(), Some(&100_000));
        // rows that come many at once end blocks where they end
        let mut notes = BlockNotes::new();
        for row in (0..=9000u64).step_by(90) {
            if notes.are_due(row) {
                notes.note(row, row);
            }
        }
        assert!(notes.finish(9000, 9000).windows(2).all(|w| w[1] > w[0]));
        let few = BlockNotes::new().finish(5, 5);
        assert_eq!(few, [5]);
    }

    #[test]
    fn shares_add_up_to_the_mean() {
        assert_eq!(shares_of_mean(&[(1.0, 2.0), (1.0, 2.0), (6.0, 4.0)]), Some(vec![0.25, 0.0, 1.25]));
        assert_eq!(shares_of_mean(&[(1.0, 2.0), (0.5, 1.0)]), None, "begun anew");
        assert_eq!(shares_of_mean(&[(0.0, 0.0)]), None);
        assert_eq!(shares_of_mean(&[]), None);
    }

    #[test]
    fn the_table_of_student() {
        for (degrees, t) in [(7, 2.3646), (15, 2.1314), (31, 2.0395), (63, 1.9983)] {
            assert!((student(degrees) - t).abs() < 2e-3, "{degrees}: {}", student(degrees));
        }
    }

    /// Differences that drift: the interval holds the truth about as often as it says, which one over single events
    /// does in a third of the cases.
    #[test]
    fn intervals_hold_what_they_say_of_dependent_losses() {
        let (events, truth) = (6400, 0.3);
        let mut state = 7u64;
        let mut uniform = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut held, mut held_by_events) = (0, 0);
        for _ in 0..400 {
            let mut level = 0.0;
            let losses: Vec<f64> = (0..events)
                .map(|_| {
                    level = 0.95 * level + (0..6).map(|_| uniform()).sum::<f64>() - 3.0;
                    truth + level
                })
                .collect();
            let inside = |parts: Vec<f64>| {
                let sum: f64 = parts.iter().sum();
                let mean = sum / parts.len() as f64;
                let centred: Vec<f64> = parts.iter().map(|p| p - mean).collect();
                usize::from((sum - truth).abs() <= half_width(&centred).unwrap())
            };
            let blocks = losses.chunks(events / 64).map(|c| c.iter().sum::<f64>() / events as f64);
            held += inside(blocks.collect());
            held_by_events += inside(losses.iter().map(|l| l / events as f64).collect());
        }
        assert!((366..=392).contains(&held), "{held} of 400 should be 380");
        assert!(held_by_events < 300, "{held_by_events} of 400");
    }
}
