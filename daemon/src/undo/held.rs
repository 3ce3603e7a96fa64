//! Names that are held while the stream of one of them is replaced.

use super::error::UndoError;
use super::subject::Subject;
use crate::hub::{AskError, Hub};
use crate::owner::{OwnedStream, OwnerRequest, Returned};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use surmise_store::StreamEntry;

/// How long the log may take to become durable once a stream is held.
const DURABLE_TIME_MAX: Duration = Duration::from_secs(10);
/// The time between two looks whether it has.
const DURABLE_INTERVAL: Duration = Duration::from_millis(1);

/// Names that are held, and the stream of the first of them.
#[derive(Default)]
pub struct Held {
    names: Vec<Arc<str>>,
    /// The stream, while it is held.
    pub stream: Option<Box<OwnedStream>>,
}

impl Held {
    /// Holds the stream, and perhaps the name that it is to get, and waits until what was learnt is durable.
    ///
    /// # Errors
    /// The name is taken, an owner does not answer, or the log does not become durable.
    pub async fn take(&mut self, hub: &Hub, subject: &Subject, new_name: Option<&Arc<str>>) -> Result<(), UndoError> {
        if let Some(to) = new_name {
            let taken = hub.ask_patiently(to, |reply| OwnerRequest::Hold { stream: to.clone(), reply }).await?;
            self.names.push(to.clone());
            if let Some(stream) = taken {
                give_back(hub, to, Returned::AsItWas(stream)).await?;
                self.names.clear();
                return Err(UndoError::NameTaken(to.to_string()));
            }
        }
        let name = &subject.name;
        self.stream = hub.ask_patiently(name, |reply| OwnerRequest::Hold { stream: name.clone(), reply }).await?;
        self.names.insert(0, name.clone());
        let until = Instant::now() + DURABLE_TIME_MAX;
        let view = &subject.view;
        while view.committed.load(Ordering::Acquire) < view.offset.load(Ordering::Acquire) {
            if Instant::now() >= until || hub.fault.is_set() {
                return Err(UndoError::NotDurable);
            }
            tokio::time::sleep(DURABLE_INTERVAL).await;
        }
        Ok(())
    }

    /// Gives everything back as it was.
    pub async fn put_back(&mut self, hub: &Hub) {
        for (place, name) in std::mem::take(&mut self.names).into_iter().enumerate() {
            let stream = if place == 0 { self.stream.take() } else { None };
            let returned = stream.map_or(Returned::Nothing, Returned::AsItWas);
            if let Err(e) = give_back(hub, &name, returned).await {
                hub.fault.set(format!("the stream {name:?} cannot be given back to its owner: {e}"));
            }
        }
    }

    /// Puts the new stream in its place.
    ///
    /// # Errors
    /// An owner does not answer; the daemon stops then.
    pub async fn adopt(&mut self, hub: &Hub, subject: &Subject, entry: Option<StreamEntry>) -> Result<(), UndoError> {
        // the state in memory goes before the new one comes
        self.stream = None;
        for name in std::mem::take(&mut self.names).into_iter().rev() {
            let is_new = entry.as_ref().is_some_and(|entry| *entry.name == *name);
            let returned = match &entry {
                Some(entry) if is_new => Returned::Stored(Box::new(entry.clone()), subject.storage.clone()),
                Some(_) | None => Returned::Nothing,
            };
            let given = give_back(hub, &name, returned).await;
            if let Err(e) = &given {
                hub.fault.set(format!("the stream {name:?} cannot be given to its owner: {e}"));
            }
            given?;
        }
        Ok(())
    }
}

async fn give_back(hub: &Hub, name: &Arc<str>, returned: Returned) -> Result<(), UndoError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut request = Some(OwnerRequest::GiveBack { stream: name.clone(), returned, reply: sender });
    let until = Instant::now() + DURABLE_TIME_MAX;
    while let Some(waiting) = request.take() {
        request = hub.try_tell(name, waiting)?;
        if request.is_some() && Instant::now() >= until {
            return Err(AskError::Busy.into());
        }
        if request.is_some() {
            tokio::time::sleep(DURABLE_INTERVAL).await;
        }
    }
    receiver.await.map_err(|_| AskError::Gone.into())
}
