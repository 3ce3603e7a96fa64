//! The model of a stream of lines: reading a line, and keeping what was learnt when templates are joined or go.

use crate::burst::Burst;
use crate::channels::LINE_CHANNELS;
use crate::clock::LineClock;
use crate::line::cut_line;
use crate::miner::Miner;
use crate::overdue::{GapSource, Overdue};
use crate::pairs::Pairs;
use crate::piece::{PieceKind, Pieces};
use crate::rate::Rate;
use crate::role::{is_json_name, is_severe_letter, role_at};
use crate::search::FoundTemplate;
use crate::sequence::TemplateOrder;
use crate::severe::is_severe;
use crate::slots::Slots;
use crate::stamp::{self, Stamp};
use crate::template::{NO_SLOT, Template};
use crate::trace::{Continuation, TraceJoiner};
use surmise_alarm::{HighMark, Judge};
use surmise_state::{Persist, State, StateError};

/// Bounds of a model of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineLimits {
    /// Templates of lines, whose numbers are below this.
    pub templates: usize,
    /// Templates of the insides of quoted texts and paths.
    pub inner_templates: usize,
    /// Slots of all templates.
    pub slots: usize,
}

impl Default for LineLimits {
    fn default() -> LineLimits {
        LineLimits { templates: 4096, inner_templates: 16_384, slots: 65_536 }
    }
}

/// Pieces at the beginning of a line among which its time is, if it begins with one.
const HEAD_PIECES: usize = 12;
/// Lines over which the two rates of a stream are taken.
const RATE_LINES: [f64; 2] = [50.0, 250.0];

/// What reading a line gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineReading {
    /// The number of the line's template, below [`LineLimits::templates`]. It is stable: a template that takes in
    /// others keeps the number of the most frequent of them. A number is used again only after its template is gone.
    pub template: u32,
    /// The time that the line says, in microseconds since 1970, UTC where it names no zone.
    pub time_us: Option<i64>,
    /// Whether the template was made for this line.
    pub is_new: bool,
    /// Whether the line begins an event or goes on with that of the line before, as the frames of a stack trace do.
    pub continuation: Continuation,
}

/// What is kept of a template of lines beside its slots.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TemplateState {
    pub burst: Burst,
    pub burst_mark: HighMark,
    pub order_mark: HighMark,
    pub link_mark: HighMark,
    pub is_seen: bool,
}

/// The line that was read last, as pieces; not a part of the state.
#[derive(Clone, Debug, Default)]
pub(crate) struct CurrentLine {
    pub text: Vec<u8>,
    pub pieces: Pieces,
    pub inner: Pieces,
    pub found: FoundTemplate,
    pub ids: Vec<u64>,
    pub sources: Vec<GapSource>,
    pub is_json: bool,
    pub is_severe: bool,
}

/// A learner of the lines of one stream.
///
/// Call [`read`](Self::read) and then [`observe`](Self::observe) for each line. The model is deterministic: equal lines
/// in an equal order give equal states. No bytes make it panic, and every table has a bound.
///
/// ```
/// use surmise_lines::{LineLimits, LineModel};
///
/// let mut model = LineModel::new(LineLimits::default());
/// for user in ["anna", "bela", "chloe", "dilip", "emre", "fay"] {
///     let line = format!("Mar  2 13:14:00 db-1 sshd[58]: session opened for user {user} by root");
///     let reading = model.read(line.as_bytes(), None);
///     model.observe(&reading, 0.0);
/// }
/// assert_eq!(model.templates(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct LineModel {
    pub(crate) clock: LineClock,
    pub(crate) joiner: TraceJoiner,
    pub(crate) outer: Miner,
    pub(crate) inner: Miner,
    pub(crate) states: Vec<TemplateState>,
    pub(crate) slots: Slots,
    pub(crate) sequence: TemplateOrder,
    pub(crate) overdue: Overdue,
    pub(crate) rates: [Rate; 2],
    pub(crate) pairs: Pairs,
    pub(crate) severe: Burst,
    pub(crate) severe_mark: HighMark,
    pub(crate) judge: Judge,
    pub(crate) lines: u64,
    /// New templates of about the last 4,000 lines.
    pub(crate) new_recent: f64,
    /// Bits that templates usually cost by their share, and of late.
    pub(crate) usual_bits: f64,
    pub(crate) late_bits: f64,
    pub(crate) current: CurrentLine,
}

impl LineModel {
    /// A model that has seen no line.
    pub fn new(limits: LineLimits) -> LineModel {
        LineModel {
            clock: LineClock::default(),
            joiner: TraceJoiner::default(),
            outer: Miner::new(limits.templates),
            inner: Miner::new(limits.inner_templates),
            states: Vec::new(),
            slots: Slots::new(limits.slots),
            sequence: TemplateOrder::new(),
            overdue: Overdue::default(),
            rates: [Rate::new(RATE_LINES[0]), Rate::new(RATE_LINES[1])],
            pairs: Pairs::default(),
            severe: Burst::default(),
            severe_mark: HighMark::new(0, 4.0),
            judge: Judge::new(LINE_CHANNELS.to_vec()),
            lines: 0,
            new_recent: 2.0,
            usual_bits: 0.0,
            late_bits: 0.0,
            current: CurrentLine::default(),
        }
    }

