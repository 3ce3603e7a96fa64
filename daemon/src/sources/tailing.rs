//! Following the files of one source: which there are, in which order they are read, and what of rotated ones is left.

use super::account::AccountFault;
use super::finding::{FoundFiles, beside, find, leads_to};
use super::followed::{FileReader, Followed, TailFault};
use super::learning::{LearningFault, SourceIntake};
use super::tailed_file::{FileId, TailedFile};
use crate::hub::Hub;
use crate::source_board::{FileStatus, SourceKind, SourceState};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use surmise_config::FileSource;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

/// How often it is looked which files there are, and whether they have grown.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long a source pauses after a failure.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// Looks in a row for which new files wait because others beside them were moved.
const MOVED_LOOKS_MAX: u32 = 10;
/// Files of a source that are open at once.
const FILES_MAX: usize = 1024;

/// The files of one source.
pub struct Tailing {
    reader: FileReader,
    source: FileSource,
    /// In the order in which they are read; rotated ones are older than others.
    followed: Vec<Followed>,
    /// What is wrong with files.
    faults: BTreeMap<PathBuf, String>,
    /// Whether there was a look during which nothing was moved.
    has_looked: bool,
    /// The files that were found at the latest look.
    found: BTreeSet<FileId>,
    /// Paths beside which files were moved during the latest look, so that new files wait; for how many looks in a row.
    moved: BTreeMap<PathBuf, u32>,
}

/// What was found under a path is not there any more.
struct Moved;

impl Tailing {
    /// Prepares to follow the files of a source.
    pub fn new(hub: Arc<Hub>, name: &str, source: &FileSource) -> Tailing {
        let stream = source.stream(name);
        let intake = SourceIntake::new(hub, SourceKind::Files, name, stream);
        let reader = FileReader { intake, stream: stream.into() };
        Tailing {
            reader,
            source: source.clone(),
            followed: Vec::new(),
            faults: BTreeMap::new(),
            has_looked: false,
            found: BTreeSet::new(),
            moved: BTreeMap::new(),
        }
    }

    /// Follows them until the daemon stops.
    pub async fn serve(mut self) {
        let stopping = self.reader.intake.hub.stopping.clone();
        stopping.run_until_cancelled(self.follow()).await;
    }

    async fn follow(&mut self) {
        if !self.reader.intake.until_ready().await {
            return;
        }
        loop {
            let until = Instant::now() + LOOK_INTERVAL;
            self.look().await;
            // a file that never pauses must not keep new ones from being found
            let mut has_news = true;
            while has_news && Instant::now() < until {
                // what came before a file got another name comes before what is in the file that has its name now
                has_news = self.read_rotated().await || self.read_others().await;
            }
            self.tell();
            tokio::time::sleep_until(until).await;
        }
    }

    /// Gives the log what is new in the oldest rotated file that has anything. Returns whether there was one.
    async fn read_rotated(&mut self) -> bool {
        let mut place = 0;
        while place < self.followed.len() {
            if self.followed[place].file.is_rotated() && self.read(place).await {
                return true;
            }
            place += 1;
        }
        false
    }

    /// Gives the log what is new in files that have their name. Returns whether there was anything.
    async fn read_others(&mut self) -> bool {
        let mut has_news = false;
        for place in 0..self.followed.len() {
            if self.followed.get(place).is_some_and(|followed| !followed.file.is_rotated()) {
                has_news |= self.read(place).await;
            }
        }
        has_news
    }

    /// Gives the log what is new in a file. Returns whether there was anything.
    async fn read(&mut self, place: usize) -> bool {
        let followed = &mut self.followed[place];
        match self.reader.read(followed).await {
            Ok(Some(has_news)) => {
                self.faults.remove(&followed.file.path);
                has_news
            }
            Ok(None) => {
                self.faults.remove(&followed.file.path);
                self.followed.remove(place);
                true
            }
            Err(TailFault::Account(AccountFault::Learning(LearningFault::Stopping))) => false,
            Err(error) => {
                let path = followed.file.path.clone();
                // the log knows best how far it is
                followed.account = None;
                self.faults.insert(path.clone(), format!("{}: {error}; it is tried again", path.display()));
                self.tell();
                sleep(FAILURE_PAUSE).await;
                false
            }
        }
    }

    /// Looks which files there are, opens those that are new, and notes which have another name by now.
    async fn look(&mut self) {
        let patterns = self.source.paths.clone();
        let Ok(found) = spawn_blocking(move || find(&patterns)).await else { return };
        let is_first = !self.has_looked;
        // what has a name that something else had may not be what came next after it
        let mut has_rotated = is_first || !self.moved.is_empty();
        has_rotated |= !found.there.keys().all(|id| self.found.contains(id));
        self.found = found.there.keys().copied().collect();
        for followed in &mut self.followed {
            let path = found.there.get(&followed.file.id);
            has_rotated |= path.is_none() && !followed.file.is_rotated();
            followed.file.set_rotated(path.is_none());
            if let Some(path) = path {
                followed.file.path.clone_from(path);
            }
            tokio::task::block_in_place(|| followed.notice_new_beginning());
        }
        if has_rotated {
            self.look_beside(&found).await;
        }
        let broken = |path: &PathBuf| found.there.values().any(|there| there == path);
        self.faults.retain(|path, _| broken(path) || self.followed.iter().any(|f| f.file.path == *path));
        for error in &found.errors {
            self.faults.insert(PathBuf::from(error), error.clone());
        }
        for (id, path) in &found.there {
            // what came before it may be what was moved
            if self.moved.contains_key(path) {
                continue;
            }
            // one that was moved is found by its new name at the next look
            if let Ok(Some(mut followed)) = self.open(*id, path) {
                // what a daemon that was not there has missed
                followed.looks_for_copies = is_first;
                self.followed.push(followed);
            }
        }
        self.has_looked |= self.moved.is_empty();
    }

