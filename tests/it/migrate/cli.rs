//! The command: what it prints and writes, and with which exit code it ends.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::root;
use crate::directory::Directory;
use crate::program::program;

fn run(args: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(program());
    command.env_clear().arg("migrate").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn config(case: &str) -> String {
    root().join(case).join("config").to_str().unwrap().to_owned()
}

#[test]
fn rules_go_to_standard_output_and_the_report_to_standard_error() {
    let directory = config("imageswap-webhook/per-registry");
    let (code, stdout, stderr) = run(&["imageswap-webhook", &directory], "");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.starts_with("apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\n"),
        "{stdout}"
    );
    assert!(
        stderr.contains("imageswap-maps.conf:4: quay.io::mirror.corp.example/quay | becomes: "),
        "{stderr}"
    );
    assert!(stderr.contains("differs on purpose: "), "{stderr}");
}

#[test]
fn values_and_report_go_to_files() {
    let files = Directory::new();
    let values = files.join("values.yaml");
    let report = files.join("report.txt");
    let directory = config("k8s-proxy-image-swapper/chart-values");
    let args = ["--values", values.to_str().unwrap(), "--report", report.to_str().unwrap()];
    let (code, stdout, stderr) =
        run(&["k8s-proxy-image-swapper", &directory, args[0], args[1], args[2], args[3]], "");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let values: serde_json::Value =
        serde_saphyr::from_str(&fs::read_to_string(values).unwrap()).unwrap();
    assert_eq!(values["replicas"], 3);
    assert_eq!(values["podLabel"], "k8s-proxy-image-swapper=patched-image");
    let rules: serde_json::Value = serde_saphyr::from_str(&stdout).unwrap();
    assert_eq!(values["rules"], serde_json::json!([rules]));
    assert!(
        fs::read_to_string(report).unwrap().contains("values.yaml:6: registryUrl: docker-registry")
    );
}

#[test]
fn check_prints_each_image_and_its_result() {
    let directory = config("kubernetes-image-mapper/two-namespaces_team-a");
    let images = "nginx:1.25\n\nnot an image\nquay.io/coreos/etcd";
    let check = |namespace: &str| {
        let args =
            ["kubernetes-image-mapper", &directory, "--check", "-", "--namespace", namespace];
        let (code, stdout, _) = run(&args, images);
        assert_eq!(code, Some(0));
        stdout
    };
    let left = "\t\nnot an image\tnot an image\nquay.io/coreos/etcd\t";
    assert_eq!(
        check("team-a"),
        format!("nginx:1.25\ta.registry.example/nginx:1.25\n{left}quay.io/coreos/etcd\n")
    );
    let etcd = "b.registry.example/mirror/etcd:latest";
    assert_eq!(
        check("team-b"),
        format!("nginx:1.25\tb.registry.example/mirror/nginx:1.25\n{left}{etcd}\n")
    );
    assert_eq!(
        check("kube-system"),
        format!("nginx:1.25\tnginx:1.25\n{left}quay.io/coreos/etcd\n")
    );
    let files = Directory::new();
    fs::write(files.join("images"), images).unwrap();
    let path = files.join("images");
    let args = [
        "kubernetes-image-mapper",
        &directory,
        "--check",
        path.to_str().unwrap(),
        "--namespace=other",
    ];
    assert_eq!(run(&args, "").1, format!("nginx:1.25\tnginx:1.25\n{left}quay.io/coreos/etcd\n"));
}

#[test]
fn what_cannot_be_used_is_one_line_and_a_hint() {
    let directory = config("imageswap-webhook/per-registry");
    let files = Directory::new();
    let write = |name: &str, text: &str| {
        fs::write(files.join(name), text).unwrap();
        files.join(name).to_str().unwrap().to_owned()
    };
    let broken = write("config.yaml", "replace_policy:\n  a.example: [\n");
    let env = write("env", "IMAGESWAP_MODE=LEGACY\n");
    let no_url = write("swapper.yaml", "ignoreimages: [nginx]\n");
    let no_maps = write("maps.yaml", "kind: ConfigMap\ndata: {a: b}\n");
    let nowhere = files.join("nowhere").to_str().unwrap().to_owned();
    for (args, code, error) in [
        (&[][..], 2, "a system and its files were expected"),
        (&["imageswap-webhook"], 2, "a system and its files were expected"),
        (&["imageswap", &directory], 2, r#"invalid value "imageswap" for SYSTEM"#),
        (&["imageswap-webhook", &nowhere], 1, "cannot read "),
        (
            &["imageswap-webhook", &env],
            2,
            "IMAGESWAP_MODE is not MAPS, and there is no IMAGE_PREFIX",
        ),
        (&["imageswap-webhook", &no_maps], 2, "there is no map file among the files"),
        (&["k8s-image-replacer", &broken], 2, &format!("{broken}:")),
        (&["k8s-image-replacer", &env], 2, "no configuration among the files"),
        (&["k8s-proxy-image-swapper", &no_url], 2, "no REGISTRY_URL, and no registryUrl"),
        (&["kubernetes-image-mapper", &no_maps], 2, "no ImageMap of mapper.imagerelocation"),
        (&["kubernetes-mimic", &env], 2, "the ConfigMap mimic-mirrors is not among the files"),
        (
            &["imageswap-webhook", &directory, "--values", &format!("{nowhere}/v")],
            1,
            "cannot write ",
        ),
        (&["imageswap-webhook", &directory, "--check", &nowhere], 1, "cannot read "),
        (&["imageswap-webhook", &directory, "--namespace", "A"], 2, "invalid value"),
    ] {
        let (found, stdout, stderr) = run(args, "");
        let line = stderr
            .lines()
            .find(|line| line.starts_with("error: "))
            .unwrap_or_else(|| panic!("{args:?}: {stderr}"));
        assert!(line["error: ".len()..].starts_with(error), "{args:?}: {stderr}");
        assert_eq!((found, stdout.as_str()), (Some(code), ""), "{args:?}: {stderr}");
        assert!(code == 1 || stderr.contains("\nhint: "), "{args:?}: {stderr}");
    }
    for (file, hint) in [(&broken, "mend the file"), (&env, "name the system's config.yaml")] {
        let (_, _, stderr) = run(&["k8s-image-replacer", file], "");
        assert!(stderr.contains(&format!("\nhint: {hint}")), "{stderr}");
    }
}
