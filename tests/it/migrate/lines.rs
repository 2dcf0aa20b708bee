//! The report: every line of the old configuration is in it.

use detour::migrate::{File, System, Verdict};

use super::{cases, files_in, of_text};

/// Whether a line says something: no comment, no blank, no frame of YAML.
fn says_something(line: &str) -> bool {
    let line = line.trim();
    let is_frame = [
        "apiVersion:",
        "kind:",
        "metadata:",
        "name:",
        "namespace:",
        "spec:",
        "map:",
        "data:",
        "maps:",
        "config:",
        "ignoreimages:",
        "replace_policy:",
        "repository:",
        "tag:",
        "to:",
    ];
    !line.is_empty()
        && !line.starts_with('#')
        && !is_frame.iter().any(|frame| line.starts_with(frame))
}

#[test]
fn each_line_is_told() {
    for case in cases() {
        let report = case.migration().report;
        for file in case.files() {
            for (index, line) in
                file.text.lines().enumerate().filter(|(_, line)| says_something(line))
            {
                let is_told = report.iter().any(|entry| {
                    (entry.file.as_str(), entry.line) == (&file.name, index as u64 + 1)
                });
                assert!(
                    is_told,
                    "{}: {}:{}: {line}\n{report:#?}",
                    case.label(),
                    file.name,
                    index + 1
                );
            }
        }
    }
}

#[test]
fn an_entry_is_one_line_with_place_and_verdict() {
    let migration =
        of_text(System::Imageswap, "maps/imageswap-maps.conf", "\n default :: m.example # x\n");
    let lines: Vec<String> = migration.report.iter().map(ToString::to_string).collect();
    let place = "maps/imageswap-maps.conf:2: default :: m.example # x | becomes: ";
    assert_eq!(
        lines,
        [
            format!("{place}regex docker\\.io/library/([^/]+), to m.example/{{1}}"),
            format!("{place}default, to m.example"),
        ]
    );
}

/// No rule that no image gets to, none for what another one does, and a pattern
/// only where nothing simpler will do.
#[test]
fn a_line_becomes_no_more_than_it_needs() {
    for (before, line, rules) in [
        (
            "default::",
            "reg.example:5000::m.example",
            &["prefix reg.example:5000, to m.example"][..],
        ),
        (
            "default::",
            "[REPLACE]acme/app::m.example",
            &[r"regex docker\.io/acme/app(?::latest)? on reference, to m.example/{name}"],
        ),
        (
            "default::",
            "[REPLACE]quay.io/a*::m.example",
            &[r"regex quay\.io/a.* on reference, to m.example/{name}"],
        ),
        (
            "default::",
            "[EXACT]a::m.example/a",
            &["exact docker.io/library/a:latest, to m.example/a:latest"],
        ),
        ("default::", "[EXACT]a::a", &["exact docker.io/library/a:latest, keep"]),
        (
            "IMAGESWAP_MODE=LEGACY",
            "IMAGE_PREFIX=m.example/x",
            &[r"regex .*(?:m\.example/x).* on reference, keep", "default, to m.example/x/{name}"],
        ),
    ] {
        let name = if before.contains('=') { "env" } else { "maps" };
        let report = of_text(System::Imageswap, name, &format!("{before}\n{line}\n")).report;
        let told = report.iter().filter(|entry| entry.line == 2).map(|entry| entry.text.as_str());
        assert_eq!(told.collect::<Vec<_>>(), rules, "{line}");
    }
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let migration = of_text(System::Imageswap, "m.conf", "default::\na.\u{1b}[31mb::c.example\n");
    let told = migration.report.iter().find(|entry| entry.line == 2).unwrap();
    assert_eq!(told.verdict, Verdict::Dropped);
    assert!(!told.to_string().contains(char::is_control), "{told}");
}

#[test]
fn an_exported_list_is_what_its_objects_are() {
    for case in cases().iter().filter(|case| case.system == System::ImageMapper) {
        let exported =
            files_in(&case.directory).into_iter().filter(|file| file.name == "exported.yaml");
        let exported: Vec<File> = exported.collect();
        let of_list = super::migrated(case.system, &exported);
        assert_eq!(of_list.documents, case.migration().documents, "{}", case.label());
    }
}

/// A map is dropped with a word about the other one where its status says so.
#[test]
fn the_report_says_what_the_status_said() {
    for case in cases().iter().filter(|case| case.system == System::ImageMapper) {
        let status = std::fs::read_to_string(case.directory.join("status.tsv")).unwrap();
        let report = case.migration().report;
        for line in status.lines().skip(1) {
            let [namespace, name, ready, _] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let old = format!("ImageMap {namespace}/{name}");
            let told: Vec<&str> = report
                .iter()
                .filter(|entry| entry.old == old)
                .map(|entry| entry.text.as_str())
                .collect();
            let expected = match (ready, namespace) {
                ("False", _) => "rejected there: it maps ",
                (_, "kube-system") => "pods of kube-system are never changed",
                _ => "an ImageMap of the same name",
            };
            assert!(matches!(told[..], [text] if text.starts_with(expected)), "{old}: {told:?}");
        }
    }
}
