//! One symbol's walk down the code tree: at every node a prediction, then the bit, then learning.

use crate::bits::BitHistory;
use crate::code::{Code, Path};
use crate::context::mix;
use crate::model::{SymbolModel, Work};
use crate::network::LOGIT_MAX;
use crate::node::{
    BIAS, CHAIN, CONFIDENCE, DIRECT, Decision, Front, HISTORY, NET, NUMBERS, OTHER, Place, RECENT_RANK, RECENT_SIDES,
    SETS, Tables, count, expected_bit,
};
use crate::share::{EXPERTS_MAX, Nibble};
use surmise_lanes::{LANES, kernels, sigmoid, stretch};

/// Probabilities stay this far from 0 and 1.
const PROBABILITY_MIN: f32 = 1.0 / 65536.0;

/// What erred by no more than this is left as it is: most decisions of a routine stream are settled, and learning more
/// from them costs time and, where it drives weights on without end, bits.
const SETTLED: f32 = 1.0 / 256.0;

impl SymbolModel {
    /// Asks the processor for the lines of a symbol's first nibbles while there is other work to do.
    pub(crate) fn prefetch(&self, front: &Front, path: &Path) {
        let rows = self.spec.mixer_rows as u32 - 1;
        self.sets[2].prefetch(front.last[0] & 255 & rows);
        self.sets[3].prefetch(front.last[1] & 255 & rows);
        if self.spec.code == Code::Byte && self.spec.sides == 0 {
            let base = if self.network.is_some() { 6 } else { 5 };
            self.sets[base].prefetch(front.kinds & rows);
            self.sets[base + 1].prefetch(front.place & rows);
        }
        let mut prefix = 0;
        for depth in 0..(path.len as usize).min(2) {
            for i in 0..self.lanes {
                let k = nibble_key(front.hashes[i], depth, prefix);
                if self.counted >> i & 1 == 1 { self.counts.prefetch(k) } else { self.histories.prefetch(k) }
            }
            prefix = prefix << 4 | u32::from(path.nibbles[depth]);
        }
    }

