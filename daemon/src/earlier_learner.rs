//! The learner of a stream as it was before an event, from the newest kept checkpoint at or before it.

use crate::copy_pages::CopyPages;
use crate::first_learner::{FirstLearnerError, first_learner};
use crate::log_range::StreamLog;
use crate::storage::Storage;
use std::sync::Arc;
use surmise_learner::{Learner, LearnerError, MemoryPages, Pages};
use surmise_store::{CheckpointMeta, StoreError, StreamEntry};

/// The reason why there is no learner that leads to an event.
#[derive(Debug, thiserror::Error)]
pub enum EarlierLearnerError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The learner cannot be made.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The log no longer holds what leads to the event.
    #[error("the log no longer holds what led there: the oldest checkpoint is of offset {oldest}")]
    Gone {
        /// The first offset that can be asked about.
        oldest: u64,
    },
}

/// A learner that goes on by itself, from some offset at or before the one that was asked for.
pub struct EarlierLearner {
    /// The learner.
    pub learner: Learner,
    /// Its key pages; none if the learner was to have none.
    pub pages: Option<Arc<CopyPages>>,
    /// The checkpoint that it comes from; none if it has seen nothing.
    pub checkpoint: Option<CheckpointMeta>,
}

impl EarlierLearner {
    /// A learner that has seen nothing.
    ///
    /// # Errors
    /// The options do not fit the schema.
    pub fn fresh(entry: &StreamEntry) -> Result<EarlierLearner, LearnerError> {
        Ok(EarlierLearner::first(Learner::new(entry.schema.clone(), entry.options.clone())?))
    }

    /// A learner that knows what the stream began with.
    fn first(learner: Learner) -> EarlierLearner {
        EarlierLearner { learner, pages: None, checkpoint: None }.over(Arc::new(MemoryPages::default()))
    }

    /// Lets it find the states of keys in pages of the store, under its own.
    fn over(mut self, below: Arc<dyn Pages>) -> EarlierLearner {
        let pages = Arc::new(CopyPages::new(below, self.learner.pages_numbered()));
        self.learner.set_pages(pages.clone());
        EarlierLearner { pages: Some(pages), ..self }
    }
}

/// The learner of the newest whole checkpoint at or before an offset, or the one that the stream began with where the
/// log begins with the stream. `pages` are the key pages of the stream, for reading.
///
/// # Errors
/// Nothing that is kept leads to the offset, or the store fails.
pub fn earlier_learner(
    storage: &dyn Storage,
    entry: &StreamEntry,
    offset: u64,
    pages: Option<Arc<dyn Pages>>,
) -> Result<EarlierLearner, EarlierLearnerError> {
    let checkpoints = storage.checkpoints(entry.number);
    for meta in checkpoints.iter().rev().filter(|meta| meta.offset <= offset) {
        if !storage.can_resume_from(meta).unwrap_or(false) {
            continue;
        }
        let Ok((bytes, _)) = storage.load_checkpoint(meta) else { continue };
        let Ok(learner) = Learner::load(&bytes) else { continue };
        let earlier = EarlierLearner { learner, pages: None, checkpoint: Some(meta.clone()) };
        return Ok(match pages {
            Some(pages) => earlier.over(pages),
            None => earlier,
        });
    }
    let gone = || EarlierLearnerError::Gone { oldest: checkpoints.first().map_or(0, |meta| meta.offset) };
    if StreamLog::of(storage, entry).begin()? != Some(0) {
        return Err(gone());
    }
    match first_learner(Some(storage), entry) {
        Ok(learner) => Ok(EarlierLearner::first(learner)),
        Err(FirstLearnerError::Learner(e)) => Err(e.into()),
        Err(
            FirstLearnerError::Gone { .. }
            | FirstLearnerError::Store(_)
            | FirstLearnerError::Damaged(_)
            | FirstLearnerError::Unlike(_),
        ) => Err(gone()),
    }
}
