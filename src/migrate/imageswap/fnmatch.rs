//! Python's `fnmatch` patterns as regular expressions.

/// What a star and a question mark may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Anything.
    All,
    /// Anything but a slash.
    Segment,
}

/// The expression of `glob`, without anchors. None where it needs a slash and
/// `reach` has none.
pub(super) fn expression(glob: &str, reach: Reach) -> Option<String> {
    let (star, one) = match reach {
        Reach::All => (".*", "."),
        Reach::Segment => ("[^/]*", "[^/]"),
    };
    let mut expression = String::new();
    let mut rest = glob;
    while let Some(character) = rest.chars().next() {
        let mut taken = character.len_utf8();
        match character {
            '*' => expression.push_str(star),
            '?' => expression.push_str(one),
            '/' if reach == Reach::Segment => return None,
            '[' => match class(rest) {
                Some((class, length)) => {
                    expression.push_str(&match reach {
                        Reach::All => class,
                        Reach::Segment => format!("[{class}&&[^/]]"),
                    });
                    taken = length;
                }
                None => expression.push_str("\\["),
            },
            other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
        rest = &rest[taken..];
    }
    Some(expression)
}

/// The class at the head of `glob` and the bytes it takes there; none for a
/// bracket that is never closed, which stands for itself.
fn class(glob: &str) -> Option<(String, usize)> {
    let inner = &glob[1..];
    let negated = inner.starts_with('!');
    let members = &inner[usize::from(negated)..];
    // A bracket at once is a member.
    let end = members.get(1..)?.find(']')? + 1;
    let members_text: String = members[..end]
        .chars()
        .map(|member| match member {
            '-' => "-".to_owned(),
            other => regex::escape(other.encode_utf8(&mut [0; 4])),
        })
        .collect();
    let negation = if negated { "^" } else { "" };
    Some((format!("[{negation}{members_text}]"), 1 + usize::from(negated) + end + 1))
}

/// Whether the text before the first slash may be that of a registry.
pub(super) fn may_name_registry(glob: &str) -> bool {
    let head = glob.split('/').next().unwrap_or_default();
    head.contains(['*', '?', '[']) || crate::reference::looks_like_registry(head)
}

/// Whether the text before the first slash says a registry without a doubt.
pub(super) fn names_registry(glob: &str) -> bool {
    let head = glob.split_once('/').map_or("", |(head, _)| head);
    !head.contains(['*', '?', '[']) && crate::reference::looks_like_registry(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::pattern::Pattern;

    #[test]
    fn patterns_match_as_in_python() {
        let cases = [
            ("tool-*", Reach::All, "tool-a/b:1", true),
            ("tool-*", Reach::Segment, "tool-a/b:1", false),
            ("deb*12.5", Reach::Segment, "debian:12.5", true),
            ("deb*12.5", Reach::Segment, "debian:1225", false),
            ("tool:v1.?", Reach::All, "tool:v1.10", false),
            ("quay.io/[a-c]*/*", Reach::All, "quay.io/brancz/x/y:1", true),
            ("quay.io/[!a-c]*/*", Reach::All, "quay.io/brancz/x", false),
            ("quay.io/[!a-c]*/*", Reach::All, "quay.io/dex/x", true),
            ("a[]b]c", Reach::All, "a]c", true),
            ("a[b", Reach::All, "a[b", true),
            ("a[.]b", Reach::All, "axb", false),
            ("x[+-9]y", Reach::Segment, "x/y", false),
        ];
        for (glob, reach, text, matches) in cases {
            let expression = expression(glob, reach).expect(glob);
            assert_eq!(
                Pattern::regex(&expression).expect(&expression).is_match(text),
                matches,
                "{glob} on {text}"
            );
        }
        assert_eq!(expression("a/*", Reach::Segment), None);
    }
}