    /// Goes on with another stream of the same kind: templates and slots stay, with how often and in which order they
    /// come; the time, what comes regularly, how many come in a time, and the latest lines are that stream's own.
    pub fn begin_like(&mut self) {
        (self.clock, self.joiner) = (LineClock::default(), TraceJoiner::default());
        (self.overdue, self.rates) = (Overdue::default(), [Rate::new(RATE_LINES[0]), Rate::new(RATE_LINES[1])]);
        self.sequence.begin_like();
    }

    /// Reads a line: cuts it, tells its time, and finds its template, which may be made or joined with others.
    /// `arrival_us` is when the line came, in microseconds since 1970, if that is known; it decides the year of stamps
    /// that have none.
    pub fn read(&mut self, line: &[u8], arrival_us: Option<i64>) -> LineReading {
        let mut current = std::mem::take(&mut self.current);
        current.text.clear();
        current.pieces.0.clear();
        current.is_json = cut_line(line, &mut current.text, &mut current.pieces);
        let stamp = current
            .pieces
            .0
            .iter()
            .filter(|p| p.kind == PieceKind::Time)
            .find_map(|p| stamp_of(p.of(&current.text)).filter(|stamp| stamp.has_time));
        let time_us = stamp.map(|stamp| self.clock.resolve(&stamp, arrival_us));
        let mut found = self.outer.find(0, &current.text, &current.pieces.0);
        self.keep(&mut found);
        if found.is_new {
            self.begin_template(found.template);
        }
        let head = current.pieces.0.iter().take(HEAD_PIECES);
        let is_stamped = time_us.is_some() && head.clone().any(|p| p.kind == PieceKind::Time) || current.is_json;
        let continuation = self.joiner.learn(line, is_stamped);
        let reading = LineReading { template: found.template, time_us, is_new: found.is_new, continuation };
        current.found = found;
        self.current = current;
        reading
    }

    /// How many lines were observed.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many templates of lines there are.
    pub fn templates(&self) -> usize {
        self.outer.len()
    }

    /// All template numbers that were given so far are below this.
    pub fn template_numbers(&self) -> u32 {
        self.states.len() as u32
    }

    /// The number under which a template goes on that others may have taken in since.
    pub fn current_template(&self, number: u32) -> u32 {
        self.outer.current(number)
    }

    /// The judge of this stream's evidence, with its channels.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Prepares the state of a template that was made for this line.
    fn begin_template(&mut self, number: u32) {
        let place = number as usize;
        if place >= self.states.len() {
            self.states.resize(place + 1, TemplateState::default());
        }
        let mark = HighMark::new(self.lines, 4.0);
        self.states[place] = TemplateState {
            burst: Burst::new(self.lines as f64),
            burst_mark: mark.clone(),
            order_mark: mark.clone(),
            link_mark: mark,
            is_seen: false,
        };
        if let Some(template) = self.outer.get_mut(number) {
            template.is_severe = has_severe_words(template);
        }
    }

    /// Keeps what was learnt of templates that were joined, and frees what belonged to those that made room.
    fn keep(&mut self, found: &mut FoundTemplate) {
        let survivor = found.template;
        for (number, template) in found.evicted.drain(..) {
            self.free_slots(&template);
            self.overdue.forget(number, None);
            if let Some(state) = self.states.get_mut(number as usize) {
                *state = TemplateState::default();
            }
        }
        for starred in std::mem::take(&mut found.starred) {
            self.take_in(survivor, starred.place, starred.word, starred.count, &starred.text.0);
        }
        for joined in std::mem::take(&mut found.joined) {
            let piece = &joined.template.pieces[joined.place];
            self.take_in(survivor, joined.place, piece.hash, joined.template.count, &piece.text.0);
            self.move_slots(survivor, &joined.template);
            self.overdue.forget(joined.number, Some(survivor));
            let Some(old) = self.states.get_mut(joined.number as usize).map(std::mem::take) else { continue };
            if let Some(state) = self.states.get_mut(survivor as usize) {
                state.burst.count += old.burst.count;
                state.burst.recent += old.burst.recent_at(state.burst.at.max(old.burst.at));
                state.is_seen |= old.is_seen;
            }
        }
    }

    /// Makes a word that was a literal at `place` a value of the slot there.
    fn take_in(&mut self, number: u32, place: usize, word: u64, count: u64, text: &[u8]) {
        if let Some(slot) = self.slot_of(number, place) {
            self.slots.take_in(slot, word, count, text);
        }
    }

