//! `k8s-image-replacer`, `k8s-proxy-image-swapper` and `kubernetes-mimic`.

use detour::migrate::{File, MigrateError, System, Verdict, migrate};

use super::super::{answer, mapping, migrated, of_text, pulled, values};
use super::{check, digest, tells};

#[test]
fn replacer_keys() {
    let text = "docker_registry: h.example/hub/
replace_policy:
  docker.io: x.example
  index.docker.io: y.example
  registry-1.docker.io: z.example
  quay.io: https://q.example/quay
  quay.io/a: qa.example
  quay.io/a/b: qab.example
  cloudsmith: c.example
  acme/team: team.example
  gcr.io/x: ''
  Not/A: n.example
  reg.example:5000: org
";
    check(
        System::ImageReplacer,
        "config.yaml",
        text,
        &[
            ("nginx", "h.example/hub/library/nginx"),
            ("docker.io/library/nginx", "h.example/hub/library/nginx"),
            ("acme/app", "h.example/hub/acme/app"),
            ("docker.io/a/b/c", "x.example/a/b/c"),
            ("registry-1.docker.io/a/b", "h.example/hub/a/b"),
            ("cloudsmith/a", "h.example/hub/cloudsmith/a"),
            ("cloudsmith/a/b", "c.example/a/b"),
            ("acme/team/app", "team.example/app"),
            ("acme/team", "h.example/hub/acme/team"),
            ("quay.io/single", "q.example/quay/single"),
            ("quay.io/a", "q.example/quay/a"),
            ("quay.io/a/x", "qa.example/x"),
            ("quay.io/a/b:1", "qa.example/b:1"),
            ("quay.io/a/b/c", "qab.example/c"),
            ("quay.io:443/a/b", "quay.io:443/a/b"),
            ("gcr.io/x/y", "gcr.io/x/y"),
            ("gcr.io/z/y", "gcr.io/z/y"),
            ("reg.example:5000/a/b", "docker.io/org/a/b"),
            ("ghcr.io/a/b", "ghcr.io/a/b"),
        ],
    );
    for (line, verdict) in [
        (4, Verdict::Differs),
        (5, Verdict::Dropped),
        (6, Verdict::Differs),
        (11, Verdict::Differs),
        (12, Verdict::Dropped),
        (13, Verdict::Differs),
    ] {
        tells(System::ImageReplacer, "config.yaml", text, line, verdict, "");
    }
}

#[test]
fn swapper_lists() {
    let digest = digest("b");
    let text = format!(
        "registryUrl: https://m.example/hub/\nconfig:\n  ignoreimages:\n  - nginx:1\n  - busybox@{digest}\n  \
         - index.docker.io/library/redis\n  - localhost/app\n  - localhost:5000/app\n  - nginx\n  - acme/app\n  \
         - quay.io/app\n"
    );
    check(
        System::ProxyImageSwapper,
        "values.yaml",
        &text,
        &[
            ("nginx:2", "nginx:2"),
            (&format!("nginx@{digest}"), &format!("nginx@{digest}")),
            ("busybox", "m.example/hub/library/busybox"),
            (&format!("busybox@{digest}"), &format!("busybox@{digest}")),
            (&format!("busybox:1@{digest}"), &format!("m.example/hub/library/busybox:1@{digest}")),
            ("redis", "m.example/hub/library/redis"),
            ("localhost/app", "localhost/app"),
            ("docker.io/localhost/app", "docker.io/localhost/app"),
            ("acme/app:7", "acme/app:7"),
            ("acme/app-2", "m.example/hub/acme/app-2"),
            ("docker.io/quay.io/app", "m.example/hub/quay.io/app"),
            ("registry-1.docker.io/acme/other", "m.example/hub/acme/other"),
        ],
    );
    for line in [6, 8, 9] {
        tells(System::ProxyImageSwapper, "values.yaml", &text, line, Verdict::Dropped, "");
    }
    tells(System::ProxyImageSwapper, "values.yaml", &text, 1, Verdict::Differs, "scheme");
    let kept = "exact quay.io/app, keep";
    tells(System::ProxyImageSwapper, "values.yaml", &text, 11, Verdict::Becomes, kept);
}

