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

/// Stands for the end of the text, where a value or a sign could be.
pub(super) const END: u8 = 0;

const LOW: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// The first byte that is no white space, and what is left behind it.
#[inline(always)]
pub(super) fn token(mut rest: &[u8]) -> (u8, &[u8]) {
    loop {
        match rest.split_first() {
            Some((byte, behind)) if *byte > b' ' => return (*byte, behind),
            Some((b' ' | b'\n' | b'\r' | b'\t', behind)) => rest = behind,
            // Nothing begins with a control character.
            Some(_) | None => return (END, rest),
        }
    }
}

/// What is left from the first quote, backslash or control character on;
/// eight bytes at a time.
#[inline(always)]
pub(super) fn plain(mut rest: &[u8]) -> &[u8] {
    while let Some((chunk, behind)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let zero_at = |word: u64| word.wrapping_sub(LOW) & !word;
        let quote = zero_at(word ^ (LOW * u64::from(b'"')));
        let backslash = zero_at(word ^ (LOW * u64::from(b'\\')));
        let control = word.wrapping_sub(LOW * 0x20) & !word;
        // A borrow sets bits above the first hit only.
        match (quote | backslash | control) & HIGH {
            0 => rest = behind,
            hits => return &rest[(hits.trailing_zeros() / 8) as usize..],
        }
    }
    let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
    let end = rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
    &rest[end..]
}

/// Goes over a string whose opening quote was gone over.
#[inline(always)]
pub(super) fn string(rest: &[u8]) -> Option<&[u8]> {
    match plain(rest) {
        [b'"', behind @ ..] => Some(behind),
        special => odd_string(special),
    }
}

/// [`string`], from the first byte on that is not plain.
#[inline(never)]
fn odd_string(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', behind @ ..] => {
                plain(behind)
            }
            [b'\\', b'u', behind @ ..] => plain(unicode_escape(behind)?.1),
            _ => return None,
        }
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
    let mut open = 0;
    loop {
        let (first, behind) = token(rest);
        rest = match first {
            b'"' => string(behind)?,
            b'{' | b'[' => {
                if depth + open >= DEPTH_MAX {
                    return None;
                }
                let (next, inside) = token(behind);
                // `]` and `}` come two after their opening brackets.
                if next != first + 2 {
                    kinds = kinds << 1 | u128::from(first == b'{');
                    open += 1;
                    rest = if first == b'{' { key(next, inside)? } else { behind };
                    continue;
                }
                inside
            }
            _ => scalar(first, behind)?,
        };
        // Behind a value: what it is in goes on or ends.
        loop {
            if open == 0 {
                return Some(rest);
            }
            let is_object = kinds & 1 == 1;
            let (sign, behind) = token(rest);
            rest = behind;
            match (sign, is_object) {
                (b',', true) => {
                    let (next, behind) = token(rest);
                    rest = key(next, behind)?;
                    break;
                }
                (b',', false) => break,
                (b'}', true) | (b']', false) => {
                    kinds >>= 1;
                    open -= 1;
                }
                _ => return None,
            }
        }
    }
}

/// Goes over a key, whose first byte was gone over, and its colon.
#[inline(always)]
fn key(first: u8, rest: &[u8]) -> Option<&[u8]> {
    match first {
        b'"' => colon(string(rest)?),
        _ => None,
    }
}

/// Goes over the colon that follows a key.
#[inline(always)]
pub(super) fn colon(rest: &[u8]) -> Option<&[u8]> {
    match token(rest) {
        (b':', behind) => Some(behind),
        _ => None,
    }
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
