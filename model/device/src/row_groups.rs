//! Which rows of a chunk belong together: those along which gradients flow, and those that name the same row of a
//! table.

use surmise_network::NONE;

/// The most rows that one part of a sum adds up: few enough that many parts keep a GPU busy.
const PART_ROWS_MAX: usize = 128;

/// Ids up to this many, and four for each row, are counted in an array; larger ones are sorted.
const COUNTED_IDS_MIN: usize = 1024;

/// Groups of rows, one after another: group i is `rows[starts[i] .. starts[i + 1]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowGroups {
    /// `[groups + 1]`, ascending from 0.
    pub starts: Vec<u32>,
    /// `[rows]`.
    pub rows: Vec<u32>,
}

impl RowGroups {
    /// The number of groups.
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Groups of rows that are linked, directly or not, rows ascending; groups in the order of their first rows.
    /// `links`: `[rows]`, the row before each, or `NONE`.
    pub fn linked(links: &[u32]) -> RowGroups {
        let mut group_of = vec![0u32; links.len()];
        let mut lengths: Vec<u32> = Vec::new();
        for (row, link) in links.iter().enumerate() {
            // a link names an earlier row, whose group is known
            group_of[row] = match group_of[..row].get(*link as usize) {
                Some(group) => *group,
                None => {
                    lengths.push(0);
                    lengths.len() as u32 - 1
                }
            };
            lengths[group_of[row] as usize] += 1;
        }
        Self::collect(&lengths, group_of.iter().enumerate().map(|(row, group)| (*group, row as u32)))
    }

    /// Groups of known lengths, from pairs of (group, row) with rows ascending.
    fn collect(lengths: &[u32], rows: impl Iterator<Item = (u32, u32)>) -> RowGroups {
        let mut starts = Vec::with_capacity(lengths.len() + 1);
        starts.push(0u32);
        let mut total = 0;
        starts.extend(lengths.iter().map(|length| {
            total += length;
            total
        }));
        // where the next row of each group goes
        let mut next = starts.clone();
        let mut all = vec![0; total as usize];
        for (group, row) in rows {
            all[next[group as usize] as usize] = row;
            next[group as usize] += 1;
        }
        RowGroups { starts, rows: all }
    }
}

/// The sums of rows of dL/du that are the gradients of a layer's biases and embeddings.
///
/// Each is made in two steps, rows to parts and parts to the sum, so that a long sum is spread over many threads and
/// still has one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowSums {
    /// The parts, groups of at most 128 rows.
    pub parts: RowGroups,
    /// Sum i is that of the parts from `starts[i]` to `starts[i + 1]`.
    pub starts: Vec<u32>,
    /// The id of each sum but the first, which is that of all rows; table after table.
    pub ids: Vec<u32>,
    /// Sum i of table k is number `tables[k] + i`.
    pub tables: Vec<usize>,
}

impl RowSums {
    /// The sums of a chunk of n rows with `ids` `[n, tables]`.
    pub fn of(ids: &[u32], tables: usize, n: usize) -> RowSums {
        let mut sums = RowSums {
            parts: RowGroups { starts: vec![0], rows: Vec::with_capacity(n * (tables + 1)) },
            starts: vec![0],
            ids: Vec::new(),
            tables: Vec::with_capacity(tables),
        };
        // the bias takes part in every row
        sums.push(0..n as u32);
        for k in 0..tables {
            sums.tables.push(sums.count());
            let (distinct, groups) = by_id(ids.iter().skip(k).step_by(tables).copied(), n);
            for (i, id) in distinct.into_iter().enumerate() {
                sums.ids.push(id);
                let range = groups.starts[i] as usize..groups.starts[i + 1] as usize;
                sums.push(groups.rows[range].iter().copied());
            }
        }
        sums
    }

    /// The number of sums.
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether every sum is one part.
    pub fn are_parts(&self) -> bool {
        self.parts.count() == self.count()
    }