#[test]
fn mimic_pairs_and_settings() {
    let map = "kind: ConfigMap
metadata: {name: mirrors, namespace: n}
data:
  docker.io: org/hub
  index.docker.io: i.example
  quay.io: q.example/
  localhost: l.example
  myhost: x.example
  gcr.io: ''
";
    let env = "MIMIC_KUBERNETES_CONFIGMAP=mirrors\nMIMIC_LISTENPORT=9443\nMIMIC_LOGLEVEL=panic\nMIMIC_LOGFORMAT=xml\n\
               MIMIC_WATCHMIRRORS=false\nMIMIC_HARBOR_API_HOST=h.example\n";
    let files = [
        File { name: "env".to_owned(), text: env.to_owned() },
        File { name: "configmap.yaml".to_owned(), text: map.to_owned() },
    ];
    let migration = migrated(System::Mimic, &files);
    let mapping = mapping(&migration);
    for (image, expected) in [
        ("nginx", "docker.io/org/hub/library/nginx"),
        ("registry-1.docker.io/a/b", "docker.io/org/hub/a/b"),
        ("docker.io/org/hub/library/nginx", "docker.io/org/hub/library/nginx"),
        ("quay.io/a", "q.example/a"),
        ("quay.io:443/a", "quay.io:443/a"),
        ("localhost/a", "l.example/a"),
        ("gcr.io/a", "gcr.io/a"),
    ] {
        assert_eq!(pulled(&answer(&mapping, image, "default")), pulled(expected), "{image}");
    }
    let values = values(&migration);
    assert_eq!(values["ports"]["admission"], 9443);
    assert_eq!(values["server"], serde_json::json!({"logLevel": "error", "logFormat": "text"}));
    assert_eq!(values["sources"], serde_json::Value::Null);
}

#[test]
fn mimic_asks_harbor_with_an_account_that_nobody_is_told() {
    let env = "MIMIC_HARBOR_ENABLED=true\nMIMIC_HARBOR_API_HOST=h.example:8443\n\
               MIMIC_HARBOR_ROBOT_USERNAME=robot$m\nMIMIC_HARBOR_ROBOT_PASSWORD=hunter2\n";
    let migration = of_text(System::Mimic, "env", env);
    let values = values(&migration);
    let harbor = serde_json::json!({
        "url": "https://h.example:8443",
        "existingSecret": "detour-harbor",
        "ca": {"secret": "detour-harbor"},
    });
    assert_eq!(values["sources"]["harbor"], harbor);
    let report: String = migration.report.iter().map(ToString::to_string).collect();
    assert!(!report.contains("hunter2") && !migration.values.contains("hunter2"), "{report}");
    assert!(report.contains("MIMIC_HARBOR_ROBOT_PASSWORD=… | becomes"), "{report}");
    assert!(!report.contains("does not know it"), "{report}");
}

#[test]
fn a_setting_of_another_kind_is_told() {
    let text = "docker_registry: m.example\nreplace_policy: [quay.io, ghcr.io]\n";
    tells(System::ImageReplacer, "config.yaml", text, 2, Verdict::Dropped, "no table");
    let text = "registryUrl: m.example\nconfig:\n  ignoreimages: nginx\n";
    tells(System::ProxyImageSwapper, "values.yaml", text, 3, Verdict::Dropped, "no list");
}

#[test]
fn replacer_asks_the_longest_key_first() {
    let [short, long] = ["  acme: short.example\n", "  acme/team: long.example\n"];
    for keys in [[short, long], [long, short]] {
        check(
            System::ImageReplacer,
            "config.yaml",
            &format!("replace_policy:\n{}", keys.concat()),
            &[("acme/team/app", "long.example/app"), ("acme/other/app", "short.example/other/app")],
        );
    }
}

