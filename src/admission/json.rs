//! What a review is read from: borrowed JSON, read forwards once, strict
//! where types are wrong.

use std::ops::Deref;

use bumpalo::Bump;
use bumpalo::collections::{String as ArenaString, Vec as ArenaVec};

use super::scan::{self, DEPTH_MAX};

/// Reads one text from its start to its end.
///
/// A fault in the text or a value of another type ends the reading: from then
/// on there is none of whatever is asked for. What was skipped is checked as
/// well.
pub(super) struct Reader<'b> {
    text: &'b str,
    /// What was not read yet.
    rest: &'b [u8],
    /// Arrays and objects that are open.
    depth: u32,
    arena: &'b Bump,
    mismatch: Option<Mismatch>,
}

/// A value that should be something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// The offset of its first byte.
    pub(super) at: usize,
    /// What it should be.
    pub(super) expected: &'static str,
}

/// A field of an object: null is absent, and a second one is a fault, for
/// readers differ in which of two they take.
#[derive(Debug)]
pub(super) struct Once<T> {
    is_seen: bool,
    value: Option<T>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self { is_seen: false, value: None }
    }
}

impl<T> Once<T> {
    /// The value, if it is there and not null.
    pub(super) fn into_value(self) -> Option<T> {
        self.value
    }
}

impl<T> Deref for Once<T> {
    type Target = Option<T>;

    fn deref(&self) -> &Option<T> {
        &self.value
    }
}

/// An object of strings, in its order, with no key twice; null reads as the
/// empty string, as in Go.
pub(super) type Pairs<'b> = &'b [(&'b str, &'b str)];

impl<'b> Reader<'b> {
    /// A reader of the whole text.
    pub(super) fn new(text: &'b str, arena: &'b Bump) -> Self {
        Self { text, rest: text.as_bytes(), depth: 0, arena, mismatch: None }
    }

    /// Checks that nothing follows what was read.
    pub(super) fn end(&self) -> Option<()> {
        scan::trimmed(self.rest).is_empty().then_some(())
    }

    /// The value that ended the reading; none when the text is not JSON.
    pub(super) fn found_mismatch(&self) -> Option<Mismatch> {
        self.mismatch
    }

    /// Skips a value.
    pub(super) fn skip(&mut self) -> Option<()> {
        self.rest = scan::value(self.rest, self.depth)?;
        Some(())
    }

    /// Reads a field's value.
    pub(super) fn once<T>(
        &mut self,
        field: &mut Once<T>,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<()> {
        if field.is_seen {
            return self.mismatch("no field twice");
        }
        *field = Once { is_seen: true, value: self.nullable(read)? };
        Some(())
    }

    #[inline(always)]
    fn nullable<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.peek() {
            // No other value starts with it, and skipping checks the rest.
            Some(b'n') => self.skip().map(|()| None),
            _ => read(self).map(Some),
        }
    }

