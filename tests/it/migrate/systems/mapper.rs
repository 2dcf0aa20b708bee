//! `kubernetes-image-mapper`.

use detour::migrate::{System, Verdict};

use super::super::of_text;
use super::{check, digest, tells, told};

/// Namespace, name, pairs and the text of the status.
type Object<'o> = (&'o str, &'o str, &'o [(&'o str, &'o str)], &'o str);

fn objects(maps: &[Object<'_>]) -> String {
    let document = |(namespace, name, pairs, status): &Object<'_>| {
        let pairs: String = pairs
            .iter()
            .map(|(from, to)| format!("  - from: '{from}'\n    to: '{to}'\n"))
            .collect();
        format!(
            "apiVersion: mapper.imagerelocation.pivotal.io/v1alpha1\nkind: ImageMap\nmetadata:\n  name: {name}\n  \
             namespace: {namespace}\n  generation: 2\nspec:\n  map:\n{pairs}{status}"
        )
    };
    maps.iter().map(document).collect::<Vec<String>>().join("---\n")
}

const IN_FORCE: &str =
    "status:\n  observedGeneration: 2\n  conditions: [{type: Ready, status: 'True'}]\n";
const OF_BEFORE: &str =
    "status:\n  observedGeneration: 1\n  conditions: [{type: Ready, status: 'True'}]\n";
const REJECTED: &str =
    "status:\n  observedGeneration: 2\n  conditions: [{type: Ready, status: 'False'}]\n";

#[test]
fn mapper_status_says_who_was_first() {
    let a: &[_] = &[("x:1", "a.example/x:1"), ("y:1", "a.example/y:1")];
    let b: &[_] = &[("x:1", "b.example/x:1")];
    for (maps, expected) in [
        ([("default", "a", a, ""), ("default", "b", b, "")], "a.example/x:1"),
        ([("default", "a", a, ""), ("default", "b", b, IN_FORCE)], "b.example/x:1"),
        ([("default", "a", a, ""), ("default", "b", b, OF_BEFORE)], "a.example/x:1"),
        ([("default", "a", a, REJECTED), ("default", "b", b, "")], "b.example/x:1"),
        ([("default", "a", a, ""), ("other", "b", b, "")], "a.example/x:1"),
    ] {
        let y = if expected.starts_with('a') { "a.example/y:1" } else { "y:1" };
        check(System::ImageMapper, "maps.yaml", &objects(&maps), &[("x:1", expected), ("y:1", y)]);
    }
}

#[test]
fn mapper_pairs() {
    let digest = digest("c");
    let other = super::digest("d");
    let pinned = format!("quay.io/a@{digest}");
    let text = objects(&[
        (
            "default",
            "a",
            &[
                ("library/x:1", "long.example/x:1"),
                ("n:1", "first.example/n:1"),
                ("n:1", "last.example/n:1"),
                ("m:1", "m.example/m"),
                ("keep:1", "docker.io/library/keep:1"),
                (&pinned, &format!("p.example/a@{other}")),
                ("Bad", "b.example/b"),
            ],
            "",
        ),
        ("default", "b", &[("x:1", "short.example/x:1"), ("n:2", "b.example/n:2")], ""),
    ]);
    check(
        System::ImageMapper,
        "maps.yaml",
        &text,
        &[
            ("x:1", "short.example/x:1"),
            ("docker.io/library/x:1", "short.example/x:1"),
            ("n:1", "last.example/n:1"),
            ("n:2", "b.example/n:2"),
            ("m:1", "m.example/m:latest"),
            ("keep:1", "keep:1"),
            (&pinned, &format!("p.example/a@{other}")),
            (&format!("quay.io/a:1@{digest}"), &format!("quay.io/a:1@{digest}")),
        ],
    );
}

