//! Prediction of symbols: bytes, log keys, clicks, requests, anything with a vocabulary that may grow for ever.
//!
//! A symbol is a path of binary decisions ([`Code`]). At every node of the path, counts of several contexts, bit
//! histories, match models, recency and the network each say how likely a 1 is; a gated logistic mixer joins them, and
//! a fixed-share mixture with a regret bound joins the mixer's answer with predictors that could stand alone. Learning
//! is from exactly the bits that came. The design follows the PAQ and ZPAQ line of context mixing; each module names
//! its sources, and `model/PREDICTOR.md` holds the equations.
//!
//! ```
//! use surmise_symbol::{Spec, SymbolModel};
//!
//! let mut model = SymbolModel::new(Spec::bytes(false, 16));
//! let mut key = model.new_key();
//! for byte in b"to be or not to be".repeat(20) {
//!     model.observe(&mut key, &[], u32::from(byte)); // the surprise in nats
//! }
//! let probe = model.probe(&key);
//! assert_eq!(model.top(&probe, &[], 256, 1)[0].0, u32::from(b't'));
//! let why = model.explain(&probe, &[], u32::from(b't'));
//! assert!(why.experts.iter().all(|expert| expert.weight > 0.0));
//! ```
//!
//! # Where to begin
//!
//! | file | holds |
//! |---|---|
//! | `spec.rs`, `context.rs`, `component.rs` | recipes: what a model is made of, and what ablation leaves out |
//! | `contexts.rs`, `count_table.rs`, `history_table.rs`, `history_maps.rs` | what contexts have seen: counts, bit histories, the chain |
//! | `source.rs`, `sources.rs` | what a source of evidence is, and the list of them; each has a file of its own |
//! | `inputs.rs`, `weight_sets.rs`, `mixer.rs`, `mixing.rs` | how all evidence is mixed into one probability |
//! | `whole_experts.rs`, `outer.rs` | the outer mixture |
//! | `model.rs` | the model that holds them all; `predict.rs`, `learn.rs`, `walk.rs`, `observe.rs` run it |
//! | `query.rs`, `explain.rs`, `describe.rs` | what is asked of a model |
//!
//! # Adding to it
//!
//! What a model is made of is declared once, and everything else follows from the declarations: inputs' lanes, the
//! sizes and rows of weight sets, names of experts, ablation, shares of a prediction ([`SymbolModel::explain`]) and the
//! lists that [`Spec::describe`] prints. Anything that is added to a recipe changes its states: raise `FORMAT` in
//! `model/learner/src/checkpoint.rs`, and run `tests/gate` to see that recipes without it stay as they are.
//!
//! * **A context**: one line in a recipe of `spec.rs` if a variant with arguments covers it (`Skip(0b101)` is the last
//!   symbol and the one before the last but one); else also one entry of the table `contexts!` in `context.rs`
//!   (variant, component, description, hash). `BYTE_CONTEXTS` takes all lanes, so there a new context takes the place
//!   of another; one too many does not build.
//! * **A mixer input** of a source that exists: in the source's file (`recency.rs`, for example) one entry of `INPUTS`,
//!   the length of the type `Inputs`, and its value in `predict`; if it learns, also `learn_bits`, `persist` and the
//!   list of copied fields. If the lengths differ it does not build (`cargo check` does not see it). Inputs take lanes
//!   that contexts with histories leave empty; one too many takes a block of its own and costs time at every weight
//!   set.
//! * **A weight set**: one line of the table `weight_sets!` in `weight_sets.rs`: name, rows, which recipes have it, the
//!   row that it selects. What selects it is in `Decision` and `SymbolInputs` (the last four symbols, for example); a
//!   value that is not there yet is a field of `SymbolInputs`, set in `SymbolModel::begin_symbol`.
//! * **A whole expert**: one line of the table `whole_experts!` in `whole_experts.rs`: name, description, which recipes
//!   have it, its probability of a 1.
//! * **A source of evidence**: a file with a type that implements `EvidenceSource` (`bias.rs` is the smallest), its
//!   `mod` line here, and one line of the list `sources!` in `sources.rs`.
//! * **A component** of ablation: a variant, its place in `ALL` and its name in `component.rs`, and what
//!   [`Spec::without`] does about it if it is no context; the learner's list of names in
//!   `model/learner/src/component.rs`.

mod bias;
mod bits;
mod burst;
mod challenger;
mod code;
mod component;
mod context;
mod contexts;
mod count_table;
mod decisions;
mod describe;
mod event_inputs;
mod event_numbers;
mod explain;
mod final_mixer;
mod followers;
mod hash;
mod history_maps;
mod history_table;
mod huge_memory;
mod input_scale;
mod inputs;
mod key;
mod learn;
mod matching;
mod mixer;
mod mixing;
mod model;
mod neighbours;
mod network;
mod network_worth;
mod networks;
mod node;
mod number_learners;
mod observe;
mod outer;
mod past_symbols;
mod predict;
mod probability_map;
mod query;
mod recency;
mod run;
mod source;
mod sources;
mod spec;
mod standard;
mod symbol_inputs;
mod threshold;
mod walk;
mod weight_sets;
mod whole_experts;

pub use challenger::NetworkHistory;
pub use code::{ARRIVAL_MAX, Code};
pub use component::SymbolComponent;
pub use context::Context;
pub use describe::{DeclaredPart, SpecDescription};
pub use event_inputs::EventInputs;
pub use explain::{EvidenceShare, Explanation, SymbolExpertShare};
pub use hash::mix;
pub use key::SymbolKey;
pub use model::SymbolModel;
pub use network_worth::NetworkSavings;
pub use number_learners::NUMBERS_MAX;
pub use query::Probe;
pub use spec::{Layout, NetworkSpec, Spec, SymbolAblation};
pub use surmise_experts::{DeclaredStage, Excess};
pub use whole_experts::expert_names;
