//! The grammar of JSON: where a value ends, and nothing of what it says.
//!
//! As strict as `serde_json::Value`, but that a number of any size passes: no
//! text that goes through here is refused by a reader that builds it. Nothing
//! is copied, and what is skipped costs no stack, however deep.
//!
//! Every function takes what is left of a text and gives what is left behind
//! what it went over; none where that is not JSON.

/// Deepest nesting of arrays and objects; that of `serde_json`.
pub(super) const DEPTH_MAX: u32 = 127;

const LOW: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// The first byte that is no white space, and what is left behind it.
#[inline(always)]
pub(super) fn token(rest: &[u8]) -> Option<(u8, &[u8])> {
    match rest {
        [byte, behind @ ..] if *byte > b' ' => Some((*byte, behind)),
        _ => distant_token(rest),
    }
}

/// What is left behind a byte that has to come, white space aside.
#[inline(always)]
pub(super) fn expected(byte: u8, rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [first, behind @ ..] if *first == byte => Some(behind),
        [first, ..] if *first > b' ' => None,
        _ => distant(byte, rest),
    }
}

/// [`token`], where it does not come at once: the API server writes no white space.
#[cold]
#[inline(never)]
fn distant_token(rest: &[u8]) -> Option<(u8, &[u8])> {
    match trimmed(rest) {
        [byte, behind @ ..] if *byte > b' ' => Some((*byte, behind)),
        // Nothing begins with a control character.
        _ => None,
    }
}

/// [`expected`], where it does not come at once.
#[cold]
#[inline(never)]
fn distant(byte: u8, rest: &[u8]) -> Option<&[u8]> {
    match trimmed(rest) {
        [first, behind @ ..] if *first == byte => Some(behind),
        _ => None,
    }
}

/// The text from the first byte on that is no white space.
pub(super) fn trimmed(mut rest: &[u8]) -> &[u8] {
    while let [byte, behind @ ..] = rest
        && is_blank(*byte)
    {
        rest = behind;
    }
    rest
}

/// The first quote, backslash or control character, and what is left behind
/// it; eight bytes at a time.
#[inline(always)]
pub(super) fn special(mut rest: &[u8]) -> Option<(u8, &[u8])> {
    while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let hits = hits(word);
        // Most chunks have no hit, not even a false one.
        if hits != 0 {
            let hits = hits & !word;
            if hits != 0 {
                let at = (hits.trailing_zeros() / 8) as usize;
                return Some((rest[at], &rest[at + 1..]));
            }
        }
        rest = behind;
    }
    last_special(rest)
}

/// The high bit of each quote, backslash and control character of a chunk, read
/// as a number whose lowest byte comes first; that of other bytes behind the first of them, and of those that are no ASCII, may be set
/// as well.
#[inline(always)]
fn hits(word: u64) -> u64 {
    // The quote changes places with the space, next to the control characters.
    let low = (word ^ (LOW * 0x02)).wrapping_sub(LOW * 0x21);
    let backslash = (word ^ (LOW * u64::from(b'\\'))).wrapping_sub(LOW);
    (low | backslash) & HIGH
}

/// Whether a text is known to have nothing that [`special`] finds; false also
/// where it has bytes that are no ASCII.
pub(super) fn is_plain(text: &[u8]) -> bool {
    match text.last_chunk() {
        Some(last) => {
            let (chunks, _) = text.as_chunks();
            let of = |chunk: &[u8; 8]| hits(u64::from_le_bytes(*chunk));
            chunks.iter().fold(of(last), |all, chunk| all | of(chunk)) == 0
        }
        None => last_special(text).is_none(),
    }
}

/// [`special`] in what is shorter than eight bytes.
#[inline(never)]
fn last_special(rest: &[u8]) -> Option<(u8, &[u8])> {
    let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    Some((rest[at], &rest[at + 1..]))
}

/// Goes over a string whose opening quote was gone over.
#[inline(always)]
pub(super) fn string(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        match special(rest)? {
            (b'"', behind) => return Some(behind),
            // What JSON inside of a string has most of.
            (b'\\', [b'"', behind @ ..]) => rest = behind,
            (first, behind) => return odd_string(first, behind),
        }
    }
}

