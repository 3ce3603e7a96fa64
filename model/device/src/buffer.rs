//! Memory of a machine that grows to what is needed and stays.

use crate::machine::{Machine, Memory, words};
use surmise_network::DeviceError;

/// Words of the smallest buffer, so that small ones do not grow several times.
const BUFFER_WORDS_MIN: usize = 64;

/// Memory for one purpose, at least as long as what was last asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeviceBuffer(Option<Memory>);

impl DeviceBuffer {
    /// Memory of so many words, whatever they hold.
    pub fn reserve(&mut self, machine: &mut dyn Machine, words: usize) -> Result<Memory, DeviceError> {
        match self.0 {
            Some(memory) if memory.words >= words => Ok(Memory { words, ..memory }),
            too_short => {
                // the old memory is released first, so that the machine need not hold both
                if let Some(memory) = too_short {
                    self.0 = None;
                    machine.release(memory);
                }
                let memory = machine.allocate(words.next_power_of_two().max(BUFFER_WORDS_MIN))?;
                self.0 = Some(memory);
                Ok(Memory { words, ..memory })
            }
        }
    }

    /// Memory that holds a copy of these numbers.
    pub fn upload(&mut self, machine: &mut dyn Machine, numbers: &[f32]) -> Result<Memory, DeviceError> {
        self.upload_words(machine, words(numbers))
    }

    /// Memory that holds a copy of these words.
    pub fn upload_words(&mut self, machine: &mut dyn Machine, words: &[u32]) -> Result<Memory, DeviceError> {
        let memory = self.reserve(machine, words.len())?;
        machine.write(memory, words)?;
        Ok(memory)
    }
}
