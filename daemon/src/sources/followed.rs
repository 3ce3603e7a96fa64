//! One file that is followed, and the reader that gives the log what is new in it.

use super::account::{FileAccount, TailFault, known, producer};
use super::file_events::FileEvents;
use super::finding::beside;
use super::learning::learn;
use super::rows::TableColumns;
use super::tailed_file::{FileId, Tailed, TailedFile, TailedLine};
use crate::clock::now_us;
use crate::hub::Hub;
use crate::source_board::SourceKind;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use surmise_config::{FileFormat, FileSource};

/// A file that is followed.
pub struct Followed {
    /// The file.
    pub file: TailedFile,
    /// Its account; none until its first line is whole.
    pub account: Option<FileAccount>,
    /// How far the log has it.
    pub position: u64,
    /// Whether what was truncated away is looked for in copies of the file before it is read.
    pub looks_for_copies: bool,
    source: FileSource,
    events: FileEvents,
    /// The hash of the first line, and the epoch, of what the file was before it was truncated.
    before: Option<(u64, u64)>,
}

impl Followed {
    /// A file of a source.
    pub fn new(file: TailedFile, source: &FileSource) -> Followed {
        let events = FileEvents::new(source, None);
        let source = source.clone();
        Followed { file, account: None, position: 0, looks_for_copies: false, source, events, before: None }
    }

    /// The hash of its first line, once it has an account.
    pub fn print(&self) -> Option<u64> {
        self.account.as_ref().map(|account| account.print)
    }

    /// Notices that the file begins with another line than before: it was truncated, whatever its length is by now.
    pub fn notice_new_beginning(&mut self) {
        if self.account.is_some() && self.file.print().is_ok_and(|print| print != self.print()) {
            self.begin_anew();
        }
    }

    /// What is in the file now is something else than before.
    fn begin_anew(&mut self) {
        tracing::info!("{} was truncated", self.file.path.display());
        self.before = self.account.take().map(|account| (account.print, account.epoch));
        (self.position, self.looks_for_copies) = (0, true);
    }

    /// Goes to where the log has the file.
    fn go_on_as(&mut self, account: FileAccount, line_bytes_max: usize) -> Result<(), TailFault> {
        let columns = match self.source.format {
            FileFormat::Csv => {
                let first = self.file.first_line(line_bytes_max)?.unwrap_or_default();
                Some(TableColumns::new(&first, &self.source.columns))
            }
            FileFormat::Lines | FileFormat::Ndjson => None,
        };
        self.events = FileEvents::new(&self.source, columns);
        self.position = account.committed;
        self.file.go_to(account.committed)?;
        self.account = Some(account);
        Ok(())
    }
}

/// What gives the log the lines of a source's files.
pub struct FileReader {
    /// The daemon.
    pub hub: Arc<Hub>,
    /// The name of the source.
    pub name: String,
    /// The stream of its events.
    pub stream: Arc<str>,
}

impl FileReader {
    /// The epoch of a file that begins with a line of this hash, and how far the log has it.
    ///
    /// # Errors
    /// The stream does not answer.
    pub async fn known(&self, id: FileId, print: u64) -> Result<Option<(u64, u64)>, TailFault> {
        known(&self.hub, &producer(&self.name, id, print), &self.stream).await
    }

    /// Gives the log what comes next in a file. Returns whether there was anything; nothing of a file that has another
    /// name and of which everything was read.
    ///
    /// # Errors
    /// The log did not take it, or the file cannot be read.
    pub async fn read(&self, followed: &mut Followed) -> Result<Option<bool>, TailFault> {
        if followed.account.is_none() {
            if followed.looks_for_copies {
                self.read_copies(followed).await?;
                followed.looks_for_copies = false;
            }
            self.identify(followed).await?;
        }
        if followed.account.is_none() {
            // its first line is not whole; a file that got another name without one has nothing to give
            let is_empty = followed.file.length()? == 0 && followed.file.is_rotated();
            return Ok((!is_empty).then_some(false));
        }
        self.read_on(followed).await
    }

