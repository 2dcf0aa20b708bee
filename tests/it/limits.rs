//! `docs/limits.md` says what the code does: it is written from its constants
//! with `UPDATE_GOLDEN=1`, and compared without.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::time::Duration;

use detour::admission::{ANNOTATION_BYTES_MAX, IMAGES_MAX};
use detour::client;
use detour::config::{DEFAULT_DRAIN, DEFAULT_MAX_CONNECTIONS, SOURCES_MAX};
use detour::kube::limits::WatchLimits;
use detour::mapping::PAGE_BYTES_MAX;
use detour::reload::READS_MAX;
use detour::rules::merge::{NAMESPACE_MAPS_MAX, NAMESPACE_PATTERNS_MAX, PATTERNS_MAX, RULES_MAX};
use detour::rules::pattern::{COMPILED_BYTES_MAX, REGEX_BYTES_MAX};
use detour::rules::{ITEMS_MAX, RULES_PER_DOCUMENT_MAX, TEXT_BYTES_MAX};
use detour::server::Limits;
use detour::server::limits::{HEADERS_MAX, RECORD_BYTES, check_descriptors};
use detour::server::probe::Timing;
use detour::sources::file::FILE_BYTES_MAX;
use detour::sources::harbor::HarborLimits;

const PAGE: &str = "docs/limits.md";

#[test]
fn the_page_has_the_numbers_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &page).expect("a file");
    }
    let written = fs::read_to_string(&path).expect("a page");
    assert_eq!(written, page, "UPDATE_GOLDEN=1 cargo test --test it limits writes {PAGE}");
}

#[test]
fn the_operations_port_takes_no_body_and_a_few_connections() {
    let limits = Limits::operations();
    assert_eq!((limits.body_bytes, limits.in_flight_bytes, limits.connections), (0, 0, 32));
}

#[test]
fn more_connections_than_open_files_are_refused_with_what_to_raise() {
    // More than any kernel lets a process have.
    let shortage = check_descriptors(1 << 40).expect_err("a shortage");
    let told = shortage.to_string();
    assert!(told.starts_with(&format!("the limit of open files is {}, and 10", shortage.limit)));
    assert!(told.contains("raise it") && told.contains("allow fewer connections"), "{told}");
}

fn page() -> String {
    let mut page = String::from(
        "# Limits\n\nEvery bound that Detour has, and what happens at it. Written from the code by \
         `UPDATE_GOLDEN=1 cargo test --test it limits`; a test compares.\n",
    );
    page += &section("The admission port", &admission());
    page += &section("Rules", &rules());
    page += &section("What is asked of others", &others());
    page += "\nThose of ports, of calls and of watches are in the log when a process starts.\n";
    page
}

fn section(title: &str, rows: &[(&str, String, &str)]) -> String {
    let mut text = format!("\n## {title}\n\n| what | limit | beyond it |\n|---|---|---|\n");
    for (what, limit, beyond) in rows {
        text += &format!("| {what} | {limit} | {beyond} |\n");
    }
    text
}

fn admission() -> Vec<(&'static str, String, &'static str)> {
    let limits = Limits::admission();
    let probing = Timing::standard();
    let drain = seconds(DEFAULT_DRAIN);
    vec![
        ("head of a request", bytes(limits.head_bytes), "431"),
        ("header fields", count(HEADERS_MAX), "431"),
        ("body", bytes(limits.body_bytes), "413, before it is read"),
        (
            "bodies of all requests at once",
            bytes(limits.in_flight_bytes),
            "503 with `Retry-After: 1`",
        ),
        (
            "unfinished record of a connection, or message of its handshake",
            bytes(RECORD_BYTES),
            "the connection is closed",
        ),
        (
            "all that connections have read, beside those bodies",
            bytes(DEFAULT_MAX_CONNECTIONS * (limits.own_bytes() + RECORD_BYTES)),
            "by the limits above",
        ),
        ("levels of JSON", count(127), "400"),
        (
            "connections, by `--max-connections`",
            count(DEFAULT_MAX_CONNECTIONS),
            "the longest idle one is closed, or the newcomer waits",
        ),
        ("wait of a newcomer", seconds(limits.newcomer), "it is closed"),
        ("TLS handshake", seconds(limits.handshake), "the connection is closed"),
        (
            "from the handshake to the first request",
            seconds(limits.request),
            "the connection is closed",
        ),
        ("reading a request", seconds(limits.request), "the connection is closed"),
        ("sending an answer", seconds(limits.request), "the connection is closed"),
        ("between two requests", seconds(limits.idle), "the connection is closed"),
        ("a probe of its own port", seconds(probing.deadline), "it failed"),
        ("time without one that succeeds", seconds(probing.silence), "`/livez` fails"),
        ("drain after SIGTERM, by `--drain`", drain, "what is left is cut"),
        ("containers and volumes of an object", count(IMAGES_MAX), "they are left as they are"),
        (
            "all annotations of an object",
            bytes(ANNOTATION_BYTES_MAX),
            "the original is not recorded",
        ),
        ("page of `/rules`", bytes(PAGE_BYTES_MAX), "the next page: `?from=N`"),
    ]
}

fn rules() -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("rules in force", count(RULES_MAX), "the maps that come last are out of force: `Limit`"),
        ("patterns in force", count(PATTERNS_MAX), "the same"),
        ("rules of a map", count(RULES_PER_DOCUMENT_MAX), "the map is out of force: `Limit`"),
        ("maps of a namespace", count(NAMESPACE_MAPS_MAX), "the map is out of force: `Limit`"),
        ("patterns of a namespace", count(NAMESPACE_PATTERNS_MAX), "the same"),
        ("a text in a map", bytes(TEXT_BYTES_MAX), "the map is out of force: `Limit`"),
        ("a list in a map", count(ITEMS_MAX), "the map is out of force: `Limit`"),
        ("a regular expression", bytes(REGEX_BYTES_MAX), "the map is out of force: `Limit`"),
        ("the same compiled", bytes(COMPILED_BYTES_MAX), "the map is out of force: `Limit`"),
        ("a file with rules", bytes(FILE_BYTES_MAX), "the file is wrong"),
        ("reads until two are the same", count(READS_MAX), "the former files count, with a fault"),
        ("sources", count(SOURCES_MAX), "a usage error"),
    ]
}

fn others() -> Vec<(&'static str, String, &'static str)> {
    let told = |limits: &dyn Display| limits.to_string();
    vec![
        ("the API server", told(&client::Limits::standard()), "the request is tried again later"),
        ("its objects", told(&WatchLimits::standard()), "the last good rules stay in force"),
        ("Harbor", told(&HarborLimits::standard()), "its last good rules stay in force"),
    ]
}

fn count(number: usize) -> String {
    number.to_string()
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

fn bytes(number: impl TryInto<u64>) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    match number {
        number if number >= 1 << 20 && number % (1 << 20) == 0 => format!("{} MiB", number >> 20),
        number if number >= 1 << 10 && number % (1 << 10) == 0 => format!("{} KiB", number >> 10),
        number => format!("{number} bytes"),
    }
}
