//! Who works out jobs: the processor or a device.

use serde::{Deserialize, Serialize};
use std::fmt;
use surmise_network::DeviceError;

/// What was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// The faster of the two for each network, as measured when its first chunk is full.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// NVIDIA's GPU; without one nothing starts.
    Cuda,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Choice::Auto => "auto",
            Choice::Cpu => "cpu",
            Choice::Cuda => "cuda",
        })
    }
}

/// How long one chunk of a network takes, in seconds; whoever has a clock measures.
#[derive(Clone, Debug)]
pub struct Measured {
    /// On the processor.
    pub processor: f64,
    /// On the device, there and back; or why it did not do it.
    pub device: Result<f64, DeviceError>,
}

/// Who works out the chunks of one network, and why, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Whether the device does.
    pub on_device: bool,
    /// Why.
    pub why: String,
}

impl Choice {
    /// Whether `auto` has to know how long chunks take.
    pub fn measures(self) -> bool {
        self == Choice::Auto
    }

    /// Chooses; the same for the same times. A device has to be faster, not just as fast. `Cuda` does what it says, whatever the times.
    pub fn choose(self, measured: impl FnOnce() -> Measured) -> Chosen {
        match self {
            Choice::Cpu => Chosen { on_device: false, why: "processor, as configured".into() },
            Choice::Cuda => Chosen { on_device: true, why: "GPU, as configured".into() },
            Choice::Auto => match measured() {
                Measured { device: Err(e), .. } => Chosen { on_device: false, why: format!("processor: {e}") },
                Measured { processor, device: Ok(device) } => {
                    let (processor_ms, device_ms) = (processor * 1e3, device * 1e3);
                    let on_device = device < processor;
                    let who = if on_device { "GPU" } else { "processor" };
                    let why = format!(
                        "{who}: a chunk takes {device_ms:.2} ms on the GPU, {processor_ms:.2} ms on the processor"
                    );
                    Chosen { on_device, why }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(processor: f64, device: f64) -> impl FnOnce() -> Measured {
        move || Measured { processor, device: Ok(device) }
    }

    #[test]
    fn auto_takes_the_faster_and_says_so() {
        let gpu = Choice::Auto.choose(times(1.3e-3, 2e-4));
        let says = "GPU: a chunk takes 0.20 ms on the GPU, 1.30 ms on the processor";
        assert_eq!((gpu.on_device, gpu.why.as_str()), (true, says));
        let cpu = Choice::Auto.choose(times(9e-5, 2e-4));
        let says = "processor: a chunk takes 0.20 ms on the GPU, 0.09 ms on the processor";
        assert_eq!((cpu.on_device, cpu.why.as_str()), (false, says));
        assert!(!Choice::Auto.choose(times(2e-4, 2e-4)).on_device, "a device has to be faster");
        let none = || Measured { processor: 0.0, device: Err(DeviceError::Absent("none is installed".into())) };
        assert_eq!(Choice::Auto.choose(none).why, "processor: there is no GPU: none is installed");
    }

    #[test]
    fn what_is_configured_is_not_measured() {
        let never = || -> Measured { panic!("measured") };
        assert!(!Choice::Cpu.choose(never).on_device && Choice::Cuda.choose(never).on_device);
        assert!(Choice::Auto.measures() && !Choice::Cpu.measures() && !Choice::Cuda.measures());
    }
}
