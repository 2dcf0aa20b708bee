//! `imageswap-webhook`.

use detour::migrate::{File, System, Verdict};

use super::super::{migrated, values};
use super::{check, digest, tells, told};

fn swap(text: &str, cases: &[(&str, &str)]) {
    check(System::Imageswap, "imageswap-maps.conf", text, cases);
}

#[test]
fn imageswap_with_every_syntax_at_once() {
    let text = "\u{feff}default :: d.example # the rest
#a comment
docker.io::hub.example/mirror-
docker.io/library::official.example
quay.io:quay.example
gitlab.example::registry.example/gitlab ## one # two
open.example::
reg.example:8443::port.example:30003/x
bad.example:8443:other.example:1/y
bad.example;other.example
::
reg.example::reg-mirror.example/r
twice.example::first.example
twice.example::second.example
noswap_wildcards: spared.example , lan.example,
[EXACT] pinned:1::pins.example/p:9
[EXACT]same::same
[EXACT]gone:1::
[REPLACE]tool-*::tools.example/base/
[REPLACE]*debug*::
kept.spared.example::k.example
";
    let digest = digest("a");
    swap(
        text,
        &[
            ("nginx", "official.example/nginx"),
            ("docker.io/nginx:1", "official.example/nginx:1"),
            ("registry-1.docker.io/library/nginx", "official.example/nginx"),
            ("library/nginx", "official.example/nginx"),
            ("acme/app:1", "hub.example/mirror-docker.io/acme/app:1"),
            ("registry-1.docker.io/acme/app", "hub.example/mirror-docker.io/acme/app"),
            ("quay.io/a/b:1", "quay.example/a/b:1"),
            (&format!("quay.io/a/b:1@{digest}"), &format!("quay.example/a/b:1@{digest}")),
            ("gitlab.example/a", "registry.example/gitlab/a"),
            ("gitlab.example:5000/a", "registry.example/gitlab/a"),
            ("open.example/a", "open.example/a"),
            ("open.example:5000/a", "open.example:5000/a"),
            ("reg.example:8443/a/b", "port.example:30003/x/a/b"),
            ("reg.example:9/a/b", "reg-mirror.example/r/a/b"),
            ("reg.example/a", "reg-mirror.example/r/a"),
            ("bad.example:8443/a", "d.example/a"),
            ("bad.example/a", "d.example/a"),
            ("twice.example/a", "second.example/a"),
            ("x.spared.example/a", "x.spared.example/a"),
            ("ghcr.io/lan.example/a", "ghcr.io/lan.example/a"),
            ("quay.io/lan.example/a", "quay.example/lan.example/a"),
            ("ghcr.io/a:lan.example", "d.example/a:lan.example"),
            ("kept.spared.example/a", "k.example/a"),
            ("kept.spared.example:1/a", "k.example:1/a"),
            ("pinned:1", "pins.example/p:9"),
            ("docker.io/library/pinned:1", "pins.example/p:9"),
            ("pinned:2", "official.example/pinned:2"),
            (&format!("pinned:1@{digest}"), &format!("official.example/pinned:1@{digest}")),
            ("same", "same"),
            ("same:2", "official.example/same:2"),
            ("gone:1", "gone:1"),
            ("tool-x:2", "tools.example/base/tool-x:2"),
            ("docker.io/library/tool-x:2", "tools.example/base/tool-x:2"),
            ("acme/tool-x", "hub.example/mirror-docker.io/acme/tool-x"),
            ("tool-x/y:1", "tools.example/base/y:1"),
            ("ghcr.io/a/debug:1", "ghcr.io/a/debug:1"),
            ("quay.io/a/debug:1", "quay.io/a/debug:1"),
            ("ghcr.io:443/a:1", "d.example/a:1"),
            ("localhost:5000/a", "d.example/a"),
        ],
    );
    let tells = |line, verdict, words| {
        tells(System::Imageswap, "imageswap-maps.conf", text, line, verdict, words);
    };
    tells(1, Verdict::Differs, "mark at the file's start");
    tells(6, Verdict::Differs, "first #");
    tells(9, Verdict::Dropped, "needs ::");
    tells(10, Verdict::Dropped, "no KEY::VALUE");
    tells(13, Verdict::Dropped, "line 14 has the same key");
    tells(15, Verdict::Differs, "empty element");
    tells(18, Verdict::Differs, "stays as it is");
}

