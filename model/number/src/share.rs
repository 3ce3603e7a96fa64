//! A fixed-share mixture of experts, with sleep.
//!
//! Source: Herbster and Warmuth, *Tracking the best expert* (1998), with logarithmic loss; Freund et al., *Using and
//! combining predictors that specialize* (1997), for experts that sit out a round. The share α_t = max(1/(t+2), floor)
//! makes the cost of being able to switch logarithmic at first: against any one of N experts the mixture loses at most
//!
//! ln N + Σ_t ln 1/(1−α_t)   nats,   which is ln N + ln(T+1) until 1/(t+2) meets the floor and floor·T after that,
//!
//! on every sequence, because an expert's weight never falls below what its own probabilities and the factors 1−α_t
//! leave of its first weight 1/N. A round in which an expert sleeps counts as if it had said what the mixture said.

use surmise_state::{Persist, State, StateError};

#[derive(Clone, Debug)]
pub(crate) struct Share<const M: usize> {
    w: [f64; M],
    t: u64,
    floor: f64,
}

impl<const M: usize> Share<M> {
    pub(crate) fn new(floor: f64) -> Self {
        Self { w: [1.0 / M as f64; M], t: 0, floor }
    }

    /// Weights of the experts that are awake (bits of `awake`), summing to one; all zero if none is.
    pub(crate) fn weights(&self, awake: u32) -> [f64; M] {
        let mut w = [0.0; M];
        let mut total = 0.0;
        for i in 0..M {
            if awake >> i & 1 == 1 {
                w[i] = self.w[i];
                total += w[i];
            }
        }
        if total > 0.0 {
            let inv = 1.0 / total;
            w.iter_mut().for_each(|w| *w *= inv);
        }
        w
    }

    /// Takes in how much mass each expert gave to what happened; `w` is what [`Share::weights`] gave, `p` the mixture.
    pub(crate) fn learn(&mut self, w: &[f64; M], m: &[f64; M], p: f64, awake: u32) {
        let alpha = (1.0 / (self.t as f64 + 2.0)).max(self.floor);
        self.t += 1;
        if !(p > 0.0 && p.is_finite()) {
            return;
        }
        let mut awake_total = 0.0;
        for i in 0..M {
            if awake >> i & 1 == 1 {
                awake_total += self.w[i];
            }
        }
        let f = awake_total / p;
        let mut total = 0.0;
        for i in 0..M {
            if awake >> i & 1 == 1 {
                self.w[i] = w[i] * m[i] * f;
            }
            total += self.w[i];
        }
        if !(total > 0.0 && total.is_finite()) {
            self.w = [1.0 / M as f64; M];
            return;
        }
        let (keep, give) = ((1.0 - alpha) / total, alpha / M as f64);
        self.w.iter_mut().for_each(|w| *w = *w * keep + give);
    }

    /// Rounds so far.
    pub(crate) fn rounds(&self) -> u64 {
        self.t
    }

    /// Nats by which the mixture may have fallen behind its best expert.
    pub(crate) fn bound(&self) -> f64 {
        // Σ ln 1/(1−α): 1/(t+2) telescopes until the floor is met
        let early = (self.t as f64).min((1.0 / self.floor - 2.0).ceil().max(0.0));
        let spent = libm::log(early + 1.0) - (self.t as f64 - early) * libm::log1p(-self.floor);
        libm::log(M as f64) + spent
    }
}

/// Σ w m.
#[inline]
pub(crate) fn mix<const M: usize>(w: &[f64; M], m: &[f64; M]) -> f64 {
    let mut p = 0.0;
    for i in 0..M {
        p += w[i] * m[i];
    }
    p
}

impl<const M: usize> Persist for Share<M> {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("share")?;
        s.u64("t", &mut self.t)?;
        s.f64s_fixed("w", &mut self.w)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regret_stays_below_its_bound_whatever_comes() {
        for kind in 0..6u64 {
            let (mut s, mut mixture, mut alone) = (Share::<5>::new(1e-4), 0.0, [0.0; 5]);
            let mut state = kind + 1;
            for t in 0..30_000u64 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let u = (state >> 11) as f64 / 9007199254740992.0;
                let w = s.weights(0b11111);
                let mut m = [0.0; 5];
                for (i, m) in m.iter_mut().enumerate() {
                    *m = match kind {
                        0 => 0.1 + 0.15 * i as f64,
                        1 => libm::pow(u, i as f64 + 1.0).max(1e-12),
                        2 if t / 1000 % 5 == i as u64 => 0.9,
                        2 => 1e-9,
                        // the adversary gives least to whom the mixture trusts most
                        3 => {
                            if w[i] == w.iter().copied().fold(0.0, f64::max) {
                                1e-6
                            } else {
                                0.5
                            }
                        }
                        4 => {
                            if t == 20_000 && i < 4 {
                                1e-200
                            } else {
                                0.8 - 0.1 * i as f64
                            }
                        }
                        _ => (u * (i + 1) as f64).fract().max(1e-3),
                    };
                }
                let p = mix(&w, &m);
                mixture -= p.ln();
                alone.iter_mut().zip(m).for_each(|(a, m)| *a -= m.ln());
                s.learn(&w, &m, p, 0b11111);
                let best = alone.iter().copied().fold(f64::INFINITY, f64::min);
                assert!(mixture <= best + s.bound() + 1e-6, "kind {kind} at {t}: {mixture} {best} {}", s.bound());
            }
            assert!(s.bound() < 14.0);
        }
    }
}
