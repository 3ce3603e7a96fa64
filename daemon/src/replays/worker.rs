//! The thread that runs replays, one after the other, behind everything else that the machine has to do.

use super::NextReplay;
use super::run::{RunEnd, RunSetting, run};
use crate::hub::Hub;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_learner::Pages;
use surmise_protocol::ReplayState;
use surmise_store::StreamPages;

/// How the thread is called.
const THREAD_NAME: &str = "replay";
/// The priority of the thread, as `nice` counts it: the lowest. It gets about a seventieth of a core that an owner
/// wants too, and all of one that nobody wants.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 19;

/// Starts the thread, which ends when no replay waits any more.
///
/// # Errors
/// The system gives no thread.
pub fn start(hub: &Arc<Hub>) -> std::io::Result<()> {
    let of_thread = hub.clone();
    let work = move || {
        yield_to_others();
        while let Some(next) = of_thread.replays.next() {
            run_next(&of_thread, &next);
        }
    };
    let thread = std::thread::Builder::new().name(THREAD_NAME.into()).spawn(work)?;
    hub.replays.keep_thread(thread);
    Ok(())
}

/// Lets all other threads come first.
fn yield_to_others() {
    // elsewhere this would be of the whole process
    #[cfg(target_os = "linux")]
    if let Err(e) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!("replays run with the priority of everything else: {e}");
    }
}

/// Runs one replay to its end.
fn run_next(hub: &Hub, next: &NextReplay) {
    let NextReplay { id, stream, plan, stop } = next;
    let is_stopped = || stop.load(Ordering::Relaxed) || hub.stopping.is_cancelled();
    let do_events_wait = || hub.waiting().0 > 0;
    let Some(store) = hub.store().filter(|_| !is_stopped()) else {
        return hub.replays.settle(*id, ReplayState::Stopped, None);
    };
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let pages: Arc<dyn Pages> = Arc::new(StreamPages::new(Arc::downgrade(&store), store.id(plan.number)?));
        let setting = RunSetting {
            storage: &*store,
            pages,
            budget: &hub.budget,
            is_stopped: &is_stopped,
            do_events_wait: &do_events_wait,
            report: &|change| hub.replays.update(*id, |replay| change(replay)),
        };
        run(&setting, plan)
    }));
    match ended {
        Ok(Ok(RunEnd::Done(state_hash))) => {
            hub.replays.update(*id, |replay| replay.state_hash = Some(state_hash));
            hub.replays.settle(*id, ReplayState::Done, None);
        }
        Ok(Ok(RunEnd::Stopped)) => hub.replays.settle(*id, ReplayState::Stopped, None),
        Ok(Err(e)) => {
            tracing::warn!(stream = &**stream, replay = id, "a replay failed: {e}");
            hub.replays.settle(*id, ReplayState::Failed, Some(e.to_string()));
        }
        Err(_) => {
            let detail = "learning failed inside; this is a bug, and the daemon's log says more";
            hub.replays.settle(*id, ReplayState::Failed, Some(detail.into()));
        }
    }
}
