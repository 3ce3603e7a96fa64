//! What an operator may ask for.

use crate::forgetting::Forgotten;
use std::sync::Arc;
use surmise_event::Field;

/// A change that an operator asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamChange {
    /// The stream begins anew, with the schema that it was made with.
    Reset,
    /// The stream goes back to a checkpoint, by its generation.
    Restore(u64),
    /// The stream gets another name.
    Rename(Arc<str>),
    /// The stream is learnt again under another schema.
    Schema(SchemaChange),
    /// The stream is learnt again without some of its events.
    Forget(Forgotten),
    /// The stream goes. It can be brought back for a while, but for one that goes for good.
    Delete {
        /// Whether nothing of it is kept, nor of what it came from.
        for_good: bool,
    },
    /// The stream that this one replaced comes back as it ended, or one that was deleted: the latest, or that of an
    /// incarnation.
    BringBack(Option<u32>),
}

/// How a schema is to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaChange {
    /// Fields that are new or get another kind.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Whether other fields than those of the schema are refused from now on; as before if it is left out.
    #[serde(default)]
    pub closed: Option<bool>,
    /// Whether fields may be among these that no event of the stream had yet.
    #[serde(default)]
    pub new_fields: bool,
}
