//! What a person looks at: which view, sorted how, with which filter, and what keys do.

use crate::opened::OpenedStream;
use crate::overview::{Overview, is_odd};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use surmise_event::AlarmPhase;
use surmise_protocol::StreamRow;

/// A view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ViewKind {
    /// All streams.
    #[default]
    Streams,
    /// Incidents of all streams.
    Incidents,
    /// One stream.
    Stream,
}

/// A column of the list of streams, by which it can be sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortColumn {
    /// The name.
    Name,
    /// Events per second.
    Rate,
    /// Bits per event.
    Bits,
    /// 1 − loss / loss of the best simple predictor.
    Skill,
    /// The latest incident, those that are not over first.
    #[default]
    Incident,
    /// The latest drift.
    Drift,
    /// Events so far.
    Events,
}

impl SortColumn {
    /// All columns, in the order in which they stand.
    pub const ALL: [SortColumn; 7] = [
        SortColumn::Name,
        SortColumn::Rate,
        SortColumn::Bits,
        SortColumn::Skill,
        SortColumn::Incident,
        SortColumn::Drift,
        SortColumn::Events,
    ];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            SortColumn::Name => "Stream",
            SortColumn::Rate => "Events/s",
            SortColumn::Bits => "Bits/event",
            SortColumn::Skill => "Skill",
            SortColumn::Incident => "Last incident",
            SortColumn::Drift => "Drift",
            SortColumn::Events => "Events",
        }
    }
}

/// Spans of the course of a stream, as the API names them.
pub const COURSES: [&str; 4] = ["seconds", "minutes", "hours", "days"];

/// What a key asks of the program beyond a change of what is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    Stay,
    /// Another stream is opened, or another course of it.
    Ask,
    /// The end.
    Quit,
}

/// What a person looks at.
#[derive(Clone, Debug, Default)]
pub struct Viewer {
    /// The view.
    pub view: ViewKind,
    /// The view from which the stream was opened.
    pub came_from: ViewKind,
    /// The column that the list is sorted by.
    pub sort: SortColumn,
    /// Whether the least comes first.
    pub is_rising: bool,
    /// Words that a name has to hold, or such as `is:odd`.
    pub filter: String,
    /// Whether keys go into the filter.
    pub is_typing: bool,
    /// Whether the help is shown.
    pub is_helping: bool,
    /// The stream on which the cursor is, or which is open.
    pub stream: Option<String>,
    /// The incident on which the cursor is, counted from the latest.
    pub incident: usize,
    /// Lines of the open stream that are above the screen.
    pub scroll: usize,
    /// The course that is shown of the open stream, of [`COURSES`].
    pub course: usize,
    /// What is known of the open stream.
    pub opened: Option<OpenedStream>,
    /// Why nothing is known of it, or nothing new.
    pub problem: Option<String>,
}

