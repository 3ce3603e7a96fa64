//! A graphics processor of NVIDIA, whose libraries are found at run time.
//!
//! The kernels are shipped as PTX, a portable assembly that the driver compiles for the processor that is there when
//! the program starts, and keeps for the next start. So nothing of NVIDIA's is needed to build.

use crate::machine::{DeviceKernel, Machine, Memory, Product};
use cudarc::{
    cublas::{result as blas, sys as blas_sys},
    driver::{CudaContext, DriverError, result, sys},
};
use std::{
    ffi::{CStr, CString, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::null_mut,
    sync::Arc,
};
use surmise_network::DeviceError;

/// The kernels as PTX for compute capability 7.5, which every later processor can run.
const PTX: &str = concat!(include_str!("../ptx/kernels.ptx"), "\0");

/// Threads of a block: no kernel shares anything within one, so any multiple of a warp would do.
const BLOCK_THREADS: usize = 256;

/// The first graphics processor of this computer. Products are computed by cuBLAS, in single precision and without
/// atomics, or by a kernel of `kernels.cu` where there is no cuBLAS.
pub struct Cuda {
    context: Arc<CudaContext>,
    module: sys::CUmodule,
    /// In the order of [`DeviceKernel::ALL`].
    kernels: Vec<sys::CUfunction>,
    blas: Option<blas_sys::cublasHandle_t>,
    /// Addresses of memory that is not released.
    memory: Vec<u64>,
}

// SAFETY: the driver's handles may be used from any thread that has bound the context, which every call does; one at a
// time, as all calls borrow exclusively.
unsafe impl Send for Cuda {}

impl Cuda {
    /// Finds the libraries and the first processor, and loads the kernels.
    ///
    /// # Errors
    /// A library or a processor is missing, or it cannot be used; the error says which.
    pub fn open() -> Result<Cuda, DeviceError> {
        // the bindings panic where a library or a function is missing, though `find` asks first whether the libraries
        // are there
        catch_unwind(AssertUnwindSafe(Self::find)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "the libraries do not fit".into());
            Err(DeviceError::Unusable(text))
        })
    }

    fn find() -> Result<Cuda, DeviceError> {
        // SAFETY: loading the driver's library runs its initialisers and nothing else.
        if !unsafe { sys::is_culib_present() } {
            return Err(DeviceError::Absent("NVIDIA's driver (libcuda.so.1) is not installed".into()));
        }
        let none = |e: DriverError| DeviceError::Absent(format!("the driver says {}", text(&e)));
        if CudaContext::device_count().map_err(none)? < 1 {
            return Err(DeviceError::Absent("the driver knows of none".into()));
        }
        let failed = |e: DriverError| DeviceError::Unusable(text(&e));
        let context = CudaContext::new(0).map_err(failed)?;
        // SAFETY: the text ends with a zero byte.
        let module = unsafe { result::module::load_data(PTX.as_ptr().cast()) }.map_err(failed)?;
        let mut cuda = Cuda { context, module, kernels: Vec::new(), blas: None, memory: Vec::new() };
        for kernel in DeviceKernel::ALL {
            let name = CString::new(kernel.symbol()).expect("a name has no zero byte");
            // SAFETY: the module was loaded.
            cuda.kernels.push(unsafe { result::module::get_function(cuda.module, name) }.map_err(failed)?);
        }
        cuda.blas = open_blas();
        Ok(cuda)
    }

    /// Does some work on this thread with the processor's context.
    fn bound<T>(&self, work: impl FnOnce() -> Result<T, DriverError>) -> Result<T, DeviceError> {
        self.context.bind_to_thread().and_then(|()| work()).map_err(|e| DeviceError::Failed(text(&e)))
    }
}

/// A handle of cuBLAS, if the library is installed and works.
fn open_blas() -> Option<blas_sys::cublasHandle_t> {
    // SAFETY: as for the driver's library.
    if !unsafe { blas_sys::is_culib_present() } {
        return None;
    }
    let handle = blas::create_handle().ok()?;
    // SAFETY: the handle was made above. Both are the defaults, and what equal bits depend on.
    let set = unsafe {
        blas_sys::cublasSetAtomicsMode(handle, blas_sys::cublasAtomicsMode_t::CUBLAS_ATOMICS_NOT_ALLOWED)
            .result()
            .is_ok()
            && blas_sys::cublasSetMathMode(handle, blas_sys::cublasMath_t::CUBLAS_DEFAULT_MATH).result().is_ok()
    };
    set.then_some(handle)
}

/// An error of the driver in words.
fn text(e: &DriverError) -> String {
    let name = |e: &DriverError| e.error_string().map(CStr::to_string_lossy).map(|s| s.into_owned());
    name(e).unwrap_or_else(|_| format!("error {}", e.0 as u32))
}

