//! Prediction of symbols: bytes, log keys, clicks, requests, anything with a vocabulary that may grow for ever.
//!
//! A symbol is a path of binary decisions ([`Code`]). At every node of the path, counts of several contexts, bit
//! histories, match models, recency and the network each give a probability; a gated logistic mixer joins them, and a
//! fixed-share mixture with a regret bound stands around it all. Learning is from exactly the bits that came.
//!
//! The design follows the PAQ and ZPAQ line of context mixing; each module names its sources.

mod bits;
mod challenger;
mod code;
mod context;
mod followers;
mod history;
mod inputs;
mod key;
mod learn;
mod levels;
mod maps;
mod matching;
mod mixer;
mod model;
mod neighbours;
mod network;
mod node;
mod numbers;
mod pages;
mod predict;
mod query;
mod recency;
mod refine;
mod rest;
mod spec;
mod standard;
mod tables;
mod walk;

pub use challenger::NetworkHistory;
pub use code::{ARRIVAL_MAX, Code};
pub use context::{Context, mix};
pub use key::SymbolKey;
pub use model::{EventInputs, SymbolModel};
pub use numbers::NUMBERS_MAX;
pub use query::Probe;
pub use spec::{Layout, NetworkSpec, Spec, SymbolAblation};
