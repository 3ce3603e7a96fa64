//! Several events ahead: forecasts that are learnt for each lead directly, and those that wait for their truth.

mod control;
pub(crate) mod lead;
pub(crate) mod models;
mod pending;
pub(crate) mod slots;
