//! The binary under test.

use std::path::PathBuf;
use std::{env, fs};

/// What `DETOUR_BINARY` names, such as the static binary about to be released;
/// without it the one that cargo built with the tests.
pub(crate) fn program() -> PathBuf {
    let named = env::var_os("DETOUR_BINARY").filter(|path| !path.is_empty());
    // Started in another directory than this process.
    let absolute = |path| fs::canonicalize(path).unwrap();
    named.map_or_else(|| env!("CARGO_BIN_EXE_detour").into(), absolute)
}