    /// Follows what is beside files and was one of them before a rotation: those that the log knows, and whatever came
    /// after such a one.
    async fn look_beside(&mut self, found: &FoundFiles) {
        let rotated = self.followed.iter().filter(|followed| followed.file.is_rotated());
        let mut paths: BTreeMap<PathBuf, Option<FileId>> =
            rotated.map(|followed| (followed.file.path.clone(), None)).collect();
        paths.extend(found.there.iter().map(|(id, path)| (path.clone(), Some(*id))));
        let before = std::mem::take(&mut self.moved);
        for (path, base) in paths {
            let siblings = {
                let path = path.clone();
                spawn_blocking(move || beside(&path)).await.unwrap_or_default()
            };
            let is_whole = self.follow_siblings(&path, base, siblings, found).await.unwrap_or_else(|error| {
                self.faults.insert(path.clone(), format!("files beside {}: {error}", path.display()));
                false
            });
            let looks = before.get(&path).map_or(1, |looks| looks + 1);
            if !is_whole && looks <= MOVED_LOOKS_MAX {
                self.moved.insert(path, looks);
            }
        }
    }

    /// Follows those of the files beside a path that are its own. Returns whether these are all of them: false if one
    /// was moved meanwhile.
    async fn follow_siblings(
        &mut self,
        path: &Path,
        base: Option<FileId>,
        siblings: Vec<(FileId, PathBuf)>,
        found: &FoundFiles,
    ) -> Result<bool, TailFault> {
        let mut new = Vec::new();
        let is_whole = self.open_siblings(path, base, siblings, found, &mut new).await;
        // before those that still have their name
        let place = self.followed.iter().position(|f| !f.file.is_rotated()).unwrap_or(self.followed.len());
        self.followed.splice(place..place, new);
        is_whole
    }

    /// Opens them into `new`, the oldest first, up to the first that was moved.
    async fn open_siblings(
        &mut self,
        path: &Path,
        base: Option<FileId>,
        siblings: Vec<(FileId, PathBuf)>,
        found: &FoundFiles,
        new: &mut Vec<Followed>,
    ) -> Result<bool, TailFault> {
        let mut comes_after_known = false;
        for (id, sibling) in siblings {
            if self.followed.iter().any(|followed| followed.file.id == id) {
                comes_after_known = true;
                continue;
            }
            // what was moved is followed at the next look, before what is younger
            match found.there.get(&id) {
                // a file may have two names
                Some(there) if leads_to(there, id) => continue,
                Some(_) => return Ok(false),
                None => {}
            }
            let mut followed = match self.open(id, &sibling) {
                Ok(Some(followed)) => followed,
                Ok(None) => continue,
                Err(Moved) => return Ok(false),
            };
            followed.file.set_rotated(true);
            let Some(print) = followed.file.print()? else { continue };
            let is_known = self.reader.known(id, print).await?.is_some();
            let is_copy = match base {
                Some(base) => self.reader.known(base, print).await?.is_some(),
                None => false,
            } || self.followed.iter().any(|f| f.file.path == path && f.print() == Some(print));
            comes_after_known |= is_known;
            if is_known || !is_copy && (comes_after_known || found.rotated.contains(&id)) {
                new.push(followed);
            }
        }
        Ok(true)
    }

    /// Opens a file, unless it is followed already or cannot be read.
    ///
    /// # Errors
    /// There is another file under the path by now, or none.
    fn open(&mut self, id: FileId, path: &Path) -> Result<Option<Followed>, Moved> {
        if self.followed.iter().any(|followed| followed.file.id == id) {
            return Ok(None);
        }
        let opened = match self.followed.len() {
            FILES_MAX.. => {
                Err(format!("a source follows {FILES_MAX} files at most; use narrower patterns or two sources"))
            }
            _ => TailedFile::open(path).map_err(|e| format!("{e}; let the daemon's user read it")),
        };
        match opened {
            Ok(file) if file.id != id => Err(Moved),
            Ok(file) => {
                self.faults.remove(path);
                Ok(Some(Followed::new(file, &self.source)))
            }
            // it was there a moment ago
            Err(_) if !path.exists() => Err(Moved),
            Err(fault) => {
                self.faults.insert(path.to_owned(), format!("{} is not read: {fault}", path.display()));
                Ok(None)
            }
        }
    }

    /// Tells how far the files are.
    fn tell(&self) {
        let status = |followed: &Followed| {
            let length = followed.file.length().unwrap_or(0);
            FileStatus::new(&followed.file.path, followed.position, length, followed.file.is_rotated())
        };
        let files: Vec<FileStatus> = self.followed.iter().map(status).collect();
        self.reader.intake.tell(|source| {
            source.lag_bytes = files.iter().map(|file| file.length.saturating_sub(file.position)).sum();
            source.files = files;
            source.state = SourceState::Reading;
            source.errors = self.faults.values().cloned().collect();
        });
    }
}
