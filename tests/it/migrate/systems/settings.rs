//! Settings that are no rules: what is told of each, and the chart's values.

use detour::migrate::{File, System, Verdict};

use super::super::migrated;
use Verdict::{Becomes, Differs, Dropped, NoEqual};

/// A line, and what is told of it.
type Line<'l> = (&'l str, Verdict, &'l str);

fn file(name: &str, text: &str) -> File {
    File { name: name.to_owned(), text: text.to_owned() }
}

/// Checks the lines one by one, each as the last one of the file `name` behind
/// `before`, beside the `others`.
#[track_caller]
fn tells(system: System, others: &[File], name: &str, before: &str, lines: &[Line<'_>]) {
    for (line, verdict, words) in lines {
        let text = format!("{before}{line}\n");
        let number = text.lines().count() as u64;
        let files = [others, &[file(name, &text)]].concat();
        let report = migrated(system, &files).report;
        let on_line = report.iter().filter(|entry| entry.file == name && entry.line == number);
        let told: Vec<_> = on_line.map(|entry| (entry.verdict, entry.text.as_str())).collect();
        let [(found, text)] = told[..] else { panic!("{line}: {told:#?}") };
        assert_eq!(found, *verdict, "{line}: {text}");
        assert!(text.contains(words), "{line}: {text}");
    }
}

#[test]
fn mimic_variables() {
    let others = [file("map.yaml", "kind: ConfigMap\nmetadata: {name: mimic-mirrors}\n")];
    let level = |level| format!("the chart's value server.logLevel: \"{level}\"");
    let [trace, debug, info, warn, error] = ["trace", "debug", "info", "warn", "error"].map(level);
    let lines = [
        ("MIMIC_LISTENPORT=9443", Becomes, "the chart's value ports.admission: 9443"),
        ("MIMIC_LISTENPORT=https", NoEqual, "no port"),
        ("MIMIC_LISTENHOST=127.0.0.1", NoEqual, "listens on all addresses"),
        ("MIMIC_LOGLEVEL=Trace", Becomes, &trace),
        ("MIMIC_LOGLEVEL=debug", Becomes, &debug),
        ("MIMIC_LOGLEVEL=INFO", Becomes, &info),
        ("MIMIC_LOGLEVEL=warn", Becomes, &warn),
        ("MIMIC_LOGLEVEL=warning", Becomes, &warn),
        ("MIMIC_LOGLEVEL=error", Becomes, &error),
        ("MIMIC_LOGLEVEL=fatal", Becomes, &error),
        ("MIMIC_LOGFORMAT=json", Becomes, "server.logFormat: \"json\""),
        ("MIMIC_CERTIFICATE_SOURCE=files", NoEqual, "the chart's tls says"),
        ("MIMIC_KUBERNETES_CERTSECRET=tls", NoEqual, "the chart's tls says"),
        ("MIMIC_WATCHMIRRORS=0", Differs, "always followed"),
        ("MIMIC_WATCHMIRRORS=1", Becomes, "what Detour does anyway"),
        ("MIMIC_KUBERNETES_WATCH=false", Differs, "always followed"),
        ("MIMIC_KUBERNETES_WATCH=true", Becomes, "what Detour does anyway"),
        ("MIMIC_KUBERNETES_ENABLED=false", Differs, "does not start so"),
        ("MIMIC_KUBERNETES_ENABLED=True", Becomes, "which ConfigMap is read"),
        ("MIMIC_KUBERNETES_CONFIGMAP=mimic-mirrors", Becomes, "which ConfigMap is read"),
        ("MIMIC_KUBERNETES_NAMESPACE=mimic", Becomes, "which ConfigMap is read"),
        ("MIMIC_HARBOR_API_HOST=h.example", Dropped, "MIMIC_HARBOR_ENABLED is off"),
        ("MIMIC_HARBOR_COLOUR=green", Dropped, "MIMIC_HARBOR_ENABLED is off"),
        ("MIMIC_COLOUR=green", Dropped, "the system does not know it"),
        ("MIMIC_LISTENHOST=", Dropped, "empty is unset there"),
        ("LISTENHOST=127.0.0.1", Dropped, "the system does not read it"),
    ];
    tells(System::Mimic, &others, "env", "", &lines);
    let harbor = "MIMIC_HARBOR_API_HOST=h.example\nMIMIC_HARBOR_ENABLED=true\n";
    let unknown = ("MIMIC_HARBOR_COLOUR=green", Dropped, "the system does not know it");
    tells(System::Mimic, &[], "env", harbor, &[unknown]);
}

#[test]
fn mimic_reads_one_config_map() {
    let map = |name: &str, key: &str| {
        let text =
            format!("kind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  {key}: m.example\n");
        file(&format!("{name}.yaml"), &text)
    };
    let documents = |files: &[File]| migrated(System::Mimic, files).documents;
    let (one, two) = (map("one", "quay.io"), map("two", "ghcr.io"));
    let named = file("env", "MIMIC_KUBERNETES_CONFIGMAP=two\n");
    let only = documents(std::slice::from_ref(&one));
    assert!(only.contains("quay.io"), "the only one, whatever its name: {only}");
    let chosen = documents(&[one, two.clone(), named.clone()]);
    assert!(chosen.contains("ghcr.io") && !chosen.contains("quay.io"), "{chosen}");
    let ignored = "kind: ConfigMap\nmetadata: {name: one}\ndata:\n";
    let line = ("  quay.io: m.example", Dropped, "reads the ConfigMap two, not one");
    tells(System::Mimic, &[two, named], "one.yaml", ignored, &[line]);
    let lines = [
        ("  a_b.example: m.example", Dropped, "no image has this registry"),
        ("  myhost: m.example", Dropped, "no image has this registry"),
    ];
    tells(System::Mimic, &[], "one.yaml", &format!("{ignored}  docker.io: a.example\n"), &lines);
}

#[test]
fn swapper_values_and_variables() {
    let system = System::ProxyImageSwapper;
    let lines = [
        ("replicaCount: 3", Becomes, "the chart's value replicas: 3"),
        ("resources: {limits: {cpu: 1}}", Becomes, "the chart's value resources: {\"limits\""),
        ("enableDebug: true", Becomes, "server.logLevel: \"debug\""),
        ("enableDebug: false", Dropped, "how the chart is anyway"),
        ("enableMutatingWebhook: false", Becomes, "webhook.create: false"),
        ("enableMutatingWebhook: true", Dropped, "how the chart is anyway"),
        ("securityContext: {}", Dropped, "how the chart is anyway"),
        ("image: {repository: swapper}", NoEqual, "an image of its own"),
        ("caBundle: aaaa", NoEqual, "the chart's tls says"),
        ("tlsdirpath: /tls", NoEqual, "the chart's tls says"),
        ("colour: green", Dropped, "the system does not know it"),
    ];
    tells(system, &[], "values.yaml", "registryUrl: m.example\n", &lines);
    let lines = [
        ("  port: 8443", Becomes, "the chart's value ports.admission: 8443"),
        ("  port: https", NoEqual, "no port"),
        ("  tlscertpath: /tls/crt", NoEqual, "the chart's tls says"),
        ("  tlskeypath: /tls/key", NoEqual, "the chart's tls says"),
        ("  colour: green", Dropped, "the system does not know it"),
    ];
    tells(system, &[], "values.yaml", "registryUrl: m.example\nconfig:\n", &lines);
    let lines = [
        ("LOGLEVEL=DEBUG", Becomes, "server.logLevel: \"debug\""),
        ("LOGLEVEL=INFO", Dropped, "only DEBUG has a meaning there"),
        ("COLOUR=green", Dropped, "the system does not read it"),
    ];
    tells(system, &[], "env", "REGISTRY_URL=m.example\n", &lines);
}

#[test]
fn replacer_settings() {
    let lines = [
        ("tls_crt_file: /tls/crt", NoEqual, "the chart's tls says"),
        ("tls_key_file: /tls/key", NoEqual, "the chart's tls says"),
        ("colour: green", Dropped, "the system does not know it"),
        ("items: [{docker_registry: x.example}]", Dropped, "the system does not know it"),
    ];
    tells(System::ImageReplacer, &[], "config.yaml", "docker_registry: m.example\n", &lines);
    let empty = ("docker_registry: ''", Dropped, "Docker Hub has no mirror");
    tells(System::ImageReplacer, &[], "config.yaml", "", &[empty]);
}

#[test]
fn imageswap_variables() {
    let lines = [
        ("IMAGESWAP_LOG_LEVEL=Debug", Becomes, "server.logLevel: \"debug\""),
        ("IMAGESWAP_LOG_LEVEL=INFO", Becomes, "server.logLevel: \"info\""),
        ("IMAGESWAP_LOG_LEVEL=WARNING", Becomes, "server.logLevel: \"warn\""),
        ("IMAGESWAP_LOG_LEVEL=ERROR", Becomes, "server.logLevel: \"error\""),
        ("IMAGESWAP_LOG_LEVEL=CRITICAL", Becomes, "server.logLevel: \"error\""),
        ("IMAGESWAP_MAPS_FILE=/maps", Becomes, "the file that is read here"),
        ("IMAGESWAP_DISABLE_LABEL=k8s.example/off", Becomes, "optOutKeys: [k8s.example/off]"),
        ("IMAGESWAP_DISABLE_AUTO_MWC=true", NoEqual, "webhook.create: false"),
        ("IMAGESWAP_CSR_SIGNER_NAME=s", NoEqual, "no certificate is asked of the cluster"),
        ("imageswap_tls_secret_name=s", NoEqual, "no certificate is asked of the cluster"),
        ("IMAGESWAP_POD_NAME=p", Dropped, "Detour does not need it"),
        ("IMAGESWAP_NAMESPACE_NAME=n", Dropped, "Detour does not need it"),
        ("FLASK_ENV=production", Dropped, "Detour does not need it"),
        ("COLOUR=green", Dropped, "the system does not read it"),
    ];
    let before = "IMAGE_PREFIX=m.example\nIMAGESWAP_MODE=LEGACY\n";
    tells(System::Imageswap, &[], "env", before, &lines);
}
