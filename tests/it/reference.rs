//! `reference` against what distribution/reference makes of 406 inputs.

use detour::reference::Reference;

const VECTORS: &str = include_str!("../data/references.tsv");

#[test]
fn agrees_with_every_recorded_vector() {
    let mut seen = 0;
    for line in VECTORS.lines().filter(|line| !line.starts_with("# ")) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [input, verdict, normal, registry, repository, tag, digest, ..] = columns[..] else {
            panic!("a row of fewer than seven columns: {line:?}");
        };
        let optional = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let got = Reference::parse(input).map(|reference| {
            [
                reference.to_string(),
                reference.registry().to_owned(),
                reference.repository().to_owned(),
                optional(reference.tag()),
                optional(reference.digest()),
            ]
        });
        match verdict {
            "ok" => assert_eq!(
                got.as_ref().map(|parts| parts.each_ref().map(String::as_str)),
                Ok([normal, registry, repository, tag, digest]),
                "{input:?}"
            ),
            "err" => assert!(got.is_err(), "{input:?} is no reference, but gave {got:?}"),
            other => panic!("unknown verdict {other:?}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 406);
}
