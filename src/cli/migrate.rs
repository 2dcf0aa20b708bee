//! `detour migrate`: files of another system in, rules, values and a report out.

use bumpalo::Bump;
use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::{CliError, Exit, finish, report};
use crate::config::{DEFAULT_EXEMPT_NAMESPACE, Input, MigrateConfig};
use crate::mapping::Mapping;
use crate::mapping::policy::Policy;
use crate::mapping::scope::Pod;
use crate::migrate::{self, File, Migration};
use crate::rules::selector::Globs;
use crate::rules::{self, Source, Text};
use crate::sources;
use crate::sources::file::FILE_BYTES_MAX;

/// A file that cannot be read or written.
#[derive(Debug)]
struct FileError {
    path: PathBuf,
    verb: &'static str,
    source: io::Error,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}", self.verb, self.path.display())
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Prints the rules documents, or the results of images. [`Exit::Usage`] when
/// the old configuration cannot be used, [`Exit::Failed`] when a file cannot
/// be read or written.
pub fn run(config: &MigrateConfig) -> Exit {
    let files = match config.files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>() {
        Ok(files) => files.concat(),
        Err(error) => return failed(&error),
    };
    let migration = match migrate::migrate(config.system, &files, &config.namespace) {
        Ok(migration) => migration,
        Err(error) => {
            report(&mut io::stderr().lock(), &error, Some(error.hint()));
            return Exit::Usage;
        }
    };
    if let Some(path) = &config.values
        && let Err(error) = write(path, &migration.values)
    {
        return failed(&error);
    }
    let told = told(&migration);
    match &config.report {
        Some(path) => {
            if let Err(error) = write(path, &told) {
                return failed(&error);
            }
        }
        // What was asked for is on standard output; nobody to tell if this fails.
        None => drop(io::stderr().lock().write_all(told.as_bytes())),
    }
    match &config.check {
        None => super::print(&migration.documents),
        Some(input) => check(&migration, input, &config.namespace),
    }
}

fn failed(error: &dyn Error) -> Exit {
    report(&mut io::stderr().lock(), error, None);
    Exit::Failed
}

/// The file, or the files that stand in a directory, by name.
fn read(path: &Path) -> Result<Vec<File>, FileError> {
    let fault = |path: &Path| {
        let path = path.to_owned();
        move |source| FileError { path, verb: "read", source }
    };
    if !fs::metadata(path).map_err(fault(path))?.is_dir() {
        return Ok(vec![read_file(path).map_err(fault(path))?]);
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(fault(path))? {
        let entry = entry.map_err(fault(path))?.path();
        // A mounted ConfigMap holds links: what they lead to counts.
        if fs::metadata(&entry).map_err(fault(&entry))?.is_file() {
            paths.push(entry);
        }
    }
    paths.sort();
    paths.iter().map(|path| read_file(path).map_err(fault(path))).collect()
}

fn read_file(path: &Path) -> io::Result<File> {
    let mut text = String::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("the file is larger than {FILE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(File { name: path.display().to_string(), text })
}

fn write(path: &Path, text: &str) -> Result<(), FileError> {
    let fault = |source| FileError { path: path.to_owned(), verb: "write", source };
    fs::write(path, text).map_err(fault)
}

fn told(migration: &Migration) -> String {
    let mut text = String::new();
    for entry in &migration.report {
        text.extend([&entry.to_string(), "\n"]);
    }
    for difference in migration.differences {
        text.extend(["differs on purpose: ", difference, "\n"]);
    }
    text
}

/// Prints each line of `input`, a tab and what the rules make of it.
fn check(migration: &Migration, input: &Input, namespace: &str) -> Exit {
    let mapping = match compiled(migration) {
        Ok(mapping) => mapping,
        Err(fault) => {
            let _ = writeln!(io::stderr().lock(), "error: {fault}");
            return Exit::Usage;
        }
    };
    let reader: Box<dyn Read> = match input {
        Input::Stdin => Box::new(io::stdin().lock()),
        Input::File(path) => match fs::File::open(path) {
            Ok(file) => Box::new(file),
            Err(source) => {
                return failed(&FileError { path: path.clone(), verb: "read", source });
            }
        },
    };
    let pod = Pod { namespace, ..Pod::default() };
    let mut out = BufWriter::new(io::stdout().lock());
    for line in BufReader::new(reader).lines() {
        let line = match line {
            Ok(line) => line,
            Err(error) => return failed(&CliError::Input(error)),
        };
        let result = result(&mapping, &line, &pod);
        if let Err(error) = writeln!(out, "{line}\t{result}") {
            return finish(Err(error));
        }
    }
    finish(out.flush().map(|()| Exit::Done))
}

/// As `detour serve` would load them, with its default of spared namespaces.
fn compiled(migration: &Migration) -> Result<Mapping, String> {
    let text = Text { name: "migrated rules".to_owned(), content: migration.documents.clone() };
    let exempt_namespaces =
        Globs::new([DEFAULT_EXEMPT_NAMESPACE]).map_err(|(_, error)| error.to_string())?;
    let policy = Policy { exempt_namespaces, ..Policy::default() };
    let compiled = sources::compile(rules::load(Source::File, &[text]), policy)
        .map_err(|faults| faults.first().map(ToString::to_string).unwrap_or_default())?;
    match compiled.out_of_force.into_iter().next() {
        Some(map) => Err(map),
        None => Ok(compiled.mapping),
    }
}

fn result(mapping: &Mapping, image: &str, pod: &Pod<'_>) -> String {
    let arena = Bump::new();
    let decision = mapping.decide(image, pod, &arena);
    decision.image.map_or_else(|| image.to_owned(), |image| image.to_string())
}
