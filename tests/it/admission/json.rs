//! The text of a review: JSON as other readers take it.

use serde_json::Value;

use super::support::{MIRRORED, create, hub, pod};
use crate::oracle;

/// A review whose pod has a field of this value that Detour does not know.
fn with_unknown(value: &str) -> String {
    let body = create(&pod(&["nginx"])).to_string();
    body.replacen(r#""spec":{"#, &format!(r#""spec":{{"unknown":{value},"#), 1)
}

/// What becomes of the first image; none of a body that is refused.
fn image_of(body: &str) -> Option<String> {
    oracle::told(body.as_bytes(), &hub()).ok()?.images.into_iter().next()?.new
}

#[test]
fn white_space_says_nothing() {
    let body = with_unknown(r#"[{"a":[],"b":{"c":[1,null,"d",-0.5e+1]}},true,{}]"#);
    for blank in [" ", "\n", "\r", "\t", "\r\n \t"] {
        let spaced = |text: String, sign| text.replace(sign, &format!("{blank}{sign}{blank}"));
        let body = ["{", "}", "[", "]", ":", ","].into_iter().fold(body.clone(), spaced);
        assert_eq!(image_of(&body).as_deref(), Some(MIRRORED), "{body}");
    }
}

#[test]
fn other_blanks_are_no_white_space() {
    let body = create(&pod(&["nginx"])).to_string();
    for blank in ["\u{1}", "\u{b}", "\u{c}", "\u{1f}", "\u{7f}", "\u{a0}", "\u{feff}"] {
        for sign in ["{", "}", "[", "]", ":", ","] {
            for spaced in [format!("{blank}{sign}"), format!("{sign}{blank}")] {
                let body = body.replacen(sign, &spaced, 1);
                assert_eq!(image_of(&body), None, "{body:?}");
            }
        }
    }
}

#[test]
fn what_is_not_looked_at_is_taken_as_strictly_as_by_others() {
    let taken = [
        "0",
        "-0",
        "10",
        "-12",
        "1.5",
        "0.25",
        "-0.50",
        "1e5",
        "1E5",
        "1e+5",
        "1E-5",
        "0e0",
        "-1.25e-10",
        "true",
        "false",
        "null",
        "[]",
        "[1]",
        "[1,[2,{}]]",
        "{}",
        r#"{"a":1,"b":[]}"#,
        r#""""#,
        r#""a\"\\\/\b\f\n\r\tb""#,
        r#""\u00e9\uD83D\uDE00\uABCD\uabcd""#,
        r#""é😀""#,
    ];
    let refused = [
        "",
        "01",
        "-01",
        "1.",
        "1.e5",
        ".5",
        "-",
        "-a",
        "--1",
        "+1",
        "1e",
        "1e+",
        "1E-",
        "1e1.5",
        "0x1",
        "1 2",
        "tru",
        "truE",
        "falsE",
        "nulL",
        "nan",
        "[",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{1]",
        "{",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        "{a:1}",
        "{1:1}",
        r#""\x""#,
        r#""\u12g4""#,
        r#""\u123""#,
        r#""\uD83D""#,
        r#""\uD83Dx""#,
        r#""\uDE00""#,
        r#""\uD83D\uD83D""#,
        r#""\uD83D\n""#,
        "\"\u{1}\"",
        "\"\n\"",
        "'a'",
        "\u{1}",
    ];
    for (values, is_taken) in [(&taken[..], true), (&refused[..], false)] {
        for value in values {
            let body = with_unknown(value);
            assert_eq!(serde_json::from_str::<Value>(&body).is_ok(), is_taken, "{body:?}");
            assert_eq!(image_of(&body).is_some(), is_taken, "{body:?}");
        }
    }
}
