//! A machine with memory of its own that runs the kernels of `kernels.cu`: a graphics processor, or its emulation.

use surmise_network::DeviceError;

/// A range of 32-bit words in the memory of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Where it starts, in bytes.
    pub address: u64,
    /// Its length.
    pub words: usize,
}

impl Memory {
    /// No memory, in place of an array that a network does not have.
    pub const NONE: Memory = Memory { address: 0, words: 0 };

    /// The rest of this range after `words` of it.
    pub fn after(self, words: usize) -> Memory {
        debug_assert!(words <= self.words);
        Memory { address: self.address + 4 * words as u64, words: self.words - words }
    }
}

/// A machine with memory of its own that runs the kernels of `kernels.cu`, one after another.
///
/// Every call but [`read`](Self::read) and [`wait`](Self::wait) may return before the work is done; the work is done
/// in the order of the calls. An error may belong to an earlier call.
///
/// # Safety
/// An implementation runs each kernel as the text says, and gives memory that nothing else uses.
pub unsafe trait Machine: Send {
    /// What the machine is, for people.
    fn name(&self) -> String;

    /// Memory of zeros, which lives until it is released, or as long as the machine.
    ///
    /// # Errors
    /// There is not enough memory, or the machine failed.
    fn allocate(&mut self, words: usize) -> Result<Memory, DeviceError>;

    /// Gives memory back; nothing may use it afterwards.
    fn release(&mut self, memory: Memory);

    /// Copies all of `from` to the start of the memory, which is at least as long.
    ///
    /// # Errors
    /// The machine failed.
    fn write(&mut self, to: Memory, from: &[u32]) -> Result<(), DeviceError>;

    /// Fills all of `to` from the start of the memory, which is at least as long; waits for the work before it.
    ///
    /// # Errors
    /// The machine failed.
    fn read(&mut self, from: Memory, to: &mut [u32]) -> Result<(), DeviceError>;

    /// Writes zeros to all of the memory.
    ///
    /// # Errors
    /// The machine failed.
    fn clear(&mut self, memory: Memory) -> Result<(), DeviceError>;

    /// Runs a kernel for so many threads, and maybe a few more, which do nothing.
    ///
    /// # Safety
    /// `arguments` points at the kernel's structure; its addresses are of memory of this machine that is long enough.
    ///
    /// # Errors
    /// The machine failed.
    unsafe fn launch(
        &mut self,
        kernel: DeviceKernel,
        threads: usize,
        arguments: *const std::ffi::c_void,
    ) -> Result<(), DeviceError>;

    /// Computes a product of matrices.
    ///
    /// # Safety
    /// As for [`launch`](Self::launch).
    ///
    /// # Errors
    /// The machine failed.
    unsafe fn product(&mut self, p: &Product) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { self.launch(DeviceKernel::Product, (p.m * p.n) as usize, std::ptr::from_ref(p).cast()) }
    }

    /// Returns when everything is done.
    ///
    /// # Errors
    /// The machine failed.
    fn wait(&mut self) -> Result<(), DeviceError>;
}

/// The bits of numbers as words, as many, for [`Machine::write`].
pub fn words(x: &[f32]) -> &[u32] {
    // SAFETY: f32 and u32 have one size and one alignment, and every pattern of bits is a u32.
    unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), x.len()) }
}

/// The bits of numbers as words to be written, as many, for [`Machine::read`].
pub fn words_mut(x: &mut [f32]) -> &mut [u32] {
    // SAFETY: as above, and every pattern of bits is an f32.
    unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), x.len()) }
}

// One table of kernels makes the enum, the names and the argument structures, which therefore cannot disagree.
macro_rules! device_kernels {
    ($($(#[$m:meta])* $variant:ident($symbol:literal, $args:ident { $($field:ident: $t:ty),* $(,)? }))*) => {
        /// A kernel of `kernels.cu`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum DeviceKernel { $($(#[$m])* $variant),* }

        impl DeviceKernel {
            /// Every kernel.
            pub const ALL: &[DeviceKernel] = &[$(DeviceKernel::$variant),*];

            /// The kernel's name in the compiled text.
            pub fn symbol(self) -> &'static str {
                match self { $(DeviceKernel::$variant => $symbol),* }
            }

            /// The length of the kernel's arguments in bytes.
            pub fn arguments(self) -> usize {
                match self { $(DeviceKernel::$variant => std::mem::size_of::<$args>()),* }
            }
        }

        $(
            /// The arguments of the kernel of this name; `kernels.cu` says what they mean and what shapes they have.
            #[repr(C)]
            #[derive(Clone, Copy, Debug)]
            #[allow(missing_docs)]
            pub struct $args { $(pub $field: $t),* }

            impl $args {
                /// Runs the kernel for so many threads.
                ///
                /// # Safety
                /// The addresses are of memory of the machine that is long enough.
                ///
                /// # Errors
                /// The machine failed.
                #[allow(dead_code)]
                pub(crate) unsafe fn run(&self, machine: &mut dyn Machine, threads: usize) -> Result<(), DeviceError> {
                    // SAFETY: these are the kernel's arguments; the addresses are the caller's.
                    unsafe { machine.launch(DeviceKernel::$variant, threads, std::ptr::from_ref(self).cast()) }
                }
            }
        )*
    };
}

device_kernels! {
    /// Sums of rows of embeddings.
    Gather("glr_gather", Gather { n: i64, gates: i64, tables: i64, rows: i64, ids: u64, weights: u64, u: u64 })
    /// The recurrence, forward.
    Scan("glr_scan", Scan {
        sequences: i64, hidden: i64, width: i64, offset: i64, starts: u64, rows: u64, gates: u64, before: u64, h: u64,
        y: u64, carry: u64,
    })
    /// The recurrence, backward.
    ScanBack("glr_scan_back", ScanBack {
        groups: i64, hidden: i64, width: i64, offset: i64, starts: u64, rows: u64, links: u64, gates: u64, before: u64,
        h: u64, dy: u64, dh: u64, spoilt: u64,
    })
    /// Sums of rows.
    SumRows("glr_sum_rows", SumRows { sums: i64, width: i64, starts: u64, rows: u64, x: u64, out: u64 })
    /// A product of matrices, for machines without a library for it.
    Product("glr_product", Product {
        m: i64, k: i64, n: i64, a_stride: i64, b_stride: i64, c_stride: i64, a: u64, b: u64, c: u64,
        transposed_a: u32, transposed_b: u32, add: u32, unused: u32,
    })
    /// The softmax of each 32nd of a row of logits.
    SoftmaxPart("glr_softmax_part", SoftmaxPart { n: i64, width: i64, logits: u64, bias: u64, top: u64, total: u64 })
    /// The softmax of each row, and its loss.
    SoftmaxJoin("glr_softmax_join", SoftmaxJoin {
        n: i64, width: i64, logits: u64, targets: u64, top: u64, total: u64, loss: u64,
    })
    /// The gradient of the loss by the logits.
    SoftmaxError("glr_softmax_error", SoftmaxError {
        n: i64, width: i64, logits: u64, targets: u64, top: u64, total: u64,
    })
    /// Decides whether a chunk makes an update.
    BeginUpdate("glr_begin_update", BeginUpdate { progress: u64, rate: f32, unused: u32 })
    /// The update rule.
    Update("glr_update", Update {
        sums: i64, width: i64, to: u64, gradient: u64, w: u64, v: u64, progress: u64, lr: f32, rate: f32, floor: f32,
        unused: u32,
    })
}
