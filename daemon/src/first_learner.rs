//! The learner that a stream begins with: one that knows nothing, or one that begins like another stream, with what a
//! checkpoint of that one had learnt (`streams.NAME.like`).
//!
//! The entry of the stream names that checkpoint, so that recovery from the log alone begins with it as well, as long
//! as the other stream still has it. A stream that began so makes a checkpoint of its own with its first events.

use crate::storage::Storage;
use surmise_event::Schema;
use surmise_learner::{Learner, LearnerError, Options, UnlikeStream};
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

/// What the latest stream of an owner that never came to be would have begun with. A sender whose first events are
/// refused tries again, and another stream's checkpoint is large: so it is read once, and not with each try.
#[derive(Default)]
pub struct SpareLearner(Option<Spare>);

struct Spare {
    like: LikeStream,
    schema: Schema,
    options: Options,
    found: SpareFound,
}

enum SpareFound {
    /// A learner that has observed nothing since it was made.
    Learner(Box<Learner>),
    /// Such a stream begins with nothing.
    Nothing,
}

impl SpareLearner {
    /// The learner that a new stream begins with: the spare one, if it is of the same kind, or a new one.
    ///
    /// # Errors
    /// The options do not fit the schema.
    pub fn take_or_make(
        &mut self,
        storage: Option<&dyn Storage>,
        entry: &mut StreamEntry,
    ) -> Result<Learner, LearnerError> {
        let Some(like) = entry.like.clone() else { return first_learner_at_hand(storage, entry) };
        let is_same =
            |spare: &mut Spare| (&spare.like, &spare.schema, &spare.options) == (&like, &entry.schema, &entry.options);
        match self.0.take_if(is_same) {
            Some(Spare { found: SpareFound::Learner(learner), .. }) => Ok(*learner),
            Some(nothing) => {
                self.0 = Some(nothing);
                entry.like = None;
                Learner::new(entry.schema.clone(), entry.options.clone())
            }
            None => {
                let learner = first_learner_at_hand(storage, entry)?;
                if entry.like.is_none() {
                    let (schema, options) = (entry.schema.clone(), entry.options.clone());
                    self.0 = Some(Spare { like, schema, options, found: SpareFound::Nothing });
                }
                Ok(learner)
            }
        }
    }

    /// Keeps the learner of a stream that never came to be, if it began like another one.
    pub fn keep(&mut self, entry: &StreamEntry, learner: Learner) {
        if let Some(like) = entry.like.clone().filter(|_| learner.offset() == 0) {
            let (schema, options) = (entry.schema.clone(), entry.options.clone());
            self.0 = Some(Spare { like, schema, options, found: SpareFound::Learner(Box::new(learner)) });
        }
    }

    /// Gives the memory of a learner back, as it is needed.
    pub fn shed(&mut self) {
        self.0.take_if(|spare| matches!(spare.found, SpareFound::Learner(_)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated_storage::SimulatedStorage;
    use surmise_event::{Data, Datum, Limits, Record};

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

    #[test]
    fn what_a_stream_begins_with_is_read_once_however_often_its_first_event_is_refused() {
        let mut spare = SpareLearner::default();
        let like = LikeStream { name: "other".into(), number: 7, generation: 3, offset: 9 };
        let entry = StreamEntry::new(1, "s", "", Schema::default(), Options::default(), 0);
        let entry = StreamEntry { like: Some(like), ..entry };
        // what it was to begin with is gone, which is found out once
        let storage = SimulatedStorage::default();
        for _ in 0..3 {
            let mut asked = entry.clone();
            assert_eq!(spare.take_or_make(Some(&storage), &mut asked).unwrap().offset(), 0);
            assert!(asked.like.is_none() && matches!(&spare.0, Some(Spare { found: SpareFound::Nothing, .. })));
        }
        // a learner is given back as it was, though its first event was refused
        let mut learner = Learner::new(entry.schema.clone(), entry.options.clone()).unwrap();
        let record = Record { data: Data::One(Datum::Number(f64::NAN)), ..Record::default() };
        let before = learner.state_hash();
        assert!(learner.bind(&record, &Limits::default()).is_err());
        spare.keep(&entry, learner);
        let (mut asked, mut other) = (entry.clone(), StreamEntry { name: "t".into(), ..entry.clone() });
        let mut again = spare.take_or_make(None, &mut asked).unwrap();
        assert_eq!((again.state_hash(), &asked.like), (before, &entry.like));
        assert!(spare.0.is_none(), "it is one stream's");
        spare.keep(&entry, again);
        assert!(spare.take_or_make(None, &mut other).is_ok() && other.like.is_some(), "a stream of another name may");
        let learner = Learner::new(entry.schema.clone(), entry.options.clone()).unwrap();
        spare.keep(&entry, learner);
        spare.shed();
        assert!(spare.0.is_none());
    }
}
