//! The self-test finds agreement, and finds every kernel that is wrong.

use std::ffi::c_void;
use surmise_device::{Machine, Memory, compare_engines, compare_machine, machine::DeviceKernel};
use surmise_emulation::Emulated;
use surmise_network::DeviceError;

#[test]
fn engines_agree() {
    let all = compare_engines();
    assert_eq!(all.iter().map(|c| c.what).collect::<Vec<_>>(), ["values", "gradients", "ten losses"]);
    assert!(all.iter().all(|c| c.holds()), "{all:?}");
    assert!(all.iter().any(|c| c.difference > 0.0), "two engines are not one: {all:?}");
}

#[test]
fn the_emulated_machine_agrees() {
    let all = compare_machine(|| Ok(Box::new(Emulated::new()))).unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|c| c.holds()), "{all:?}");
}

#[test]
fn a_machine_that_fails_is_no_agreement() {
    assert!(compare_machine(|| Ok(Box::new(Emulated::failing_at(5)))).is_err());
    assert!(compare_machine(|| Err(DeviceError::Absent("none".into()))).is_err());
}

/// A machine that computes one kernel wrongly.
struct Wrong(Emulated, DeviceKernel);

// SAFETY: it does less than the emulation.
unsafe impl Machine for Wrong {
    fn name(&self) -> String {
        "wrong".into()
    }
    fn allocate(&mut self, words: usize) -> Result<Memory, DeviceError> {
        self.0.allocate(words)
    }
    fn release(&mut self, memory: Memory) {
        self.0.release(memory);
    }
    fn write(&mut self, to: Memory, from: &[u32]) -> Result<(), DeviceError> {
        self.0.write(to, from)
    }
    fn read(&mut self, from: Memory, to: &mut [u32]) -> Result<(), DeviceError> {
        self.0.read(from, to)
    }
    fn clear(&mut self, memory: Memory) -> Result<(), DeviceError> {
        self.0.clear(memory)
    }
    unsafe fn launch(
        &mut self,
        kernel: DeviceKernel,
        threads: usize,
        arguments: *const c_void,
    ) -> Result<(), DeviceError> {
        // it forgets the last block of threads
        let threads = if kernel == self.1 { threads.saturating_sub(300) } else { threads };
        // SAFETY: the caller's.
        unsafe { self.0.launch(kernel, threads, arguments) }
    }
    fn wait(&mut self) -> Result<(), DeviceError> {
        self.0.wait()
    }
}

#[test]
fn one_wrong_kernel_is_found() {
    for kernel in DeviceKernel::ALL {
        let all = compare_machine(|| Ok(Box::new(Wrong(Emulated::new(), *kernel))));
        let found = all.as_ref().map_or(true, |all| all.iter().any(|c| !c.holds()));
        assert!(found, "{kernel:?}: {all:?}");
    }
}
