//! The choice of what computes the gradient jobs of a network: the processor or a GPU.

use serde::{Deserialize, Serialize};
use std::fmt;
use surmise_network::DeviceError;

/// What the configuration asks for (`learning.device`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// The faster of the two for each size of network, as measured once a process when its first chunk is full.
    /// Gradients of a GPU and of the processor agree to 1e-5, not to the bit, so a restart may choose otherwise and
    /// learn other bits.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// NVIDIA's GPU; without one the program does not start.
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

/// How long one chunk of a network takes, in seconds. The caller measures, as this crate has no clock.
#[derive(Clone, Debug)]
pub struct Measured {
    /// On the processor.
    pub processor: f64,
    /// On the device, with the copies there and back; or why it failed.
    pub device: Result<f64, DeviceError>,
}

/// The choice for one size of network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Whether the device computes the gradients, rather than the processor.
    pub on_device: bool,
    /// Why, for people.
    pub why: String,
}

impl Choice {
    /// Whether the choice depends on how long chunks take.
    pub fn measures(self) -> bool {
        self == Choice::Auto
    }

    /// Chooses by the measured times, equally for equal times; `measured` is called only if the choice depends on
    /// them. A device has to be faster, not just as fast.
    pub fn choose(self, measured: impl FnOnce() -> Measured) -> Chosen {
        match self {
            Choice::Cpu => Chosen { on_device: false, why: "processor, as configured".into() },
            Choice::Cuda => Chosen { on_device: true, why: "GPU, as configured".into() },
            Choice::Auto => match measured() {
                Measured { device: Err(e), .. } => Chosen { on_device: false, why: format!("processor: {e}") },
                Measured { processor, device: Ok(device) } => {
                    let (processor_ms, device_ms) = (processor * 1e3, device * 1e3);
                    let on_device = device < processor;
                    let chosen = if on_device { "GPU" } else { "processor" };
                    let why = format!(
                        "{chosen}: a chunk takes {device_ms:.2} ms on the GPU, {processor_ms:.2} ms on the processor"
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
