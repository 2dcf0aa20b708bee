//! A control plane of a test's own, whose API server may be stopped.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::binaries::Binaries;
use crate::control_plane::{
    ControlPlane, api_server_command, etcd_command, free_port, free_ports, ready, run,
};
use crate::keeper::Keeper;
use crate::pki::Pki;

/// etcd and an API server; they end with this process.
pub(crate) struct OwnPlane {
    pub(crate) cluster: &'static ControlPlane,
    etcd: (SocketAddr, Child),
    api_server: Child,
}

impl OwnPlane {
    /// Starts one; none on a machine without binaries.
    pub(crate) fn start() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let binaries = Binaries::find().unwrap()?;
        // Nothing ends what a controller would do.
        let binaries = Binaries { controller_manager: None, ..binaries };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("detour-own-plane-{}-{number}", std::process::id());
        let directory = env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        let keeper = Keeper::start(&directory);
        let pki = Pki::new(&directory);
        fs::write(directory.join("audit-policy.json"), NO_AUDIT).unwrap();
        let [etcd, peer, address] = free_ports();
        let data = directory.join("etcd");
        let mut command = etcd_command(&binaries.etcd, &data, etcd, peer);
        let etcd_process = run(&directory, &keeper, "etcd", &mut command);
        let kubeconfig = pki.kubeconfig("admin", address);
        // As long as the process, like the one that tests share.
        let cluster: &'static ControlPlane = Box::leak(Box::new(ControlPlane {
            directory,
            pki,
            keeper,
            kubeconfig,
            binaries,
            address,
        }));
        let api_server = run_api_server(cluster, etcd, address);
        let mut plane = Self { cluster, etcd: (etcd, etcd_process), api_server };
        plane.wait();
        Some(plane)
    }

    /// Ends the API server as a signal does that cannot be caught.
    pub(crate) fn stop_api_server(&mut self) {
        end(self.cluster, &mut self.api_server);
    }

    /// Starts it again where it was.
    pub(crate) fn start_api_server(&mut self) {
        self.api_server = run_api_server(self.cluster, self.etcd.0, self.cluster.address);
        self.wait();
    }

    /// Starts another API server of the same etcd.
    pub(crate) fn another_api_server(&self) -> AnotherApiServer {
        let (cluster, etcd, address) = (self.cluster, self.etcd.0, free_port());
        let process = run_api_server(cluster, etcd, address);
        let mut another = AnotherApiServer { cluster, etcd, address, process };
        another.wait();
        another
    }

    fn wait(&mut self) {
        let address = self.cluster.address;
        wait(self.cluster, address, [&mut self.etcd.1, &mut self.api_server]);
    }
}

/// An API server beside that of the plane.
pub(crate) struct AnotherApiServer {
    cluster: &'static ControlPlane,
    etcd: SocketAddr,
    pub(crate) address: SocketAddr,
    process: Child,
}

impl AnotherApiServer {
    /// Ends it as a signal does that cannot be caught.
    pub(crate) fn stop(&mut self) {
        end(self.cluster, &mut self.process);
    }

    /// Starts it again where it was.
    pub(crate) fn start(&mut self) {
        self.process = run_api_server(self.cluster, self.etcd, self.address);
        self.wait();
    }

    fn wait(&mut self) {
        wait(self.cluster, self.address, [&mut self.process]);
    }
}

fn run_api_server(cluster: &ControlPlane, etcd: SocketAddr, address: SocketAddr) -> Child {
    let ControlPlane { binaries, directory, keeper, .. } = cluster;
    let mut command = api_server_command(&binaries.api_server, directory, etcd, address);
    command.arg("--disable-admission-plugins=ServiceAccount");
    let name = match address == cluster.address {
        true => "kube-apiserver",
        false => "another-kube-apiserver",
    };
    run(directory, keeper, name, &mut command)
}

fn wait<const COUNT: usize>(
    cluster: &ControlPlane,
    address: SocketAddr,
    processes: [&mut Child; COUNT],
) {
    if let Err(failure) = ready(&cluster.api_at(address).0, processes) {
        panic!("{failure}{}", cluster.tails());
    }
}

/// Ends a process, which may have ended by itself.
fn end(cluster: &ControlPlane, process: &mut Child) {
    cluster.keeper.forget(process);
    process.kill().ok();
    process.wait().unwrap();
}

/// Nobody reads it.
const NO_AUDIT: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy",
  "rules": [{"level": "None"}]}"#;

impl Drop for OwnPlane {
    fn drop(&mut self) {
        end(self.cluster, &mut self.api_server);
        end(self.cluster, &mut self.etcd.1);
    }
}

impl Drop for AnotherApiServer {
    fn drop(&mut self) {
        end(self.cluster, &mut self.process);
    }
}
