//! The learner that a stream begins with: one that knows nothing, or one that begins like another stream, with what a
//! checkpoint of that one had learnt (`streams.NAME.like`).
//!
//! The entry of the stream names that checkpoint, so that recovery from the log alone begins with it as well, as long
//! as the other stream still has it. A stream that began so makes a checkpoint of its own with its first events.

use crate::storage::Storage;
use surmise_learner::{Learner, LearnerError, UnlikeStream};
use surmise_store::{LikeStream, StoreError, StreamEntry};

/// Why a stream does not begin with what another one has learnt.
#[derive(Debug, thiserror::Error)]
pub enum FirstLearnerError {
    /// The checkpoint is not kept any more.
    #[error("checkpoint {generation} of the stream {name:?} is gone")]
    Gone {
        /// The name that the other stream had.
        name: String,
        /// The generation of its checkpoint.
        generation: u64,
    },
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The checkpoint is damaged.
    #[error(transparent)]
    Damaged(LearnerError),
    /// The streams are not alike.
    #[error(transparent)]
    Unlike(#[from] UnlikeStream),
    /// The learner cannot be made.
    #[error(transparent)]
    Learner(#[from] LearnerError),
}

/// The learner that a stream begins with.
///
/// # Errors
/// The options do not fit the schema, or what it begins with cannot be had.
pub fn first_learner(storage: Option<&dyn Storage>, entry: &StreamEntry) -> Result<Learner, FirstLearnerError> {
    let Some(LikeStream { name, number, generation, .. }) = &entry.like else {
        return Ok(Learner::new(entry.schema.clone(), entry.options.clone())?);
    };
    let gone = || FirstLearnerError::Gone { name: name.clone(), generation: *generation };
    let storage = storage.ok_or_else(gone)?;
    let meta = storage.checkpoints(*number).into_iter().find(|meta| meta.generation == *generation).ok_or_else(gone)?;
    let (bytes, _) = storage.load_checkpoint(&meta)?;
    let learner = Learner::load(&bytes).map_err(FirstLearnerError::Damaged)?;
    Ok(learner.begin_like(&entry.schema, &entry.options)?)
}

/// The learner that a stream begins with; one that knows nothing, where what it was to begin with cannot be had. The
/// entry says afterwards which of the two it is.
///
/// # Errors
/// The options do not fit the schema.
pub fn first_learner_at_hand(storage: Option<&dyn Storage>, entry: &mut StreamEntry) -> Result<Learner, LearnerError> {
    match first_learner(storage, entry) {
        Ok(learner) => Ok(learner),
        Err(FirstLearnerError::Learner(e)) => Err(e),
        Err(e) => {
            let like = entry.like.take().map(|like| like.name);
            tracing::warn!(stream = entry.name, like, "the stream begins with nothing: {e}");
            Learner::new(entry.schema.clone(), entry.options.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated_storage::SimulatedStorage;
    use surmise_event::Schema;
    use surmise_learner::Options;

    #[test]
    fn a_stream_whose_checkpoint_to_begin_with_is_gone_begins_with_nothing_and_says_so() {
        let storage = SimulatedStorage::default();
        let like = LikeStream { name: "other".into(), number: 7, generation: 3, offset: 9 };
        let entry = StreamEntry::new(1, "s", "", Schema::default(), Options::default(), 0);
        let mut entry = StreamEntry { like: Some(like), ..entry };
        assert!(matches!(first_learner(Some(&storage), &entry), Err(FirstLearnerError::Gone { generation: 3, .. })));
        let learner = first_learner_at_hand(Some(&storage), &mut entry).unwrap();
        assert_eq!((learner.offset(), learner.model_version(), entry.like), (0, 0, None));
    }
}
