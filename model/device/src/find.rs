//! Whether there is a graphics processor.

use crate::machine::Machine;
use surmise_network::DeviceError;

/// Whether this program was built to use a graphics processor.
pub const BUILT_WITH_CUDA: bool = cfg!(feature = "cuda");

/// The first graphics processor of this computer.
///
/// # Errors
/// There is none that can be used, or this program was built without support; the error says which.
pub fn find() -> Result<Box<dyn Machine>, DeviceError> {
    #[cfg(feature = "cuda")]
    return Ok(Box::new(crate::Cuda::open()?));
    #[cfg(not(feature = "cuda"))]
    Err(DeviceError::NotBuilt)
}