    /// Adds the sum of these rows, cut into parts.
    fn push(&mut self, rows: impl Iterator<Item = u32>) {
        let start = self.parts.rows.len();
        self.parts.rows.extend(rows);
        let end = self.parts.rows.len();
        self.parts.starts.extend((start..end).step_by(PART_ROWS_MAX).skip(1).map(|s| s as u32));
        self.parts.starts.push(end as u32);
        self.starts.push(self.parts.count() as u32);
    }
}

/// The distinct ids of n rows, ascending, and for each the rows that have it.
fn by_id(ids: impl Iterator<Item = u32> + Clone, n: usize) -> (Vec<u32>, RowGroups) {
    let present = || ids.clone().enumerate().filter(|(_, id)| *id != NONE);
    let largest = present().map(|(_, id)| id as usize).max().unwrap_or(0);
    if largest < 4 * n + COUNTED_IDS_MIN {
        // counting: one pass for the lengths, one for the places
        let mut lengths = vec![0u32; largest + 1];
        present().for_each(|(_, id)| lengths[id as usize] += 1);
        let distinct: Vec<u32> = (0..=largest as u32).filter(|id| lengths[*id as usize] > 0).collect();
        let mut group_of = vec![0u32; largest + 1];
        distinct.iter().enumerate().for_each(|(i, id)| group_of[*id as usize] = i as u32);
        let lengths: Vec<u32> = distinct.iter().map(|id| lengths[*id as usize]).collect();
        let rows = present().map(|(row, id)| (group_of[id as usize], row as u32));
        return (distinct, RowGroups::collect(&lengths, rows));
    }
    // sorting: ids are too large to count in an array
    let mut sorted: Vec<(u32, u32)> = present().map(|(row, id)| (id, row as u32)).collect();
    sorted.sort_unstable();
    let (mut distinct, mut starts) = (Vec::new(), Vec::new());
    for (i, (id, _)) in sorted.iter().enumerate() {
        if distinct.last() != Some(id) {
            distinct.push(*id);
            starts.push(i as u32);
        }
    }
    starts.push(sorted.len() as u32);
    (distinct, RowGroups { starts, rows: sorted.into_iter().map(|(_, row)| row).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linked_rows_are_one_group() {
        // two sequences in turn, one that forks, one alone
        let links = [NONE, NONE, 0, 1, 2, 2, NONE, 5];
        let groups = RowGroups::linked(&links);
        assert_eq!((groups.starts, groups.rows), (vec![0, 5, 7, 8], vec![0, 2, 4, 5, 7, 1, 3, 6]));
        assert_eq!(RowGroups::linked(&[]).count(), 0);
    }

    #[test]
    fn sums_are_of_all_rows_and_of_those_of_each_id() {
        for (n, spread) in [(1, 3), (7, 3), (700, 2), (700, u32::MAX - 7)] {
            let ids: Vec<u32> =
                (0..2 * n as u32).map(|i| if i % 5 == 4 { NONE } else { (i * i % 7) * (spread / 7 + 1) }).collect();
            let sums = RowSums::of(&ids, 2, n);
            let rows = |sum: usize| -> Vec<u32> {
                let (from, to) = (sums.starts[sum] as usize, sums.starts[sum + 1] as usize);
                let starts = &sums.parts.starts;
                let mut lengths = (from..to).map(|part| (starts[part + 1] - starts[part]) as usize);
                assert!(lengths.all(|length| (1..=PART_ROWS_MAX).contains(&length)), "parts are short");
                sums.parts.rows[starts[from] as usize..starts[to] as usize].to_vec()
            };
            assert_eq!(rows(0), (0..n as u32).collect::<Vec<_>>());
            let mut seen = 1;
            for k in 0..2 {
                assert_eq!(sums.tables[k], seen);
                let mut distinct: Vec<u32> = (0..n).map(|row| ids[2 * row + k]).filter(|id| *id != NONE).collect();
                distinct.sort();
                distinct.dedup();
                for id in distinct {
                    assert_eq!(sums.ids[seen - 1], id);
                    let want = (0..n as u32).filter(|row| ids[2 * *row as usize + k] == id);
                    assert_eq!(rows(seen), want.collect::<Vec<_>>());
                    seen += 1;
                }
            }
            assert_eq!((sums.count(), sums.are_parts()), (seen, n < PART_ROWS_MAX));
        }
    }
}
