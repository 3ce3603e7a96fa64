//! What a model is built with, and the plain data that goes in and out.

pub use surmise_network::Engine;

/// The network's size and rate.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkOptions {
    /// Layers.
    pub layers: usize,
    /// Units of a layer, a multiple of 16.
    pub hidden: usize,
    /// Steps of a chunk: one update of the network per so many events.
    pub chunk: usize,
    /// Learning rate, constant.
    pub lr: f32,
    /// What computes it.
    pub engine: Engine,
    /// Chunks that the update of a chunk waits before it takes effect.
    pub delay_chunks: usize,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self { layers: 2, hidden: 32, chunk: 8, lr: 2e-3, engine: Engine::Fused, delay_chunks: 0 }
    }
}

/// What a prediction of a column is given: nothing of its event, or the columns observed before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// The past alone: the prediction stands before the event.
    Before = 0,
    /// The past, the event's symbols, and the columns of the event that were observed so far.
    Within = 1,
}

impl Given {
    /// Both, in the order of what is kept for each.
    pub const ALL: [Given; 2] = [Given::Before, Given::Within];
}

/// Components that a model is made without, to see what they are worth; see
/// [`NumberComponent`](crate::NumberComponent).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberAblation {
    /// The point forecast is the mean of the experts, weighed by their share, instead of a regression on them.
    pub stack: bool,
    /// The last value stands for both regressions on the past.
    pub regressions: bool,
    /// No expert puts mass on single values.
    pub point_masses: bool,
    /// Distributions stay as they are.
    pub calibration: bool,
    /// A column is predicted without anything of its own event.
    pub conditioning: bool,
}

/// How a [`NumberModel`](crate::NumberModel) is built.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberOptions {
    /// The network; none: simple and linear experts only.
    pub network: Option<NetworkOptions>,
    /// Rows that a key remembers at most for yesterday and a week ago (a row is 8 bytes a column). A day that has more
    /// samples than this is not looked for.
    pub season_rows: usize,
    /// Events ahead that are learnt directly; 0: none, paths are drawn. Costs a roll-out of so many events with
    /// every event, about 8 kB a column and step, and for each key 56 bytes a column and step squared. That is kept for
    /// as many keys as fit into 64 MiB, at most 1,024 (24 steps, 7 columns: 215); for further keys
    /// paths are drawn until they get their turn, and for more than 4,096 steps times columns always.
    pub horizon: usize,
    /// What is left out.
    pub ablation: NumberAblation,
}

impl Default for NumberOptions {
    fn default() -> Self {
        Self {
            network: Some(NetworkOptions::default()),
            season_rows: 2048,
            horizon: 0,
            ablation: NumberAblation::default(),
        }
    }
}

/// What is known of an event besides its numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventContext<'a> {
    /// Time of the event in microseconds since 1970, where it is known; else the key's last time and the stream's
    /// sampling interval stand in.
    pub time_us: Option<i64>,
    /// Hashes of the event's symbolic fields that are already known; the first eight count.
    pub symbols: &'a [u32],
}

/// The regret of a column's point forecasts against the best single expert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointRegret {
    /// The expert.
    pub expert: &'static str,
    /// The sum of the forecasts' losses less the sum of the expert's.
    pub regret: f64,
    /// What that cannot exceed, on any sequence.
    pub bound: f64,
    /// Values that the sums are of.
    pub count: u32,
}

impl PointRegret {
    /// Regret and bound per value.
    pub fn mean(&self) -> (f64, f64) {
        let count = f64::from(self.count.max(1));
        (self.regret / count, self.bound / count)
    }
}

/// One column at one step ahead.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Point forecast for squared errors, in the column's units.
    pub mean: f64,
    /// Point forecast for absolute errors.
    pub median: f64,
    /// Quantiles at the levels that were asked for.
    pub quantiles: Vec<f64>,
}
