//! The inputs of the mixer: which there are, and where.

use surmise_lanes::{Block, LANES};

/// Most blocks of inputs.
pub const GROUPS: usize = 5;

/// One number per input, a block after the other.
pub type Row = [Block; GROUPS];

/// The block of stretched probabilities, of contexts that count.
pub const DIRECT: usize = 0;
/// The block of confidences.
pub const CONFIDENCE: usize = 1;
/// The block of stretched probabilities by history.
pub const HISTORY: usize = 2;
/// The block of the chain over the histories.
pub const CHAIN: usize = 3;

/// Inputs that do not come from contexts: two for each match model.
pub const MATCHES: usize = 0;
/// See [`MATCHES`]: the network.
pub const NET: usize = 4;
/// See [`MATCHES`]: a constant.
pub const BIAS: usize = 5;
/// See [`MATCHES`]: how many recent symbols lie on each side.
pub const RECENT_SIDES: usize = 6;
/// See [`MATCHES`]: on which the newest lies.
pub const RECENT_RANK: usize = 7;
/// See [`MATCHES`]: two for what the event's numbers say.
pub const NUMBERS: usize = 8;
const OTHERS: usize = 10;

/// Which inputs a model has, and where.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    /// Blocks that are used.
    pub groups: usize,
    /// Whether there is a chain.
    pub chain: bool,
    /// Where in a row the inputs are that do not come from contexts.
    pub others: [usize; OTHERS],
    lanes: usize,
    used: [bool; OTHERS],
}

impl Inputs {
    /// For so many contexts, of which those in the mask `counted` count. What does not come from contexts takes lanes
    /// of the first block that would be empty, as those of other contexts are, or a block of its own if they are too
    /// few: every block costs time at every set of weights.
    pub fn new(lanes: usize, counted: u32, chain: bool, network: bool, recency: bool, numbers: bool) -> Inputs {
        let used = std::array::from_fn(|k| match k {
            NET => network,
            RECENT_SIDES | RECENT_RANK => recency,
            NUMBERS.. => numbers,
            _ => true,
        });
        let groups = if chain { CHAIN + 1 } else { HISTORY + 1 };
        let free = (0..LANES).filter(|i| counted >> i & 1 == 0);
        let own = (0..LANES).map(|i| groups * LANES + i);
        let is_room = free.clone().count() >= used.iter().filter(|u| **u).count();
        let mut lanes_left: Box<dyn Iterator<Item = usize>> = if is_room { Box::new(free) } else { Box::new(own) };
        // what is not there may lie anywhere, as it is never written
        let others = used.map(|u| if u { lanes_left.next().expect("there is room") } else { usize::MAX });
        Inputs { groups: groups + usize::from(!is_room), chain, others, lanes, used }
    }

    /// Initial weights of a row; `alone` without those for what does not count.
    pub fn initial_row(&self, alone: bool) -> Row {
        let mut r = Row::default();
        for i in 0..self.lanes {
            r[DIRECT][i] = 0.12;
            r[CONFIDENCE][i] = 0.12;
            r[HISTORY][i] = 0.12;
            if self.chain {
                r[CHAIN][i] = 0.024;
            }
        }
        for (k, at) in self.others.iter().enumerate().filter(|o| self.used[o.0]) {
            let weight = match k {
                BIAS => 0.0,
                NET if alone => 0.0,
                NUMBERS.. if alone => 0.0,
                NUMBERS.. => 0.3,
                _ => 0.12,
            };
            r.as_flattened_mut()[*at] = weight;
        }
        r
    }

    /// Where the inputs are that do not count.
    pub fn opinions(&self) -> impl Iterator<Item = usize> + '_ {
        [NET, NUMBERS, NUMBERS + 1].into_iter().filter(|k| self.used[*k]).map(|k| self.others[k])
    }
}
