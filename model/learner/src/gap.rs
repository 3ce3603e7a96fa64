//! Gaps: the time between a key's events as a symbol, the bin of a quarter octave of microseconds (PREDICTOR §2).
//!
//! Parametric distributions of gaps lose up to a bit against counts of logarithmic bins. So a gap is one of 256 symbols
//! and goes through the same model as every other symbol.

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

#[cfg(test)]
mod tests {
    use super::*;

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