    /// Asks the processor for the weights of the node that comes next in the nibble.
    #[inline(always)]
    fn prefetch_node(&self, at: &Place, bit: u32) {
        if at.shift > 0 {
            let next = Place { node: at.node * 2 + bit, ..*at };
            let node = self.node_context(&next) & (self.spec.mixer_rows as u32 - 1);
            self.sets[0].prefetch(node);
            if let Some(n) = &self.network {
                n.head.prefetch(self.spec.code.node(next.depth, next.prefix, next.node));
                self.counts_set.prefetch(node);
            }
        }
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

    /// Claims the line of every context at a nibble.
    #[inline(always)]
    fn claim(&mut self, front: &Front, depth: usize, prefix: u32, keys: &mut [u32; LANES], lines: &mut [u32; LANES]) {
        for i in 0..self.lanes {
            keys[i] = nibble_key(front.hashes[i], depth, prefix);
        }
        self.histories.grow_if_full();
        for i in 0..self.lanes {
            if self.counted >> i & 1 == 0 {
                lines[i] = self.histories.claim(keys[i]);
            }
        }
        for i in 0..self.lanes {
            if self.counted >> i & 1 == 1 {
                if self.counts.is_full() {
                    self.counts.grow();
                    for j in (0..i).filter(|j| self.counted >> j & 1 == 1) {
                        lines[j] = self.counts.claim(keys[j]);
                    }
                }
                lines[i] = self.counts.claim(keys[i]);
            }
        }
    }

    /// The raw statistics of a lane's line at a node, in the one form that predictions read.
    #[inline(always)]
    fn slot(&self, lane: usize, line: u32, node: u32) -> u32 {
        if self.counted >> lane & 1 == 1 {
            self.counts.line(line)[node as usize]
        } else {
            history_slot(self.histories.line(line)[node as usize])
        }
    }

    /// Forms the prediction at a place from the statistics in `d.slots`; returns the mixture's probability of a 1.
    #[inline(always)]
    pub(crate) fn predict<const FMA: bool>(
        &self,
        front: &Front,
        at: &Place,
        network: f32,
        d: &mut Decision,
        outer: &Nibble,
    ) -> f32 {
        let t = Tables::get();
        let lanes = self.lanes;
        let hash = mix(mix(mix(front.last[0], front.last[1]), at.prefix * 16 + at.node), at.depth as u32)
            & (self.spec.map_rows as u32 - 1);
        self.refine[1].prefetch(hash);
        for i in 0..LANES {
            let s = d.slots[i];
            d.counts[i] = s >> 16 & 255;
            d.maps[i] = (i as u32) << 8 | s >> 24;
            d.seen[i] = if d.counts[i] > 0 { 1.0 } else { 0.0 };
            d.direct[i] = ((s & 0xffff) as i32 as f32 + 0.5) * (1.0 / 65536.0);
        }
        self.maps.read::<FMA>(lanes, d);
        if self.spec.without.histories {
            (d.inputs[HISTORY], d.inputs[CHAIN]) = ([0.0; LANES], [0.0; LANES]);
        }
        let mut confidence = [0f32; LANES];
        for i in 0..LANES {
            confidence[i] = t.confidence[d.counts[i] as usize];
        }
        for i in 0..LANES {
            let is_counts = self.counted >> i & 1 == 1;
            let p = if is_counts { d.direct[i] } else { d.history[i] };
            d.direct[i] = p;
            d.inputs[DIRECT][i] = if is_counts { stretch::<FMA>(p) * confidence[i] } else { 0.0 };
            d.inputs[CONFIDENCE][i] = (p - 0.5) * (4.0 * confidence[i]);
        }
        // matches
        let mut length = 0;
        let other = &mut d.inputs[OTHER];
        for q in 0..2 {
            let e = &front.expected[q];
            d.expects[q] = expected_bit(e, at);
            let (a, b) = if d.expects[q] < 0 {
                (0.0, 0.0)
            } else {
                length = e.length;
                let p = self.matches[q].trust[e.length as usize];
                let (a, b) = (stretch::<FMA>(p), (p - 0.5) * 4.0);
                if d.expects[q] == 1 { (a, b) } else { (-a, -b) }
            };
            (other[2 * q], other[2 * q + 1]) = (a, b);
        }
        d.network = network.clamp(-LOGIT_MAX, LOGIT_MAX);
        other[NET] = d.network;
        other[BIAS] = 0.3;
        if let Some(n) = &self.numbers {
            d.numbers = n.opinion::<FMA>(&front.reading, at);
            other[NUMBERS..NUMBERS + 2].copy_from_slice(&d.numbers.logits);
        }
        if self.spec.recency {
            d.sighting = self.recency.look(&front.recent, at.mask, at.depth, at.node, at.shift);
            (other[RECENT_SIDES], other[RECENT_RANK]) = if d.sighting.any {
                let r = stretch::<FMA>(self.recency.by_rank[d.sighting.rank]);
                (stretch::<FMA>(self.recency.by_sides[d.sighting.sides]), if d.sighting.bit { r } else { -r })
            } else {
                (0.0, 0.0)
            };
        }
        self.select::<FMA>(front, at, length, d);
        // two layers of mixing
        d.outputs = [0.0; LANES];
        for (q, set) in self.sets.iter().enumerate() {
            d.outputs[q] = set.dot::<FMA>(d.selected[q], &d.inputs).clamp(-15.0, 15.0);
        }
        for i in 0..LANES {
            d.probabilities[i] = sigmoid::<FMA>(d.outputs[i]);
        }
        for k in 0..3 {
            d.final_outputs[k] = self.finals[k].dot::<FMA>(d.finals[k], &d.outputs);
        }
        d.stretched = ((d.final_outputs[0] + d.final_outputs[1] + d.final_outputs[2]) * (1.0 / 3.0)).clamp(-15.0, 15.0);
        let (a0, p0) = self.refine[0].refine(d.finals[0], d.stretched);
        let (a1, p1) = self.refine[1].refine(hash, d.stretched);
        d.places = [p0, p1];
        let mixed = sigmoid::<FMA>(d.stretched);
        let mixed = if self.spec.without.maps { mixed } else { 0.3 * mixed + 0.35 * (a0 + a1) };
        self.fill_experts::<FMA>(d, &confidence, mixed);
        outer.mix::<FMA>(&d.experts)
    }

    /// Every expert's own prediction: plain orders that fall back on the next lower one, the counts' mixture, the
    /// network, and the full mixture.
    #[inline(always)]
    fn fill_experts<const FMA: bool>(&self, d: &mut Decision, confidence: &[f32; LANES], mixed: f32) {
        let clip = |p: f32| p.clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN);
        let mut p = 0.5;
        for i in 0..self.orders {
            p += (d.direct[i] - p) * confidence[i];
            d.experts[i] = clip(p);
        }
        let mut n = self.orders;
        if self.network.is_some() {
            // its weights for what does not count are zero
            d.counts_only = self.counts_set.dot::<FMA>(d.selected[0], &d.inputs).clamp(-15.0, 15.0);
            d.experts[n] = clip(sigmoid::<FMA>(d.counts_only));
            d.experts[n + 1] = clip(sigmoid::<FMA>(d.network));
            n += 2;
        }
        if self.numbers.is_some() {
            d.experts[n] = clip(sigmoid::<FMA>(d.numbers.joint));
            n += 1;
        }
        d.experts[n] = clip(mixed);
    }

