//! A control plane of a test's own, whose API server may be stopped.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::binaries::Binaries;
use crate::control_plane::{
    ControlPlane, api_server_command, etcd_command, free_ports, ready, run,
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
        let api_server = run_api_server(&binaries, &directory, &keeper, etcd, address);
        // As long as the process, like the one that tests share.
        let cluster: &'static ControlPlane = Box::leak(Box::new(ControlPlane {
            directory,
            pki,
            keeper,
            kubeconfig,
            binaries,
            address,
        }));
        let mut plane = Self { cluster, etcd: (etcd, etcd_process), api_server };
        plane.wait();
        Some(plane)
    }

    /// Ends the API server as a signal does that cannot be caught.
    pub(crate) fn stop_api_server(&mut self) {
        self.cluster.keeper.forget(&self.api_server);
        self.api_server.kill().unwrap();
        self.api_server.wait().unwrap();
    }

    /// Starts it again where it was.
    pub(crate) fn start_api_server(&mut self) {
        let ControlPlane { binaries, directory, keeper, address, .. } = self.cluster;
        self.api_server = run_api_server(binaries, directory, keeper, self.etcd.0, *address);
        self.wait();
    }

    fn wait(&mut self) {
        let client = self.cluster.api().0;
        let processes = [&mut self.etcd.1, &mut self.api_server];
        if let Err(failure) = ready(&client, processes) {
            panic!("{failure}{}", self.cluster.tails());
        }
    }
}

fn run_api_server(
    binaries: &Binaries,
    directory: &Path,
    keeper: &Keeper,
    etcd: SocketAddr,
    address: SocketAddr,
) -> Child {
    let mut command = api_server_command(&binaries.api_server, directory, etcd, address);
    command.arg("--disable-admission-plugins=ServiceAccount");
    run(directory, keeper, "kube-apiserver", &mut command)
}

/// Nobody reads it.
const NO_AUDIT: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy",
  "rules": [{"level": "None"}]}"#;

impl Drop for OwnPlane {
    fn drop(&mut self) {
        for process in [&mut self.api_server, &mut self.etcd.1] {
            self.cluster.keeper.forget(process);
            // It may have ended by itself.
            process.kill().ok();
            process.wait().unwrap();
        }
    }
}
