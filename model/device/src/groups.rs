//! Which rows go together: sequences along which gradients flow, and rows of a chunk that have an id in common.

use surmise_network::NONE;

/// The most rows that one part of a sum adds up.
const PART: usize = 128;

/// Runs of rows, one after another: run i is `rows[starts[i] .. starts[i + 1]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runs {
    pub starts: Vec<u32>,
    pub rows: Vec<u32>,
}

impl Runs {
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Rows that are linked, directly or not, in ascending order; runs in the order of their first rows.
    pub fn linked(links: &[u32]) -> Runs {
        let mut run = vec![0u32; links.len()];
        let mut lengths: Vec<u32> = Vec::new();
        for (r, link) in links.iter().enumerate() {
            run[r] = match run[..r].get(*link as usize) {
                Some(same) => *same,
                None => {
                    lengths.push(0);
                    lengths.len() as u32 - 1
                }
            };
            lengths[run[r] as usize] += 1;
        }
        Self::collect(&lengths, run.iter().enumerate().map(|(r, run)| (*run, r as u32)))
    }

    /// Runs of known lengths, from the run of each row, rows ascending.
    fn collect(lengths: &[u32], rows: impl Iterator<Item = (u32, u32)>) -> Runs {
        let mut starts = Vec::with_capacity(lengths.len() + 1);
        starts.push(0u32);
        let mut total = 0;
        starts.extend(lengths.iter().map(|n| {
            total += n;
            total
        }));
        let mut next = starts.clone();
        let mut all = vec![0; total as usize];
        for (run, row) in rows {
            all[next[run as usize] as usize] = row;
            next[run as usize] += 1;
        }
        Runs { starts, rows: all }
    }
}

/// What the gradients of a layer's biases and embeddings are sums of, in two steps: rows of dL/du to parts, parts to sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    /// The parts, runs of rows.
    pub parts: Runs,
    /// Sum i is that of the parts from `starts[i]` to `starts[i + 1]`.
    pub starts: Vec<u32>,
    /// The id of each sum but the first, which is that of all rows; table after table.
    pub ids: Vec<u32>,
    /// Sum i of table k is number `tables[k] + i`.
    pub tables: Vec<usize>,
}

impl Sums {
    /// The sums of a chunk whose row r has the ids `ids[r * tables ..]`.
    pub fn of(ids: &[u32], tables: usize, n: usize) -> Sums {
        let mut it = Sums {
            parts: Runs { starts: vec![0], rows: Vec::with_capacity(n * (tables + 1)) },
            starts: vec![0],
            ids: Vec::new(),
            tables: Vec::with_capacity(tables),
        };
        it.push(0..n as u32);
        for k in 0..tables {
            it.tables.push(it.count());
            let (names, runs) = by_id(ids.iter().skip(k).step_by(tables).copied(), n);
            for (i, id) in names.into_iter().enumerate() {
                it.ids.push(id);
                it.push(runs.rows[runs.starts[i] as usize..runs.starts[i + 1] as usize].iter().copied());
            }
        }
        it
    }

    /// How many sums there are.
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether every sum is one part.
    pub fn are_parts(&self) -> bool {
        self.parts.count() == self.count()
    }

    fn push(&mut self, rows: impl Iterator<Item = u32>) {
        let start = self.parts.rows.len();
        self.parts.rows.extend(rows);
        let end = self.parts.rows.len();
        self.parts.starts.extend((start..end).step_by(PART).skip(1).map(|s| s as u32));
        self.parts.starts.push(end as u32);
        self.starts.push(self.parts.count() as u32);
    }
}

/// The distinct ids of n rows, ascending, and for each the rows that have it.
fn by_id(ids: impl Iterator<Item = u32> + Clone, n: usize) -> (Vec<u32>, Runs) {
    let named = || ids.clone().enumerate().filter(|(_, id)| *id != NONE);
    let most = named().map(|(_, id)| id as usize).max().unwrap_or(0);
    if most < 4 * n + 1024 {
        // counting: one pass for the lengths, one for the places
        let mut lengths = vec![0u32; most + 1];
        named().for_each(|(_, id)| lengths[id as usize] += 1);
        let names: Vec<u32> = (0..=most as u32).filter(|id| lengths[*id as usize] > 0).collect();
        let mut number = vec![0u32; most + 1];
        names.iter().enumerate().for_each(|(i, id)| number[*id as usize] = i as u32);
        let lengths: Vec<u32> = names.iter().map(|id| lengths[*id as usize]).collect();
        let runs = Runs::collect(&lengths, named().map(|(r, id)| (number[id as usize], r as u32)));
        return (names, runs);
    }
    let mut sorted: Vec<(u32, u32)> = named().map(|(r, id)| (id, r as u32)).collect();
    sorted.sort_unstable();
    let (mut names, mut starts) = (Vec::new(), Vec::new());
    for (i, (id, _)) in sorted.iter().enumerate() {
        if names.last() != Some(id) {
            names.push(*id);
            starts.push(i as u32);
        }
    }
    starts.push(sorted.len() as u32);
    (names, Runs { starts, rows: sorted.into_iter().map(|x| x.1).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linked_rows_are_one_run() {
        // two sequences in turn, one that forks, one alone
        let links = [NONE, NONE, 0, 1, 2, 2, NONE, 5];
        let runs = Runs::linked(&links);
        assert_eq!((runs.starts, runs.rows), (vec![0, 5, 7, 8], vec![0, 2, 4, 5, 7, 1, 3, 6]));
        assert_eq!(Runs::linked(&[]).count(), 0);
    }

    #[test]
    fn sums_are_of_all_rows_and_of_those_of_each_id() {
        for (n, spread) in [(1, 3), (7, 3), (700, 2), (700, u32::MAX - 7)] {
            let ids: Vec<u32> =
                (0..2 * n as u32).map(|i| if i % 5 == 4 { NONE } else { (i * i % 7) * (spread / 7 + 1) }).collect();
            let s = Sums::of(&ids, 2, n);
            let rows = |sum: usize| -> Vec<u32> {
                let (from, to) = (s.starts[sum] as usize, s.starts[sum + 1] as usize);
                let lengths = (from..to).map(|p| (s.parts.starts[p + 1] - s.parts.starts[p]) as usize);
                assert!(lengths.clone().all(|len| (1..=PART).contains(&len)), "parts are short");
                s.parts.rows[s.parts.starts[from] as usize..s.parts.starts[to] as usize].to_vec()
            };
            assert_eq!(rows(0), (0..n as u32).collect::<Vec<_>>());
            let mut seen = 1;
            for k in 0..2 {
                assert_eq!(s.tables[k], seen);
                let mut names: Vec<u32> = (0..n).map(|r| ids[2 * r + k]).filter(|id| *id != NONE).collect();
                names.sort();
                names.dedup();
                for id in names {
                    assert_eq!(s.ids[seen - 1], id);
                    assert_eq!(
                        rows(seen),
                        (0..n as u32).filter(|r| ids[2 * *r as usize + k] == id).collect::<Vec<_>>()
                    );
                    seen += 1;
                }
            }
            assert_eq!((s.count(), s.are_parts()), (seen, n < PART));
        }
    }
}