#[test]
fn mapper_goes_beyond_the_limits_of_a_namespace() {
    let maps: Vec<String> = (0..25)
        .map(|number| {
            let digest = |at: usize| format!("sha256:{:064x}", number * 4 + at);
            let froms: Vec<String> =
                (0..4).map(|at| format!("quay.io/a{number}@{}", digest(at))).collect();
            let tos: Vec<String> =
                (0..4).map(|at| format!("m.example/a{number}@{}", digest(at))).collect();
            let pairs: Vec<(&str, &str)> =
                froms.iter().zip(&tos).map(|(from, to)| (from.as_str(), to.as_str())).collect();
            objects(&[("default", &format!("m{number}"), &pairs, "")])
        })
        .collect();
    let text = maps.join("---\n");
    let image = |number: usize| format!("quay.io/a{}@sha256:{number:064x}", number / 4);
    let place = |number: usize| image(number).replace("quay.io", "m.example");
    let cases: Vec<(String, String)> =
        (0..100).map(|number| (image(number), place(number))).collect();
    let cases: Vec<(&str, &str)> =
        cases.iter().map(|(image, place)| (image.as_str(), place.as_str())).collect();
    check(System::ImageMapper, "maps.yaml", &text, &cases);
}

#[test]
fn mapper_reads_no_other_documents() {
    let map = objects(&[("default", "a", &[("x:1", "a.example/x:1")], "")]);
    let group = "mapper.imagerelocation.pivotal.io/v1alpha1";
    for other in [
        format!("apiVersion: {group}\nkind: ImageList\n"),
        "apiVersion: detour.dev/v1alpha1\nkind: ImageMap\n".to_owned(),
    ] {
        let text = format!("{other}---\n{map}");
        tells(System::ImageMapper, "maps.yaml", &text, 1, Verdict::Dropped, "no ImageMap of");
        check(System::ImageMapper, "maps.yaml", &text, &[("x:1", "a.example/x:1")]);
    }
}

#[test]
fn mapper_pairs_that_cannot_be_are_told() {
    let pinned = format!("quay.io/a@{}", digest("c"));
    let cases = [
        ("Bad", "b.example/b", Verdict::Dropped, "\"Bad\" is no image"),
        ("a:1", "b.example/B", Verdict::Differs, "left out: \"b.example/B\" is no image"),
        ("foo_bar.com/baz", "b.example/b", Verdict::NoEqual, "a name without a registry"),
        ("a:1", "foo_bar.com/baz", Verdict::NoEqual, "a name without a registry"),
        (&pinned, "b.example/a", Verdict::Differs, "the image keeps its digest"),
    ];
    for (from, to, verdict, words) in cases {
        let text = objects(&[("default", "a", &[(from, to)], "")]);
        tells(System::ImageMapper, "maps.yaml", &text, 9, verdict, words);
    }
    let text = objects(&[("default", "a", &[("a:1", "b.example/a:1")], "")]);
    let itself = objects(&[("default", "a", &[("a:1", "docker.io/library/a:1")], "")]);
    let kept = "exact docker.io/library/a:1, keep";
    tells(System::ImageMapper, "maps.yaml", &itself, 9, Verdict::Becomes, kept);
    let told = told(System::ImageMapper, "maps.yaml", &text, 9);
    assert!(told.iter().all(|(verdict, _)| *verdict == Verdict::Becomes), "{told:#?}");
}

#[test]
fn mapper_maps_are_joined_beyond_the_limit_of_a_namespace() {
    for (maps, documents) in [(20, 20), (21, 1)] {
        let map = |number: usize| {
            let (name, image) = (format!("m{number}"), format!("x:{number}"));
            objects(&[("default", &name, &[(&image, &format!("a.example/{image}"))], "")])
        };
        let text = (0..maps).map(map).collect::<Vec<_>>().join("---\n");
        let migration = of_text(System::ImageMapper, "maps.yaml", &text);
        assert_eq!(migration.documents.matches("kind: ImageMap\n").count(), documents);
    }
}
