//! Several events ahead: forecasts that are learnt for each lead directly, and those that wait for their truth.

pub(crate) mod lead;
pub(crate) mod models;
mod pending;
pub(crate) mod slots;
