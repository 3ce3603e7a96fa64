//! Predictions for who follows a stream: after the events that it is told of, what is expected next.

use super::streams::{AsOf, StreamPrediction, predict_next};
use crate::hub::Hub;
use std::future::pending;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Asks for predictions one after another, each of the key that spoke last by then. So a follower of a fast stream gets
/// as many as snapshots are published, and none of its outcomes waits for one.
pub struct AwaitedPredictions {
    hub: Arc<Hub>,
    stream: String,
    /// How many symbols of a field to list.
    top: usize,
    /// The key of the latest outcome and the offset behind it, if a prediction of what follows it is due.
    due: Option<(Option<String>, u64)>,
    asked: Option<JoinHandle<Option<StreamPrediction>>>,
}

impl AwaitedPredictions {
    /// Nothing is due before the first outcome.
    pub fn new(hub: Arc<Hub>, stream: String, top: usize) -> AwaitedPredictions {
        AwaitedPredictions { hub, stream, top, due: None, asked: None }
    }

    /// An outcome of a key was told, after which the next event has this offset.
    pub fn outcome(&mut self, key: Option<&str>, next: u64) {
        self.due = Some((key.map(str::to_owned), next));
    }

    /// Waits for the next prediction that is due, for ever if none is. Where the wait is given up, nothing is lost. The
    /// stream may be gone, or be asked too much; then there is none.
    pub async fn next(&mut self) -> Option<StreamPrediction> {
        let asked = match (&mut self.asked, self.due.take()) {
            (Some(asked), due) => {
                self.due = due;
                asked
            }
            (none, Some((key, next))) => {
                let (hub, stream, top) = (self.hub.clone(), self.stream.clone(), self.top);
                let ask = async move { predict_next(&hub, stream, key, AsOf::From(next), top).await.ok() };
                none.insert(tokio::spawn(ask))
            }
            (None, None) => return pending().await,
        };
        let prediction = asked.await;
        self.asked = None;
        prediction.ok().flatten()
    }
}