    /// Reads an object: `field` is called with each key and reads its value.
    pub(super) fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &'b [u8]) -> Option<()>,
    ) -> Option<()> {
        self.between([b'{', b'}'], "an object", |reader| {
            let key = reader.key()?;
            field(reader, key)
        })
    }

    /// Reads an array whose items may be null.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<&'b [Option<T>]> {
        let mut items = ArenaVec::new_in(self.arena);
        self.between([b'[', b']'], "an array", |reader| {
            items.push(reader.nullable(&mut item)?);
            Some(())
        })?;
        Some(items.into_bump_slice())
    }

    /// Reads a string.
    pub(super) fn text(&mut self) -> Option<&'b str> {
        self.string("a string")
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(&mut self) -> Option<bool> {
        let flag = match self.peek() {
            Some(b't') => true,
            Some(b'f') => false,
            _ => return self.mismatch("true or false"),
        };
        self.skip().map(|()| flag)
    }

    /// Reads an object of strings.
    pub(super) fn pairs(&mut self) -> Option<Pairs<'b>> {
        let mut pairs = ArenaVec::new_in(self.arena);
        self.between([b'{', b'}'], "an object", |reader| {
            let key = reader.string("a key")?;
            reader.rest = scan::expected(b':', reader.rest)?;
            let value = reader.nullable(Self::text)?.unwrap_or_default();
            pairs.push((key, value));
            Some(())
        })?;
        let mut keys = ArenaVec::from_iter_in(pairs.iter().map(|(key, _)| *key), self.arena);
        keys.sort_unstable();
        match keys.windows(2).any(|two| two[0] == two[1]) {
            true => self.mismatch("no key twice"),
            false => Some(pairs.into_bump_slice()),
        }
    }

    /// Reads a value that is kept as long as what was read.
    pub(super) fn kept<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<&'b T> {
        read(self).map(|value| &*self.arena.alloc(value))
    }

    /// Reads a key and its colon.
    fn key(&mut self) -> Option<&'b [u8]> {
        // As the API server writes it.
        if let [b'"', rest @ ..] = self.rest
            && let Some((b'"', [b':', behind @ ..])) = scan::special(rest)
        {
            self.rest = behind;
            return rest.get(..rest.len() - behind.len() - 2);
        }
        self.odd_key()
    }

    #[inline(never)]
    fn odd_key(&mut self) -> Option<&'b [u8]> {
        let key = self.odd_string("a key")?;
        self.rest = scan::expected(b':', self.rest)?;
        Some(key.as_bytes())
    }

    fn string(&mut self, expected: &'static str) -> Option<&'b str> {
        if let [b'"', rest @ ..] = self.rest
            && let Some((b'"', behind)) = scan::special(rest)
        {
            let start = self.text.len() - rest.len();
            let end = self.text.len() - behind.len() - 1;
            self.rest = behind;
            return self.text.get(start..end);
        }
        self.odd_string(expected)
    }

    /// [`Reader::string`], with white space before it or escapes in it.
    #[inline(never)]
    fn odd_string(&mut self, expected: &'static str) -> Option<&'b str> {
        let Some(rest) = scan::expected(b'"', self.rest) else {
            return self.mismatch(expected);
        };
        let start = self.text.len() - rest.len();
        self.rest = scan::string(rest)?;
        let text = self.text.get(start..self.at() - 1)?;
        if text.contains('\\') { unescaped(text, self.arena) } else { Some(text) }
    }

    /// Reads what stands between brackets, with commas.
    fn between(
        &mut self,
        [open, close]: [u8; 2],
        expected: &'static str,
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        if !self.take(open) {
            return self.mismatch(expected);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        if !self.take(close) {
            loop {
                item(self)?;
                let (sign, behind) = scan::token(self.rest)?;
                self.rest = behind;
                if sign == close {
                    break;
                }
                if sign != b',' {
                    return None;
                }
            }
        }
        self.depth -= 1;
        Some(())
    }

    /// Goes over the next byte if it is this one.
    #[inline(always)]
    fn take(&mut self, byte: u8) -> bool {
        match scan::expected(byte, self.rest) {
            Some(behind) => {
                self.rest = behind;
                true
            }
            None => false,
        }
    }

    /// The next byte that is no white space.
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        scan::token(self.rest).map(|(next, _)| next)
    }

    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// Ends the reading at a value, if there is one, of another type.
    fn mismatch<T>(&mut self, expected: &'static str) -> Option<T> {
        let is_value = self.peek().is_some();
        self.mismatch = is_value.then(|| Mismatch { at: self.at(), expected });
        None
    }
}

/// The text of a string whose escapes were checked.
fn unescaped<'b>(text: &str, arena: &'b Bump) -> Option<&'b str> {
    let mut out = ArenaString::with_capacity_in(text.len(), arena);
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut behind = escape.chars();
        out.push(match behind.next() {
            Some('u') => {
                let digits = behind.as_str();
                let (character, left) = scan::unicode_escape(digits.as_bytes())?;
                behind = digits[digits.len() - left.len()..].chars();
                character
            }
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(itself) => itself,
            None => return None,
        });
        rest = behind.as_str();
    }
    out.push_str(rest);
    Some(out.into_bump_str())
}
