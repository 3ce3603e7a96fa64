//! What can be tested of the compiled kernels without a device.

use surmise_device::{CHECKSUM, machine::DeviceKernel};

const PTX: &str = include_str!("../ptx/kernels.ptx");

#[test]
fn the_compiled_kernels_are_those_of_the_text() {
    let first_line = PTX.lines().next().unwrap();
    assert_eq!(first_line, format!("// of kernels.cu {CHECKSUM:016x}"), "compile it anew: .ci/cuda");
}

#[test]
fn arguments_are_as_long_as_here() {
    for kernel in DeviceKernel::ALL {
        let parameter = format!(".b8 {}_param_0[{}]", kernel.symbol(), kernel.arguments());
        assert!(PTX.contains(&parameter), "{parameter}");
        assert!(PTX.contains(&format!(".entry {}(", kernel.symbol())));
    }
    assert_eq!(PTX.matches(".entry").count(), DeviceKernel::ALL.len());
}

#[test]
fn nothing_depends_on_the_order_of_threads_or_is_approximate() {
    for word in ["atom.", "red.", "bar.", "shfl", ".approx", ".ftz", ".shared"] {
        assert!(!PTX.contains(word), "{word}");
    }
}
