//! What a replay begins with: the learner, and the threads that compute its gradients.

use crate::error::ReplayError;
use crate::options::ReplayOptions;
use std::collections::BTreeSet;
use std::sync::Arc;
use surmise_learner::{Learner, MemoryPages, PagesError};
use surmise_recording::Source;
use surmise_workers::{Choice, DevicePolicy, WorkerPool};

/// Fields that a message names.
const FIELDS_NAMED_MAX: usize = 20;

/// Makes sure that a recording has one at least of the fields that the learner of a checkpoint knows. Where each has
/// but one, they may be called as they like.
fn check_fields(source: &mut Source, learner: &Learner, options: &ReplayOptions) -> Result<(), ReplayError> {
    let known: BTreeSet<&str> =
        learner.schema().fields.iter().filter(|field| field.kind.is_sent()).map(|field| &*field.name).collect();
    let found = source.names_ahead();
    let is_alike = found.iter().any(|name| known.contains(&**name)) || (known.len() == 1 && found.len() == 1);
    if is_alike || known.is_empty() || found.is_empty() {
        return Ok(());
    }
    let file = options.from.as_ref().or(options.like.as_ref()).map_or(String::new(), |path| path.display().to_string());
    let list = |names: &mut dyn Iterator<Item = &str>| names.take(FIELDS_NAMED_MAX).collect::<Vec<_>>().join(", ");
    let (known, found) = (list(&mut known.into_iter()), list(&mut found.iter().map(String::as_str)));
    Err(ReplayError::OtherFields { file, known, found })
}

/// The learner of the checkpoint, or a fresh one.
pub(crate) fn learner(source: &mut Source, options: &ReplayOptions) -> Result<Learner, ReplayError> {
    let mut learner = match options.checkpoint()? {
        Some(learner) => {
            check_fields(source, &learner, options)?;
            learner
        }
        None => {
            let mut chosen = options.learner.clone();
            if let Some(steps) = options.horizon {
                chosen.horizon = u32::try_from(steps).unwrap_or(u32::MAX);
            }
            Learner::new(source.declared_schema(), chosen)?
        }
    };
    learner.set_pages(match options.pages {
        Some(make) => make().map_err(PagesError::place)?,
        None => Arc::new(MemoryPages::default()),
    });
    Ok(learner)
}

/// The threads that compute the learner's gradients, where its updates wait for them.
pub(crate) fn start_workers(learner: &mut Learner, options: &ReplayOptions) -> Result<Option<WorkerPool>, ReplayError> {
    if options.workers == 0 || learner.options().delay_chunks == 0 {
        return Ok(None);
    }
    let workers = WorkerPool::start(options.workers).map_err(ReplayError::Threads)?;
    let devices = DevicePolicy::find(options.device.unwrap_or(Choice::Cpu))?;
    learner.set_job_sink(Arc::new(devices).job_sink(Some(workers.job_sink())));
    Ok(Some(workers))
}
