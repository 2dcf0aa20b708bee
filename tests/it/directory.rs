//! A directory of a test's own.

use std::fs;
use std::io::Write;
use std::ops::Deref;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use crate::server::eventually;

/// An empty directory, removed with what is in it at the end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("detour-tests-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// A copy of a program. Another process writes it: what this one has open
    /// for writing its children have for a moment as well, and nothing that
    /// somebody may write to can be started.
    pub(crate) fn copy_of(&self, program: &Path) -> PathBuf {
        let copy = self.join("program");
        assert!(Command::new("cp").args([program, &copy]).status().unwrap().success());
        copy
    }
}

/// As the kubelet writes a volume of a ConfigMap or Secret: links to files below
/// `..data`, which is a link to a directory with a name of its own each time.
impl Directory {
    /// A directory that `..data` may lead to.
    pub(crate) fn generation(&self, name: &str, files: &[(&str, &str)]) {
        fs::create_dir(self.join(name)).unwrap();
        for (file, text) in files {
            fs::write(self.join(name).join(file), text).unwrap();
            let link = self.join(file);
            if link.symlink_metadata().is_err() {
                symlink(Path::new("..data").join(file), link).unwrap();
            }
        }
    }

    /// Makes all of a generation visible at once.
    pub(crate) fn swap(&self, name: &str) {
        symlink(name, self.join("..data_tmp")).unwrap();
        fs::rename(self.join("..data_tmp"), self.join("..data")).unwrap();
    }

    /// Makes a pipe of a file, so that its reader waits for [`Self::fill`].
    pub(crate) fn make_pipe(&self, file: &str) {
        let path = self.join(file);
        fs::remove_file(&path).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    /// Does something while somebody reads the pipe, then lets it read `text`.
    pub(crate) fn fill(&self, file: &str, text: &str, meanwhile: impl FnOnce()) {
        let mut pipe = None;
        eventually("somebody reads", || {
            let mut options = fs::OpenOptions::new();
            // Else it would wait for a reader, for ever.
            options.write(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
            pipe = options.open(self.join(file)).ok();
            pipe.is_some()
        });
        meanwhile();
        pipe.unwrap().write_all(text.as_bytes()).unwrap();
    }
}

impl Deref for Directory {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}
