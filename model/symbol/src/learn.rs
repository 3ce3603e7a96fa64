//! What is learnt from the bits that came at the nodes of a nibble.

use crate::bits::BitHistory;
use crate::inputs::CHAIN;
use crate::model::{SymbolModel, Work};
use crate::node::{Place, TOGETHER};
use surmise_lanes::{LANES, madd, sigmoid};

/// What erred by no more than this is left as it is: most decisions of a routine stream are settled, and learning more
/// from them costs time and, where it drives weights on without end, bits.
const SETTLED: f32 = 1.0 / 256.0;

/// Rate of the final mixers.
const FINAL_RATE: f32 = 0.0028;

/// An error that is worth learning from, or 0.
#[inline(always)]
fn unsettled(error: f32) -> f32 {
    if error.abs() > SETTLED { error } else { 0.0 }
}

impl SymbolModel {
    /// Learns the bits that came at the places of a nibble's path.
    #[inline(always)]
    pub(crate) fn learn<const FMA: bool>(&mut self, w: &mut Work, at: &[Place; TOGETHER], bits: &[u32; TOGETHER]) {
        let d = &w.decisions;
        let y = bits.map(|b| b as f32);
        if let Some(n) = &mut self.network {
            let (features, gradient) = n.core.features_and_gradient();
            let errors = std::array::from_fn(|j| unsettled(d.network_probability[j] - y[j]));
            n.head.learn_all::<FMA, TOGETHER>(&at.map(|at| at.number), &errors, features, gradient);
        }
        if let Some(n) = &mut self.numbers {
            for j in 0..TOGETHER {
                n.learn_bit::<FMA>(&w.front.reading, &at[j], &d.numbers[j], y[j]);
            }
        }
        self.learn_mixing::<FMA>(w, &y);
        for j in 0..TOGETHER {
            if unsettled(y[j] - w.decisions.mixed[j]) != 0.0 {
                let d = &w.decisions;
                let chain = self.inputs.chain.then_some(&d.inputs[j][CHAIN]);
                self.maps.learn::<FMA>(self.lanes, &d.maps[j], &d.seen[j], chain, y[j]);
            }
        }
        self.count::<FMA>(w, at, bits);
        for j in 0..TOGETHER {
            if self.spec.recency {
                self.recency.learn(&w.decisions.sighting[j], bits[j] == 1);
            }
            for q in 0..2 {
                let expects = w.decisions.expects[j][q];
                if expects >= 0 {
                    let e = &mut w.front.expected[q];
                    let hit = expects as u32 == bits[j];
                    let p = &mut self.matches[q].trust[e.length as usize];
                    *p += (f32::from(u8::from(hit)) - *p) * 0.005;
                    if !hit {
                        e.length = 0;
                    }
                }
            }
        }
    }

    /// The weights of both layers, and the probability maps behind them.
    #[inline(always)]
    fn learn_mixing<const FMA: bool>(&mut self, w: &Work, y: &[f32; TOGETHER]) {
        let d = &w.decisions;
        let levelled = self.levels.level::<FMA>(self.inputs.groups, &d.inputs);
        let mut errors = [[0f32; LANES]; TOGETHER];
        for j in 0..TOGETHER {
            for q in 0..LANES {
                errors[j][q] = unsettled(y[j] - d.probabilities[j][q]);
            }
        }
        self.mixer.learn::<FMA>(&d.selected, &levelled, &errors);
        if let Some(alone) = self.alone {
            // its weights for what does not count are zero
            for at in self.inputs.opinions() {
                d.selected.iter().for_each(|s| self.mixer.clear(s[alone], at));
            }
        }
        for k in 0..3 {
            let mut error = [0f32; TOGETHER];
            for j in 0..TOGETHER {
                error[j] = unsettled(y[j] - sigmoid::<FMA>(d.final_outputs[k][j]));
            }
            for j in 0..TOGETHER {
                if error[j] != 0.0 {
                    self.finals[k].learn::<FMA>(d.finals[j][k], &d.outputs[j], error[j] * FINAL_RATE);
                }
            }
        }
        for j in 0..TOGETHER {
            for k in 0..2 {
                self.refine[k].learn(&d.places[j][k], y[j], 0.02);
            }
        }
    }

    /// The statistics of every context at the nodes.
    #[inline(always)]
    fn count<const FMA: bool>(&mut self, w: &Work, at: &[Place; TOGETHER], bits: &[u32; TOGETHER]) {
        let histories = BitHistory::get();
        let mut next = [[0u32; LANES]; TOGETHER];
        for j in 0..TOGETHER {
            next[j] = counted::<FMA>(&w.decisions.slots[j], bits[j]);
        }
        for i in 0..self.lanes {
            if self.counted >> i & 1 == 1 {
                let line = self.counts.line_mut(w.lines[i]);
                for j in 0..TOGETHER {
                    line[at[j].node as usize & 15] = next[j][i];
                }
            } else {
                let line = self.histories.line_mut(w.lines[i]);
                for j in 0..TOGETHER {
                    let s = &mut line[at[j].node as usize & 15];
                    *s = histories.next[*s as usize][bits[j] as usize & 1];
                }
            }
        }
    }
}

/// The next slots of counts after a bit, in every lane: p += (b − p)/(n + 1.3).
#[inline(always)]
fn counted<const FMA: bool>(slots: &[u32; LANES], bit: u32) -> [u32; LANES] {
    let y = bit as f32;
    let mut next = [0u32; LANES];
    for i in 0..LANES {
        let s = slots[i];
        let n = s >> 16 & 255;
        let rate = (1.0 / (n as i32 as f32 + 1.3)).max(1.0 / 256.5);
        let p = ((s & 0xffff) as i32 as f32 + 0.5) * (1.0 / 65536.0);
        let q = (madd::<FMA>(rate, y - p, p) * 65536.0).clamp(16.0, 65519.0);
        // SAFETY: the clamp keeps it far inside the range of the type.
        let q = unsafe { q.to_int_unchecked::<i32>() } as u32;
        let h = s >> 24 << 1 | bit;
        let h = if h > 255 { h & 127 | 128 } else { h };
        let n = if n < 255 { n + 1 } else { 255 };
        next[i] = q | n << 16 | h << 24;
    }
    next
}
