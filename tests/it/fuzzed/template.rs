//! Targets with placeholders, filled in and read backwards, against filling
//! them in by hand.

use bumpalo::Bump;
use detour::mapping::policy::Policy;
use detour::mapping::reason::Reason;
use detour::mapping::scope::Pod;
use detour::reference::{self, Reference};
use serde_json::json;

use super::{Choices, compiled};

const DIGEST: &str = "sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b";
const MATCHERS: [(&str, &str); 12] = [
    ("prefix", "docker.io"),
    ("prefix", "docker.io/library"),
    ("prefix", "quay.io/a"),
    ("prefix", "localhost:5000"),
    ("exact", "docker.io/library/b"),
    ("exact", "quay.io/a/b:1"),
    ("glob", "**"),
    ("glob", "*/**/b"),
    ("glob", "quay.io/*"),
    ("regex", "([^/]+)/(.*)"),
    ("regex", "(.*)(b)"),
    ("regex", "(?<name>[^/]+)/(x)?.*"),
];
const HEADS: [&str; 9] = [
    "m.example.com/",
    "m.example.com:5000/",
    "docker.io/",
    "docker.io/library/",
    "index.docker.io/",
    "{registry}/",
    "mirror-{registry}/",
    "localhost/",
    "m.example.com:{1}/",
];
const PARTS: [&str; 22] = [
    "{registry}",
    "{repository}",
    "{short}",
    "{name}",
    "{rest}",
    "{1}",
    "{2}",
    "{tag}",
    "{digest}",
    "/",
    "-",
    ".",
    "a",
    "library",
    "localhost",
    "quay.io",
    ":",
    "@",
    ":{tag}",
    ":v-",
    "@{digest}",
    "__",
];
const REGISTRIES: [&str; 8] = [
    "",
    "docker.io/",
    "quay.io/",
    "localhost:5000/",
    "m.example.com/",
    "m.example.com:5000/",
    "localhost/",
    "[2001:db8::1]:5000/",
];
const PATHS: [&str; 8] =
    ["b", "a/b", "library/b", "a/x", "a/b/c", "localhost/b", "quay.io/a/b", "docker.io/library/b"];
const VERSIONS: [&str; 5] = ["", ":1", ":latest", "@", ":1@"];

/// The bytes choose a matcher, a target and images.
pub(crate) fn fuzz_template(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let (kind, pattern) = *choices.of(&MATCHERS);
    let mut target = choices.of(&HEADS).to_string();
    let parts = 1 + choices.byte() % 6;
    target.extend((0..parts).map(|_| *choices.of(&PARTS)));
    let rules = json!({
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "ClusterImageMap",
        "metadata": {"name": "fuzz"},
        "spec": {"rules": [{kind: pattern, "to": target}]},
    });
    let Some(mapping) = compiled(&rules.to_string(), Policy::default()) else { return };
    let pod = Pod { namespace: "shop", ..Pod::default() };
    for _ in 0..8 {
        let image = image(&mut choices);
        let about = format!("{image} by {kind} {pattern} to {target}");
        let Ok(read) = Reference::parse(&image) else { continue };
        let arena = Bump::new();
        let decision = mapping.decide(&image, &pod, &arena);
        let by_hand = by_hand(&target, kind, pattern, &read);
        match decision.image {
            Some(new) => {
                check_version(&new, &read, &target, &about);
                if let Some(by_hand) = by_hand {
                    assert_eq!(new.to_string(), by_hand, "{about}");
                }
                let again = mapping.decide(new.as_str(), &pod, &arena);
                assert_eq!(again.reason, Reason::AlreadyThere, "{about}: {new}");
            }
            None if decision.reason == Reason::InvalidResult => {
                let has_port = read.registry().contains(':');
                let valid = by_hand.filter(|text| Reference::parse(text).is_ok());
                assert!(has_port || valid.is_none(), "{about}: {valid:?}");
            }
            None => {}
        }
    }
}

fn image(choices: &mut Choices<'_>) -> String {
    let (registry, path) = (choices.of(&REGISTRIES), choices.of(&PATHS));
    let version = *choices.of(&VERSIONS);
    let digest = if version.ends_with('@') { DIGEST } else { "" };
    format!("{registry}{path}{version}{digest}")
}

/// The digest that is run never changes, and no other tag is said to be its.
fn check_version(new: &Reference<'_>, image: &Reference<'_>, target: &str, about: &str) {
    assert_eq!(new.digest(), image.digest(), "{about}: {new}");
    if new.digest().is_some() && new.tag().is_some() {
        assert_eq!(new.tag(), image.tag(), "{about}: {new}");
    }
    if new.digest().is_none() && !target[target.find('/').unwrap_or(0)..].contains(':') {
        let is_group = target.contains("{1}") || target.contains("{2}");
        assert!(is_group || target.contains("{tag}") || new.tag() == image.tag(), "{about}: {new}");
    }
}

/// What a template without tag, digest and groups makes of an image, in normal
/// form; none for other targets.
fn by_hand(target: &str, kind: &str, pattern: &str, image: &Reference<'_>) -> Option<String> {
    let path = &target[target.find('/')?..];
    if path.contains([':', '@'])
        || ["{1}", "{2}", "{tag}", "{digest}"].iter().any(|field| target.contains(field))
    {
        return None;
    }
    // A path alone has the image's appended, and a group of that name a value
    // of its own.
    if !target.contains('{') || pattern.contains("<name>") {
        return None;
    }
    let repository = image.repository();
    let is_official = image.registry() == "docker.io" && repository.starts_with("library/");
    let short = if is_official { &repository["library/".len()..] } else { repository };
    let rest = image.name().strip_prefix(pattern).filter(|_| kind == "prefix");
    let rest = rest.unwrap_or_default().trim_start_matches('/');
    let name = target
        .replace("{registry}", image.registry())
        .replace("{repository}", repository)
        .replace("{short}", short)
        .replace("{name}", repository.rsplit('/').next()?)
        .replace("{rest}", rest);
    // Without a registry it would go to Docker Hub, and is no result.
    if !reference::looks_like_registry(name.split('/').next()?) {
        return None;
    }
    let version = &image.as_str()[image.name().len()..];
    let text = format!("{name}{version}");
    Some(Reference::parse(&text).map_or(text, |reference| reference.to_string()))
}
