//! What the model remembers of one key.

use crate::horizon::slots::Slot;
use crate::key_column::KeyColumn;
use crate::profile::DayProfile;
use crate::season::Ring;
use crate::stages::network::KeyNetwork;
use surmise_state::{Persist, State, StateError};

/// In a checkpoint, the time of a key that never had one.
const NO_TIME_US: i64 = i64::MIN;

/// Private state of one key: lags, the record of past days (it grows with the key), the network's sequence.
/// A key that has seen few events takes a few hundred bytes a column.
#[derive(Clone)]
pub struct NumberKey {
    pub(crate) columns: Vec<KeyColumn>,
    pub(crate) ring: Ring,
    pub(crate) profile: DayProfile,
    /// The key's room for forecasts that wait for their truths.
    pub(crate) slot: Slot,
    /// Time of the last event, if one had a time.
    pub(crate) time_us: Option<i64>,
    pub(crate) network: Option<KeyNetwork>,
    /// The key's right to be followed in the search for a period.
    pub(crate) period_grant: u32,
}

impl Persist for NumberKey {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("number-key")?;
        s.list("columns", &mut self.columns, KeyColumn::new)?;
        self.ring.persist(s)?;
        self.profile.persist(s)?;
        self.slot.persist(s)?;
        let mut time_us = self.time_us.unwrap_or(NO_TIME_US);
        s.i64("time_us", &mut time_us)?;
        self.time_us = (time_us != NO_TIME_US).then_some(time_us);
        s.u32("period", &mut self.period_grant)?;
        KeyNetwork::walk(&mut self.network, s)
    }
}
