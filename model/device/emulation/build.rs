//! Compiles the kernels of the graphics processor as C for this processor, with no fused multiply-add but those
//! written.

fn main() {
    let source = "../src/kernels.cu";
    println!("cargo:rerun-if-changed={source}");
    cc::Build::new()
        .file(source)
        // the name says CUDA, but the text is C as well
        .flag("-xc")
        .flag("-ffp-contract=off")
        .flag("-fno-strict-aliasing")
        .opt_level(2)
        .compile("kernels");
}
