//! Prediction with expert advice: the pieces that the models of symbols and of numbers have in common.
//!
//! | module | holds |
//! |---|---|
//! | `share` | [`FixedShare`], the mixture of experts whose regret is bounded, and its two arithmetics |
//! | `bits` | a mixture that is followed bit by bit through one symbol: [`SymbolWalk`], [`NibbleWalk`] |
//! | `specialists` | a mixture in which experts may be absent from a round: [`ExpertSet`], [`mix`] |
//! | `excess` | [`Excess`], how much more surprising something was than expected |
//! | `polynomial` | [`PolynomialShare`], a mixture of whole forecasts whose regret is bounded in any convex loss |
//! | `points` | [`PointMixture`], the point forecast made of many under one loss; `second_layer` mixes its mixtures and advice |
//! | `situated` | [`SituatedMixture`], two of them: for usual times, and for right after a surprise |
//! | `running_mean` | [`RunningMean`], the mean that counts first and then forgets |
//! | `flow` | [`DeclaredStage`], a stage of a model, for whoever draws it |
//!
//! Everything that predicts is pure: no clock, no randomness, no allocation. Sums have one fixed order, so that equal
//! inputs give equal bits on every machine.

mod bits;
mod excess;
mod flow;
mod point_kernels;
mod points;
mod polynomial;
mod running_mean;
mod second_layer;
mod share;
mod situated;
mod specialists;

pub use bits::{BitShare, NibbleWalk, SYMBOL_EXPERTS_MAX, SymbolWalk};
pub use excess::Excess;
pub use flow::DeclaredStage;
pub use points::{MIXED_PARTS, MixedPoint, PointInputs, PointLoss, PointMixture};
pub use polynomial::PolynomialShare;
pub use running_mean::RunningMean;
pub use share::{BitArithmetic, FixedShare, ShareArithmetic, ValueArithmetic, ValueShare};
pub use situated::SituatedMixture;
pub use specialists::{ExpertSet, mix};
