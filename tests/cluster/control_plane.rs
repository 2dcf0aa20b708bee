//! etcd, kube-apiserver and kube-controller-manager on ports of their own.

use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Instant;
use std::{env, thread};

use crate::binaries::Binaries;
use crate::client::{Api, Client};
use crate::keeper::Keeper;
use crate::pki::Pki;
use crate::wait::{DEADLINE, tail, tell, wait_until};

/// Who did what to pods, with the annotations of webhooks; who wrote a status.
const AUDIT_POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
  "omitStages": ["RequestReceived"],
  "rules": [
    {"level": "Metadata", "verbs": ["create", "update", "patch"],
     "resources": [{"group": "", "resources": ["pods", "pods/ephemeralcontainers"]},
                   {"group": "detour.dev", "resources": ["*/status"]}]},
    {"level": "None"}
  ]
}"#;
/// A port that was free may be taken a moment later.
const STARTS_MAX: usize = 3;

/// A control plane that runs until this process ends.
pub(crate) struct ControlPlane {
    /// Everything is below this directory, which goes with the process.
    pub(crate) directory: PathBuf,
    pub(crate) pki: Pki,
    pub(crate) keeper: Keeper,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) binaries: Binaries,
    pub(crate) address: SocketAddr,
}

/// The control plane of this process; none on a machine without binaries.
pub(crate) fn shared() -> Option<&'static ControlPlane> {
    static SHARED: Started = OnceLock::new();
    started(&SHARED, "shared")
}

/// Another one, for tests that count what is written: in the shared one every
/// instance that has objects as a source writes the status of all of them.
pub(crate) fn undisturbed() -> Option<&'static ControlPlane> {
    static UNDISTURBED: Started = OnceLock::new();
    started(&UNDISTURBED, "undisturbed")
}

type Started = OnceLock<Result<Option<ControlPlane>, String>>;

fn started(slot: &'static Started, name: &str) -> Option<&'static ControlPlane> {
    let started = slot.get_or_init(|| match Binaries::find()? {
        Some(binaries) => Ok(Some(ControlPlane::start(binaries, name)?)),
        None => {
            tell(&Binaries::absence());
            Ok(None)
        }
    });
    started.as_ref().unwrap_or_else(|error| panic!("{error}")).as_ref()
}

/// As [`shared`], for tests that need controllers.
pub(crate) fn with_controllers() -> Option<&'static ControlPlane> {
    static TOLD: OnceLock<()> = OnceLock::new();
    let cluster = shared()?;
    if cluster.binaries.controller_manager.is_none() {
        TOLD.get_or_init(|| tell("tests with controllers did NOT run: no kube-controller-manager"));
        return None;
    }
    Some(cluster)
}

impl ControlPlane {
    fn start(binaries: Binaries, name: &str) -> Result<Self, String> {
        let begin = Instant::now();
        let directory =
            env::temp_dir().join(format!("detour-cluster-{name}-{}", std::process::id()));
        fs::create_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let keeper = Keeper::start(&directory);
        let pki = Pki::new(&directory);
        fs::write(directory.join("audit-policy.json"), AUDIT_POLICY).unwrap();
        let address = serve(&directory, &keeper, &pki, &binaries)?;
        let kubeconfig = pki.kubeconfig("admin", address);
        let cluster = Self { directory, pki, keeper, kubeconfig, binaries, address };
        cluster.start_controllers();
        tell(&format!("a control plane after {:.1} s", begin.elapsed().as_secs_f32()));
        Ok(cluster)
    }

