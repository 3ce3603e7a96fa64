//! The target `cloud_events` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (surmise_fuzz::target("cloud_events").expect("a target").run)(data));
