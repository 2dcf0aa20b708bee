//! Templates read backwards: which images they could have produced.

use detour::rules::Source;

use super::{check, digest, mapping, of_rules, outcome, pod_in};
use crate::rules::cluster_map;

/// Checks which images the template could have produced: the others go to a
/// rule that is asked after it.
fn check_there(matcher: &str, target: &str, there: &[&str], elsewhere: &[&str]) {
    let mapping = of_rules(&[
        &format!("name: template, {matcher}, to: \"{target}\""),
        "name: rest, glob: \"**\", on: reference, keep: true",
    ]);
    for image in there {
        let outcome = outcome(&mapping, image, &pod_in("web"));
        assert_eq!(outcome, "already-there default#template -", "{image} by {target}");
    }
    for image in elsewhere {
        let outcome = outcome(&mapping, image, &pod_in("web"));
        assert_eq!(outcome, "keep default#rest -", "{image} by {target}");
    }
}

#[test]
fn a_name_is_one_segment() {
    let pinned = format!("m.example/x/nginx:1@{}", digest('a'));
    check_there(
        "prefix: quay.io",
        "m.example/x/{name}",
        &["m.example/x/nginx", "m.example/x/nginx:1", &pinned],
        &["m.example/x/a/nginx", "m.example/nginx", "m.example/xx/nginx", "n.example/x/nginx"],
    );
}

#[test]
fn a_repository_has_any_number_of_segments() {
    check_there(
        "prefix: quay.io",
        "m.example/{repository}-x",
        &["m.example/a-x", "m.example/a/b-x:1"],
        &["m.example/a", "m.example/a-x/b", "m.example/a-xx"],
    );
}

#[test]
fn literal_text_is_no_expression() {
    check_there(
        "prefix: quay.io",
        "m.example/a.b/{name}.c",
        &["m.example/a.b/n.c"],
        &["m.example/axb/n.c", "mxexample.io/a.b/n.c", "m.example/a.b/nxc"],
    );
}

#[test]
fn the_registry_of_a_prefix_is_known() {
    check_there(
        "prefix: quay.io/a",
        "m.example/{registry}/{rest}",
        &["m.example/quay.io/b"],
        &["m.example/docker.io/b", "m.example/quayxio/b", "m.example/quay.io.x/b"],
    );
    check_there(
        "prefix: ghcr.io",
        "{registry}/mirror/{repository}",
        &["ghcr.io/mirror/a/b"],
        &["r.example/mirror/a/b"],
    );
}

#[test]
fn what_an_exact_rule_matches_is_known() {
    check_there(
        "exact: quay.io/a/b",
        "m.example/{registry}/{name}-{short}",
        &["m.example/quay.io/b-a/b", "m.example/quay.io/b-a/b:1"],
        &["m.example/quay.io/c-a/b", "m.example/quay.io/b-a/b/c", "m.example/quay.io/b"],
    );
    check_there(
        "exact: docker.io/library/b",
        "m.example/{short}:v-{tag}",
        &["m.example/b:v-1"],
        &["m.example/b:1", "m.example/library/b:v-1", "m.example/c:v-1"],
    );
    check_there("exact: quay.io/b", "docker.io/{name}", &["b:1", "docker.io/b"], &["c", "x/b"]);
}

#[test]
fn the_registry_of_a_default_is_any() {
    let spec = "default: {to: \"m.example/{registry}/{repository}\"}";
    let mapping = mapping(&[(Source::File, &cluster_map("d", spec))]);
    check(
        &mapping,
        &[
            ("nginx:1", "rewritten d#default m.example/docker.io/library/nginx:1"),
            ("m.example/docker.io/library/nginx:1", "already-there d#default -"),
            ("m.example/localhost/a", "already-there d#default -"),
            ("m.example/a:1", "rewritten d#default m.example/m.example/a:1"),
            // `a` is no registry: nothing could have been mirrored there.
            ("m.example/a/b", "rewritten d#default m.example/m.example/a/b"),
        ],
    );
}

#[test]
fn a_default_that_starts_with_the_registry_is_read_backwards_too() {
    let spec = "default: {to: \"{registry}/mirror/{repository}\"}";
    let mapping = mapping(&[(Source::File, &cluster_map("d", spec))]);
    check(
        &mapping,
        &[
            ("nginx", "rewritten d#default docker.io/mirror/library/nginx"),
            ("docker.io/mirror/library/nginx", "already-there d#default -"),
            ("quay.io:443/a", "rewritten d#default quay.io:443/mirror/a"),
            ("quay.io:443/mirror/a", "already-there d#default -"),
            ("localhost/mirror/a", "already-there d#default -"),
            ("quay.io/mirrors/a", "rewritten d#default quay.io/mirror/mirrors/a"),
        ],
    );
}

#[test]
fn a_placed_tag_is_read_where_it_stands() {
    let pinned = format!("m.example/n:v-1@{}", digest('a'));
    check_there(
        "prefix: quay.io",
        "m.example/{name}:v-{tag}",
        &["m.example/n:v-1"],
        &["m.example/n:1", "m.example/n", &pinned],
    );
    check_there(
        "prefix: quay.io",
        "m.example/{tag}/{name}",
        &["m.example/1.2/n"],
        &["m.example/1.2/n:1", "m.example/n"],
    );
}