    #[expect(clippy::zombie_processes, reason = "the keeper ends it after this process")]
    fn start_controllers(&self) {
        let Some(program) = &self.binaries.controller_manager else { return };
        let mut command = Command::new(program);
        command
            .arg("--kubeconfig")
            .arg(self.pki.kubeconfig("controllers", self.address))
            .arg(format!("--root-ca-file={}", self.path("ca.crt")))
            .arg(format!("--service-account-private-key-file={}", self.path("accounts.key")))
            .args(["--use-service-account-credentials", "--leader-elect=false"])
            .args(["--secure-port=0", "--bind-address=127.0.0.1"]);
        run(&self.directory, &self.keeper, "kube-controller-manager", &mut command);
        let api = self.api();
        wait_until("the controllers make the default service account", || {
            let account = "/api/v1/namespaces/default/serviceaccounts/default";
            api.request("GET", account, "application/json", &serde_json::Value::Null).0 == 200
        });
    }

    /// A client of its own for the caller.
    pub(crate) fn api(&self) -> Api {
        self.api_at(self.address)
    }

    /// The same of an API server that listens elsewhere.
    pub(crate) fn api_at(&self, address: SocketAddr) -> Api {
        Api(Client::new(address, Some(self.pki.client_config(Some("admin")))))
    }

    /// A kubeconfig of the administrator for another way to the API server.
    pub(crate) fn kubeconfig_of(&self, address: SocketAddr) -> PathBuf {
        let text = fs::read_to_string(&self.kubeconfig).unwrap();
        let path = self.directory.join(format!("admin-{}.kubeconfig", address.port()));
        fs::write(&path, text.replace(&self.address.to_string(), &address.to_string())).unwrap();
        path
    }

