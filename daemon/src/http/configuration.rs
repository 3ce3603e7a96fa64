//! The configuration in force, key by key.

use crate::hub::Hub;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use surmise_config::{ConfigSource, KeyInForce};

/// The configuration in force.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ConfigInForce {
    /// The file that it was read from, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// All keys, in the order of the file of defaults. A key that may be left out is there if it is not.
    keys: Vec<KeyInForce>,
}

/// `GET /api/v1/config`: the configuration in force.
pub async fn configuration(State(hub): State<Arc<Hub>>) -> Json<ConfigInForce> {
    let file = match &hub.config.source {
        ConfigSource::Environment(Some(file)) => Some(file.display().to_string()),
        ConfigSource::Environment(None) | ConfigSource::Program => None,
    };
    Json(ConfigInForce { file, keys: hub.keys_in_force() })
}
