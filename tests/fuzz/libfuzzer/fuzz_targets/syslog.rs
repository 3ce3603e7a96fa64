//! The target `syslog` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (surmise_fuzz::target("syslog").expect("a target").run)(data));
