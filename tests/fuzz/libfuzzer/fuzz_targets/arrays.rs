//! The target `arrays` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (surmise_fuzz::target("arrays").expect("a target").run)(data));
