//! What the columns of a recording are that is written as a table: which of them is the time of the events, their key,
//! or whether the key ends. Parquet files carry it, so that they are read back without being told.

use serde::{Deserialize, Serialize};

/// The key of a Parquet file's metadata that holds the roles, as JSON.
pub(crate) const ROLES_KEY: &str = "surmise.recording";

/// The columns of a table that are no fields, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnRoles {
    /// The column of the times, if events have any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The column of the keys, if events have any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The column that says whether the key ends with the event, if any does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Whether an event is one value without a name, the only other column.
    #[serde(default)]
    pub lone: bool,
}
