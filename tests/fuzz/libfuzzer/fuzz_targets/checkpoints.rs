//! The target `checkpoints` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (surmise_fuzz::target("checkpoints").expect("a target").run)(data));
