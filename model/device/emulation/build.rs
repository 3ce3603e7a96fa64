//! Compiles the kernels of the graphics processor as C, for this processor.

fn main() {
    let source = "../src/kernels.cu";
    println!("cargo:rerun-if-changed={source}");
    cc::Build::new()
        .file(source)
        // the text is CUDA, but C all the same
        .flag("-xc")
        .flag("-ffp-contract=off")
        .flag("-fno-strict-aliasing")
        .opt_level(2)
        .compile("kernels");
}
