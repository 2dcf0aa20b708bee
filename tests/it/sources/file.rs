//! Rules files: read, watched, published.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use detour::sources::Update;
use detour::sources::file::{self, Watcher};

use super::Served;
use crate::directory::Directory;

impl Directory {
    /// Writes a file, with the directories above it.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

fn map(name: &str) -> String {
    format!(
        "apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\nmetadata: {{name: {name}}}\n\
         spec: {{rules: [{{prefix: {name}.io, to: mirror.example.com/{name}}}]}}\n"
    )
}

fn names(paths: &[PathBuf]) -> Vec<String> {
    let loaded = file::load(paths);
    assert_eq!(loaded.report.faults, []);
    loaded.maps.iter().map(|map| map.id.name.clone()).collect()
}

fn faults(path: &Path) -> Vec<String> {
    let loaded = file::load(&[path.to_owned()]);
    loaded.report.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_directory_is_read_in_byte_order_and_not_below() {
    let directory = Directory::new();
    directory.write("b.yaml", &map("b"));
    directory.write("a.yml", &map("a"));
    directory.write("B.json", r#"{"apiVersion":"detour.dev/v1alpha1","kind":"ClusterImageMap","metadata":{"name":"upper"},"spec":{"default":{"keep":true}}}"#);
    directory.write("notes.txt", "no rules");
    directory.write("below/c.yaml", &map("c"));
    directory.write("odd.yaml/d.yaml", &map("d"));
    assert_eq!(names(&[directory.to_path_buf()]), ["upper", "a", "b"]);
    let last = directory.write("last", &map("last"));
    assert_eq!(names(&[last, directory.to_path_buf()]), ["last", "upper", "a", "b"]);
}

#[test]
fn what_cannot_be_read_is_a_fault_with_its_path() {
    let directory = Directory::new();
    let none = directory.join("none.yaml");
    let expected = format!("{}: cannot be read: No such file or directory", none.display());
    assert!(faults(&none)[0].starts_with(&expected), "{:?}", faults(&none));
    assert!(faults(&directory)[0].contains("the directory holds no rules"));
    let path = directory.join("binary.yaml");
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(faults(&path)[0].contains("the file must be UTF-8 text"), "{:?}", faults(&path));
    let large = directory.join("large.yaml");
    fs::File::create(&large).unwrap().set_len(file::FILE_BYTES_MAX + 1).unwrap();
    assert!(faults(&large)[0].contains("is larger than"), "{:?}", faults(&large));
}

#[test]
fn a_watcher_sees_the_link_swap_of_a_mounted_config_map() {
    let directory = Directory::new();
    directory.generation("..2026_1", &[("rules.yaml", &map("one"))]);
    directory.generation("..2026_2", &[("rules.yaml", &map("two"))]);
    directory.swap("..2026_1");
    let (mut watcher, loaded) = Watcher::start(vec![directory.to_path_buf()]);
    assert_eq!(loaded.maps[0].id.name, "one");
    assert_eq!(watcher.poll(), None);
    directory.swap("..2026_2");
    assert_eq!(watcher.poll().unwrap().maps[0].id.name, "two");
    assert_eq!(watcher.poll(), None);
}

#[test]
fn files_that_are_swapped_while_they_are_read_count_together() {
    let directory = Directory::new();
    for name in ["one", "two", "three"] {
        let (a, b) = (map(&format!("{name}a")), map(&format!("{name}b")));
        directory.generation(name, &[("a.yaml", &a), ("b.yaml", &b)]);
    }
    directory.swap("one");
    let (mut watcher, _) =
        Watcher::start(["a.yaml", "b.yaml"].map(|file| directory.join(file)).into());
    directory.make_pipe("two/a.yaml");
    directory.swap("two");
    thread::scope(|scope| {
        let poll = scope.spawn(|| watcher.poll().unwrap());
        directory.fill("two/a.yaml", &map("twoa"), || directory.swap("three"));
        let loaded = poll.join().unwrap();
        let names: Vec<&str> = loaded.maps.iter().map(|map| map.id.name.as_str()).collect();
        assert_eq!(names, ["threea", "threeb"]);
    });
}

#[test]
fn files_that_never_rest_are_a_fault_and_the_next_poll_reads_them() {
    let directory = Directory::new();
    let (old, new) = (map("old"), map("new"));
    directory.generation("one", &[("rules.yaml", &old)]);
    directory.generation("three", &[("rules.yaml", &new)]);
    fs::create_dir(directory.join("two")).unwrap();
    // Linux has a file that is another each time.
    let restless = "/proc/sys/kernel/random/uuid";
    symlink(restless, directory.join("two/rules.yaml")).unwrap();
    directory.swap("one");
    let (watcher, _) = Watcher::start(vec![directory.join("rules.yaml")]);
    let mut watcher = watcher.with_rest(Duration::ZERO);
    directory.swap("two");
    let faults = watcher.poll().unwrap().report.faults;
    assert!(faults[0].to_string().contains("changes whenever it is read"), "{faults:?}");
    directory.swap("three");
    assert_eq!(watcher.poll().unwrap().maps[0].id.name, "new");
}

#[test]
fn wrong_rules_leave_the_former_ones_in_force_and_are_told() {
    let directory = Directory::new();
    let path = directory.write("rules.yaml", "rules: []");
    let (served, places) = Served::new(&["file"]);
    let state = || {
        let snapshot = served.published.load();
        (snapshot.mapping.rule_count(), snapshot.missing.len(), snapshot.faults.is_empty())
    };
    let tell = |loaded| places[0].update(Update::of_documents(loaded));
    let (mut watcher, loaded) = Watcher::start(vec![path.clone()]);
    tell(loaded);
    assert_eq!(state(), (0, 1, false));
    fs::write(&path, map("one")).unwrap();
    tell(watcher.poll().unwrap());
    assert_eq!(state(), (1, 0, true));
    fs::write(&path, "rules: []").unwrap();
    tell(watcher.poll().unwrap());
    assert_eq!(state(), (1, 0, false));
    fs::remove_file(&path).unwrap();
    tell(watcher.poll().unwrap());
    assert_eq!(state(), (1, 0, false));
    fs::write(&path, map("two") + "---\n" + &map("three")).unwrap();
    tell(watcher.poll().unwrap());
    assert_eq!(state(), (2, 0, true));
}
