//! Values within bounds that are computed.

/// The value within two bounds, as [`f64::clamp`] gives it, but for bounds that contradict each other or are no
/// numbers: they are those of a state that was damaged or forged, which must not end the program.
#[inline]
pub(crate) fn within(y: f64, low: f64, high: f64) -> f64 {
    let raised = if y < low { low } else { y };
    if raised > high { high } else { raised }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_clamp_gives_and_never_panics() {
        let some = [f64::NEG_INFINITY, -2.0, -0.0, 0.0, 1.0, f64::INFINITY];
        for y in some.into_iter().chain([f64::NAN]) {
            for (i, low) in some.iter().enumerate() {
                for high in &some[i..] {
                    assert_eq!(within(y, *low, *high).to_bits(), y.clamp(*low, *high).to_bits(), "{y} {low} {high}");
                }
            }
        }
        assert_eq!((within(1.0, f64::NAN, f64::NAN), within(1.0, 3.0, 2.0)), (1.0, 2.0));
    }
}