#[test]
fn replacer_keys_of_one_length_stay_in_their_order() {
    let text = "replace_policy:\n  quay.io: q.example\n  ghcr.io: g.example\n";
    let documents = of_text(System::ImageReplacer, "config.yaml", text).documents;
    let place = |prefix: &str| documents.find(&format!("prefix: {prefix}\n")).expect(prefix);
    assert!(place("quay.io") < place("ghcr.io"), "{documents}");
}

#[test]
fn replacer_tells_a_key_that_says_nothing_new() {
    let text = "docker_registry: h.example\nreplace_policy:\n  docker.io: h.example\n";
    let words = "all of Docker Hub goes there already";
    tells(System::ImageReplacer, "config.yaml", text, 3, Verdict::Dropped, words);
}

#[test]
fn a_place_without_a_registry_is_told_as_that() {
    let text = "replace_policy:\n  quay.io: foo_bar.com\n";
    let words = "\"foo_bar.com\" does not start with a registry";
    tells(System::ImageReplacer, "config.yaml", text, 2, Verdict::Differs, words);
}

/// A repository of the very name of a key goes by the shorter key, whatever its
/// tag, also where that key begins a chain.
#[test]
fn replacer_chains_take_every_tag_along() {
    let text =
        "replace_policy:\n  quay.io: q.example\n  quay.io/a: x.example\n  q.example: z.example\n";
    let pinned = format!("a@{}", digest("e"));
    let [from, to] = ["quay.io", "q.example"].map(|registry| format!("{registry}/{pinned}"));
    let images = [
        ("quay.io/a", "q.example/a"),
        ("quay.io/a:1", "q.example/a:1"),
        (from.as_str(), to.as_str()),
        ("quay.io/a/b:1", "x.example/b:1"),
    ];
    check(System::ImageReplacer, "config.yaml", text, &images);
}

#[test]
fn replacer_has_docker_hub_by_the_name_of_its_service_as_well() {
    check(
        System::ImageReplacer,
        "config.yaml",
        "replace_policy:\n  registry-1.docker.io: z.example\n",
        &[("registry-1.docker.io/a/b", "z.example/a/b"), ("quay.io/a/b", "quay.io/a/b")],
    );
}

#[test]
fn a_target_that_cannot_be_written_is_told_and_its_images_stay() {
    let target = "a.".repeat(300) + "example";
    let text = format!("docker_registry: h.example\nreplace_policy:\n  quay.io: {target}\n");
    let words = "such images stay as they are";
    tells(System::ImageReplacer, "config.yaml", &text, 3, Verdict::NoEqual, words);
    let images = [("quay.io/a/b", "quay.io/a/b"), ("a/b", "h.example/a/b")];
    check(System::ImageReplacer, "config.yaml", &text, &images);
}

#[test]
fn a_rule_whose_images_cannot_be_told_refuses_the_migration() {
    let key = "a".repeat(600);
    let alone = format!("docker_registry: h.example\nreplace_policy:\n  {key}: m.example\n");
    let beside_a_chain = format!("{alone}  quay.io: ghcr.io\n  ghcr.io: g.example\n");
    for text in [alone, beside_a_chain] {
        let files = [File { name: "config.yaml".to_owned(), text }];
        let error = migrate(System::ImageReplacer, &files, "default").unwrap_err();
        assert!(matches!(&error, MigrateError::Refused(_)), "{error}");
        assert!(error.to_string().contains("bytes"), "{error}");
    }
}

#[test]
fn more_rules_than_a_document_holds_go_on_in_the_next() {
    for (rules, names) in [
        (8_192, &["k8s-image-replacer"][..]),
        (8_193, &["k8s-image-replacer", "k8s-image-replacer-2"]),
        (16_385, &["k8s-image-replacer", "k8s-image-replacer-2", "k8s-image-replacer-3"]),
    ] {
        let keys = (0..rules).map(|number| format!("  r{number}.example: m.example\n"));
        let text = format!("replace_policy:\n{}", keys.collect::<String>());
        let documents = of_text(System::ImageReplacer, "config.yaml", &text).documents;
        let found = documents.lines().filter_map(|line| line.strip_prefix("  name: "));
        assert_eq!(found.collect::<Vec<_>>(), names);
    }
}
