//! Sees to it that nothing outlives the tests, however they end.
//!
//! The keeper is a shell that reads from a pipe whose other end this process
//! holds. When the process ends, by itself, by a signal or by SIGKILL, the
//! kernel closes the pipe; the keeper then kills what was entrusted to it and
//! removes the directory. Everything runs in process groups of its own, so
//! that Ctrl-C reaches this process alone.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

use crate::wait::wait_until;

/// Reads `PID` and `-PID` lines; at the end kills, waits at most 5 s for each
/// to be gone, and removes `$1`.
const SCRIPT: &str = r#"
kept=
while read -r line; do
    case $line in
    -*)
        rest=
        for pid in $kept; do [ "$pid" = "${line#-}" ] || rest="$rest $pid"; done
        kept=$rest
        ;;
    *) kept="$line $kept" ;;
    esac
done
for pid in $kept; do kill -KILL "-$pid"; done
for pid in $kept; do
    tries=0
    while kill -0 "-$pid" && [ $tries -lt 50 ]; do tries=$((tries + 1)); sleep 0.1; done
done
rm -rf "$1"
"#;

/// The writing end of the keeper's pipe.
pub(crate) struct Keeper(Mutex<ChildStdin>);

impl Keeper {
    /// Starts a keeper of processes and of `directory`.
    #[expect(clippy::zombie_processes, reason = "the keeper outlives this process")]
    pub(crate) fn start(directory: &Path) -> Self {
        let mut keeper = Command::new("sh")
            .args(["-c", SCRIPT, "keeper"])
            .arg(directory)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(Mutex::new(keeper.stdin.take().unwrap()))
    }

    /// Starts `command` in a process group of its own and keeps it.
    pub(crate) fn spawn(&self, command: &mut Command) -> Child {
        let child = command.process_group(0).stdin(Stdio::null()).spawn().unwrap();
        self.write(&child.id().to_string());
        child
    }

    /// Forgets a process that was waited for: its number may be given again.
    pub(crate) fn forget(&self, child: &Child) {
        self.write(&format!("-{}", child.id()));
    }

    fn write(&self, line: &str) {
        self.0.lock().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

#[test]
fn nothing_outlives_the_keeper_s_pipe() {
    let directory = std::env::temp_dir().join(format!("detour-keeper-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let keeper = Keeper::start(&directory);
    // Its own child is in its group.
    let mut kept = keeper.spawn(Command::new("sh").args(["-c", "sleep 600 & wait"]));
    let mut forgotten = keeper.spawn(Command::new("sleep").arg("600"));
    keeper.forget(&forgotten);
    drop(keeper);
    assert!(!kept.wait().unwrap().success());
    wait_until("the directory is gone", || !directory.exists());
    assert!(forgotten.try_wait().unwrap().is_none(), "it still runs");
    forgotten.kill().unwrap();
    forgotten.wait().unwrap();
}
