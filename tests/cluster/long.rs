//! How long a scenario lasts: as a rule a bounded time that shows the fault,
//! with `DETOUR_LONG` set as long as it lasts for an operator.

use std::env;

/// What a scenario takes, and what it takes when it may be long.
pub(crate) fn lasting<T>(usually: T, long: T) -> T {
    if is_long() { long } else { usually }
}

/// Whether scenarios may be long.
pub(crate) fn is_long() -> bool {
    env::var_os("DETOUR_LONG").is_some_and(|value| !value.is_empty())
}
