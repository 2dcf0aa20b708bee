//! Texts that live as long as an arena.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use bumpalo::Bump;
use bumpalo::collections::String as ArenaString;

/// The pieces as one text.
pub(crate) fn join<'a>(pieces: &[&str], arena: &'a Bump) -> &'a str {
    let bytes = pieces.iter().map(|piece| piece.len()).sum();
    let mut text = ArenaString::with_capacity_in(bytes, arena);
    append(&mut text, pieces);
    text.into_bump_str()
}

/// Appends the pieces to a text.
pub(crate) fn append(text: &mut ArenaString<'_>, pieces: &[&str]) {
    for piece in pieces {
        match piece.as_bytes() {
            [] => {}
            // Most pieces are a mark between two others.
            [mark] => text.push(char::from(*mark)),
            _ => text.push_str(piece),
        }
    }
}
