//! Compiles `kernels.cu` to PTX by NVRTC, which needs no GPU: `ptx > model/device/ptx/kernels.ptx`. `.ci/cuda` runs it.

use cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};

fn main() {
    let options = CompileOptions {
        // every fused multiply-add is written as one, so that all machines agree
        fmad: Some(false),
        ftz: Some(false),
        prec_div: Some(true),
        arch: Some("compute_75"),
        name: Some("kernels.cu".into()),
        ..Default::default()
    };
    match compile_ptx_with_opts(include_str!("../src/kernels.cu"), options) {
        Ok(ptx) => {
            print!("// of kernels.cu {:016x}\n{}", surmise_device::CHECKSUM, ptx.to_src().trim_end_matches('\0'))
        }
        Err(e) => {
            eprintln!("{e:?}");
            std::process::exit(1);
        }
    }
}