impl Viewer {
    /// The rows that the filter lets through, sorted.
    pub fn rows<'o>(&self, overview: &'o Overview) -> Vec<&'o StreamRow> {
        let filter = self.filter.to_lowercase();
        let words: Vec<&str> = filter.split_whitespace().collect();
        let mut rows: Vec<&StreamRow> =
            overview.rows.values().filter(|row| words.iter().all(|word| fits(row, word))).collect();
        rows.sort_by(|a, b| {
            let order = compare(a, b, self.sort);
            if self.is_rising { order } else { order.reverse() }.then_with(|| a.stream.cmp(&b.stream))
        });
        rows
    }

    /// The place of the cursor among rows: the first row where its stream is not there.
    pub fn cursor(&self, rows: &[&StreamRow]) -> usize {
        let name = self.stream.as_deref();
        rows.iter().position(|row| Some(row.stream.as_str()) == name).unwrap_or(0)
    }

    /// Does what a key says; `page` is how many rows a page has.
    pub fn key(&mut self, key: KeyEvent, overview: &Overview, page: usize) -> Wish {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Wish::Quit;
        }
        if self.is_helping {
            // any key goes on
            self.is_helping = false;
            return Wish::Stay;
        }
        if self.is_typing {
            self.type_key(key.code);
            return Wish::Stay;
        }
        match key.code {
            KeyCode::Char('q') => return Wish::Quit,
            KeyCode::Char('?') | KeyCode::F(1) => self.is_helping = true,
            KeyCode::Esc | KeyCode::Backspace => self.go_back(),
            KeyCode::Tab | KeyCode::BackTab => {
                let incidents = self.view != ViewKind::Incidents;
                self.view = if incidents { ViewKind::Incidents } else { ViewKind::Streams };
            }
            KeyCode::Enter => return self.open(overview),
            KeyCode::Char('/') => {
                (self.view, self.is_typing) = (ViewKind::Streams, true);
            }
            KeyCode::Char('t') if self.view == ViewKind::Stream => {
                self.course = (self.course + 1) % COURSES.len();
                return Wish::Ask;
            }
            KeyCode::Char('r') => self.is_rising = !self.is_rising,
            KeyCode::Left | KeyCode::Char('<') => self.sort_by_next(SortColumn::ALL.len() - 1),
            KeyCode::Right | KeyCode::Char('>') => self.sort_by_next(1),
            code => self.go(code, overview, page.max(1)),
        }
        Wish::Stay
    }

    fn type_key(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => (self.is_typing, self.filter) = (false, String::new()),
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) if self.filter.len() < FILTER_BYTES_MAX => self.filter.push(c),
            _ => {}
        }
    }

    fn go_back(&mut self) {
        match self.view {
            ViewKind::Stream => self.view = self.came_from,
            ViewKind::Incidents => self.view = ViewKind::Streams,
            ViewKind::Streams => self.filter.clear(),
        }
    }

    fn open(&mut self, overview: &Overview) -> Wish {
        let name = match self.view {
            ViewKind::Stream => return Wish::Stay,
            ViewKind::Streams => {
                let rows = self.rows(overview);
                rows.get(self.cursor(&rows)).map(|row| row.stream.clone())
            }
            ViewKind::Incidents => overview.latest().get(self.incident).map(|i| i.stream.to_string()),
        };
        let Some(name) = name else { return Wish::Stay };
        self.came_from = self.view;
        (self.view, self.scroll, self.problem) = (ViewKind::Stream, 0, None);
        if self.opened.as_ref().is_some_and(|opened| opened.status.stream != name) {
            self.opened = None;
        }
        self.stream = Some(name);
        Wish::Ask
    }

    fn sort_by_next(&mut self, steps: usize) {
        let place = SortColumn::ALL.iter().position(|column| *column == self.sort).unwrap_or(0);
        self.sort = SortColumn::ALL[(place + steps) % SortColumn::ALL.len()];
        self.is_rising = self.sort == SortColumn::Name;
    }

    /// Moves the cursor, or scrolls.
    fn go(&mut self, code: KeyCode, overview: &Overview, page: usize) {
        let moved = |at: usize, last: usize| match code {
            KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => (at + 1).min(last),
            KeyCode::PageUp => at.saturating_sub(page),
            KeyCode::PageDown | KeyCode::Char(' ') => (at + page).min(last),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => at,
        };
        match self.view {
            ViewKind::Streams => {
                let rows = self.rows(overview);
                let at = moved(self.cursor(&rows), rows.len().saturating_sub(1));
                self.stream = rows.get(at).map(|row| row.stream.clone());
            }
            ViewKind::Incidents => {
                self.incident = moved(self.incident, overview.latest().len().saturating_sub(1));
            }
            // the drawing stops at the last line
            ViewKind::Stream => self.scroll = moved(self.scroll, SCROLL_MAX),
        }
    }
}

/// Bytes of a filter.
const FILTER_BYTES_MAX: usize = 200;

/// Lines that an open stream has at most.
const SCROLL_MAX: usize = 999;

fn fits(row: &StreamRow, word: &str) -> bool {
    match word {
        "is:odd" => is_odd(row),
        "is:failed" => row.failed.is_some(),
        "is:live" => row.events_per_second > 0.0,
        "is:drifting" => row.drift.is_some(),
        word => row.stream.to_lowercase().contains(word),
    }
}

fn compare(a: &StreamRow, b: &StreamRow, column: SortColumn) -> std::cmp::Ordering {
    let weight = |row: &StreamRow| match &row.last_incident {
        _ if row.failed.is_some() => 9,
        Some(incident) if incident.phase != AlarmPhase::Ended => 2,
        Some(_) => 1,
        None => 0,
    };
    let time = |row: &StreamRow| row.last_incident.as_ref().and_then(|incident| incident.time.clone());
    match column {
        SortColumn::Name => a.stream.cmp(&b.stream),
        SortColumn::Rate => a.events_per_second.total_cmp(&b.events_per_second),
        SortColumn::Bits => a.recent_bits.unwrap_or(-1.0).total_cmp(&b.recent_bits.unwrap_or(-1.0)),
        SortColumn::Skill => a.skill.unwrap_or(-9.0).total_cmp(&b.skill.unwrap_or(-9.0)),
        SortColumn::Incident => weight(a).cmp(&weight(b)).then_with(|| time(a).cmp(&time(b))),
        SortColumn::Drift => a.drift.as_ref().map(|d| d.noticed).cmp(&b.drift.as_ref().map(|d| d.noticed)),
        SortColumn::Events => a.offset.cmp(&b.offset),
    }
}