    /// Chooses the weights by small contexts.
    #[inline(always)]
    fn select<const FMA: bool>(&self, front: &Front, at: &Place, length: u32, d: &mut Decision) {
        let (mut seen, mut ones, mut zeros) = (0u32, 0u32, 0u32);
        for i in 0..self.orders {
            let s = d.seen[i] != 0.0;
            seen += u32::from(s);
            ones += u32::from(s && d.direct[i] > 0.9155);
            zeros += u32::from(s && d.direct[i] < 0.0845);
        }
        let node = self.node_context(at);
        let matched = if length > 0 { (1 + length / 3).min(15) } else { 0 };
        let m = matched * 16 + seen.min(15);
        let fourth = if self.spec.recency {
            if d.sighting.any { d.sighting.sides as u32 } else { 0 }
        } else {
            let e = (d.expects[0] + 1) as u32;
            ((ones.min(7) * 8 + zeros.min(7)) * 4 + e) * 4 + (seen / 2).min(3)
        };
        let confident = if self.network.is_some() { (sigmoid::<FMA>(d.network) * 16.0) as u32 } else { 0 };
        d.selected = [
            node,
            m,
            front.last[0] & 255,
            front.last[1] & 255,
            fourth,
            (confident.min(15) * 8 + matched / 2) * 16 + at.node,
            0,
            0,
            0,
            0,
        ];
        if self.spec.code == Code::Byte && self.spec.sides == 0 {
            let base = if self.network.is_some() { 6 } else { 5 };
            d.selected[base] = front.kinds;
            d.selected[base + 1] = front.place;
            // the longer match's symbol, as long as its path agrees
            let hoped = front.expected.iter().rev().find(|e| e.alive && e.length > 0);
            d.selected[base + 2] =
                hoped.map_or(0, |e| u32::from(e.path.nibbles[0]) << 4 | u32::from(e.path.nibbles[1]));
        }
        if self.spec.sides > 0 {
            d.selected[self.sets.len() - 1 - usize::from(self.numbers.is_some())] = front.side & 255;
        }
        if self.numbers.is_some() {
            let part = |x: f32| ((x + 8.0).clamp(0.0, 15.0)) as u32;
            d.selected[self.sets.len() - 1] = part(d.numbers.logits[0]) * 16 + part(d.numbers.logits[1]);
        }
        // under a low ceiling contexts share rows
        for s in &mut d.selected {
            *s &= self.spec.mixer_rows as u32 - 1;
        }
        d.finals = [node, m, front.last[0] & 255];
        if self.spec.without.weight_sets {
            d.selected = [d.selected[0]; SETS];
        }
        if self.spec.without.final_mixers {
            d.finals = [node; 3];
        }
    }

