//! Globs, against a matcher that tries everything.

use detour::rules::pattern::Pattern;

use super::IMAGES;

/// The first line is a glob, the others are texts. Both matchers refuse the
/// same globs and match the same texts, and what the stars stood for, put back,
/// is the text.
pub(crate) fn fuzz_glob(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.lines();
    let Some(glob) = lines.next() else { return };
    let (compiled, plain) = match (Pattern::glob(glob), pieces(glob)) {
        (Ok(compiled), Some(plain)) => (compiled, plain),
        (compiled, plain) => {
            let too_big = glob.len() > 256;
            assert_eq!(compiled.is_ok(), plain.is_some() && !too_big, "{glob:?}: {compiled:?}");
            return;
        }
    };
    let stars = plain.iter().filter(|piece| piece.is_star()).count();
    assert_eq!(compiled.group(&stars.to_string()).is_some(), stars > 0, "{glob:?}");
    assert_eq!(compiled.group(&(stars + 1).to_string()), None, "{glob:?}");
    for text in lines.chain(IMAGES).chain([glob]).take(16) {
        let text: String = text.chars().take(200).collect();
        assert_eq!(compiled.is_match(&text), matches(&plain, &text), "{glob:?} on {text:?}");
        let Some(groups) = compiled.captures(&text) else { continue };
        let group = |index: usize| groups.get(index).map(|group| group.as_str());
        if let Some(joined) = filled(&plain, group) {
            assert_eq!(joined, text, "by {glob:?}");
        }
    }
}

/// A piece of a glob.
#[derive(Debug, PartialEq)]
enum Piece {
    /// This character.
    One(char),
    /// One character but `/`, in or out of these ranges.
    OneOf(Vec<(char, char)>, bool),
    /// `*`
    Segment,
    /// `**`
    Anything,
    /// `/**/`
    Between,
}

impl Piece {
    fn is_star(&self) -> bool {
        matches!(self, Self::Segment | Self::Anything | Self::Between)
    }
}

/// None for what is no glob.
fn pieces(glob: &str) -> Option<Vec<Piece>> {
    let characters: Vec<char> = glob.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let (piece, taken) = match &characters[at..] {
            ['*', '*', '*', ..] => return None,
            ['/', '*', '*', '/', ..] => (Piece::Between, 4),
            ['*', '*', ..] => (Piece::Anything, 2),
            ['*', ..] => (Piece::Segment, 1),
            ['?', ..] => (Piece::OneOf(Vec::new(), true), 1),
            ['[', rest @ ..] => {
                let end = rest.iter().position(|character| *character == ']')?;
                (class(&rest[..end])?, end + 2)
            }
            [other, ..] => (Piece::One(*other), 1),
            [] => return None,
        };
        pieces.push(piece);
        at += taken;
    }
    (!pieces.is_empty()).then_some(pieces)
}

/// As in a shell: a hyphen between two characters is a range.
fn class(inside: &[char]) -> Option<Piece> {
    let (negated, mut rest) = match inside {
        ['!' | '^', members @ ..] => (true, members),
        members => (false, members),
    };
    let mut ranges = Vec::new();
    while let [first, behind @ ..] = rest {
        let (last, behind) = match behind {
            ['-', last, behind @ ..] => (last, behind),
            behind => (first, behind),
        };
        if last < first {
            return None;
        }
        ranges.push((*first, *last));
        rest = behind;
    }
    (!ranges.is_empty()).then_some(Piece::OneOf(ranges, negated))
}

/// Whether the pieces match the whole text: of each number of pieces, in turn,
/// where in the text they may end.
fn matches(pieces: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for piece in pieces {
        let mut next = vec![false; text.len() + 1];
        for start in (0..ends.len()).filter(|start| ends[*start]) {
            for end in start..ends.len() {
                next[end] |= is_one(piece, &text[start..end]);
            }
        }
        ends = next;
    }
    ends[text.len()]
}

fn is_one(piece: &Piece, text: &[char]) -> bool {
    match (piece, text) {
        (Piece::One(wanted), [character]) => character == wanted,
        (Piece::OneOf(ranges, negated), [character]) => {
            let is_in = ranges.iter().any(|(first, last)| (first..=last).contains(&character));
            *character != '/' && is_in != *negated
        }
        (Piece::One(_) | Piece::OneOf(..), _) => false,
        (Piece::Segment, text) => !text.contains(&'/'),
        (Piece::Anything, _) => true,
        (Piece::Between, ['/']) => true,
        (Piece::Between, ['/', .., '/']) => true,
        (Piece::Between, _) => false,
    }
}

/// The text that the groups say; none when a piece leaves no group.
fn filled<'t>(pieces: &[Piece], group: impl Fn(usize) -> Option<&'t str>) -> Option<String> {
    let mut text = String::new();
    let mut index = 0;
    for piece in pieces {
        index += usize::from(piece.is_star());
        match piece {
            Piece::One(character) => text.push(*character),
            Piece::OneOf(..) => return None,
            Piece::Segment | Piece::Anything => text.push_str(group(index).expect("a group")),
            Piece::Between => match group(index) {
                Some(inner) => text.extend(["/", inner, "/"]),
                None => text.push('/'),
            },
        }
    }
    Some(text)
}
