//! The built command: what it prints, and with which exit code it ends.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::program::program;

#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.env_clear().args(args).stdin(Stdio::null());
    command
}

fn end(mut command: Command) -> Ended {
    let output = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The two lines of a refusal: `error: ` and `hint: ` cut off.
fn refusal(mut command: Command, environment: &[(&str, &str)]) -> (String, String) {
    command.envs(environment.iter().copied());
    let ended = end(command);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let [error, hint] = lines[..] else { panic!("not two lines: {ended:?}") };
    let cut = |line: &str, label| line.strip_prefix(label).expect("its label").to_owned();
    (cut(error, "error: "), cut(hint, "hint: "))
}

#[test]
fn normalize_answers_in_order_and_fails_if_one_is_no_reference() {
    let ended = end(command(&["normalize", "nginx", "", "ghcr.io/a/b:c", "--", "-x"]));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
    let lines: Vec<serde_json::Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let inputs: Vec<&str> = lines.iter().filter_map(|line| line["input"].as_str()).collect();
    assert_eq!(inputs, ["nginx", "", "ghcr.io/a/b:c", "-x"]);
    assert_eq!(lines[0]["normalized"], "docker.io/library/nginx");
    assert_eq!(lines[0]["tag"], serde_json::Value::Null);
    assert_eq!(lines[1]["error"], "the reference is empty");
    assert_eq!(lines[2]["tag"], "c");
    assert!(lines[3]["error"].is_string());
}

#[test]
fn normalize_succeeds_on_references() {
    let ended = end(command(&["normalize", "nginx", "--", "busybox:1"]));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout.lines().count(), 2);
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let many: Vec<String> = (0..4_000).map(|number| format!("example.com/{number}")).collect();
    let mut command = command(&["normalize", "--"]);
    command.args(&many).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut first = [0];
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut first).expect("a first byte");
    drop(stdout);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((first, output.status.code()), (*b"{", Some(0)));
    assert_eq!(output.stderr, b"");
}

#[test]
fn help_and_version_are_printed() {
    for args in [&["--help"][..], &["-h"], &["help"], &["serve", "--help"], &["normalize", "-h"]] {
        let ended = end(command(args));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(ended.stdout.contains("\n  --rules PATH "), "{args:?}: {}", ended.stdout);
    }
    for args in [&["--version"][..], &["-V"], &["serve", "--version"]] {
        let ended = end(command(args));
        let expected = format!("detour {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!((ended.code, ended.stdout), (Some(0), expected), "{args:?}");
    }
}

#[test]
fn wrong_usage_is_refused_with_a_hint() {
    for (args, error, hint) in [
        (&[][..], "no command given", "the command comes first"),
        (&["server"], r#"unknown command "server""#, "the command comes first"),
        (&["serve", "--tsl", "dev"], r#"unknown flag "--tsl" for"#, "did you mean --tls?"),
        (&["serve", "--tls"], "--tls needs a value", "write --tls VALUE"),
        (
            &["serve", "--tls", "none"],
            r#"invalid value "none" for --tls"#,
            "expected self, files or dev",
        ),
        (&["serve", "--tls", "dev", "x"], r#"unexpected argument "x""#, "`detour serve` takes"),
        (&["review"], "--rules is missing", "write `detour review --rules PATH`"),
        (&["normalize"], "no reference given", "write `detour normalize -- REF"),
        (&["normalize", "-x"], r#"unknown flag "-x" for"#, "write -- before"),
    ] {
        let (found, found_hint) = refusal(command(args), &[]);
        assert!(found.starts_with(error), "{args:?}: {found}");
        assert!(found_hint.starts_with(hint), "{args:?}: {found_hint}");
    }
}

#[test]
fn a_variable_stands_in_for_a_flag_that_is_not_given() {
    let cert = ["serve", "--tls-cert", "/c"];
    let (error, _) = refusal(command(&cert), &[("DETOUR_TLS", "dev")]);
    assert_eq!(error, "--tls-cert contradicts DETOUR_TLS dev");
    let (error, _) = refusal(command(&cert), &[("DETOUR_TLS", "")]);
    assert_eq!(error, "--tls is missing");

    let both = ["serve", "--tls", "files", "--tls-cert", "/c"];
    let (error, _) = refusal(command(&both), &[("DETOUR_TLS", "dev")]);
    assert_eq!(error, "--tls-key is missing");
    let environment = [("DETOUR_TLS_KEY", "/k"), ("DETOUR_MAX_CONNECTIONS", "many")];
    let (error, hint) = refusal(command(&both), &environment);
    assert_eq!(
        (error.as_str(), hint.as_str()),
        ("invalid value \"many\" for DETOUR_MAX_CONNECTIONS", "expected a whole number")
    );
}