#[test]
fn imageswap_without_a_default_has_only_exact_entries_and_patterns() {
    let text = "quay.io::m.example\n[EXACT]a:1::b.example/c:2\n[REPLACE]e*::e.example\nnoswap_wildcards::x\n";
    swap(
        text,
        &[
            ("quay.io/a", "quay.io/a"),
            ("a:1", "b.example/c:2"),
            ("e/d/f:1", "e.example/f:1"),
            ("g", "g"),
        ],
    );
    tells(System::Imageswap, "m.conf", text, 1, Verdict::Dropped, "without a default");
    tells(System::Imageswap, "m.conf", text, 4, Verdict::Dropped, "without a default");
}

#[test]
fn imageswap_spares_what_is_spelled_not_what_is_normal() {
    let text = "default::m.example\nnoswap_wildcards::io,lib\n";
    swap(
        text,
        &[
            ("nginx", "m.example/nginx"),
            ("docker.io/library/nginx", "m.example/nginx"),
            ("acme/app", "m.example/acme/app"),
            ("librespeed", "librespeed"),
            ("acme/lib", "acme/lib"),
            ("quay.io/a", "quay.io/a"),
            ("ghcr.example/a", "m.example/a"),
            ("ghcr.example/lib/a", "ghcr.example/lib/a"),
        ],
    );
}

#[test]
fn imageswap_tries_the_shortest_spelling_of_a_pattern_first() {
    let text =
        "default::m.example\n[REPLACE]*/minio*::p.example\n[REPLACE]docker.io/acme/*::q.example\n";
    swap(
        text,
        &[
            ("minio", "m.example/minio"),
            ("library/minio", "m.example/minio"),
            ("acme/minio", "p.example/minio"),
            ("acme/app", "m.example/acme/app"),
            ("docker.io/acme/app", "m.example/acme/app"),
            ("quay.io/minio", "p.example/minio"),
        ],
    );
    let text = text.replace("m.example", "");
    swap(
        &text,
        &[("minio", "p.example/minio"), ("acme/app", "q.example/app"), ("other/app", "other/app")],
    );
    // Spelled nginx it is no pattern's, but the default's.
    swap(
        "default::m.example\n[REPLACE]library/nginx::p.example\n",
        &[("nginx", "m.example/nginx")],
    );
    // Spelled nginx it stays, spelled library/nginx it is docker.io's.
    let text = "default::m.example\ndocker.io::h.example\ndocker.io/library::\n";
    swap(text, &[("nginx", "h.example/library/nginx")]);
}

#[test]
fn imageswap_keys_that_are_read_in_another_way() {
    let text = "default::\nindex.docker.io::i.example\nlocalhost:5000::l.example\ngcr.io/x::y.example\nmyhost::z.example\nquay.io::bad place\n";
    swap(
        text,
        &[
            ("nginx", "i.example/nginx"),
            ("acme/app", "i.example/acme/app"),
            ("localhost:5000/a", "l.example/a"),
            ("gcr.io/x/y", "gcr.io/x/y"),
            ("quay.io/a", "badplace.example/a"),
        ][..4],
    );
    for (line, verdict) in [(3, Verdict::Differs), (4, Verdict::Dropped), (5, Verdict::Dropped)] {
        tells(System::Imageswap, "m.conf", text, line, verdict, "");
    }
    let text = "default::org\ndocker.io::\n";
    swap(text, &[("nginx", "nginx"), ("quay.io/a/b", "docker.io/org/a/b"), ("ghcr.io/a", "org/a")]);
}

