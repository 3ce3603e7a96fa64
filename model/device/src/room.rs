//! Memory that grows to what is needed and stays.

use crate::machine::{Machine, Memory, words};
use surmise_network::DeviceError;

/// Memory for one purpose, at least as long as what was last asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room(Option<Memory>);

impl Room {
    /// So many words; what they hold is not said.
    pub fn reach(&mut self, machine: &mut dyn Machine, words: usize) -> Result<Memory, DeviceError> {
        match self.0 {
            Some(m) if m.words >= words => Ok(Memory { words, ..m }),
            old => {
                if let Some(m) = old {
                    self.0 = None;
                    machine.release(m);
                }
                let m = machine.allocate(words.next_power_of_two().max(64))?;
                self.0 = Some(m);
                Ok(Memory { words, ..m })
            }
        }
    }

    /// A copy of numbers.
    pub fn hold(&mut self, machine: &mut dyn Machine, x: &[f32]) -> Result<Memory, DeviceError> {
        self.hold_words(machine, words(x))
    }

    /// A copy of words.
    pub fn hold_words(&mut self, machine: &mut dyn Machine, x: &[u32]) -> Result<Memory, DeviceError> {
        let m = self.reach(machine, x.len())?;
        machine.write(m, x)?;
        Ok(m)
    }
}
