//! An emulation of the graphics processor: its kernels, compiled as C for this processor, run thread by thread.
//!
//! It is for tests alone: it shows that the code for a GPU is right on a computer that has none, and nothing of its
//! speed.

use std::ffi::c_void;
use surmise_device::machine::{DeviceKernel, Machine, Memory};
use surmise_network::DeviceError;

/// Threads of a block, as on the GPU, which starts whole blocks.
const BLOCK_THREADS: usize = 256;

/// A [`Machine`] whose memory and kernels are this processor's.
#[derive(Default)]
pub struct Emulated {
    /// Blocks of double words, as kernels may hold doubles.
    memory: Vec<Box<[u64]>>,
    launches: usize,
    /// The launch from which on every launch fails, if any.
    fails_at: Option<usize>,
}

// The compiled functions, and which of them is which kernel.
macro_rules! symbols {
    ($($kernel:ident: $symbol:ident),* $(,)?) => {
        unsafe extern "C" {
            $(fn $symbol(arguments: *const c_void, threads: i64);)*
        }

        fn entry(kernel: DeviceKernel) -> unsafe extern "C" fn(*const c_void, i64) {
            match kernel { $(DeviceKernel::$kernel => $symbol),* }
        }
    };
}

symbols! {
    Gather: glr_gather,
    Scan: glr_scan,
    ScanBack: glr_scan_back,
    SumRows: glr_sum_rows,
    Product: glr_product,
    SoftmaxPart: glr_softmax_part,
    SoftmaxJoin: glr_softmax_join,
    SoftmaxError: glr_softmax_error,
    BeginUpdate: glr_begin_update,
    Update: glr_update,
}

impl Emulated {
    /// A machine that holds no memory.
    pub fn new() -> Emulated {
        Emulated::default()
    }

    /// A machine that fails from its n-th launch on.
    pub fn failing_at(n: usize) -> Emulated {
        Emulated { fails_at: Some(n), ..Emulated::default() }
    }

    /// The words of some memory, which has to be allocated.
    fn words(&mut self, memory: Memory) -> Result<&mut [u32], DeviceError> {
        let start = |block: &[u64]| block.as_ptr() as u64;
        let end = memory.address + 4 * memory.words as u64;
        let contains =
            |block: &&mut Box<[u64]>| start(block) <= memory.address && end <= start(block) + 8 * block.len() as u64;
        let block = self.memory.iter_mut().find(contains).ok_or_else(|| DeviceError::Misfit("not allocated".into()))?;
        let from = ((memory.address - start(block)) / 4) as usize;
        // SAFETY: a double word is two words.
        let all = unsafe { std::slice::from_raw_parts_mut(block.as_mut_ptr().cast::<u32>(), 2 * block.len()) };
        Ok(&mut all[from..from + memory.words])
    }
}

// SAFETY: memory is blocks of its own, and kernels are the text itself.
unsafe impl Machine for Emulated {
    fn name(&self) -> String {
        "emulated".into()
    }

    fn allocate(&mut self, words: usize) -> Result<Memory, DeviceError> {
        // at least one double word, as a block of none would have no address of its own
        let block = vec![0u64; words.div_ceil(2).max(1)].into_boxed_slice();
        let memory = Memory { address: block.as_ptr() as u64, words };
        self.memory.push(block);
        Ok(memory)
    }

    fn release(&mut self, memory: Memory) {
        self.memory.retain(|b| b.as_ptr() as u64 != memory.address);
    }

    fn write(&mut self, to: Memory, from: &[u32]) -> Result<(), DeviceError> {
        self.words(Memory { words: from.len(), ..to })?.copy_from_slice(from);
        Ok(())
    }

    fn read(&mut self, from: Memory, to: &mut [u32]) -> Result<(), DeviceError> {
        to.copy_from_slice(self.words(Memory { words: to.len(), ..from })?);
        Ok(())
    }

    fn clear(&mut self, memory: Memory) -> Result<(), DeviceError> {
        self.words(memory)?.fill(0);
        Ok(())
    }

    unsafe fn launch(
        &mut self,
        kernel: DeviceKernel,
        threads: usize,
        arguments: *const c_void,
    ) -> Result<(), DeviceError> {
        self.launches += 1;
        if self.fails_at.is_some_and(|n| self.launches >= n) {
            return Err(DeviceError::Failed("emulated failure".into()));
        }
        // the threads behind the last one have to do nothing, which this tests
        let threads = threads.next_multiple_of(BLOCK_THREADS) as i64;
        // SAFETY: the caller's.
        unsafe { entry(kernel)(arguments, threads) };
        Ok(())
    }

    fn wait(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}
