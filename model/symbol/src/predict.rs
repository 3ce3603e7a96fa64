//! How likely a 1 is at nodes of the code tree.

use crate::code::Code;
use crate::context::mix;
use crate::inputs::{BIAS, CHAIN, CONFIDENCE, DIRECT, HISTORY, MATCHES, NET, NUMBERS, RECENT_RANK, RECENT_SIDES};
use crate::model::SymbolModel;
use crate::network::LOGIT_MAX;
use crate::node::{Decisions, Front, Place, expected_bit};
use surmise_lanes::{LANES, sigmoid, stretch};

/// Probabilities stay this far from 0 and 1.
const PROBABILITY_MIN: f32 = 1.0 / 65536.0;

impl SymbolModel {
    /// Forms the predictions at places of one nibble from the statistics in `d.slots` and the network's logits; they are
    /// in `d.experts`. Each is the same whichever others are asked beside it.
    #[inline(always)]
    pub(crate) fn predict<const FMA: bool, const N: usize>(
        &self,
        front: &Front,
        at: &[Place; N],
        logits: &[f32; N],
        d: &mut Decisions<N>,
    ) {
        self.statistics::<FMA, N>(d);
        for j in 0..N {
            d.network[j] = logits[j].clamp(-LOGIT_MAX, LOGIT_MAX);
        }
        for j in 0..N {
            d.network_probability[j] = sigmoid::<FMA>(d.network[j]);
        }
        for j in 0..N {
            let length = self.others::<FMA, N>(front, &at[j], d, j);
            self.select(front, &at[j], length, d, j);
        }
        self.mix::<FMA, N>(d);
        for j in 0..N {
            let hash = self.map_context(front, &at[j]);
            let (a0, p0) = self.refine[0].refine(d.finals[j][0], d.stretched[j]);
            let (a1, p1) = self.refine[1].refine(hash, d.stretched[j]);
            d.places[j] = [p0, p1];
            let mixed = if self.spec.ablation.maps { d.mixed[j] } else { 0.3 * d.mixed[j] + 0.35 * (a0 + a1) };
            self.fill_experts(d, j, mixed);
        }
    }

    /// The inputs that come from what the contexts have seen.
    #[inline(always)]
    fn statistics<const FMA: bool, const N: usize>(&self, d: &mut Decisions<N>) {
        for j in 0..N {
            for i in 0..LANES {
                let s = d.slots[j][i];
                let n = (s >> 16 & 255) as i32;
                d.maps[j][i] = (i as u32) << 8 | s >> 24;
                d.seen[j][i] = if n > 0 { 1.0 } else { 0.0 };
                d.confidence[j][i] = if n > 0 { (0.3 + 0.25 * n as f32).min(1.0) } else { 0.0 };
                d.direct[j][i] = ((s & 0xffff) as i32 as f32 + 0.5) * (1.0 / 65536.0);
            }
        }
        let (mut history, mut chain) = ([[0.5f32; LANES]; N], [[0f32; LANES]; N]);
        if self.inputs.chain {
            self.maps.read::<FMA, N>(self.lanes, &d.maps, &mut history, &mut chain);
        } else {
            self.maps.read_histories(self.lanes, &d.maps, &mut history);
        }
        for j in 0..N {
            for i in 0..LANES {
                let is_counts = self.counted >> i & 1 == 1;
                let p = if is_counts { d.direct[j][i] } else { history[j][i] };
                d.direct[j][i] = p;
                d.inputs[j][DIRECT][i] = if is_counts { stretch::<FMA>(p) * d.confidence[j][i] } else { 0.0 };
                d.inputs[j][CONFIDENCE][i] = (p - 0.5) * (4.0 * d.confidence[j][i]);
                d.inputs[j][HISTORY][i] = stretch::<FMA>(history[j][i]) * d.seen[j][i];
            }
            if self.inputs.chain {
                d.inputs[j][CHAIN] = chain[j];
            }
            if self.spec.ablation.histories {
                d.inputs[j][HISTORY..self.inputs.groups.min(CHAIN + 1)].fill([0.0; LANES]);
            }
        }
    }

