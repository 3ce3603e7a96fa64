//! The target `compressed` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (surmise_fuzz::target("compressed").expect("a target").run)(data));
