//! The target `questions` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (surmise_fuzz::target("questions").expect("a target").run)(data));
