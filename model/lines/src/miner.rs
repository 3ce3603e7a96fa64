//! Finds the templates of lines as they come, without a threshold of similarity.
//!
//! A line is cut into pieces. A word with a digit, a quoted text and a path vary from the start; marks never do. A word
//! without digits is a literal until its place proves variable: under the same key with that one place starred, five
//! different words were seen (twenty for the first word of a line, or where but one literal would be left). Then the
//! place becomes a slot for good and the templates that it joins become one, which keeps the number of the most
//! frequent of them. Drain (He et al., ICWS 2017) compares lines by the share of equal words instead, and needs a
//! threshold for each kind of log.
//!
//! The key of a template is a sum of one hash for each place, so the key with a place starred is a subtraction and an
//! addition. Every table is bounded: beyond the bound the quarter of the templates that were not seen for longest goes.

use crate::piece::{Piece, PieceKind};
use crate::search::{
    FoundTemplate, Joined, NO_TEMPLATE, Search, Starred, WORDS_VARIABLE_BARE, unstarred, whole_key, words_needed,
};
use crate::table::{KeyTable, persist_table};
use crate::template::{Template, TemplatePiece, starred};
use std::collections::VecDeque;
use surmise_state::{Persist, State, StateError};

/// Lines that the miner remembers by their literals, for each template that it may hold.
const KNOWN_PER_TEMPLATE: usize = 2;

/// Starred keys whose words are remembered, for each template that the miner may hold.
const WORDS_PER_TEMPLATE: usize = 16;

/// Templates of lines, or of the insides of slots.
#[derive(Clone, Debug)]
pub(crate) struct Miner {
    limit: usize,
    templates: Vec<Option<Template>>,
    /// Numbers whose template is gone, in the order in which they went; unused numbers are taken first.
    free: VecDeque<u32>,
    /// For each number the template that took its template in, if one did.
    survivors: Vec<u32>,
    /// Template numbers by key.
    numbers: KeyTable<u32>,
    /// Starred keys whose starred place is variable, with the time of their last use.
    variable: KeyTable<u64>,
    /// The words seen at the starred place of a starred key.
    words: KeyTable<Vec<u64>>,
    /// Template numbers by the literals of whole lines, of those that came since templates were last joined.
    known: KeyTable<u32>,
    time: u64,
}

impl Miner {
    /// A miner that holds up to `limit` templates.
    pub fn new(limit: usize) -> Miner {
        Miner {
            limit: limit.max(8),
            templates: Vec::new(),
            free: VecDeque::new(),
            survivors: Vec::new(),
            numbers: KeyTable::default(),
            variable: KeyTable::default(),
            words: KeyTable::default(),
            known: KeyTable::default(),
            time: 0,
        }
    }

    /// How many templates there are.
    pub fn len(&self) -> usize {
        self.templates.len() - self.free.len()
    }

    /// The number under which the template of a number goes on, if it was taken in by others.
    pub fn current(&self, number: u32) -> u32 {
        let mut number = number;
        // a chain of survivors has no circle, since a survivor is alive when it takes in another one
        for _ in 0..self.survivors.len() {
            match self.survivors.get(number as usize) {
                Some(survivor) if self.get(number).is_none() && *survivor != NO_TEMPLATE => number = *survivor,
                _ => break,
            }
        }
        number
    }

    /// The template with this number, if there is one.
    pub fn get(&self, number: u32) -> Option<&Template> {
        self.templates.get(number as usize)?.as_ref()
    }