    /// Reads on in a file that has an account.
    async fn read_on(&self, followed: &mut Followed) -> Result<Option<bool>, TailFault> {
        let line_bytes_max = self.hub.config.limits.line_bytes.0 as usize;
        // a page of the file may have to come from the disk
        match tokio::task::block_in_place(|| followed.file.read(line_bytes_max))? {
            Tailed::Lines(lines) if lines.is_empty() => Ok(Some(false)),
            Tailed::Lines(lines) => {
                self.learn(followed, &lines).await?;
                Ok(Some(true))
            }
            Tailed::Truncated => {
                followed.begin_anew();
                Ok(Some(true))
            }
            Tailed::Over if followed.events.is_holding() => {
                let end = followed.file.length()?;
                let rest = followed.events.take_held(end);
                self.learn(followed, &rest).await?;
                Ok(None)
            }
            Tailed::Over => Ok(None),
        }
    }

    /// Finds out who a file is for the log, and goes to where the log has it.
    async fn identify(&self, followed: &mut Followed) -> Result<(), TailFault> {
        let Some(print) = followed.file.print()? else { return Ok(()) };
        let epoch_min = followed.before.filter(|before| before.0 == print).map_or(1, |before| before.1 + 1);
        let (producer, length) = (producer(&self.name, followed.file.id, print), followed.file.length()?);
        let account = FileAccount::open(&self.hub, producer, print, &self.stream, epoch_min, length).await?;
        followed.go_on_as(account, self.hub.config.limits.line_bytes.0 as usize)
    }

    /// Reads what is left in the copy that was made of a file before it was truncated. Only the newest copy with a
    /// first line can have something that the log does not have.
    async fn read_copies(&self, followed: &Followed) -> Result<(), TailFault> {
        let (path, base, now) = (&followed.file.path, followed.file.id, followed.file.print()?);
        let mut seen = BTreeSet::new();
        for (id, sibling) in tokio::task::block_in_place(|| beside(path)).into_iter().rev() {
            let Ok(mut file) = TailedFile::open(&sibling) else { continue };
            file.finish();
            let Some(print) = file.print()?.filter(|print| seen.insert(*print)) else { continue };
            // a file with an account of its own is no copy
            let Some((epoch, committed)) = self.known(base, print).await? else { continue };
            let is_still_there =
                now == Some(print) && followed.before.is_none() && followed.file.length()? >= committed;
            if id == base || is_still_there || file.length()? <= committed || self.known(id, print).await?.is_some() {
                continue;
            }
            let mut copy = Followed::new(file, &followed.source);
            let producer = producer(&self.name, base, print);
            let account = FileAccount::open(&self.hub, producer, print, &self.stream, epoch, u64::MAX).await?;
            copy.go_on_as(account, self.hub.config.limits.line_bytes.0 as usize)?;
            tracing::info!(source = self.name, "{} has what was truncated away", sibling.display());
            // without its account it was truncated meanwhile, and is no copy any more
            while copy.account.is_some() && self.read_on(&mut copy).await? == Some(true) {}
        }
        Ok(())
    }

    /// Has lines learnt, and waits until they are durable or refused.
    async fn learn(&self, followed: &mut Followed, lines: &[TailedLine]) -> Result<(), TailFault> {
        let Some(account) = &followed.account else { return Ok(()) };
        let (path, limits) = (&followed.file.path, &self.hub.config.limits);
        let chunk = followed.events.read(lines, account, path, &self.stream, limits, now_us());
        let refused = chunk.refusals.first().map(|first| format!("{}: {}", path.display(), first.refusal));
        let (accepted, rejected) = learn(&self.hub, chunk, None, "file").await?;
        if let Some(end) = lines.last().map(|line| line.end).filter(|_| !followed.events.is_holding()) {
            self.hub.fencing.record_durable(&account.producer, account.epoch, Some(end));
            followed.position = end;
        }
        self.count(path, accepted, rejected, refused);
        Ok(())
    }

    fn count(&self, path: &Path, accepted: u64, rejected: u64, refusal: Option<String>) {
        if rejected > 0 {
            let reason = refusal.as_deref().unwrap_or("they do not fit the stream's fields");
            tracing::warn!(source = self.name, "{}: {rejected} lines are refused; {reason}", path.display());
        }
        self.hub.sources.update(SourceKind::Files, &self.name, |status| {
            status.events += accepted;
            status.refused += rejected;
            status.last_refusal = refusal.or(status.last_refusal.take());
        });
    }
}
