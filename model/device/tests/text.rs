//! What can be said of the compiled kernels without a device.

use surmise_device::{CHECKSUM, machine::Kernel};

const PTX: &str = include_str!("../src/kernels.ptx");

#[test]
fn the_compiled_kernels_are_those_of_the_text() {
    let says = PTX.lines().next().unwrap();
    assert_eq!(says, format!("// of kernels.cu {CHECKSUM:016x}"), "compile it anew: .ci/cuda");
}

#[test]
fn arguments_are_as_long_as_here() {
    for kernel in Kernel::ALL {
        let parameter = format!(".b8 {}_param_0[{}]", kernel.symbol(), kernel.arguments());
        assert!(PTX.contains(&parameter), "{parameter}");
        assert!(PTX.contains(&format!(".entry {}(", kernel.symbol())));
    }
    assert_eq!(PTX.matches(".entry").count(), Kernel::ALL.len());
}

#[test]
fn nothing_depends_on_the_order_of_threads_or_is_approximate() {
    for word in ["atom.", "red.", "bar.", "shfl", ".approx", ".ftz", ".shared"] {
        assert!(!PTX.contains(word), "{word}");
    }
}