    /// The template with this number, to be changed.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Template> {
        self.templates.get_mut(number as usize)?.as_mut()
    }

    /// All templates with their numbers.
    pub fn all(&self) -> impl Iterator<Item = (u32, &Template)> {
        self.templates.iter().enumerate().filter_map(|(i, t)| Some((i as u32, t.as_ref()?)))
    }

    /// Finds the template of a line, which is made if there is none, and joined with others if a place proves variable.
    /// `frame` is whose inside the line is.
    pub fn find(&mut self, frame: u64, text: &[u8], pieces: &[Piece]) -> FoundTemplate {
        self.time += 1;
        let key = whole_key(frame, pieces);
        if let Some(number) = self.known.get(&key).copied()
            && self.hit(number)
        {
            return FoundTemplate { template: number, ..FoundTemplate::default() };
        }
        let words = pieces.iter().enumerate().filter(|(_, p)| p.kind == PieceKind::Word).map(|(i, _)| (i, false));
        let mut search = Search { text, pieces, words: words.collect(), key, frame };
        self.star_variable(&mut search);
        let mut found = FoundTemplate { template: NO_TEMPLATE, ..FoundTemplate::default() };
        match self.numbers.get(&search.key).copied() {
            Some(number) => found.template = number,
            None => {
                found.near = self.near(&search);
                self.learn_words(&mut search, &mut found);
            }
        }
        if !self.hit(found.template) {
            self.add(&search, &mut found);
        }
        if self.known.len() >= KNOWN_PER_TEMPLATE * self.limit {
            self.known.clear();
        }
        self.known.insert(key, found.template);
        found
    }

    /// Counts a line of a template; returns whether there is such a template.
    #[inline]
    fn hit(&mut self, number: u32) -> bool {
        let time = self.time;
        self.get_mut(number).is_some_and(|template| {
            template.count += 1;
            template.seen = time;
            true
        })
    }

    /// Stars the words whose place is variable.
    fn star_variable(&mut self, search: &mut Search<'_>) {
        for _ in 0..2 {
            let mut is_changed = false;
            for i in 0..search.words.len() {
                let (place, is_starred) = search.words[i];
                if is_starred {
                    continue;
                }
                if let Some(used) = self.variable.get_mut(&starred(search.key, place, search.pieces[place].hash)) {
                    *used = self.time;
                    search.star(place);
                    is_changed = true;
                }
            }
            if !is_changed {
                break;
            }
        }
    }

    /// Of all starred keys of a line without a template, the one under which new words are rarest.
    fn near(&self, search: &Search<'_>) -> Option<(u64, u64)> {
        let rate = |(words, lines): (u64, u64)| (words as f64 + 0.5) / (lines as f64 + 1.0);
        let mut best: Option<(u64, u64)> = None;
        for (place, hash) in search.plain() {
            let key = starred(search.key, place, hash);
            let Some(words) = self.words.get(&key) else { continue };
            let lines = words.iter().map(|word| self.count_of(unstarred(key, place, *word))).sum();
            let this = (words.len() as u64, lines);
            if best.is_none_or(|best| rate(this) < rate(best)) {
                best = Some(this);
            }
        }
        best
    }

    fn count_of(&self, key: u64) -> u64 {
        self.numbers.get(&key).and_then(|number| self.get(*number)).map_or(0, |template| template.count)
    }

    /// Remembers the words of a line without a template under its starred keys; joins templates where a place proves
    /// variable, and begins again with what is left.
    fn learn_words(&mut self, search: &mut Search<'_>, found: &mut FoundTemplate) {
        loop {
            let plain: Vec<(usize, u64)> = search.plain().collect();
            let mut variable = None;
            for (place, hash) in &plain {
                let key = starred(search.key, *place, *hash);
                let is_full = self.words.len() >= WORDS_PER_TEMPLATE * self.limit;
                if is_full && !self.words.contains_key(&key) {
                    continue;
                }
                let words = self.words.entry(key).or_default();
                if !words.contains(hash) && words.len() < WORDS_VARIABLE_BARE {
                    words.push(*hash);
                }
                let left = plain.len() - 1;
                if left >= 1 && words.len() >= words_needed(search, *place, left) {
                    variable = Some(*place);
                    break;
                }
            }
            let Some(place) = variable else { return };
            self.join(search, place, found);
        }
    }

    /// Makes a place variable and joins the templates that differ there.
    fn join(&mut self, search: &mut Search<'_>, place: usize, found: &mut FoundTemplate) {
        search.star(place);
        let key = search.key;
        self.variable.insert(key, self.time);
        self.known.clear();
        if self.variable.len() > 4 * self.limit {
            self.forget_variable();
        }
        let words = self.words.remove(&key).unwrap_or_default();
        let whole = self.numbers.get(&key).copied();
        let mut members: Vec<u32> =
            words.iter().filter_map(|word| self.numbers.remove(&unstarred(key, place, *word))).chain(whole).collect();
        members.retain(|number| self.get(*number).is_some());
        // the most frequent survives; of equals the one with the least number
        members.sort_by_key(|number| (std::cmp::Reverse(self.get(*number).map_or(0, |t| t.count)), *number));
        members.dedup();
        let Some(survivor) = members.first().copied() else { return };
        let mut count = 0;
        for number in &members[1..] {
            if let Some(template) = self.remove(*number) {
                count += template.count;
                self.survivors[*number as usize] = survivor;
                found.joined.push(Joined { number: *number, template, place });
            }
        }
        if let Some(template) = self.get_mut(survivor) {
            let piece = &mut template.pieces[place];
            if !piece.is_starred {
                let text = std::mem::take(&mut piece.text);
                piece.is_starred = true;
                found.starred.push(Starred { place, word: piece.hash, text, count: template.count });
            }
            template.key = key;
            template.count += count;
        }
        self.numbers.insert(key, survivor);
        found.template = survivor;
    }

    /// Adds a template for a line.
    fn add(&mut self, search: &Search<'_>, found: &mut FoundTemplate) {
        if self.len() >= self.limit {
            self.make_room(found);
        }
        let is_starred = |place| search.words.iter().any(|(p, is_starred)| *p == place && *is_starred);
        let piece = |(place, piece): (usize, &Piece)| {
            let mut made = TemplatePiece::new(piece.kind, piece.hash, piece.of(search.text));
            if is_starred(place) {
                (made.is_starred, made.text) = (true, Default::default());
            }
            made
        };
        let template = Template {
            key: search.key,
            frame: search.frame,
            pieces: search.pieces.iter().enumerate().map(piece).collect(),
            count: 1,
            seen: self.time,
            is_severe: false,
        };
        let unused = Some(self.templates.len()).filter(|unused| *unused < self.limit).map(|unused| {
            self.templates.push(None);
            self.survivors.push(NO_TEMPLATE);
            unused as u32
        });
        let Some(number) = unused.or_else(|| self.free.pop_front()) else { return };
        self.templates[number as usize] = Some(template);
        self.survivors[number as usize] = NO_TEMPLATE;
        self.numbers.insert(search.key, number);
        (found.template, found.is_new) = (number, true);
    }

    fn remove(&mut self, number: u32) -> Option<Template> {
        let template = self.templates.get_mut(number as usize)?.take()?;
        self.free.push_back(number);
        if self.numbers.get(&template.key) == Some(&number) {
            self.numbers.remove(&template.key);
        }
        Some(template)
    }

    /// Removes the quarter of the templates that were not seen for longest, and what was known of their words.
    fn make_room(&mut self, found: &mut FoundTemplate) {
        let mut ages: Vec<(u64, u32)> = self.all().map(|(number, t)| (t.seen, number)).collect();
        ages.sort_unstable();
        for (_, number) in &ages[..ages.len().div_ceil(4)] {
            if let Some(template) = self.remove(*number) {
                found.evicted.push((*number, template));
            }
        }
        let mut kept: Vec<u64> = Vec::new();
        for (_, template) in self.all() {
            let places = template.pieces.iter().enumerate().filter(|(_, p)| p.is_plain_word());
            kept.extend(places.map(|(place, _)| template.starred_key(place)));
        }
        kept.sort_unstable();
        self.words.retain(|key, _| kept.binary_search(key).is_ok());
        self.known.clear();
    }

    /// Forgets the half of the variable places that were not used for longest.
    fn forget_variable(&mut self) {
        let mut uses: Vec<u64> = self.variable.values().copied().collect();
        uses.sort_unstable();
        let middle = uses[uses.len() / 2];
        self.variable.retain(|_, used| *used > middle);
    }
}

impl Persist for Miner {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("miner")?;
        s.u64("time", &mut self.time)?;
        let mut free: Vec<u32> = self.free.iter().copied().collect();
        s.u32s("free", &mut free)?;
        self.free = free.into();
        s.u32s("survivors", &mut self.survivors)?;
        let n = s.begin("templates", self.templates.len(), 1)?;
        if n > self.limit || n != self.survivors.len() {
            return Err(StateError::Invalid("templates"));
        }
        if s.is_reading() {
            self.templates = vec![None; n];
        }
        for template in &mut self.templates {
            s.option("template", template, Template::default)?;
        }
        persist_table(s, "numbers", &mut self.numbers, |s, number| s.u32("number", number))?;
        persist_table(s, "variable", &mut self.variable, |s, used| s.u64("used", used))?;
        persist_table(s, "words", &mut self.words, |s, words| s.u64s("words", words))?;
        persist_table(s, "known", &mut self.known, |s, number| s.u32("number", number))
    }
}
