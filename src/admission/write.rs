//! JSON written piece by piece into one text.

use super::scan;
use crate::arena::Text;

/// Appends a string with its quotes. Escapes what JSON says must be, and
/// nothing else.
pub(super) fn string(out: &mut Text<'_>, text: &str) {
    out.push(b'"');
    if scan::is_plain(text.as_bytes()) {
        out.push_str(text);
    } else {
        escaped(out, text);
    }
    out.push(b'"');
}

#[cold]
#[inline(never)]
fn escaped(out: &mut Text<'_>, text: &str) {
    let mut rest = text;
    while let Some((special, behind)) = scan::special(rest.as_bytes()) {
        // What is special is ASCII, so the text can be cut there.
        let at = rest.len() - behind.len() - 1;
        out.push_str(&rest[..at]);
        match special {
            b'"' | b'\\' => {
                out.push(b'\\');
                out.push(special);
            }
            b'\n' => out.push_str("\\n"),
            control => {
                let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
                out.push_str("\\u00");
                out.push(digit(control / 16));
                out.push(digit(control % 16));
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// Appends a number.
pub(super) fn number(out: &mut Text<'_>, number: usize) {
    if number >= 10 {
        self::number(out, number / 10);
    }
    out.push(b'0' + (number % 10) as u8);
}

/// Appends an object of strings; no key may come twice.
pub(super) fn object<'p>(out: &mut Text<'_>, pairs: impl IntoIterator<Item = (&'p str, &'p str)>) {
    list(out, "{}", pairs, |out, (key, value)| {
        string(out, key);
        out.push(b':');
        string(out, value);
    });
}

/// Appends an array of strings.
pub(super) fn strings<'p>(out: &mut Text<'_>, texts: impl IntoIterator<Item = &'p str>) {
    list(out, "[]", texts, string);
}

/// Appends items between `brackets`, with commas.
pub(super) fn list<'a, T>(
    out: &mut Text<'a>,
    brackets: &'static str,
    items: impl IntoIterator<Item = T>,
    mut item: impl FnMut(&mut Text<'a>, T),
) {
    out.push_str(&brackets[..1]);
    for (index, one) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        item(out, one);
    }
    out.push_str(&brackets[1..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use bumpalo::Bump;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_string_is_read_as_it_was(text in "[\\x00-\\x1f\"\\\\/a-zé\u{2028}😀]{0,40}") {
            let arena = Bump::new();
            let mut out = Text::with_capacity(0, &arena);
            string(&mut out, &text);
            let read: String = serde_json::from_str(out.into_str()).expect("JSON");
            prop_assert_eq!(read, text);
        }
    }
}
