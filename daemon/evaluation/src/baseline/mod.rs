//! Baselines: simple predictors of the same events, which a learner has to beat.
//!
//! Every one of them goes over a recording once, tests and then learns, and is judged on exactly the events that the
//! learner is judged on. [`baselines`] drives those that go with a stream's fields:
//!
//! | field | predictors |
//! |---|---|
//! | category, bytes, text | orders 0 to 6 each alone, a PPM-like mixture of them; most frequent, latest (`counts`) |
//! | gap | exponential, log-normal, counts of bins (`gaps`) |
//! | number | persistence, season, moving average, Holt, linear RLS on past rows of all columns (`numbers`) |
//! | number, several steps | persistence, season, a regression per step (`ahead`) |
//! | target class | no change, majority, logistic regression, Gaussian naive Bayes, a Hoeffding tree, a forest of them (`class`) |
//! | anomalies | KNN-CAD (`knn_cad`), relative entropy (`relative_entropy`), windowed Gaussian, static z-score (`alarms`) |
//!
//! Memory is bounded: contexts, keys and past rows are kept up to a constant, as each module says.

mod ahead;
mod alarms;
mod bayes;
mod bounds;
mod class;
mod counts;
mod forest;
mod gaps;
mod hoeffding;
mod judge;
mod knn_cad;
mod logistic;
mod measure;
mod numbers;
mod relative_entropy;
mod rls;
mod rows;
mod season;
mod smooth;
mod symbols;

pub use alarms::detectors;
pub use judge::{BaselineResult, baselines};
pub use measure::{Measure, Score};