    /// All other inputs of a decision; returns the length of the match.
    #[inline(always)]
    fn others<const FMA: bool, const N: usize>(
        &self,
        front: &Front,
        at: &Place,
        d: &mut Decisions<N>,
        j: usize,
    ) -> u32 {
        let mut length = 0;
        let (others, x) = (&self.inputs.others, d.inputs[j].as_flattened_mut());
        for q in 0..2 {
            let e = &front.expected[q];
            d.expects[j][q] = expected_bit(e, at);
            let (a, b) = if d.expects[j][q] < 0 {
                (0.0, 0.0)
            } else {
                length = e.length;
                let p = self.matches[q].trust[e.length as usize];
                let (a, b) = (stretch::<FMA>(p), (p - 0.5) * 4.0);
                if d.expects[j][q] == 1 { (a, b) } else { (-a, -b) }
            };
            (x[others[MATCHES + 2 * q]], x[others[MATCHES + 2 * q + 1]]) = (a, b);
        }
        if self.network.is_some() {
            x[others[NET]] = d.network[j];
        }
        x[others[BIAS]] = 0.3;
        if let Some(n) = &self.numbers {
            d.numbers[j] = n.opinion::<FMA>(&front.reading, at);
            let [a, b] = d.numbers[j].logits;
            (x[others[NUMBERS]], x[others[NUMBERS + 1]]) = (a, b);
        }
        if self.spec.recency {
            let s = self.recency.look(&front.recent, at.mask, at.depth, at.node, at.shift);
            (x[others[RECENT_SIDES]], x[others[RECENT_RANK]]) = if s.any {
                let r = stretch::<FMA>(self.recency.by_rank[s.rank]);
                (stretch::<FMA>(self.recency.by_sides[s.sides]), if s.bit { r } else { -r })
            } else {
                (0.0, 0.0)
            };
            d.sighting[j] = s;
        }
        length
    }

    /// Two layers of mixing.
    #[inline(always)]
    fn mix<const FMA: bool, const N: usize>(&self, d: &mut Decisions<N>) {
        for j in 0..N {
            let out = self.mixer.outputs::<FMA>(&d.selected[j], &d.inputs[j]);
            for i in 0..LANES {
                d.outputs[j][i] = out[i].clamp(-15.0, 15.0);
            }
            for i in 0..LANES {
                d.probabilities[j][i] = sigmoid::<FMA>(d.outputs[j][i]);
            }
            if let Some(alone) = self.alone {
                // the set of the counts alone is an expert by itself
                d.counts_only[j] = d.probabilities[j][alone];
                d.outputs[j][alone] = 0.0;
            }
            for k in 0..3 {
                d.final_outputs[k][j] = self.finals[k].dot::<FMA>(d.finals[j][k], &d.outputs[j]);
            }
        }
        let [a, b, c] = &d.final_outputs;
        for j in 0..N {
            d.stretched[j] = ((a[j] + b[j] + c[j]) * (1.0 / 3.0)).clamp(-15.0, 15.0);
        }
        for j in 0..N {
            d.mixed[j] = sigmoid::<FMA>(d.stretched[j]);
        }
    }