    /// Learns the bit that came at a place.
    #[inline(always)]
    fn learn<const FMA: bool>(&mut self, front: &mut Front, at: &Place, lines: &[u32; LANES], d: &Decision, bit: u32) {
        let y = bit as f32;
        let levelled = self.levels.level::<FMA>(&d.inputs);
        if let Some(n) = &mut self.network {
            let error = sigmoid::<FMA>(d.network) - y;
            if error.abs() > SETTLED {
                let (features, gradient) = n.core.features_and_gradient();
                n.head.learn(at.number, error, features, gradient);
            }
            let error = y - sigmoid::<FMA>(d.counts_only);
            if error.abs() > SETTLED {
                let row = self.counts_set.learn::<FMA>(d.selected[0], &levelled, error);
                for k in [NET, NUMBERS, NUMBERS + 1] {
                    row[OTHER][k] = 0.0;
                }
            }
        }
        if let Some(n) = &mut self.numbers {
            n.learn_bit::<FMA>(&front.reading, at, &d.numbers, y);
        }
        for k in 0..3 {
            let error = y - sigmoid::<FMA>(d.final_outputs[k]);
            if error.abs() > SETTLED {
                self.finals[k].learn::<FMA>(d.finals[k], &d.outputs, error * 0.002);
            }
        }
        for (q, set) in self.sets.iter_mut().enumerate() {
            let error = y - d.probabilities[q];
            if error.abs() > SETTLED {
                set.learn::<FMA>(d.selected[q], &levelled, error);
            }
        }
        for k in 0..2 {
            self.refine[k].learn(&d.places[k], y, 0.02);
        }
        if (y - sigmoid::<FMA>(d.stretched)).abs() > SETTLED {
            self.maps.learn::<FMA>(self.lanes, d, y);
        }
        let t = Tables::get();
        let histories = BitHistory::get();
        let next = count::<FMA>(&d.slots, &d.counts, &t.rate, bit);
        for i in 0..self.lanes {
            if self.counted >> i & 1 == 1 {
                self.counts.line_mut(lines[i])[at.node as usize] = next[i];
            } else {
                let s = &mut self.histories.line_mut(lines[i])[at.node as usize];
                *s = histories.next[*s as usize][bit as usize];
            }
        }
        if self.spec.recency {
            self.recency.learn(&d.sighting, bit == 1);
        }
        for q in 0..2 {
            if d.expects[q] >= 0 {
                let e = &mut front.expected[q];
                let hit = d.expects[q] as u32 == bit;
                let p = &mut self.matches[q].trust[e.length as usize];
                *p += (f32::from(u8::from(hit)) - *p) * 0.005;
                if !hit {
                    e.length = 0;
                }
            }
        }
    }

    fn score(&mut self, likelihoods: &[f64; EXPERTS_MAX]) {
        for i in 0..self.names.len() {
            self.expert_nats[i] = -libm::log(likelihoods[i]);
        }
    }
}

/// The hash of a context's line at a nibble.
#[inline(always)]
pub(crate) fn nibble_key(context: u32, depth: usize, prefix: u32) -> u32 {
    let h = if depth == 0 { context } else { mix(context, prefix.wrapping_mul(8).wrapping_add(depth as u32)) };
    if h == 0 { 1 } else { h }
}

/// A bit history in the form of a slot.
#[inline(always)]
pub(crate) fn history_slot(state: u8) -> u32 {
    u32::from(state) << 24 | Tables::get().weight[state as usize] << 16
}

kernels! {
/// Walks a symbol's path, predicting and learning at every node; returns the mixture's nats.
pub(crate) fn walk[FMA](m: &mut SymbolModel, w: &mut Work, symbol: u32) -> f64 {
    let path = m.spec.code.path(symbol);
    let mut outer = m.share.start();
    let mut mixture = 1f64;
    m.claims = [[0.0; 3]; 10];
    let mut at = Place::default();
    for depth in 0..path.len as usize {
        at.depth = depth;
        at.mask = if m.spec.recency { w.front.recent.within(&path.nibbles, depth) } else { 0 };
        m.claim(&w.front, depth, at.prefix, &mut w.keys, &mut w.lines);
        let nibble = u32::from(path.nibbles[depth]);
        at.node = 1;
        let mut weights = outer.nibble();
        for shift in (0..4u32).rev() {
            at.shift = shift;
            at.number = m.spec.code.node(depth, at.prefix, at.node);
            for i in 0..m.lanes { w.decision.slots[i] = m.slot(i, w.lines[i], at.node); }
            let logit = m.network.as_ref().map_or(0.0, |n| n.head.logit(at.number, n.core.features()));
            let bit = nibble >> shift & 1;
            m.prefetch_node(&at, bit);
            let p = m.predict::<FMA>(&w.front, &at, logit, &mut w.decision, &weights);
            let c = &mut m.claims[((p * 10.0) as usize).min(9)];
            c[0] += f64::from(p); c[1] += f64::from(bit); c[2] += 1.0;
            mixture *= f64::from(if bit == 1 { p } else { 1.0 - p });
            weights.step(&w.decision.experts, bit == 1);
            m.learn::<FMA>(&mut w.front, &at, &w.lines, &w.decision, bit);
            at.node = at.node * 2 + bit;
        }
        outer = outer.after(&weights);
        for e in &mut w.front.expected {
            e.alive &= u32::from(e.path.nibbles[depth]) == nibble && e.path.len as usize > depth + 1;
        }
        at.nibbles[depth] = nibble as u8;
        at.prefix = at.prefix << 4 | nibble;
    }
    m.share.finish(&outer);
    m.score(outer.likelihoods());
    -libm::log(mixture)
}
}
