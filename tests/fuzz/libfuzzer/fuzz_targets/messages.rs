//! The target `messages` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (surmise_fuzz::target("messages").expect("a target").run)(data));
