//! The `detour` command.

fn main() {}