    /// Where the API server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs kubectl, which has to succeed.
    pub(crate) fn kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let output = self.try_kubectl(arguments, input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments:?}: {errors}");
        output
    }

    /// Runs kubectl as the administrator.
    pub(crate) fn try_kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(&self.binaries.kubectl);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments);
        command.env_clear().env("HOME", &self.directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut stdin = process.stdin.take().unwrap();
        thread::scope(|scope| {
            // It may end without reading its input.
            scope.spawn(move || stdin.write_all(input.as_bytes()).ok());
            process.wait_with_output().unwrap()
        })
    }

    /// Runs helm as the administrator, which has to succeed; none without it.
    pub(crate) fn helm(&self, arguments: &[&str]) -> Option<Output> {
        let mut command = Command::new(self.binaries.helm.as_ref()?);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments);
        command.env_clear().env("HOME", &self.directory);
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "helm {arguments:?}: {errors}");
        Some(output)
    }

    /// Events of the audit log, as far as they are written.
    pub(crate) fn audit_events(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.directory.join("audit.log")).unwrap_or_default();
        // The last line may be half written.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The ends of all logs, for a test that failed.
    pub(crate) fn tails(&self) -> String {
        ["etcd", "kube-apiserver", "kube-controller-manager"]
            .map(|name| tail(&self.directory.join(name).with_extension("log")))
            .concat()
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

/// Starts etcd and the API server; gives the address of the latter.
fn serve(
    directory: &Path,
    keeper: &Keeper,
    pki: &Pki,
    binaries: &Binaries,
) -> Result<SocketAddr, String> {
    let mut failures = String::new();
    for attempt in 0..STARTS_MAX {
        let [etcd, peer, address] = free_ports();
        let data = directory.join(format!("etcd-{attempt}"));
        let mut command = etcd_command(&binaries.etcd, &data, etcd, peer);
        let mut etcd_process = run(directory, keeper, "etcd", &mut command);
        let mut command = api_server_command(&binaries.api_server, directory, etcd, address);
        if binaries.controller_manager.is_none() {
            // Nobody makes the accounts that it asks for.
            command.arg("--disable-admission-plugins=ServiceAccount");
        }
        let mut api_server = run(directory, keeper, "kube-apiserver", &mut command);
        let client = Client::new(address, Some(pki.client_config(Some("admin"))));
        match ready(&client, [&mut etcd_process, &mut api_server]) {
            Ok(()) => return Ok(address),
            Err(failure) => failures.push_str(&failure),
        }
        for name in ["etcd.log", "kube-apiserver.log"] {
            failures.push_str(&tail(&directory.join(name)));
        }
        for mut process in [etcd_process, api_server] {
            keeper.forget(&process);
            // It may have ended by itself.
            process.kill().ok();
            process.wait().unwrap();
        }
    }
    Err(format!("no control plane: {failures}"))
}

pub(crate) fn ready<const COUNT: usize>(
    client: &Client,
    mut processes: [&mut Child; COUNT],
) -> Result<(), String> {
    let begin = Instant::now();
    while begin.elapsed() < DEADLINE {
        if let Ok(response) = client.send("GET", "/readyz", "text/plain", &[])
            && response.status == 200
        {
            return Ok(());
        }
        for process in &mut processes {
            if let Ok(Some(status)) = process.try_wait() {
                return Err(format!("a process ended, {status}\n"));
            }
        }
        thread::sleep(std::time::Duration::from_millis(50));
    }
    Err(format!("not ready after {DEADLINE:?}\n"))
}

pub(crate) fn etcd_command(
    program: &Path,
    data: &Path,
    address: SocketAddr,
    peer: SocketAddr,
) -> Command {
    let mut command = Command::new(program);
    command
        .arg(format!("--data-dir={}", data.display()))
        .args(["--unsafe-no-fsync", "--log-level=warn"])
        .arg(format!("--listen-client-urls=http://{address}"))
        .arg(format!("--advertise-client-urls=http://{address}"))
        .arg(format!("--listen-peer-urls=http://{peer}"))
        .arg(format!("--initial-advertise-peer-urls=http://{peer}"))
        .arg(format!("--initial-cluster=default=http://{peer}"));
    command
}

pub(crate) fn api_server_command(
    program: &Path,
    directory: &Path,
    etcd: SocketAddr,
    address: SocketAddr,
) -> Command {
    let file = |name: &str| directory.join(name).display().to_string();
    let mut command = Command::new(program);
    command
        .arg(format!("--etcd-servers=http://{etcd}"))
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
        .arg(format!("--secure-port={}", address.port()))
        .args(["--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/24"])
        .arg(format!("--tls-cert-file={}", file("apiserver.crt")))
        .arg(format!("--tls-private-key-file={}", file("apiserver.key")))
        .arg(format!("--client-ca-file={}", file("ca.crt")))
        .args(["--authorization-mode=Node,RBAC", "--allow-privileged"])
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(format!("--service-account-key-file={}", file("accounts.pub")))
        .arg(format!("--service-account-signing-key-file={}", file("accounts.key")))
        .arg(format!("--audit-policy-file={}", file("audit-policy.json")))
        .arg(format!("--audit-log-path={}", file("audit.log")))
        // On by default from 1.35 on.
        .arg("--feature-gates=ImageVolume=true");
    command
}

/// Starts a program whose output goes to a log of its name.
pub(crate) fn run(directory: &Path, keeper: &Keeper, name: &str, command: &mut Command) -> Child {
    let log = File::create(directory.join(name).with_extension("log")).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    command.current_dir(directory).env_clear();
    keeper.spawn(command)
}

/// Ports that are free now, all different.
pub(crate) fn free_ports<const COUNT: usize>() -> [SocketAddr; COUNT] {
    let sockets = [(); COUNT].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    sockets.map(|socket| socket.local_addr().unwrap())
}

/// A port that is free now.
pub(crate) fn free_port() -> SocketAddr {
    let [address] = free_ports();
    address
}

#[test]
fn kubectl_and_helm_reach_the_control_plane() {
    let Some(cluster) = shared() else { return };
    let output = cluster.kubectl(&["get", "namespaces", "--output=name"], "");
    assert!(String::from_utf8(output.stdout).unwrap().contains("namespace/kube-system\n"));
    let Some(output) = cluster.helm(&["list", "--all-namespaces", "--output=json"]) else {
        return tell("helm was NOT tried: there is none");
    };
    assert!(serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap().is_array());
}
