//! The stream that is to be changed.

use crate::directory::StreamView;
use crate::storage::Storage;
use std::sync::Arc;
use surmise_store::StreamEntry;

/// What a change needs to know of the stream before it is held.
#[derive(Clone)]
pub struct Subject {
    /// The store.
    pub storage: Arc<dyn Storage>,
    /// Its name.
    pub name: Arc<str>,
    /// What everyone may know of it.
    pub view: Arc<StreamView>,
    /// What it was made with.
    pub entry: StreamEntry,
}
