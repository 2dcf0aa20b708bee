//! What holds for every text that is parsed as an image reference.

use detour::reference::{Reference, ReferenceError, looks_like_registry};
use proptest::prelude::*;

/// Texts that are close to references, most of them none.
fn near_reference() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z0-9._:@/-]{0,12}",
        "[a-f0-9]{64}",
        prop::sample::select(&[
            "docker.io/",
            "index.docker.io/",
            "library/",
            "localhost",
            ":5000/",
            "[::1]",
            "sha256:",
            "@sha256:",
            ":latest",
            "/",
            "__",
            "auto",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// Texts that mostly are references.
fn reference() -> impl Strategy<Value = String> {
    let registry = "([a-z0-9]{1,5}[.][a-z]{2}(:[0-9]{1,4})?/|localhost/|\\[[0-9a-f:]{2,9}\\]/)?";
    let path = "[a-z0-9]{1,4}((/|[.]|_|__|-{1,3})[a-z0-9]{1,4}){0,4}";
    let version = "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,9})?(@sha256:[a-f0-9]{64})?";
    proptest::string::string_regex(&format!("{registry}{path}{version}")).unwrap()
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let Ok(parsed) = Reference::parse(text) else { return Ok(()) };
    let normal = parsed.to_string();
    let again = Reference::parse(&normal);
    prop_assert_eq!(again.as_ref(), Ok(&parsed), "{:?}", text);
    prop_assert_eq!(normal.as_str(), parsed.as_str());
    let mut parts = parsed.name().to_owned();
    parts.extend(parsed.tag().map(|tag| format!(":{tag}")));
    parts.extend(parsed.digest().map(|digest| format!("@{digest}")));
    prop_assert_eq!(&normal, &parts);
    prop_assert!(parsed.name().ends_with(parsed.repository()));
    if !parsed.registry().is_empty() {
        prop_assert!(looks_like_registry(parsed.registry()), "{:?}", text);
        let name = format!("{}/{}", parsed.registry(), parsed.repository());
        prop_assert_eq!(parsed.name(), &name);
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic_and_its_result_parses_to_itself(
        any in any::<String>(),
        near in near_reference(),
        reference in reference(),
    ) {
        check(&any)?;
        check(&near)?;
        check(&reference)?;
    }

    #[test]
    fn bytes_that_are_text_never_make_the_parser_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        check(&String::from_utf8_lossy(&bytes))?;
    }
}

fn allocations(text: &str) -> u64 {
    allocation_counter::measure(|| {
        let _ = std::hint::black_box(Reference::parse(std::hint::black_box(text)));
    })
    .count_total
}

#[test]
fn parsing_allocates_once_whatever_the_number_of_segments() {
    for segments in [1, 2, 10, 100] {
        let path = vec!["a"; segments].join("/");
        for registry in ["", "quay.io/", "localhost:5000/", "index.docker.io/", "[::1]:5000/"] {
            let digest = "a".repeat(64);
            for version in [String::new(), ":1".to_owned(), format!(":1@sha256:{digest}")] {
                let text = format!("{registry}{path}{version}");
                assert!(Reference::parse(&text).is_ok(), "{text}");
                assert_eq!(allocations(&text), 1, "{text}");
            }
        }
    }
}

#[test]
fn refusing_allocates_nothing() {
    let long = "a/".repeat(50_000) + "a";
    let components = "a.".repeat(50_000) + "io/A";
    for text in ["", "A", "a//b", "a:", "a@sha256:0", "-/a", &"0".repeat(64), &long, &components] {
        assert!(Reference::parse(text).is_err(), "{} bytes", text.len());
        assert_eq!(allocations(text), 0, "{} bytes", text.len());
    }
}

#[test]
fn every_refusal_says_why() {
    let id = "0".repeat(64);
    let long = "a".repeat(256);
    let tag = format!("a:{}", "t".repeat(129));
    let cases = [
        ("", ReferenceError::Empty),
        (&id, ReferenceError::ImageId),
        ("-x.io/a", ReferenceError::InvalidRegistry),
        ("a//b", ReferenceError::InvalidRepository),
        ("a/B", ReferenceError::UppercaseRepository),
        (&long, ReferenceError::RepositoryTooLong),
        ("a:", ReferenceError::InvalidTag),
        (&tag, ReferenceError::InvalidTag),
        ("a@sha256:0", ReferenceError::InvalidDigest),
        ("a@sha256", ReferenceError::InvalidDigest),
        ("a@md5:0", ReferenceError::UnsupportedDigest),
    ];
    for (text, error) in cases {
        assert_eq!(Reference::parse(text), Err(error), "{text}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn the_length_of_the_repository_is_limited_and_that_of_the_registry_is_not() {
    // 255 bytes with `library/`, 255 bytes without.
    for (text, is_reference) in [
        ("a".repeat(247), true),
        ("a".repeat(248), false),
        (format!("quay.io/{}", "a".repeat(255)), true),
        (format!("quay.io/{}", "a".repeat(256)), false),
        (format!("{}io/a", "a.".repeat(5_000)), true),
        (format!("a:{}", "t".repeat(128)), true),
    ] {
        assert_eq!(Reference::parse(&text).is_ok(), is_reference, "{} bytes", text.len());
    }
}
