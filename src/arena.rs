//! Texts that live as long as an arena.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::mem;

use bumpalo::Bump;

/// Empties an arena, which keeps so many bytes at most for what comes next.
pub(crate) fn empty(arena: &mut Bump, kept: usize) {
    match arena.allocated_bytes() > kept {
        true => *arena = Bump::new(),
        false => arena.reset(),
    }
}

/// The pieces as one text.
pub(crate) fn join<'a>(pieces: &[&str], arena: &'a Bump) -> &'a str {
    let bytes = pieces.iter().map(|piece| piece.len()).sum();
    let mut text = Text::with_capacity(bytes, arena);
    text.append(pieces);
    text.into_str()
}

/// A text that grows.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    /// Longer than what is used, for pieces to be copied into.
    bytes: &'a mut [u8],
    used: usize,
    arena: &'a Bump,
}

impl<'a> Text<'a> {
    /// An empty text with room for so many bytes; for more it is moved.
    pub(crate) fn with_capacity(bytes: usize, arena: &'a Bump) -> Self {
        Self { bytes: arena.alloc_slice_fill_copy(bytes, 0), used: 0, arena }
    }

    /// Appends one ASCII character.
    pub(crate) fn push(&mut self, mark: u8) {
        debug_assert!(mark.is_ascii());
        copy(&[mark], self.room(1));
    }

    pub(crate) fn push_str(&mut self, piece: &str) {
        self.push_bytes(piece.as_bytes());
    }

    /// Appends what may be a part of a character.
    pub(crate) fn push_bytes(&mut self, piece: &[u8]) {
        copy(piece, self.room(piece.len()));
    }

    pub(crate) fn append(&mut self, pieces: &[&str]) {
        pieces.iter().for_each(|piece| self.push_str(piece));
    }

    pub(crate) fn arena(&self) -> &'a Bump {
        self.arena
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Takes back what is beyond so many bytes.
    pub(crate) fn truncate(&mut self, bytes: usize) {
        self.used = bytes.min(self.used);
    }

    pub(crate) fn into_str(self) -> &'a str {
        let Self { bytes, used, .. } = self;
        // Whole texts were put together, so it always is one.
        str::from_utf8(&bytes[..used]).unwrap_or_default()
    }

    #[inline(always)]
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.used + bytes;
        if end > self.bytes.len() {
            self.grow(end);
        }
        let start = mem::replace(&mut self.used, end);
        self.bytes.get_mut(start..end).unwrap_or_default()
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, needed: usize) {
        // Behind a long piece often comes a short one.
        let size = (needed + needed / 4).max(2 * self.bytes.len());
        let larger = self.arena.alloc_slice_fill_copy(size, 0);
        larger[..self.used].copy_from_slice(self.as_bytes());
        self.bytes = larger;
    }
}

/// Copies to a slice of the same length. A call of musl's `memcpy` takes as
/// long for the few bytes that most pieces have as it does for hundreds.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    match from.len() {
        ..4 => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
        4..=8 => copy_ends::<4>(from, to),
        9..=16 => copy_ends::<8>(from, to),
        17..=32 => copy_ends::<16>(from, to),
        33..=64 => copy_ends::<32>(from, to),
        _ => to.copy_from_slice(from),
    }
}

/// Copies the first and the last bytes, which is all of twice as many at most.
#[inline(always)]
fn copy_ends<const BYTES: usize>(from: &[u8], to: &mut [u8]) {
    if let (Some(first), Some(to)) = (from.first_chunk::<BYTES>(), to.first_chunk_mut()) {
        *to = *first;
    }
    if let (Some(last), Some(to)) = (from.last_chunk::<BYTES>(), to.last_chunk_mut()) {
        *to = *last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_length_are_put_together() {
        let arena = Bump::new();
        let alphabet: String = ('a'..='z').cycle().take(200).collect();
        let pieces: Vec<&str> = (0..=alphabet.len()).map(|bytes| &alphabet[..bytes]).collect();
        for piece in &pieces {
            assert_eq!(join(&[piece], &arena), *piece);
        }
        assert_eq!(join(&pieces, &arena), pieces.concat());
        let mut text = Text::with_capacity(0, &arena);
        text.append(&pieces);
        text.push(b'.');
        assert_eq!(text.into_str(), pieces.concat() + ".");
    }
}
