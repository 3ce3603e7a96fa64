//! Tasks that serve sources, side by side.

use tokio::task::JoinSet;

/// Waits until all tasks of sources have ended. One that fails inside takes no other one with it.
pub async fn until_all_end(mut serving: JoinSet<()>) {
    while let Some(ended) = serving.join_next().await {
        if let Err(error) = ended {
            tracing::error!("a source failed inside, and is served again after the next start; this is a bug: {error}");
        }
    }
}