    /// Every expert's own prediction: plain orders that fall back on the next lower one, the counts' mixture, the
    /// network, and the full mixture.
    #[inline(always)]
    fn fill_experts<const N: usize>(&self, d: &mut Decisions<N>, j: usize, mixed: f32) {
        let clip = |p: f32| p.clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN);
        let mut p = 0.5;
        for i in 0..self.orders {
            p += (d.direct[j][i] - p) * d.confidence[j][i];
            d.experts[j][i] = clip(p);
        }
        let mut n = self.orders;
        if self.network.is_some() {
            d.experts[j][n] = clip(d.counts_only[j]);
            d.experts[j][n + 1] = clip(d.network_probability[j]);
            n += 2;
        }
        if self.numbers.is_some() {
            d.experts[j][n] = clip(d.numbers[j].probability);
            n += 1;
        }
        d.experts[j][n] = clip(mixed);
    }

    /// Asks the processor for the hashed map's rows while there is other work to do.
    #[inline(always)]
    pub(crate) fn prefetch_maps<const N: usize>(&self, front: &Front, at: &[Place; N]) {
        for at in at {
            self.refine[1].prefetch(self.map_context(front, at));
        }
    }

    /// The context of the hashed map at a node.
    #[inline(always)]
    fn map_context(&self, front: &Front, at: &Place) -> u32 {
        let last = mix(front.last[0], front.last[1]);
        mix(mix(last, at.prefix * 16 + at.node), at.depth as u32) & (self.spec.map_rows as u32 - 1)
    }

    /// The selecting context of a node.
    #[inline(always)]
    fn node_context(&self, at: &Place) -> u32 {
        match self.spec.code {
            Code::Byte if at.depth == 0 => at.node,
            Code::Byte => (16 + at.prefix * 15 + at.node - 1) & 255,
            Code::Arrival => (at.depth as u32 * 16 + at.node) & 255,
        }
    }

    /// Chooses a decision's weights by small contexts.
    #[inline(always)]
    fn select<const N: usize>(&self, front: &Front, at: &Place, length: u32, d: &mut Decisions<N>, j: usize) {
        let seen = d.seen[j][..self.orders].iter().filter(|s| **s != 0.0).count() as u32;
        let node = self.node_context(at);
        let matched = if length > 0 { (1 + length / 3).min(15) } else { 0 };
        let m = matched * 16 + seen.min(15);
        let mut selected = [0; LANES];
        selected[..4].copy_from_slice(&[node, m, front.last[0] & 255, front.last[1] & 255]);
        let mut n = 4;
        if !self.spec.is_text() {
            selected[n] = if self.spec.recency {
                if d.sighting[j].any { d.sighting[j].sides as u32 } else { 0 }
            } else {
                let sure = |p: f32| if p > 0.9155 { 8 } else { u32::from(p < 0.0845) };
                let orders = d.seen[j].iter().zip(&d.direct[j]).take(self.orders).filter(|o| *o.0 != 0.0);
                let sure: u32 = orders.map(|o| sure(*o.1)).sum();
                let e = (d.expects[j][0] + 1) as u32;
                (sure.min(63) * 4 + e) * 4 + (seen / 2).min(3)
            };
            n += 1;
        }
        if self.network.is_some() {
            let confident = (d.network_probability[j] * 16.0) as u32;
            selected[n] = (confident.min(15) * 8 + matched / 2) * 16 + at.node;
            n += 1;
        }
        if self.spec.is_text() {
            // the longer match's symbol, as long as its path agrees
            let hoped = front.expected.iter().rev().find(|e| e.alive && e.length > 0);
            let hoped = hoped.map_or(0, |e| u32::from(e.path.nibbles[0]) << 4 | u32::from(e.path.nibbles[1]));
            selected[n..n + 3].copy_from_slice(&[front.kinds, front.place, hoped]);
            n += 3;
        }
        if self.spec.sides > 0 {
            selected[n] = front.side & 255;
            n += 1;
        }
        if self.numbers.is_some() {
            let part = |x: f32| ((x + 8.0).clamp(0.0, 15.0)) as u32;
            let [a, b] = d.numbers[j].logits;
            selected[n] = part(a) * 16 + part(b);
        }
        d.finals[j] = [node, m, front.last[0] & 255];
        if self.spec.ablation.weight_sets {
            selected = [node; LANES];
        }
        if self.spec.ablation.final_mixers {
            d.finals[j] = [node; 3];
        }
        if let Some(alone) = self.alone {
            selected[alone] = node;
        }
        // under a low ceiling contexts share rows
        for s in &mut selected {
            *s &= self.spec.mixer_rows as u32 - 1;
        }
        self.mixer.locate(&mut selected);
        d.selected[j] = selected;
    }
}
