//! Which template comes next: after the last two, and after the last line that had the same identifier.

use crate::table::{KeyTable, log2, pair, persist_table};
use surmise_state::{Persist, State, StateError};

/// Pairs of a context and a template that are counted; beyond it all counts are halved and those below one go.
const COUNTS_MAX: usize = 200_000;

/// Identifiers whose last line is remembered.
const LINKS: usize = 1 << 15;

/// What a context usually costs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Usual {
    count: f64,
    bits: f64,
}

impl Default for Usual {
    fn default() -> Usual {
        Usual { count: 0.0, bits: 1.0 }
    }
}

impl Usual {
    fn learn(&mut self, bits: f64) {
        self.bits += (1.0 / 256f64).max(1.0 / (self.count + 4.0)) * (bits - self.bits);
        self.count += 1.0;
    }
}

impl Persist for Usual {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("count", &mut self.count)?;
        s.f64("bits", &mut self.bits)
    }
}

/// Counts of templates by what came before, with the usual cost of each context.
#[derive(Clone, Debug)]
pub(crate) struct TemplateOrder {
    counts: KeyTable<f64>,
    usual: KeyTable<Usual>,
    /// The last two templates, the last one second; plus one, zero for none.
    last: [u64; 2],
    /// The identifiers of late lines and their templates, at a place that the identifier's hash gives.
    links: Vec<(u64, u32)>,
}

impl TemplateOrder {
    pub fn new() -> TemplateOrder {
        TemplateOrder {
            counts: KeyTable::default(),
            usual: KeyTable::default(),
            last: [0; 2],
            links: vec![(0, 0); LINKS],
        }
    }

    /// Forgets the latest lines, and keeps which templates follow which.
    pub fn begin_like(&mut self) {
        self.last = [0; 2];
        self.links.fill((0, 0));
    }

    fn count(&self, context: u64, template: u64) -> f64 {
        self.counts.get(&pair(context, template)).copied().unwrap_or(0.0)
    }

    fn total(&self, context: u64) -> f64 {
        self.usual.get(&context).map_or(0.0, |usual| usual.count)
    }

    fn add(&mut self, context: u64, template: u64, bits: f64) {
        self.usual.entry(context).or_default().learn(bits);
        *self.counts.entry(pair(context, template)).or_insert(0.0) += 1.0;
    }

    /// Scores the next template and learns it; `share` is how frequent it is over all. Returns bits beyond what the
    /// last template usually costs, and nats of the template under these counts.
    pub fn follow(&mut self, template: u32, share: f64) -> (f64, f64) {
        let next = u64::from(template) + 1;
        let (first, second) = (pair(1, self.last[1]), pair(self.last[0] + 2, self.last[1]));
        let p1 = (self.count(first, next) + 2.0 * share) / (self.total(first) + 2.0);
        let p2 = (self.count(second, next) + 2.0 * p1) / (self.total(second) + 2.0);
        let bits = -log2(p2);
        let usual = self.usual.get(&first).copied().unwrap_or_default().bits;
        self.add(first, next, bits);
        self.add(second, next, bits);
        self.last = [self.last[1], next];
        self.bound();
        ((bits - usual).max(0.0), bits * std::f64::consts::LN_2)
    }

    /// Scores a template after the last line that had one of these identifiers, and learns it. Returns bits beyond what
    /// that line usually costs, zero if there is none.
    pub fn follow_link(&mut self, template: u32, share: f64, ids: &[u64]) -> f64 {
        let place = |id: u64| (id >> 20) as usize % LINKS;
        let linked = ids.iter().find_map(|id| Some(self.links[place(*id)]).filter(|link| link.0 == *id));
        let last = linked.map_or(0, |link| u64::from(link.1) + 1);
        let (context, next) = (pair(3, last), u64::from(template) + 1);
        let bits = -log2((self.count(context, next) + 2.0 * share) / (self.total(context) + 2.0));
        let usual = self.usual.get(&context).copied().unwrap_or_default().bits;
        self.add(context, next, bits);
        ids.iter().take(6).for_each(|id| self.links[place(*id)] = (*id, template));
        if linked.is_some() { (bits - usual).max(0.0) } else { 0.0 }
    }

    fn bound(&mut self) {
        if self.counts.len() > COUNTS_MAX {
            self.counts.retain(|_, count| {
                *count *= 0.5;
                *count >= 1.0
            });
            self.usual.retain(|_, usual| {
                usual.count *= 0.5;
                usual.count >= 1.0
            });
        }
    }
}

impl Persist for TemplateOrder {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("sequence")?;
        persist_table(s, "counts", &mut self.counts, |s, count| s.f64("count", count))?;
        persist_table(s, "usual", &mut self.usual, |s, usual| usual.persist(s))?;
        s.u64s_fixed("last", &mut self.last)?;
        let used = (0..LINKS).filter(|place| self.links[*place] != (0, 0)).map(|place| place as u32);
        let mut used: Vec<u32> = used.collect();
        s.u32s("links", &mut used)?;
        if s.is_reading() {
            self.links.fill((0, 0));
        }
        for place in used {
            let (id, template) = self.links.get_mut(place as usize).ok_or(StateError::Invalid("links"))?;
            s.u64("id", id)?;
            s.u32("template", template)?;
        }
        Ok(())
    }
}
