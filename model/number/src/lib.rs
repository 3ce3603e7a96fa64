//! Prediction of the number fields of one stream, online.
//!
//! Simple experts (last value, means, trend, the day before), two linear regressions and a small network each forecast
//! every column; a stack makes the point forecast of them, and nested fixed-share mixtures of their heavy-tailed
//! densities and of spikes on single values make the distribution. Within an event a column is scored given the columns
//! before it. See [`NumberModel`] for the three calls that an event takes.
//!
//! | module | holds |
//! |---|---|
//! | `scale` | a column's units, its cells, buckets |
//! | `rls` | recursive least squares |
//! | `relations` | regression on the past of all columns |
//! | `partners` | which few of many columns a column is regressed on |
//! | `profile` | the usual day and how deviations from it go on |
//! | `season` | sampling interval, records of past days |
//! | `net` | the network as an expert |
//! | `stand` | what stands written before an event |
//! | `density`, `atoms`, `lattice` | masses of cells and of single values |
//! | `score`, `learn` | an observed value: what it cost, what it teaches |
//! | `symbols` | what symbols of the event say |
//! | `place`, `calibrate` | where the value lay, and the correction that this teaches |
//! | `ranked`, `predictive` | ranked probability scores, quantiles |
//! | `forecast`, `leads` | several events ahead: rolled, and learnt for each lead |

mod atoms;
mod calibrate;
mod column;
mod density;
mod experts;
mod forecast;
mod key;
mod lattice;
mod leads;
mod learn;
mod model;
mod net;
mod options;
mod partners;
mod place;
mod predictive;
mod profile;
mod ranked;
mod relations;
mod rls;
mod scale;
mod score;
mod season;
mod stand;
mod symbols;

pub use key::NumberKey;
pub use model::NumberModel;
pub use options::{Engine, EventContext, Forecast, NetworkOptions, NumberAblation, NumberOptions};
