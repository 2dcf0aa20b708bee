//! The service account that the kubelet gives a pod.

use std::path::{Path, PathBuf};

use super::credentials::{Connection, CredentialError, Credentials, Material};
use crate::client::Origin;

/// Where the kubelet mounts it.
pub const DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A service account: where the API server is, and the files that change.
#[derive(Debug, Clone)]
pub(super) struct Account {
    origin: Origin,
    directory: PathBuf,
}

impl Account {
    /// Finds the API server by the variables that the kubelet sets.
    pub(super) fn new(
        variable: impl Fn(&str) -> Option<String>,
        directory: &Path,
    ) -> Result<Self, CredentialError> {
        let needed = |name| {
            let value = variable(name).filter(|value| !value.is_empty());
            value.ok_or(CredentialError::NotInCluster { variable: name })
        };
        let host = needed("KUBERNETES_SERVICE_HOST")?;
        let port = needed("KUBERNETES_SERVICE_PORT")?;
        let url = match host.contains(':') {
            true => format!("https://[{host}]:{port}"),
            false => format!("https://{host}:{port}"),
        };
        Ok(Self { origin: Origin::parse(&url)?, directory: directory.to_owned() })
    }

    /// Reads the files as they now are. The address is one of the cluster's
    /// own network, where no proxy leads.
    pub(super) fn read(&self) -> Result<Credentials, CredentialError> {
        let token = Material::read(&self.directory.join("token"))?;
        let name = token.name.clone();
        let token = token.token()?.ok_or(CredentialError::NoToken { name })?;
        Ok(Credentials {
            connection: Connection {
                origin: self.origin.clone(),
                roots: Material::read(&self.directory.join("ca.crt"))?,
                identity: None,
                server_name: None,
                proxy: None,
            },
            token: Some(token),
        })
    }

    /// The pod's namespace.
    pub(super) fn namespace(&self) -> Result<String, CredentialError> {
        let material = Material::read(&self.directory.join("namespace"))?;
        Ok(String::from_utf8_lossy(&material.bytes).trim().to_owned())
    }
}
