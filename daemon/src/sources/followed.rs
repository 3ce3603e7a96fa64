//! One file that is followed, and the reader that gives the log what is new in it.

use super::account::{AccountFault, ProducerAccount, known};
use super::file_events::FileEvents;
use super::finding::beside;
use super::learning::SourceIntake;
use super::rows::TableColumns;
use super::tailed_file::{FileId, Tailed, TailedFile, TailedLine};
use crate::clock::now_us;
use std::collections::BTreeSet;
use std::sync::Arc;
use surmise_config::{FileFormat, FileSource};
use surmise_event::{Schema, mended};

/// Bytes of a table by which it is found out how its cells are read.
const SAMPLE_BYTES_MAX: usize = 256 << 10;

/// Why a file is not read now.
#[derive(Debug, thiserror::Error)]
pub enum TailFault {
    /// It has no account, or its lines are not in the log.
    #[error(transparent)]
    Account(#[from] AccountFault),
    /// The system refuses.
    #[error("{0}; let the daemon's user read it")]
    Io(#[from] std::io::Error),
}

/// The account of a file. The producer's name has the source, the file's identity and a hash of its first line, and its
/// numbers are the offsets at which lines end.
pub struct FileAccount {
    /// The account of the producer.
    pub producer: ProducerAccount,
    /// The hash of the file's first line.
    pub print: u64,
}

/// The producer that a file of a source is.
fn producer(source: &str, id: FileId, print: u64) -> Arc<str> {
    format!("file/{source}/{id}-{print:016x}").into()
}

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
        let events = FileEvents::new(source, None, &Schema::default());
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
        self.before = self.account.take().map(|account| (account.print, account.producer.epoch));
        (self.position, self.looks_for_copies) = (0, true);
    }

    /// Goes to where the log has the file.
    fn go_on_as(&mut self, account: FileAccount, line_bytes_max: usize, declared: &Schema) -> Result<(), TailFault> {
        let columns = match self.source.format {
            FileFormat::Csv => {
                let first = self.file.first_line(line_bytes_max)?.unwrap_or_default();
                let mut columns = TableColumns::new(&first, &self.source.columns);
                let lines = self.file.first_lines(SAMPLE_BYTES_MAX)?;
                let rows = lines.get(columns.header_end as usize..).unwrap_or_default();
                columns.settle(&mended(rows), declared);
                Some(columns)
            }
            FileFormat::Lines | FileFormat::Ndjson => None,
        };
        self.events = FileEvents::new(&self.source, columns, declared);
        self.position = account.producer.committed;
        self.file.go_to(self.position)?;
        self.account = Some(account);
        Ok(())
    }
}

/// What gives the log the lines of a source's files.
pub struct FileReader {
    /// What takes their events.
    pub intake: SourceIntake,
    /// The stream of its events.
    pub stream: Arc<str>,
}

impl FileReader {
    /// The epoch of a file that begins with a line of this hash, and how far the log has it.
    ///
    /// # Errors
    /// The stream does not answer.
    pub async fn known(&self, id: FileId, print: u64) -> Result<Option<(u64, u64)>, TailFault> {
        Ok(known(&self.intake.hub, &self.producer(id, print), &self.stream).await?)
    }

    fn producer(&self, id: FileId, print: u64) -> Arc<str> {
        producer(&self.intake.name, id, print)
    }

    fn line_bytes_max(&self) -> usize {
        self.intake.hub.config.limits.line_bytes.0 as usize
    }

    /// What the configuration declares about the fields of the stream.
    fn declared(&self) -> Schema {
        self.intake.hub.config.rule(&self.stream).map(|(_, rule)| rule.schema()).unwrap_or_default()
    }

    /// Opens the account of a file in the newest epoch, which is `epoch_min` at least. If the log has more than the
    /// file's length, the file was truncated, and the account is that of the next epoch.
    async fn open_account(
        &self,
        id: FileId,
        print: u64,
        epoch_min: u64,
        length: u64,
    ) -> Result<FileAccount, TailFault> {
        let choose = |newest: u64, settled: u64| {
            let epoch = newest.max(epoch_min);
            if epoch == newest && settled > length { epoch + 1 } else { epoch }
        };
        let producer = ProducerAccount::open(&self.intake.hub, self.producer(id, print), &self.stream, choose).await?;
        Ok(FileAccount { producer, print })
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
        let line_bytes_max = self.line_bytes_max();
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
        let account = self.open_account(followed.file.id, print, epoch_min, followed.file.length()?).await?;
        followed.go_on_as(account, self.line_bytes_max(), &self.declared())
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
            let account = self.open_account(base, print, epoch, u64::MAX).await?;
            copy.go_on_as(account, self.line_bytes_max(), &self.declared())?;
            tracing::info!(source = &*self.intake.name, "{} has what was truncated away", sibling.display());
            // without its account it was truncated meanwhile, and is no copy any more
            while copy.account.is_some() && self.read_on(&mut copy).await? == Some(true) {}
        }
        Ok(())
    }

    /// Has lines learnt, and waits until they are durable or refused.
    async fn learn(&self, followed: &mut Followed, lines: &[TailedLine]) -> Result<(), TailFault> {
        let Some(account) = &mut followed.account else { return Ok(()) };
        let (path, limits) = (&followed.file.path, &self.intake.hub.config.limits);
        let chunk = followed.events.read(lines, &account.producer, path, &self.stream, limits, now_us());
        let (path, odd) = (path.display().to_string(), std::mem::take(&mut followed.events.odd));
        self.intake.learn(chunk, None, Some(&path)).await.map_err(AccountFault::from)?;
        self.intake.tell_odd(odd, &path);
        if let Some(end) = lines.last().map(|line| line.end).filter(|_| !followed.events.is_holding()) {
            account.producer.record_durable(&self.intake.hub, end);
            followed.position = end;
        }
        Ok(())
    }
}
