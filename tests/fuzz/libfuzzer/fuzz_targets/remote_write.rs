//! The target `remote_write` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (surmise_fuzz::target("remote_write").expect("a target").run)(data));