/// [`string`], from behind the first byte on that is not plain.
#[inline(never)]
pub(super) fn odd_string(first: u8, mut rest: &[u8]) -> Option<&[u8]> {
    let mut special = (first, rest);
    loop {
        rest = match special {
            (b'"', behind) => return Some(behind),
            (b'\\', [b'u', behind @ ..]) => unicode_escape(behind)?.1,
            (b'\\', [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', behind @ ..]) => {
                behind
            }
            _ => return None,
        };
        special = self::special(rest)?;
    }
}

/// The character of an escape whose `\u` was gone over, with the second of a
/// pair of surrogates.
pub(super) fn unicode_escape(rest: &[u8]) -> Option<(char, &[u8])> {
    let (first, behind) = hex(rest)?;
    let (second, behind) = match (first, behind) {
        (0xD800..0xDC00, [b'\\', b'u', second @ ..]) => hex(second)?,
        _ => (0, behind),
    };
    let units = [first, second];
    let used = if second == 0 { &units[..1] } else { &units[..] };
    let mut characters = char::decode_utf16(used.iter().copied());
    match (characters.next()?, characters.next()) {
        (Ok(character), None) => Some((character, behind)),
        _ => None,
    }
}

fn hex(rest: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, behind) = rest.split_first_chunk::<4>()?;
    let value = |value: u16, digit: &u8| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u16::try_from(digit).ok()?)
    };
    Some((digits.iter().try_fold(0, value)?, behind))
}

/// Goes over a value inside `depth` arrays and objects.
pub(super) fn value(mut rest: &[u8], depth: u32) -> Option<&[u8]> {
    // A bit for each array or object that is open: 1 for an object.
    let mut kinds: u128 = 0;
    let mut open = depth;
    'value: loop {
        let (&first, behind) = rest.split_first()?;
        if first == b'"' {
            rest = string(behind)?;
        } else if is_opening(first) {
            if open >= DEPTH_MAX {
                return None;
            }
            match expected(end_of(first), behind) {
                Some(behind) => rest = behind,
                None => {
                    kinds = kinds << 1 | u128::from(first == b'{');
                    open += 1;
                    rest = if first == b'{' { key(behind)? } else { behind };
                    continue;
                }
            }
        } else if is_blank(first) {
            rest = trimmed(behind);
            continue;
        } else {
            rest = scalar(first, behind)?;
        }
        // Behind a value: what it is in goes on or ends.
        while open > depth {
            if kinds & 1 == 1 {
                // What objects have most of: `,"key":"value"`.
                while let [b',', b'"', behind @ ..] = rest {
                    let behind = string(behind)?;
                    let [b':', b'"', behind @ ..] = behind else {
                        rest = expected(b':', behind)?;
                        continue 'value;
                    };
                    rest = string(behind)?;
                }
                if let Some(behind) = expected(b',', rest) {
                    rest = key(behind)?;
                    continue 'value;
                }
                rest = expected(b'}', rest)?;
            } else {
                if let Some(behind) = expected(b',', rest) {
                    rest = behind;
                    continue 'value;
                }
                rest = expected(b']', rest)?;
            }
            kinds >>= 1;
            open -= 1;
        }
        return Some(rest);
    }
}

/// Whether an array or an object begins with the byte: `[` and `{` differ in
/// one bit.
fn is_opening(byte: u8) -> bool {
    byte | 0x20 == b'{'
}

/// `]` and `}` come two after their opening brackets.
fn end_of(opening: u8) -> u8 {
    opening + 2
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Goes over a key and its colon.
#[inline(always)]
fn key(rest: &[u8]) -> Option<&[u8]> {
    expected(b':', string(expected(b'"', rest)?)?)
}

/// Goes over a number, `true`, `false` or `null`, whose first byte was gone
/// over.
fn scalar(first: u8, rest: &[u8]) -> Option<&[u8]> {
    match first {
        b't' => rest.strip_prefix(b"rue"),
        b'f' => rest.strip_prefix(b"alse"),
        b'n' => rest.strip_prefix(b"ull"),
        b'-' => match rest {
            [first @ b'0'..=b'9', behind @ ..] => number(*first, behind),
            _ => None,
        },
        b'0'..=b'9' => number(first, rest),
        _ => None,
    }
}

/// Goes over what follows the first digit of a number.
fn number(first: u8, rest: &[u8]) -> Option<&[u8]> {
    let mut rest = if first == b'0' { rest } else { digits(rest) };
    if let [b'.', fraction @ ..] = rest {
        rest = some_digits(fraction)?;
    }
    match rest {
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            some_digits(exponent)
        }
        _ => Some(rest),
    }
}

fn digits(rest: &[u8]) -> &[u8] {
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    &rest[end..]
}

fn some_digits(rest: &[u8]) -> Option<&[u8]> {
    let behind = digits(rest);
    (behind.len() < rest.len()).then_some(behind)
}