#[test]
fn imageswap_chains_are_written_so_that_they_load() {
    let text = "default::\nquay.io::mirror.example/quay\nmirror.example::last.example\n\
                [EXACT]a:1::c.example/b:1\n[EXACT]c.example/b:1::d.example/b:2\n";
    swap(
        text,
        &[
            ("quay.io/a", "mirror.example/quay/a"),
            ("mirror.example/quay/a", "mirror.example/quay/a"),
            ("mirror.example/other/a", "last.example/other/a"),
            ("a:1", "c.example/b:1"),
            ("c.example/b:1", "c.example/b:1"),
        ],
    );
    tells(System::Imageswap, "m.conf", text, 5, Verdict::Differs, "rewritten once");
    let text = "default::\n[EXACT]a:1::a:2\n[EXACT]a:2::a:3\n[EXACT]a:3::a:4\n";
    swap(text, &[("a:1", "a:2"), ("a:2", "a:2"), ("a:3", "a:4"), ("a:4", "a:4")]);
}

#[test]
fn imageswap_settings_become_values() {
    let files = [
        File { name: "x.env".to_owned(), text: "IMAGESWAP_DISABLE_LABEL='a.example/b'\nIMAGESWAP_LOG_LEVEL=warning\nIMAGESWAP_CSR_SIGNER_NAME=s\n".to_owned() },
        File { name: "maps".to_owned(), text: "default::m.example\n".to_owned() },
    ];
    let migration = migrated(System::Imageswap, &files);
    let values = values(&migration);
    assert_eq!(values["optOutKeys"], serde_json::json!(["a.example/b"]));
    assert_eq!(values["optInNamespaceLabel"], "k8s.twr.io/imageswap");
    assert_eq!(values["server"]["logLevel"], "warn");
    assert!(
        migration.report.iter().any(|entry| entry.line == 3 && entry.verdict == Verdict::NoEqual)
    );
}

#[test]
fn imageswap_prefixes() {
    let legacy = |prefix: &str, cases: &[(&str, &str)]| {
        check(
            System::Imageswap,
            "env",
            &format!("IMAGESWAP_MODE=legacy\nIMAGE_PREFIX={prefix}\n"),
            cases,
        );
    };
    legacy(
        "io",
        &[
            ("nginx:1", "docker.io/io/nginx:1"),
            ("acme/app", "io/app"),
            ("acme/radio", "acme/radio"),
            ("radio", "radio"),
            ("quay.io/a", "quay.io/a"),
            ("ghcr.example/b/a", "io/a"),
        ],
    );
    legacy(
        "r.example/m-",
        &[
            ("nginx", "r.example/m-nginx"),
            ("acme/app", "r.example/m-acme/app"),
            ("quay.io/a/b", "r.example/m-quay.io/a/b"),
            ("quay.io:443/a/b", "r.example/m-quay.io/a/b"),
            ("localhost/a", "r.example/m-localhost/a"),
            ("r.example/m-nginx", "r.example/m-nginx"),
        ],
    );
    legacy("r.example:5000/m/", &[("acme/app", "r.example:5000/m/app")]);
    legacy("org/m-", &[("nginx", "docker.io/org/m-nginx"), ("a/b", "docker.io/org/m-a/b")]);
    // Registries that are made of an image cannot be written: such images stay.
    legacy("r.example-", &[("nginx", "r.example-nginx"), ("a/b", "a/b")]);
    legacy("", &[("nginx", "nginx")]);
}

#[test]
fn imageswap_of_before_there_were_maps() {
    let env = "IMAGE_PREFIX=r.example/m\n";
    check(System::Imageswap, "env", env, &[("acme/app", "r.example/m/app")]);
    tells(System::Imageswap, "env", env, 1, Verdict::Becomes, "there is no map file");
}

