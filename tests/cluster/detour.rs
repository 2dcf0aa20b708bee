//! The built command as a process, with a certificate and rules of its own.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::{Client, Response};
use crate::control_plane::ControlPlane;
use crate::program::program;
use crate::wait::{show, tail, wait_for, wait_until};

/// Rules that send `upstream.example/X` to `TARGET/X`.
pub(crate) fn rules(target: &str) -> String {
    format!(
        "apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\nmetadata: {{name: cluster}}\n\
         spec: {{rules: [{{name: upstream, prefix: upstream.example, to: {target}}}]}}\n"
    )
}

const TLS_FILES: [&str; 3] = ["--tls=files", "--tls-cert=tls.crt", "--tls-key=tls.key"];

/// A running instance of `detour serve`.
pub(crate) struct Instance {
    cluster: &'static ControlPlane,
    process: Child,
    directory: PathBuf,
    pub(crate) admission: SocketAddr,
    pub(crate) operations: SocketAddr,
}

impl Instance {
    /// Starts one with the rules and further flags, on ports of its own.
    pub(crate) fn start(cluster: &'static ControlPlane, rules: &str, flags: &[&str]) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_at(cluster, listen, rules, flags)
    }

    /// Starts one that listens at `listen`.
    pub(crate) fn start_at(
        cluster: &'static ControlPlane,
        listen: SocketAddr,
        rules: &str,
        flags: &[&str],
    ) -> Self {
        Self::start_with(cluster, listen, rules, &[&TLS_FILES, flags].concat())
    }

    /// Starts one that asks an API server for rules, and waits until it is
    /// ready.
    pub(crate) fn start_asking(cluster: &'static ControlPlane, flags: &[&str]) -> Self {
        let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig.display());
        let instance = Self::start_unready(cluster, &[&[kubeconfig.as_str()], flags].concat());
        wait_until("Detour is ready", || instance.readiness().0 == 200);
        instance
    }

    /// Starts one with these flags, which say where its rules come from.
    pub(crate) fn start_unready(cluster: &'static ControlPlane, flags: &[&str]) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_with(cluster, listen, "", &[&TLS_FILES, flags].concat())
    }

    /// Starts one with a file of rules, if there are any, whose flags also say
    /// where its certificate comes from.
    pub(crate) fn start_with(
        cluster: &'static ControlPlane,
        listen: SocketAddr,
        rules: &str,
        flags: &[&str],
    ) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = cluster.directory.join(format!("detour-{number}"));
        fs::create_dir(&directory).unwrap();
        cluster.pki.server().write(&directory, "tls");
        fs::write(directory.join("rules.yaml"), rules).unwrap();
        let mut command = Command::new(program());
        command.env_clear().current_dir(&directory).arg("serve");
        command.args(["--log-format=json", "--ops-listen=127.0.0.1:0"]);
        if !rules.is_empty() {
            command.arg("--rules=rules.yaml");
        }
        command.arg(format!("--listen={listen}")).args(flags);
        let log = File::create(directory.join("detour.log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut process = cluster.keeper.spawn(&mut command);
        let [admission, operations] = wait_for("Detour listens", || {
            if let Some(status) = process.try_wait().unwrap() {
                panic!("Detour ended, {status}\n{}", tail(&directory.join("detour.log")));
            }
            addresses(&fs::read_to_string(directory.join("detour.log")).unwrap())
        });
        Self { cluster, process, directory, admission, operations }
    }

    /// Where the API server is to send reviews.
    pub(crate) fn url(&self) -> String {
        format!("https://{}/mutate", self.admission)
    }

    /// Changes the rules file, and waits until the new rules are in force.
    pub(crate) fn change_rules(&self, rules: &str) {
        let before = self.times_published();
        fs::write(self.directory.join("rules.new"), rules).unwrap();
        fs::rename(self.directory.join("rules.new"), self.directory.join("rules.yaml")).unwrap();
        wait_until("the new rules are in force", || self.times_published() > before);
    }

    fn times_published(&self) -> usize {
        self.log().matches(" rules in force\"").count()
    }

    /// What was logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("detour.log")).unwrap()
    }

    /// The metrics now.
    pub(crate) fn metrics(&self) -> String {
        get(self.operations, "/metrics").unwrap().text()
    }

    /// Status and body of `/readyz?verbose`.
    pub(crate) fn readiness(&self) -> (u16, String) {
        let response = get(self.operations, "/readyz?verbose").unwrap();
        (response.status, response.text())
    }

    /// The sum of a metric over the lines that begin so.
    pub(crate) fn metric(&self, begin: &str) -> u64 {
        let metrics = self.metrics();
        let lines = metrics.lines().filter(|line| line.starts_with(begin));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// The memory that it has now, in MiB.
    pub(crate) fn resident_mebibytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) {
        self.process.wait().unwrap();
    }

    /// Ends it as a node does with a pod; it has to end well.
    pub(crate) fn terminate(mut self) {
        self.signal(Signal::TERM);
        let status = self.process.wait().unwrap();
        assert!(status.success(), "Detour ended, {status}\n{}", self.tail());
    }

    /// Ends it as a lack of memory does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn tail(&self) -> String {
        tail(&self.directory.join("detour.log"))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show(&self.tail());
        }
        self.cluster.keeper.forget(&self.process);
        // Already gone where the test ended it; SIGKILL ends a stopped one too.
        self.process.kill().ok();
        self.process.wait().unwrap();
    }
}

/// The admission and the operations address, once both are logged.
fn addresses(log: &str) -> Option<[SocketAddr; 2]> {
    let line = log.lines().find(|line| line.contains("\"admission on "))?;
    let line: Value = serde_json::from_str(line).ok()?;
    let message = line["message"].as_str()?;
    let address = |before: &str| {
        let (_, after) = message.split_once(before)?;
        after[..after.find(['/', ',']).unwrap_or(after.len())].parse().ok()
    };
    Some([address("https://")?, address("http://")?])
}

/// Asks an operations port, on a connection of its own.
pub(crate) fn get(operations: SocketAddr, path: &str) -> io::Result<Response> {
    Client::new(operations, None).send("GET", path, "text/plain", &[])
}
