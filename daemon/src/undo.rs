//! Undo: a stream is reset, goes back to a checkpoint, is learnt again under another schema, gets another name, or
//! goes.
//!
//! All of these are one mechanism. The stream is held still (its owner lets what comes for it wait), a starting
//! state is written under a number that no stream has had, and then one durable record makes the new number the
//! stream of its name. Before that record everything is as it was, after it everything is as asked, whatever
//! crashes: a start knows the dead by the records, and clears them away. What the stream knows of its producers goes
//! on, so nothing that was acknowledged is learnt twice.
//!
//! What takes long is done before the stream is held: a checkpoint is read, and the log is learnt again up to its end.
//!
//! What was replaced or deleted stays in the store as it was, for a while, so that a wrong change can be undone itself:
//! a stream that is brought back is learnt from its own checkpoint and log, as by a start, and then comes in the place
//! of the one that replaced it.

mod asked;
mod clearing;
mod error;
mod held;
mod making;
mod replacement;
mod subject;

use crate::clock::now_us;
use crate::directory::StreamView;
use crate::hub::{AskError, Hub};
use crate::producers::ProducerBounds;
use crate::storage::Storage;
pub use asked::{SchemaChange, StreamChange};
pub use clearing::{KeptStream, Retention, Unfinished, clear_dead, kept_streams};
pub use error::UndoError;
use held::Held;
#[cfg(test)]
pub use making::Prepared;
pub use making::{Means, Replaced, make, prepare};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
pub use subject::Subject;

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Changed {
    /// The name of the stream now.
    pub stream: String,
    /// Which incarnation of the name it is; none if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// The offset that the next event would have had.
    pub offset_before: u64,
    /// The offset that the next event has now.
    pub offset: u64,
    /// Events of the log that the new schema refused, by code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, u64>,
    /// Events that are forgotten now, with what was said of them.
    #[serde(skip_serializing_if = "is_zero")]
    pub forgotten: u64,
    /// How long events of the stream waited, in milliseconds.
    pub held_ms: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Makes a change, one at a time. It goes on to its end even if nobody waits for it any more.
///
/// # Errors
/// See [`UndoError`].
pub async fn change(hub: &Arc<Hub>, stream: &str, change: StreamChange) -> Result<Changed, UndoError> {
    let (hub, stream) = (hub.clone(), Arc::from(stream));
    let changing = async move {
        let _one_at_a_time = hub.changing.lock().await;
        let changed = make_change(&hub, stream, change).await;
        if changed.as_ref().is_err_and(|e| !matches!(e, UndoError::Uncertain(_))) {
            // what it wrote came to nothing
            clear(&hub, Unfinished::Cleared).await;
        }
        changed
    };
    tokio::spawn(changing).await.unwrap_or(Err(UndoError::Inside))
}

/// What a change of this daemon is made with.
fn means(hub: &Hub, number: u32) -> Means<'_> {
    Means {
        services: &hub.services,
        limits: hub.config.limits.record(),
        bounds: ProducerBounds::of(&hub.config),
        retention: retention(hub),
        config: &hub.config,
        number,
    }
}

fn retention(hub: &Hub) -> Retention {
    Retention { now_us: now_us(), kept_us: hub.config.store.undo_kept.0.as_micros() as i64 }
}

/// The stream of a name, or the one that was deleted last under it.
fn subject_of(hub: &Hub, name: Arc<str>, change: &StreamChange) -> Result<Subject, UndoError> {
    let storage: Arc<dyn Storage> = hub.store().ok_or(AskError::Gone)?;
    let entries = storage.streams()?;
    let no_stream = || UndoError::NoStream(name.to_string());
    if let Some(view) = hub.directory.get(&name) {
        let entry = entries.into_iter().find(|entry| entry.number == view.number).ok_or_else(no_stream)?;
        return Ok(Subject { storage, name, view, entry });
    }
    let is_it = |kept: &KeptStream| kept.entry.number == kept.last && *kept.entry.name == *name;
    let deleted = match change {
        StreamChange::BringBack(_) => kept_streams(&entries, retention(hub)).into_iter().find(is_it),
        _ => None,
    };
    let entry = deleted.ok_or_else(no_stream)?.entry;
    Ok(Subject { storage, name, view: Arc::new(StreamView::new(&entry)), entry })
}

async fn make_change(hub: &Arc<Hub>, name: Arc<str>, change: StreamChange) -> Result<Changed, UndoError> {
    let subject = subject_of(hub, name, &change)?;
    let new_name = match &change {
        StreamChange::Rename(to) if hub.directory.get(to).is_some() => {
            return Err(UndoError::NameTaken(to.to_string()));
        }
        StreamChange::Rename(to) => Some(to.clone()),
        StreamChange::Reset
        | StreamChange::Restore(_)
        | StreamChange::Schema(_)
        | StreamChange::Forget(_)
        | StreamChange::Delete { .. }
        | StreamChange::BringBack(_) => None,
    };
    let number = hub.directory.next_number();
    let (about, of) = (subject.clone(), hub.clone());
    let prepared = run_blocking(move || prepare(&about, change, &means(&of, number))).await?;
    let held_at = Instant::now();
    let mut held = Held::default();
    let replaced = match held.take(hub, &subject, new_name.as_ref()).await {
        Ok(()) => {
            let (about, of, mut stream) = (subject.clone(), hub.clone(), held.stream.take());
            let work = move || {
                let made = make(&about, prepared, stream.as_deref_mut(), &means(&of, number));
                Ok((stream, made))
            };
            let (stream, made) = run_blocking(work).await?;
            held.stream = stream;
            made
        }
        Err(e) => Err(e),
    };
    let Replaced { entry, offset, refused, forgotten } = match replaced {
        Ok(replaced) => replaced,
        Err(e) => {
            if let UndoError::Uncertain(why) = &e {
                hub.fault.set(format!("it is not known whether a stream was replaced: {why}"));
            } else {
                held.put_back(hub).await;
            }
            return Err(e);
        }
    };
    held.adopt(hub, &subject, entry.clone()).await?;
    let held_ms = held_at.elapsed().as_millis() as u64;
    subject.view.replaced.cancel();
    clear_later(hub.clone());
    Ok(Changed {
        stream: entry.as_ref().map_or(&*subject.name, |entry| &entry.name).to_owned(),
        epoch: entry.map(|entry| entry.epoch),
        offset_before: subject.view.offset.load(Ordering::Relaxed),
        offset,
        refused,
        forgotten,
        held_ms,
    })
}

/// Clears away what was replaced and is not kept any longer, once no change is being made.
fn clear_later(hub: Arc<Hub>) {
    drop(tokio::spawn(async move { clear_expired(&hub).await }));
}

/// Clears away what was replaced and whose time is over. A start does it where this was cut off.
pub async fn clear_expired(hub: &Arc<Hub>) {
    let _one_at_a_time = hub.changing.lock().await;
    clear(hub, Unfinished::Kept).await;
}

/// Clears away what nobody needs, while no change is being made.
async fn clear(hub: &Hub, unfinished: Unfinished) {
    let Some(store) = hub.store() else { return };
    let retention = retention(hub);
    let cleared = run_blocking(move || Ok(clear_dead(&*store, unfinished, retention)?)).await;
    if let Err(e) = cleared {
        tracing::warn!("what was replaced is not cleared away, which the next start does: {e}");
    }
}

async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UndoError> + Send + 'static,
) -> Result<T, UndoError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(UndoError::Inside))
}