#[test]
fn imageswap_tells_what_its_mode_does_not_read() {
    for (mode, name, line) in [
        ("IMAGESWAP_MODE=MAPS\n", "env", 2),
        ("IMAGESWAP_MODE=LEGACY\n", "imageswap-maps.conf", 2),
        ("", "env", 1),
    ] {
        let file = |name: &str, text: &str| File { name: name.to_owned(), text: text.to_owned() };
        let env = format!("{mode}IMAGE_PREFIX=r.example/m\n");
        let maps = "default::m.example\nquay.io::q.example\n";
        let report =
            migrated(System::Imageswap, &[file("env", &env), file("imageswap-maps.conf", maps)])
                .report;
        let told: Vec<_> =
            report.iter().filter(|one| one.file == name && one.line == line).collect();
        assert!(matches!(told[..], [one] if one.verdict == Verdict::Dropped), "{told:#?}");
    }
}

#[test]
fn imageswap_reads_the_map_of_a_directory_and_no_other_text() {
    let file = |name: &str, text: &str| File { name: name.to_owned(), text: text.to_owned() };
    let files = [
        file("config/README.md", "quay.io: the mirror\ndefault:: x.example\n"),
        file("config/imageswap-maps.conf", "default::m.example\n"),
        file("config/imageswap-maps.conf~", "default::old.example\n"),
    ];
    let migration = migrated(System::Imageswap, &files);
    let mapping = super::super::mapping(&migration);
    for image in ["ghcr.io/a", "quay.io/a"] {
        assert_eq!(super::super::answer(&mapping, image, "default"), "m.example/a");
    }
    for name in ["config/README.md", "config/imageswap-maps.conf~"] {
        let told: Vec<_> = migration.report.iter().filter(|one| one.file == name).collect();
        assert!(matches!(told[..], [one] if one.verdict == Verdict::Dropped), "{told:#?}");
    }
}

#[test]
fn imageswap_lines_are_told_apart() {
    let map = |lines: &str| format!("default::d.example\n{lines}\n");
    let digest = digest("b");
    let lines = [
        ("quay.io\t::q.example", Verdict::Dropped, "a tab"),
        ("index.docker.io::i.example", Verdict::Differs, "it is Docker Hub"),
        ("noswap_wildcards::a.example,,b.example", Verdict::Differs, "an empty element"),
        (&format!("[EXACT]a@{digest}::b.example/a"), Verdict::Differs, "keeps its digest"),
    ];
    for (line, verdict, words) in lines {
        tells(System::Imageswap, "imageswap-maps.conf", &map(line), 2, verdict, words);
    }
    for line in ["noswap_wildcards::a.example,b.example", "[EXACT]a:1::b.example/a:1"] {
        let told = told(System::Imageswap, "imageswap-maps.conf", &map(line), 2);
        assert!(told.iter().all(|(verdict, _)| *verdict == Verdict::Becomes), "{told:#?}");
    }
    // Without a default and docker.io the old name of Docker Hub stands for it.
    swap("default::\nindex.docker.io::i.example\n", &[("a/b", "i.example/a/b")]);
}

#[test]
fn imageswap_takes_the_shortest_spelling_of_an_exact_image() {
    let long = "[EXACT]docker.io/library/a:1::long.example/a";
    let short = "[EXACT]a:1::short.example/a";
    for (text, line) in [(format!("{long}\n{short}\n"), 1), (format!("{short}\n{long}\n"), 2)] {
        swap(&text, &[("a:1", "short.example/a:latest")]);
        let words = "the same image as a:1";
        tells(System::Imageswap, "imageswap-maps.conf", &text, line, Verdict::Differs, words);
    }
}

#[test]
fn imageswap_rewrites_an_exact_image_once() {
    let text = "default::\n[EXACT]a::quay.io/a\nquay.io::q.example\n";
    let images = [
        ("a", "quay.io/a:latest"),
        ("a:latest", "quay.io/a:latest"),
        ("a:1", "a:1"),
        ("quay.io/b", "q.example/b"),
    ];
    swap(text, &images);
}