    /// The slot at a place of a template, made if there is none.
    pub(crate) fn slot_of(&mut self, number: u32, place: usize) -> Option<u32> {
        slot_at(&mut self.outer, &mut self.slots, number, place, self.lines)
    }

    /// Gives the slots of a template that is no more to its survivor, where that has none.
    fn move_slots(&mut self, survivor: u32, old: &Template) {
        let Some(template) = self.outer.get_mut(survivor) else { return };
        for (to, from) in template.pieces.iter_mut().zip(&old.pieces).filter(|(_, from)| from.slot != NO_SLOT) {
            if to.slot == NO_SLOT {
                to.slot = from.slot;
            } else {
                self.slots.remove(from.slot);
            }
        }
    }

    fn free_slots(&mut self, template: &Template) {
        template.pieces.iter().filter(|p| p.slot != NO_SLOT).for_each(|p| self.slots.remove(p.slot));
    }

    /// Finds the template of the inside of a slot.
    pub(crate) fn find_inner(&mut self, frame: u64, text: &[u8], pieces: &Pieces) -> FoundTemplate {
        let mut found = self.inner.find(frame, text, &pieces.0);
        for (_, template) in found.evicted.drain(..) {
            self.free_slots(&template);
        }
        for starred in &found.starred {
            let slot = slot_at(&mut self.inner, &mut self.slots, found.template, starred.place, self.lines);
            if let Some(slot) = slot {
                self.slots.take_in(slot, starred.word, starred.count, &starred.text.0);
            }
        }
        for joined in &found.joined {
            let piece = &joined.template.pieces[joined.place];
            let slot = slot_at(&mut self.inner, &mut self.slots, found.template, joined.place, self.lines);
            if let Some(slot) = slot {
                self.slots.take_in(slot, piece.hash, joined.template.count, &piece.text.0);
            }
            if let Some(template) = self.inner.get_mut(found.template) {
                for (to, from) in template.pieces.iter_mut().zip(&joined.template.pieces) {
                    if from.slot != NO_SLOT && to.slot == NO_SLOT {
                        to.slot = from.slot;
                    } else if from.slot != NO_SLOT {
                        self.slots.remove(from.slot);
                    }
                }
            }
        }
        if found.is_new
            && let Some(template) = self.inner.get_mut(found.template)
        {
            template.is_severe = has_severe_words(template);
        }
        found
    }
}

/// What a piece that is a time says.
fn stamp_of(piece: &[u8]) -> Option<Stamp> {
    stamp::read(piece).or_else(|| stamp::read_month_day(piece)).map(|(_, stamp)| stamp)
}

/// The slot at a place of a template of a miner, made at line `now` if there is none.
pub(crate) fn slot_at(miner: &mut Miner, slots: &mut Slots, number: u32, place: usize, now: u64) -> Option<u32> {
    let piece = miner.get_mut(number)?.pieces.get_mut(place)?;
    if piece.slot == NO_SLOT {
        let slot = slots.add(now)?;
        piece.slot = slot;
        let role = miner.get(number).map(|template| role_at(template, place)).unwrap_or_default();
        if let Some(made) = slots.get_mut(slot) {
            (made.severity, made.field) =
                (role.severity, if role.field == 0 { u64::from(slot) + 1 } else { role.field });
        }
        return Some(slot);
    }
    Some(piece.slot)
}

/// Whether the literals of a template have a word of alarm.
fn has_severe_words(template: &Template) -> bool {
    let mut text = Vec::new();
    for (place, piece) in template.pieces.iter().enumerate() {
        if is_severe_letter(template, place) {
            return true;
        }
        let is_apart = is_json_name(template, place) || piece.text.0.is_empty();
        text.extend_from_slice(if is_apart { b"." } else { &piece.text.0 });
    }
    is_severe(&text)
}

impl Persist for TemplateState {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.burst.persist(s)?;
        self.burst_mark.persist(s)?;
        self.order_mark.persist(s)?;
        self.link_mark.persist(s)?;
        s.bool("seen", &mut self.is_seen)
    }
}

impl Persist for LineModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("lines")?;
        self.clock.persist(s)?;
        self.joiner.persist(s)?;
        self.outer.persist(s)?;
        self.inner.persist(s)?;
        s.list("states", &mut self.states, TemplateState::default)?;
        self.slots.persist(s)?;
        self.sequence.persist(s)?;
        self.overdue.persist(s)?;
        self.rates.iter_mut().try_for_each(|rate| rate.persist(s))?;
        self.pairs.persist(s)?;
        self.severe.persist(s)?;
        self.severe_mark.persist(s)?;
        self.judge.persist(s)?;
        s.u64("count", &mut self.lines)?;
        s.f64("new", &mut self.new_recent)?;
        s.f64("usual", &mut self.usual_bits)?;
        s.f64("late", &mut self.late_bits)
    }
}
