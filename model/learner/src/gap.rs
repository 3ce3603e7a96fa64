//! Gaps: the time between a key's events as a symbol, the bin of a quarter octave of microseconds (PREDICTOR §2).
//!
//! Parametric distributions of gaps lose up to a bit against counts of logarithmic bins. So a gap is one of 256 symbols
//! and goes through the same model as every other symbol. A bin is up to 9 % from its gaps, which is more than what
//! comes every ten minutes ever varies; so the mean of the gaps of each bin is kept, and is what the bin stands for.

use surmise_state::{Persist, State, StateError};

/// The symbol of a key's first event, which has no gap.
pub const FIRST: u32 = 255;

/// Bins in an octave: a bin is at most 9 % from the gaps that it stands for.
const BINS_PER_OCTAVE: f64 = 4.0;

/// The bin of a gap in microseconds; 0 for a gap that is not positive.
pub fn bin(gap_us: i64) -> u32 {
    if gap_us <= 0 {
        return 0;
    }
    let bin = libm::log2(gap_us as f64) * BINS_PER_OCTAVE;
    1 + (bin + 0.5) as u32
}

/// The seconds that a bin stands for.
pub fn seconds(bin: u32) -> f64 {
    if bin == 0 { 0.0 } else { libm::exp2(f64::from(bin - 1) / BINS_PER_OCTAVE) * 1e-6 }
}

/// Gaps of a bin that its mean remembers.
const MEMORY_GAPS: f64 = 256.0;

/// The mean of the latest gaps of each bin that came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GapMeans {
    /// In the order of the bins.
    bins: Vec<BinMean>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct BinMean {
    bin: u32,
    /// Gaps in the mean, up to [`MEMORY_GAPS`].
    gaps: f64,
    mean_us: f64,
}

impl GapMeans {
    /// Takes in a gap in microseconds.
    pub fn observe(&mut self, gap_us: i64) {
        let bin = bin(gap_us);
        if bin == 0 {
            return;
        }
        let place = self.bins.binary_search_by_key(&bin, |mean| mean.bin).unwrap_or_else(|place| {
            self.bins.insert(place, BinMean { bin, ..BinMean::default() });
            place
        });
        let mean = &mut self.bins[place];
        mean.gaps = (mean.gaps + 1.0).min(MEMORY_GAPS);
        mean.mean_us += (gap_us as f64 - mean.mean_us) / mean.gaps;
    }

    /// The seconds that a bin stands for: the mean of its gaps, or its middle if there were none.
    pub fn seconds(&self, bin: u32) -> f64 {
        match self.bins.binary_search_by_key(&bin, |mean| mean.bin) {
            Ok(place) => self.bins[place].mean_us * 1e-6,
            Err(_) => seconds(bin),
        }
    }
}

impl Persist for GapMeans {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.list("means of gaps", &mut self.bins, BinMean::default)?;
        match self.bins.is_sorted_by(|a, b| a.bin < b.bin) {
            true => Ok(()),
            false => Err(StateError::Invalid("means of gaps")),
        }
    }
}

impl Persist for BinMean {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32("bin of gaps", &mut self.bin)?;
        s.f64("gaps of a bin", &mut self.gaps)?;
        s.f64("mean of a bin", &mut self.mean_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_stands_for_the_gaps_that_came() {
        let mut means = GapMeans::default();
        for gap_us in [600_000_000, 1_000, 599_000_000, 601_000_000, 0, -3] {
            means.observe(gap_us);
        }
        assert!((means.seconds(bin(600_000_000)) - 600.0).abs() < 1e-9);
        assert_eq!((means.seconds(bin(1_000)), means.seconds(0)), (0.001, 0.0));
        assert_eq!(means.seconds(bin(60_000_000)), seconds(bin(60_000_000)), "none came");
        // a new pace within the bin replaces the old one
        (0..3_000).for_each(|_| means.observe(610_000_000));
        assert!((means.seconds(bin(600_000_000)) - 610.0).abs() < 0.1);
    }

    #[test]
    fn bins_stand_for_their_gaps() {
        assert_eq!((bin(-5), bin(0), bin(1)), (0, 0, 1));
        for gap in [1i64, 3, 1_000, 999_999, 86_400_000_000, i64::MAX] {
            let b = bin(gap);
            assert!(b < FIRST);
            let ratio = seconds(b) * 1e6 / gap as f64;
            assert!((0.91..1.1).contains(&ratio), "{gap}: {ratio}");
        }
    }
}
