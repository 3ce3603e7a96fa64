//! Intervals that hold what they promise, whatever the errors do.
//!
//! Errors of a lead come in runs and their sizes change, so quantiles that follow them slowly cover too little for long
//! and then too much. Therefore the misses themselves are counted: E is how many truths lay beyond one end of the
//! interval, less the share that was promised, 1/20 of all. The end is moved out by a function of E that grows beyond
//! all bounds as E nears H = 3 + √n·.15 + h/5, for n truths at lead h (the integral part of a controller: Angelopoulos,
//! Candès and Tibshirani, *Conformal PID control for time series prediction*, 2023). As long as no error is larger than
//! the outermost end, E stays below H + h, because an end is out of reach before; so the share of misses at each end is
//! within (H + h)/n of 1/20, without any assumption on how errors come. The end is kept within a few mean sizes, which
//! is where the guarantee ends: an interval that holds everything would say nothing.

/// The ends of an interval of nine in ten, as distances in cells from the last value; NaN where none was told.
pub(super) type IntervalEnds = [f32; 2];

/// The share beyond each end of the interval.
pub(super) const OUTSIDE: f64 = 0.05;
/// H of no truth at lead 0, its growth with the root of truths, and with the lead.
const MISSES: f64 = 3.0;
const MISSES_ROOT: f64 = 0.15;
const MISSES_STEP: f64 = 0.2;
/// Mean sizes by which an end is moved at E = H/2.
const GAIN: f64 = 0.5;
/// The nearest that E comes to H.
const NEAR: f64 = 0.95;
/// With how many misses for each step the counts begin, in place of those before anything was learnt of a lead.
const BEFORE_STEP: f64 = 0.15;

/// The misses with which a lead begins.
pub(super) fn start(step: usize) -> [f64; 2] {
    [BEFORE_STEP * (step + 1) as f64; 2]
}

/// Takes in a truth, as its distance in cells from the value that was the last one, and the ends that were told for it,
/// which are NaN if none were. Half of a truth that is an end lies beyond it; of a truth that is both ends, the share
/// that was promised.
pub(super) fn count(beyond: [f64; 2], distance: f64, [low, high]: IntervalEnds) -> [f64; 2] {
    let distance = distance as f32;
    if low.is_nan() || high.is_nan() || (distance == low && low == high) {
        return beyond;
    }
    let miss = |far: f32| match far.partial_cmp(&0.0) {
        Some(std::cmp::Ordering::Greater) => 1.0,
        Some(std::cmp::Ordering::Equal) => 0.5,
        _ => 0.0,
    };
    [beyond[0] + miss(low - distance) - OUTSIDE, beyond[1] + miss(distance - high) - OUTSIDE]
}

/// By how many mean sizes the quantile of level `p` is moved after `seen` truths, at a step counted from 0: the ends by
/// all that their counts say, levels towards the middle by less.
pub(super) fn shift(beyond: [f64; 2], p: f64, seen: u32, step: usize) -> f64 {
    let most = MISSES + MISSES_ROOT * f64::from(seen).sqrt() + MISSES_STEP * (step + 1) as f64;
    let (misses, outwards) = if p < 0.5 { (beyond[0], -1.0) } else { (beyond[1], 1.0) };
    let part = (misses / most).clamp(-NEAR, NEAR);
    let (sin, cos) = libm::sincos(0.5 * std::f64::consts::PI * part);
    let weight = ((p - 0.5).abs() / (0.5 - OUTSIDE)).min(1.0);
    outwards * weight * GAIN * sin / cos
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use surmise_fixtures::Random;

    #[test]
    fn misses_stay_near_their_share_whatever_errors_do() {
        // errors that come in runs, whose size changes, or that grow: what is told of them comes too late by the lead
        for kind in 0..4 {
            let (mut random, mut beyond, mut slow) = (Random::new(kind), [0.0; 2], 0.0);
            let (step, n) = (23, 4_000);
            let mut told: VecDeque<IntervalEnds> = VecDeque::new();
            let (mut missed, mut size) = ([0.0; 2], 1.0f64);
            for t in 0..n {
                slow = 0.97 * slow + 0.25 * random.normal();
                let error = match kind {
                    0 => random.normal(),
                    1 => slow,
                    2 => slow * if t / 300 % 2 == 0 { 1.0 } else { 4.0 },
                    _ => slow * (1.0 + f64::from(t) / 1000.0),
                };
                if told.len() > step {
                    let ends = told.pop_front().unwrap_or_default();
                    let cells = (100.0 * error).round();
                    beyond = count(beyond, cells, ends);
                    missed[0] += f64::from(u8::from(cells < f64::from(ends[0])));
                    missed[1] += f64::from(u8::from(cells > f64::from(ends[1])));
                    size += 0.01 * (error.abs() - size);
                }
                // quantiles that are wrong and never learn
                let end = |p: f64, mark: f64| (100.0 * size * (mark + shift(beyond, p, t, step))).round() as f32;
                told.push_back([end(OUTSIDE, -0.5), end(1.0 - OUTSIDE, 3.0)]);
            }
            for side in missed {
                assert!((side / f64::from(n) - OUTSIDE).abs() < 0.02, "kind {kind}: {missed:?} of {n}");
            }
        }
    }
}
