//! A control plane of a test's own, whose API server may be stopped.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Child;

use crate::binaries::Binaries;
use crate::client::Client;
use crate::control_plane::{api_server_command, etcd_command, free_ports, ready, run};
use crate::keeper::Keeper;
use crate::pki::Pki;
use crate::wait::tail;

/// etcd and an API server; they end with this process.
pub(super) struct OwnPlane {
    directory: PathBuf,
    binaries: Binaries,
    keeper: Keeper,
    pki: Pki,
    etcd: (SocketAddr, Child),
    address: SocketAddr,
    api_server: Child,
    pub(super) kubeconfig: PathBuf,
}

impl OwnPlane {
    /// Starts one; none on a machine without binaries.
    pub(super) fn start() -> Option<Self> {
        let binaries = Binaries::find().unwrap()?;
        let name = format!("detour-own-plane-{}", std::process::id());
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
        let mut command = api_server_command(&binaries.api_server, &directory, etcd, address);
        command.arg("--disable-admission-plugins=ServiceAccount");
        let api_server = run(&directory, &keeper, "kube-apiserver", &mut command);
        let mut plane = Self {
            directory,
            binaries,
            keeper,
            pki,
            etcd: (etcd, etcd_process),
            address,
            api_server,
            kubeconfig,
        };
        plane.wait();
        Some(plane)
    }

    /// Ends the API server as a signal does that cannot be caught.
    pub(super) fn stop_api_server(&mut self) {
        self.keeper.forget(&self.api_server);
        self.api_server.kill().unwrap();
        self.api_server.wait().unwrap();
    }

    /// Starts it again where it was.
    pub(super) fn start_api_server(&mut self) {
        let (etcd, address) = (self.etcd.0, self.address);
        let mut command =
            api_server_command(&self.binaries.api_server, &self.directory, etcd, address);
        command.arg("--disable-admission-plugins=ServiceAccount");
        self.api_server = run(&self.directory, &self.keeper, "kube-apiserver", &mut command);
        self.wait();
    }

    fn wait(&mut self) {
        let client = Client::new(self.address, Some(self.pki.client_config(Some("admin"))));
        let processes = [&mut self.etcd.1, &mut self.api_server];
        if let Err(failure) = ready(&client, processes) {
            let logs = ["etcd.log", "kube-apiserver.log"].map(|name| self.directory.join(name));
            panic!("{failure}{}", logs.map(|log| tail(&log)).concat());
        }
    }
}

/// Nobody reads it.
const NO_AUDIT: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy",
  "rules": [{"level": "None"}]}"#;

impl Drop for OwnPlane {
    fn drop(&mut self) {
        for process in [&mut self.api_server, &mut self.etcd.1] {
            self.keeper.forget(process);
            // It may have ended by itself.
            process.kill().ok();
            process.wait().unwrap();
        }
    }
}
