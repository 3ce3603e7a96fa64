//! The target `wire_lines` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (surmise_fuzz::target("wire_lines").expect("a target").run)(data));
