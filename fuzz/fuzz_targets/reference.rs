//! See `fuzz_reference`.
#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../../tests/it/fuzzed/mod.rs"]
mod fuzzed;
#[path = "../../tests/it/oracle.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::fuzz_reference(bytes));
