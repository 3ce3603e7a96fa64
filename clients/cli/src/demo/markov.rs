//! A source whose entropy is known: the pages of a web shop that a visitor asks for. Which page comes depends on the
//! two before it and on a hidden mood.

/// The symbols of the source.
pub(crate) const PAGES: [&str; 20] = [
    "/",
    "/login",
    "/search",
    "/item",
    "/cart",
    "/checkout",
    "/pay",
    "/thanks",
    "/help",
    "/account",
    "/orders",
    "/logout",
    "/offers",
    "/reviews",
    "/wishlist",
    "/compare",
    "/delivery",
    "/returns",
    "/contact",
    "/error",
];
const PAGES_COUNT: usize = PAGES.len();
/// Moods of the source, which is in one of them at a time; the events do not say in which.
const MOODS: usize = 2;
/// Probability that the mood changes at an event.
const MOOD_CHANGE_PROBABILITY: f64 = 1.0 / 25_000.0;
/// Of so many pairs of pages, one is followed by other pages in another mood.
const PAIRS_PER_DIFFERENCE: u64 = 10;
/// The k-th likeliest page has a probability proportional to k to minus this power (Zipf's law).
const RANK_EXPONENT: f64 = 1.9;

/// Uniform random numbers from a seed (SplitMix64: Steele, Lea and Flood, 2014), so that a demonstration can be
/// repeated.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

type PageDistribution = [f64; PAGES_COUNT];

/// The source: an order-2 Markov chain with a slow hidden mood.
pub(crate) struct Markov {
    /// Probabilities of the next page: by mood, page before last, last page.
    rows: Vec<[[PageDistribution; PAGES_COUNT]; PAGES_COUNT]>,
    mood: usize,
    last: (usize, usize),
    /// Probability of each mood, given all events so far.
    belief: [f64; MOODS],
    random: SplitMix64,
}

impl Markov {
    pub(crate) fn new(seed: u64) -> Markov {
        let mut random = SplitMix64(seed);
        let first: Box<[[PageDistribution; PAGES_COUNT]; PAGES_COUNT]> =
            Box::new(std::array::from_fn(|_| std::array::from_fn(|_| row(&mut random))));
        let mut rows = vec![*first];
        for _ in 1..MOODS {
            let mut other = rows[0];
            for r in other.iter_mut().flatten() {
                if random.below(PAIRS_PER_DIFFERENCE) == 0 {
                    *r = row(&mut random);
                }
            }
            rows.push(other);
        }
        Markov { rows, mood: 0, last: (0, 0), belief: [1.0 / MOODS as f64; MOODS], random }
    }

    /// The next page, and its exact surprise in bits: −log₂ of its probability given every page before it, to a
    /// predictor that knows the source but not its mood. No predictor can do better on average.
    pub(crate) fn emit(&mut self) -> (usize, f64) {
        if self.random.unit() < MOOD_CHANGE_PROBABILITY {
            self.mood = (self.mood + 1 + self.random.below(MOODS as u64 - 1) as usize) % MOODS;
        }
        let (a, b) = self.last;
        let symbol = draw(&self.rows[self.mood][a][b], self.random.unit());
        let before: [f64; MOODS] = std::array::from_fn(|m| {
            self.belief[m] * (1.0 - MOOD_CHANGE_PROBABILITY)
                + (1.0 - self.belief[m]) * MOOD_CHANGE_PROBABILITY / (MOODS as f64 - 1.0)
        });
        let joint: [f64; MOODS] = std::array::from_fn(|m| before[m] * self.rows[m][a][b][symbol]);
        let p: f64 = joint.iter().sum();
        self.belief = joint.map(|j| j / p);
        self.last = (b, symbol);
        (symbol, -p.log2())
    }
}

/// Zipf's law over the pages in random order.
fn row(random: &mut SplitMix64) -> PageDistribution {
    let mut order: [usize; PAGES_COUNT] = std::array::from_fn(|i| i);
    for i in (1..PAGES_COUNT).rev() {
        order.swap(i, random.below(i as u64 + 1) as usize);
    }
    let mut row = [0.0; PAGES_COUNT];
    for (rank, page) in order.into_iter().enumerate() {
        row[page] = ((rank + 1) as f64).powf(-RANK_EXPONENT);
    }
    let sum: f64 = row.iter().sum();
    row.map(|p| p / sum)
}

fn draw(row: &PageDistribution, mut u: f64) -> usize {
    for (i, p) in row.iter().enumerate() {
        u -= p;
        if u < 0.0 {
            return i;
        }
    }
    PAGES_COUNT - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entropy_is_that_of_its_rows() {
        let mut m = Markov::new(7);
        let steep: f64 = {
            let r = row(&mut SplitMix64(1));
            r.iter().map(|p| -p * p.log2()).sum()
        };
        let n = 200_000;
        let bits: f64 = (0..n).map(|_| m.emit().1).sum::<f64>() / f64::from(n);
        assert!((bits - steep).abs() < 0.03, "{bits} but rows have {steep}");
        let again = |seed| {
            let mut m = Markov::new(seed);
            (0..50).map(|_| m.emit().0).collect::<Vec<_>>()
        };
        assert_eq!(again(3), again(3));
        assert_ne!(again(3), again(4));
    }
}