#[test]
fn an_image_without_a_tag_is_where_latest_is() {
    let a = digest('a');
    for target in ["m.example/{name}:{tag}", "m.example/{name}:latest"] {
        let there = ["m.example/n", "m.example/n:latest"];
        check_there("prefix: quay.io", target, &there, &["m.example/a/n", "o.example/n"]);
    }
    check_there(
        "prefix: quay.io",
        "docker.io/{name}:{tag}",
        &["docker.io/library/n", "docker.io/n"],
        &["docker.io/a/n", &format!("docker.io/n@{a}")],
    );
}

#[test]
fn a_placed_digest_is_read_where_it_stands() {
    let a = digest('a');
    check_there(
        "prefix: quay.io",
        "m.example/{name}@{digest}",
        &[&format!("m.example/n@{a}")],
        &["m.example/n:1", "m.example/n", &format!("m.example/n:1@{a}")],
    );
}

#[test]
fn the_templates_own_tag_gives_way_to_a_digest() {
    let a = digest('a');
    check_there(
        "prefix: quay.io",
        "m.example/{name}:own",
        &["m.example/n:own", &format!("m.example/n:1@{a}"), &format!("m.example/n@{a}")],
        &["m.example/n:1", "m.example/n"],
    );
}

#[test]
fn the_templates_own_digest_is_the_only_one() {
    let (a, b) = (digest('a'), digest('b'));
    check_there(
        "prefix: quay.io",
        &format!("m.example/{{name}}@{a}"),
        &[&format!("m.example/n@{a}")],
        &[&format!("m.example/n@{b}"), "m.example/n", &format!("m.example/n:1@{a}")],
    );
}

#[test]
fn the_port_of_a_registry_is_no_tag() {
    check_there(
        "prefix: quay.io",
        "m.example:5000/{name}",
        &["m.example:5000/n", "m.example:5000/n:1"],
        &["m.example/n", "m.example:500/n"],
    );
    check_there("prefix: quay.io", "[::1]:5000/{name}", &["[::1]:5000/n:1"], &["[::1]/n"]);
}

#[test]
fn groups_stand_for_anything() {
    check_there(
        "regex: '(?<project>[^./]+)\\.gcr\\.io/(?<path>.+)'",
        "m.example/gcr-{project}/{path}",
        &["m.example/gcr-eu/a/b:1"],
        &["m.example/eu/a", "m.example/gcr-eu"],
    );
}

#[test]
fn docker_hub_is_read_backwards_in_normal_form() {
    let default = |to: &str| {
        let spec = format!("default: {{to: \"{to}\"}}");
        mapping(&[(Source::File, &cluster_map("d", &spec))])
    };
    check(
        &default("docker.io/{name}-x"),
        &[
            ("quay.io/a/nginx", "rewritten d#default docker.io/library/nginx-x"),
            ("docker.io/library/nginx-x", "already-there d#default -"),
            ("nginx-x:1", "already-there d#default -"),
        ],
    );
    check(
        &default("{registry}/{name}-x"),
        &[
            ("docker.io/a/nginx", "rewritten d#default docker.io/library/nginx-x"),
            ("nginx-x", "already-there d#default -"),
        ],
    );
    check(
        &default("index.docker.io/x/{name}-x"),
        &[
            ("quay.io/a/nginx", "rewritten d#default docker.io/x/nginx-x"),
            ("docker.io/x/nginx-x", "already-there d#default -"),
        ],
    );
}

#[test]
fn a_tag_is_no_registry() {
    check_there(
        "glob: \"*.io/**\"",
        "m.example/{registry}",
        &["m.example/quay.io:1"],
        &["m.example/quay:1", "m.example/a"],
    );
}

#[test]
fn text_before_a_placed_tag_belongs_to_it() {
    check_there(
        "prefix: quay.io",
        "m.example/team/nginx:v-{tag}",
        &["m.example/team/nginx:v-1"],
        &["m.example/team/nginx:1", "m.example/team/nginx", "m.example/team/nginxes:v-1"],
    );
}

#[test]
fn tag_and_digest_are_both_read_where_they_are_placed() {
    let a = digest('a');
    check_there(
        "prefix: quay.io",
        "m.example/{name}:v-{tag}@{digest}",
        &[&format!("m.example/n:v-1@{a}")],
        &[&format!("m.example/n:1@{a}"), &format!("m.example/n@{a}"), "m.example/n:v-1"],
    );
}

#[test]
fn the_templates_own_tag_and_digest_are_the_only_ones() {
    let (a, b) = (digest('a'), digest('b'));
    check_there(
        "prefix: quay.io",
        &format!("m.example/{{name}}:own@{a}"),
        &[&format!("m.example/n:own@{a}")],
        &[&format!("m.example/n:own@{b}"), &format!("m.example/n@{a}"), "m.example/n:own"],
    );
}

#[test]
fn only_docker_hub_has_official_images() {
    check_there(
        "prefix: quay.io",
        "m.example/{name}-x",
        &["m.example/n-x"],
        &["m.example/library/n-x"],
    );
    check_there(
        "prefix: quay.io",
        "docker.io/{name}/x",
        &["docker.io/n/x"],
        &["docker.io/library/n/x"],
    );
}

#[test]
fn a_tag_is_not_followed_by_another() {
    check_there(
        "glob: \"quay.io/*\"",
        "m.example/{1}:latest",
        &["m.example/n:latest", "m.example/n"],
        &["m.example/n:1", "m.example/n:1-latest"],
    );
}
