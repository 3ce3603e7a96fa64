//! Prediction of the number fields of one stream, online.
//!
//! Simple experts (last value, means, trend, the day before), two linear regressions and a small network each forecast
//! every column; a stack makes the point forecast of them, and nested fixed-share mixtures of their heavy-tailed
//! densities and of spikes on single values make the distribution. Within an event a column is scored given the columns
//! before it. PREDICTOR §8 and §9 tell what is learnt and why; [`NumberModel`] documents the three calls that an event
//! takes.
//!
//! # The stages of an event
//!
//! A prediction passes through stages, each of which is made of those before it, so that the compiler keeps their
//! order. All are scratch that is reused from event to event; none is part of a checkpoint.
//!
//! | stage | made by | holds |
//! |---|---|---|
//! | `ColumnPast` | `begin` | lags, the days before, what is usual at this time |
//! | `ExpertForecasts` | `begin` | what the simple experts, the regressions and the network forecast |
//! | `ColumnForecast` | `begin` | the stack, and every expert's centre, scale and weight |
//! | `ConditionalForecast` | `observe` | what the columns observed before in the event say |
//! | `Scored` | `observe` | the mass that every expert and mixture gave to the value that came |
//!
//! `finish` learns from all of them.
//!
//! # Where things are
//!
//! | module | holds |
//! |---|---|
//! | `model` | the model: an event's three calls, questions to it, forecasts of several events |
//! | `stages` | the stages of an event, and the distribution that they make |
//! | `stages/experts` | the tables of experts: names, centres, scales |
//! | `stages/mixture_cdf` | the mixture's distribution function, which levels, quantiles and CRPS ask |
//! | `stages/points`, `stages/point_experts` | the point forecasts; the table of experts that make them |
//! | `stages/shares` | every expert's share of a prediction |
//! | `stages/learn`, `stages/event_learn` | what is learnt from an event |
//! | `column`, `regimes` | what is learnt about one column; what it had learnt of other values |
//! | `key`, `key_column` | what is remembered of one key |
//! | `units`, `log_level` | a column's units, its cells, buckets; its logarithm |
//! | `places` | where values lie among those before them, of a column that is not predicted |
//! | `rls`, `relations`, `siblings`, `partners` | regressions: on all columns' past, on one event, on few of many |
//! | `profile`, `season`, `period` | the usual day; sampling interval, records of past days; periods without times |
//! | `range` | the least and the largest value, and whether they are bounds |
//! | `plateau` | the mean since the level of a column last moved |
//! | `smooth` | averages, trends, the mean rise of a counter |
//! | `t3`, `density` | Student's t, the logarithmic density and the background |
//! | `point_masses`, `grid` | masses of single values |
//! | `flow` | the stages as people are told them |
//! | `calibrate` | the correction of a distribution by its own record |
//! | `symbols` | what symbols of the event say |
//! | `horizon` | several events ahead, learnt for each lead |
//! | `components` | what can be ablated |
//! | `options`, `dims` | what a model is made with; sizes that parts agree on |
//!
//! # Adding to it
//!
//! **A number expert** is a row of the table `DENSITY` in `stages/experts.rs`, and a function in the same file:
//!
//! 1. Write a function `fn name(inputs: &ExpertInputs<'_>) -> Option<f64>` beside the others. It returns the centre of
//!    the expert's t₃, in the column's units, or `None` where it has nothing to say of this event. `ExpertInputs` holds
//!    all that is known before an event; a forecast that extrapolates goes through `inputs.keep`, which holds it in the
//!    column's range.
//! 2. Add `row("name", "what it is", ExpertGroup::Simple, name, ScaleRule::Errors)` after the last row. `ScaleRule`
//!    says how wide the t₃ is; `ExpertGroup::Stacked` makes the centre an input of the stack as well; such a row goes
//!    after the last `Stacked` row instead, anywhere else does not compile, and all later lanes move.
//!
//! Lanes, weights, scales, the name in reports, [`NumberModel::expert_shares`] and the state follow. A model with
//! another table has another state: hashes change, and checkpoints of before are refused, so raise `FORMAT` in
//! `model/learner/src/checkpoint.rs`. Then measure what the expert is worth: `surmise replay` prints the loss of every
//! expert and of the whole; compare the whole with the row and without it.
//!
//! **An input of the stack** is the same with `ExpertGroup::Stacked`. **A component that can be ablated** is a variant
//! of [`NumberComponent`] and the option that it sets.

mod bounds;
mod calibrate;
mod column;
mod components;
mod density;
mod dims;
mod flow;
mod grid;
mod horizon;
mod key;
mod key_column;
mod log_level;
mod model;
mod options;
mod partners;
mod period;
mod places;
mod plateau;
mod point_masses;
mod profile;
mod range;
mod regimes;
mod relations;
mod rls;
mod season;
mod siblings;
mod smooth;
mod stages;
mod symbols;
mod t3;
mod units;

pub use components::NumberComponent;
pub use key::NumberKey;
pub use model::NumberModel;
pub use options::{Engine, EventContext, Forecast, Given, NetworkOptions, NumberAblation, NumberOptions, PointRegret};
pub use places::ColumnPlaces;
pub use stages::shares::{ExpertDistribution, NumberExpertShare};
pub use surmise_experts::Excess;
pub use surmise_experts::PointLoss;
