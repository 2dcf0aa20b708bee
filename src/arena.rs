//! Texts that live as long as an arena.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use bumpalo::Bump;
use bumpalo::collections::String as ArenaString;

/// The pieces as one text.
pub(crate) fn join<'a>(pieces: &[&str], arena: &'a Bump) -> &'a str {
    let bytes = pieces.iter().map(|piece| piece.len()).sum();
    let mut text = ArenaString::with_capacity_in(bytes, arena);
    for piece in pieces {
        text.push_str(piece);
    }
    text.into_bump_str()
}
