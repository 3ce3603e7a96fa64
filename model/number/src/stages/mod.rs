//! The stages of an event, and the distribution that they make.
//!
//! Everything here is scratch, made anew with every event. What is learnt lies outside: in columns, keys, regressions.
//! Fields of the stages are seen in this folder only; the model asks [`event::EventScratch`].

pub(crate) mod column_forecast;
pub(crate) mod conditional;
pub(crate) mod crps;
pub(crate) mod event;
mod event_learn;
pub(crate) mod experts;
mod learn;
pub(crate) mod mixture_cdf;
pub(crate) mod network;
pub(crate) mod past;
pub(crate) mod point_experts;
pub(crate) mod points;
mod probability_integral;
pub(crate) mod quantiles;
pub(crate) mod scored;
pub(crate) mod shares;
