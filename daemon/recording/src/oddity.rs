//! What was odd in a recording: counted, with an example, while reading goes on; or the end of it, where the caller
//! wants to be strict.

use crate::error::SourceError;
use crate::reader::Item;
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard};
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::EventLine;

/// Oddities that are told apart by their fields; of later ones only the kind is kept.
const ODDITIES_MAX: usize = 64;

/// Characters of a line or a value that are kept as an example.
const EXAMPLE_CHARS_MAX: usize = 120;

/// A way in which a line differs from what its format promises, and what was made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OddityKind {
    /// The line is no event, and was left out.
    LeftOut,
    /// A row has fewer or more cells than the header: what is missing is a missing value, what is too much is dropped.
    RaggedRow,
    /// Bytes that are not UTF-8 became `�`.
    InvalidUtf8,
    /// NUL bytes were dropped.
    NulBytes,
    /// A text stands in a field of numbers: it became a value of the field's companion for texts.
    TextInNumbers,
    /// An infinite number, or none at all, is a missing value.
    NotFinite,
    /// A whole number beyond 2⁵³ was rounded.
    Rounded,
}

impl OddityKind {
    /// What happened, in words that follow a number.
    pub fn words(self) -> &'static str {
        match self {
            OddityKind::LeftOut => "lines or rows left out",
            OddityKind::RaggedRow => "rows with too few or too many cells",
            OddityKind::InvalidUtf8 => "lines that are not UTF-8, mended with �",
            OddityKind::NulBytes => "lines with NUL bytes, which were dropped",
            OddityKind::TextInNumbers => "texts among numbers, which went to a field of their own",
            OddityKind::NotFinite => "numbers that are infinite or none, read as missing",
            OddityKind::Rounded => "whole numbers beyond 2^53, rounded",
        }
    }
}

/// Oddities of one kind in one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Oddity {
    /// What happened.
    pub kind: OddityKind,
    /// The field, or the part of the line, that it happened to.
    pub field: String,
    /// How often it happened.
    pub count: u64,
    /// Where it happened first.
    pub file: String,
    /// The line of that file, from 1.
    pub line: u64,
    /// Why, in words that say what to do.
    pub reason: String,
    /// What stood there.
    pub example: String,
    #[serde(skip)]
    code: Option<RefusalCode>,
}

impl std::fmt::Display for Oddity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Oddity { kind, field, count, file, line, reason, example, .. } = self;
        write!(f, "{count} {}; first {file}:{line}, field {field:?}: {reason}: {example:?}", kind.words())
    }
}

/// A place in a recording.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    /// The line, from 1.
    pub(crate) line: u64,
}

/// The oddities of a recording so far, which several threads can follow.
#[derive(Clone, Debug, Default)]
pub struct OddityLog {
    strict: bool,
    all: Arc<Mutex<Vec<Oddity>>>,
}

impl OddityLog {
    /// A log without entries; a strict one makes an error of the first oddity.
    pub(crate) fn new(strict: bool) -> OddityLog {
        OddityLog { strict, all: Arc::default() }
    }

    /// Everything that was odd so far, the most frequent first.
    pub fn list(&self) -> Vec<Oddity> {
        let mut all = self.lock().clone();
        all.sort_by(|a, b| b.count.cmp(&a.count).then(a.kind.cmp(&b.kind)).then(a.field.cmp(&b.field)));
        all
    }

    /// Counts a record that its stream refused, and was left out.
    ///
    /// # Errors
    /// The refusal, where the recording is read strictly.
    pub fn refused(&self, item: &Item, refusal: Refusal) -> Result<(), SourceError> {
        let place = Place { file: &item.file, line: item.line };
        let line = EventLine { record: item.record.clone(), ..EventLine::default() };
        let mut example = Vec::new();
        // of what JSON cannot carry, the reason has to do
        let _ = line.write_line(&mut example);
        self.note(OddityKind::LeftOut, place, refusal, &String::from_utf8_lossy(&example))
    }

    /// Counts an oddity, or makes an error of it.
    pub(crate) fn note(
        &self,
        kind: OddityKind,
        place: Place<'_>,
        refusal: Refusal,
        example: &str,
    ) -> Result<(), SourceError> {
        if self.strict {
            return Err(SourceError::Data { file: place.file.to_owned(), line: place.line, refusal });
        }
        let mut all = self.lock();
        let known = |o: &&mut Oddity| o.kind == kind && o.field == refusal.field;
        if let Some(oddity) = all.iter_mut().find(known) {
            oddity.count += 1;
            return Ok(());
        }
        let Refusal { code, mut field, reason } = refusal;
        if all.len() >= ODDITIES_MAX {
            if let Some(oddity) = all.iter_mut().find(|o| o.kind == kind) {
                oddity.count += 1;
                return Ok(());
            }
            field = "…".to_owned();
        }
        let example = shown(example);
        let Place { file, line } = place;
        all.push(Oddity { kind, field, count: 1, file: file.to_owned(), line, reason, example, code: Some(code) });
        Ok(())
    }

    /// The error that a recording without any event is: the first line that was left out.
    pub(crate) fn nothing_read(&self) -> Option<SourceError> {
        let all = self.lock();
        let first = all.iter().filter(|o| o.kind == OddityKind::LeftOut).min_by_key(|o| o.line)?;
        let code = first.code.unwrap_or(RefusalCode::BadJson);
        let reason = format!("{}; no line of the recording is an event: {:?}", first.reason, first.example);
        let refusal = Refusal::new(code, &first.field, reason);
        Some(SourceError::Data { file: first.file.clone(), line: first.line, refusal })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Oddity>> {
        self.all.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The beginning of a text, for people.
pub(crate) fn shown(text: &str) -> String {
    let text = text.trim_end();
    match text.char_indices().nth(EXAMPLE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
