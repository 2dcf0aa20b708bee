//! Rules from files and directories.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::board::Place;
use super::state::Update;
use crate::reload::{REST, fingerprint, settle};
use crate::rules::fault::Fault;
use crate::rules::{self, Loaded, Source, Text};

/// Most bytes of one file: 200,000 rules of a hundred bytes, and half as much
/// again.
pub const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// The files of a directory that count.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// How often a [`Watcher`] reads the files.
const POLL: Duration = Duration::from_secs(10);

/// Reads and checks the documents of `paths`, in order. A directory stands for
/// its `*.yaml`, `*.yml` and `*.json` files in byte order of their names, not
/// for those of directories in it.
///
/// What cannot be read is a fault of the result like any other.
pub fn load(paths: &[PathBuf]) -> Loaded {
    Content::read(paths).load()
}

/// The texts of the files, and what could not be read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Content {
    texts: Vec<Text>,
    faults: Vec<Fault>,
}

impl Content {
    fn read(paths: &[PathBuf]) -> Self {
        let mut content = Self::default();
        for path in paths {
            match files_of(path) {
                Ok(files) if files.is_empty() => {
                    let hint = "put *.yaml, *.yml or *.json files in it, or name a file";
                    content.faults.push(fault(path, "the directory holds no rules", hint));
                }
                Ok(files) => files.iter().for_each(|file| content.add(file)),
                Err(error) => content.faults.push(unreadable(path, &error)),
            }
        }
        content
    }

    fn add(&mut self, file: &Path) {
        match read(file) {
            Ok(content) => self.texts.push(Text { name: file.display().to_string(), content }),
            Err(error) => self.faults.push(unreadable(file, &error)),
        }
    }

    /// As it is at one moment, although several files are read.
    fn settled(self, paths: &[PathBuf], rest: Duration) -> Self {
        settle(self, rest, || Self::read(paths)).unwrap_or_else(|_| {
            let hint = "rename new files into place; they are read again every 10 s";
            let restless =
                paths.iter().map(|path| fault(path, "changes whenever it is read", hint));
            Self { texts: Vec::new(), faults: restless.take(1).collect() }
        })
    }

    fn load(self) -> Loaded {
        let mut loaded = rules::load(Source::File, &self.texts);
        loaded.report.faults.extend(self.faults);
        loaded.report.faults.sort();
        loaded
    }

    fn seen(&self) -> Seen {
        let parts = self.texts.iter().flat_map(|text| [&text.name, &text.content]);
        let digest = fingerprint(parts.map(String::as_bytes));
        Seen { digest, faults: self.faults.clone() }
    }
}

/// What was read, without the texts: megabytes that nobody asks for again.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    digest: [u8; 32],
    faults: Vec<Fault>,
}

/// Notices changes of rules files.
///
/// Polled by content, which finds what is written in place as well as the link
/// that the kubelet swaps when a mounted ConfigMap changes. What changed counts
/// once it rests, so that nobody decides by one file of before and one of after.
#[derive(Debug)]
pub struct Watcher {
    paths: Vec<PathBuf>,
    seen: Seen,
    rest: Duration,
}

impl Watcher {
    /// Reads the files for the first time, without a rest: a process that
    /// starts is waited for.
    pub fn start(paths: Vec<PathBuf>) -> (Self, Loaded) {
        let content = Content::read(&paths).settled(&paths, Duration::ZERO);
        (Self { paths, seen: content.seen(), rest: REST }, content.load())
    }

    /// How long a change must rest, instead of [`REST`].
    #[must_use]
    pub fn with_rest(self, rest: Duration) -> Self {
        Self { rest, ..self }
    }

    /// Reads the files once more; none when nothing changed. Blocks while a
    /// change does not rest, for a second at most.
    pub fn poll(&mut self) -> Option<Loaded> {
        let read = Content::read(&self.paths);
        if read.seen() == self.seen {
            return None;
        }
        let content = read.settled(&self.paths, self.rest);
        let seen = content.seen();
        if seen == self.seen {
            return None;
        }
        self.seen = seen;
        Some(content.load())
    }

    /// Polls every 10 s, for ever, and tells the board: the body of a vital
    /// thread.
    pub fn run(mut self, place: &Place) {
        loop {
            thread::sleep(POLL);
            place.update(self.poll().map_or(Update::InTouch, Update::of_documents));
        }
    }
}

fn files_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        let extension = file.extension().and_then(OsStr::to_str);
        // A mounted ConfigMap holds links: what they lead to counts.
        if extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
            && fs::metadata(&file)?.is_file()
        {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("the file is larger than {FILE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(text)
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "check the path given to --rules",
        io::ErrorKind::PermissionDenied => "let the user that detour runs as read it",
        io::ErrorKind::InvalidData => "the file must be UTF-8 text",
        io::ErrorKind::FileTooLarge => "split it into several files",
        _ => "make it readable; it is read again every 10 s",
    };
    fault(path, &format!("cannot be read: {error}"), hint)
}

fn fault(path: &Path, reason: &str, hint: &str) -> Fault {
    rules::unreadable(&path.display().to_string(), reason, hint)
}
