//! What a replay begins with: the learner, and the threads that compute its gradients.

use crate::error::ReplayError;
use crate::options::ReplayOptions;
use std::sync::Arc;
use surmise_learner::{Learner, MemoryPages, PagesError};
use surmise_recording::Source;
use surmise_workers::{Choice, DevicePolicy, WorkerPool};

/// The learner of the checkpoint, or a fresh one.
pub(crate) fn learner(source: &Source, options: &ReplayOptions) -> Result<Learner, ReplayError> {
    let mut learner = match options.checkpoint()? {
        Some(learner) => learner,
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