// SAFETY: the kernels are compiled from the text; memory is the driver's. Everything runs on the default stream, in
// order.
unsafe impl Machine for Cuda {
    fn name(&self) -> String {
        let gpu = self.context.name().unwrap_or_else(|_| "GPU".into());
        let products = if self.blas.is_some() { "cuBLAS" } else { "own products: libcublas is not installed" };
        format!("{gpu}, {products}")
    }

    fn allocate(&mut self, words: usize) -> Result<Memory, DeviceError> {
        // SAFETY: the memory is set to zero before anything reads it.
        let address = self.bound(|| unsafe {
            let bytes = 4 * words.max(1);
            let address = result::malloc_sync(bytes)?;
            result::memset_d8_async(address, 0, bytes, null_mut())?;
            Ok(address)
        })?;
        self.memory.push(address);
        Ok(Memory { address, words })
    }

    fn release(&mut self, memory: Memory) {
        if let Some(i) = self.memory.iter().position(|a| *a == memory.address) {
            self.memory.swap_remove(i);
            // freeing waits for the work that still uses it; a failure shows in the next call
            // SAFETY: it was allocated, and is forgotten here.
            let _ = self.bound(|| unsafe { result::free_sync(memory.address) });
        }
    }

    fn write(&mut self, to: Memory, from: &[u32]) -> Result<(), DeviceError> {
        assert!(from.len() <= to.words, "what is written fits");
        if from.is_empty() {
            return Ok(());
        }
        // SAFETY: the memory is long enough; the copy is done with `from` when it returns.
        self.bound(|| unsafe { result::memcpy_htod_sync(to.address, from) })
    }

    fn read(&mut self, from: Memory, to: &mut [u32]) -> Result<(), DeviceError> {
        assert!(to.len() <= from.words, "what is read is there");
        if to.is_empty() {
            return Ok(());
        }
        // SAFETY: as above; it waits for the kernels before it.
        self.bound(|| unsafe { result::memcpy_dtoh_sync(to, from.address) })
    }

    fn clear(&mut self, memory: Memory) -> Result<(), DeviceError> {
        // SAFETY: the memory is that long.
        self.bound(|| unsafe { result::memset_d8_async(memory.address, 0, 4 * memory.words, null_mut()) })
    }

    unsafe fn launch(
        &mut self,
        kernel: DeviceKernel,
        threads: usize,
        arguments: *const c_void,
    ) -> Result<(), DeviceError> {
        let blocks = u32::try_from(threads.div_ceil(BLOCK_THREADS)).ok().filter(|b| *b <= i32::MAX as u32);
        let blocks = blocks.ok_or_else(|| DeviceError::Misfit(format!("{threads} threads are too many")))?;
        if blocks == 0 {
            return Ok(());
        }
        let function = self.kernels[kernel as usize];
        // SAFETY: the one argument of a kernel is the structure that the caller vouches for.
        self.bound(|| unsafe {
            result::launch_kernel(
                function,
                (blocks, 1, 1),
                (BLOCK_THREADS as u32, 1, 1),
                0,
                null_mut(),
                &mut [arguments.cast_mut()],
            )
        })
    }

    unsafe fn product(&mut self, p: &Product) -> Result<(), DeviceError> {
        let Some(handle) = self.blas else {
            // SAFETY: the caller's.
            return unsafe { self.launch(DeviceKernel::Product, (p.m * p.n) as usize, std::ptr::from_ref(p).cast()) };
        };
        self.bound(|| Ok(()))?;
        use blas_sys::cublasOperation_t::{CUBLAS_OP_N, CUBLAS_OP_T};
        let operation = |transposed: u32| if transposed == 1 { CUBLAS_OP_T } else { CUBLAS_OP_N };
        let (one, keep) = (1f32, p.add as f32);
        // cuBLAS stores columns one after another: to it our rows are columns, and Cᵀ = Bᵀ Aᵀ
        // SAFETY: the caller's.
        let done = unsafe {
            blas::sgemm(
                handle,
                operation(p.transposed_b),
                operation(p.transposed_a),
                p.n as i32,
                p.m as i32,
                p.k as i32,
                &one,
                p.b as *const f32,
                p.b_stride as i32,
                p.a as *const f32,
                p.a_stride as i32,
                &keep,
                p.c as *mut f32,
                p.c_stride as i32,
            )
        };
        done.map_err(|e| DeviceError::Failed(format!("cuBLAS says {:?}", e.0)))
    }

    fn wait(&mut self) -> Result<(), DeviceError> {
        // SAFETY: the default stream is always there.
        self.bound(|| unsafe { result::stream::synchronize(null_mut()) })
    }
}

impl Drop for Cuda {
    fn drop(&mut self) {
        let (memory, blas, module) = (std::mem::take(&mut self.memory), self.blas.take(), self.module);
        // SAFETY: all of these were made by `find` or `allocate` and are used no more; the context lives until after
        // this.
        let _ = self.bound(|| unsafe {
            for address in memory {
                let _ = result::free_sync(address);
            }
            if let Some(handle) = blas {
                let _ = blas::destroy_handle(handle);
            }
            result::module::unload(module)
        });
    }
}
