//! A kubeconfig file, as kubectl has it, for running outside a cluster.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::credentials::{self, Connection, CredentialError, Credentials, Material};
use crate::client::{Origin, ProxyVariables};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Wire {
    #[serde(default)]
    current_context: String,
    #[serde(default)]
    contexts: Vec<Named<ContextWire>>,
    #[serde(default)]
    clusters: Vec<Named<ClusterWire>>,
    #[serde(default)]
    users: Vec<Named<UserWire>>,
}

/// An entry; what it holds stands under the singular of the list's name.
#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(alias = "context", alias = "cluster", alias = "user")]
    value: Option<T>,
}

#[derive(Deserialize)]
struct ContextWire {
    cluster: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    namespace: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterWire {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    tls_server_name: Option<String>,
    proxy_url: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct UserWire {
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    username: Option<IgnoredAny>,
    password: Option<IgnoredAny>,
    exec: Option<IgnoredAny>,
    auth_provider: Option<IgnoredAny>,
    #[serde(rename = "as")]
    impersonate: Option<IgnoredAny>,
}

/// What the current context of a kubeconfig says. The files that it names are
/// read anew for every request.
pub(super) struct Kubeconfig {
    origin: Origin,
    roots: Place,
    identity: Option<(Place, Place)>,
    server_name: Option<String>,
    proxy: Option<String>,
    token: Option<Place>,
    pub(super) namespace: String,
}

/// In the kubeconfig itself, or in a file.
enum Place {
    Here(Material),
    File(PathBuf),
}

impl Place {
    fn read(&self) -> Result<Material, CredentialError> {
        match self {
            Self::Here(material) => Ok(material.clone()),
            Self::File(path) => Material::read(path),
        }
    }
}

impl Kubeconfig {
    /// Reads the file. `proxies` counts where the file names no proxy.
    pub(super) fn read(path: &Path, proxies: &ProxyVariables) -> Result<Self, CredentialError> {
        let reader = Reader { path };
        let text = credentials::read(path)?;
        let text = str::from_utf8(&text).map_err(|_| reader.fault("it is not UTF-8"))?;
        let wire: Wire = serde_saphyr::from_str(text).map_err(|_| {
            // The parser quotes lines, and these may be secrets.
            reader.fault("it is not a kubeconfig: kubectl config view --kubeconfig=FILE shows why")
        })?;
        let name = wire.current_context;
        if name.is_empty() {
            return Err(reader.fault("it has no current-context: kubectl config use-context NAME"));
        }
        let context = reader.find("context", &name, wire.contexts)?;
        let cluster = reader.find("cluster", &context.cluster, wire.clusters)?;
        let user = match context.user.as_str() {
            "" => UserWire::default(),
            user => reader.find("user", user, wire.users)?,
        };
        reader.kubeconfig(context, cluster, user, proxies)
    }

    /// Reads the files that it names, as they now are.
    pub(super) fn credentials(&self) -> Result<Credentials, CredentialError> {
        let identity = match &self.identity {
            Some((chain, key)) => Some((chain.read()?, key.read()?)),
            None => None,
        };
        let token = match &self.token {
            Some(place) => place.read()?.token()?,
            None => None,
        };
        let connection = Connection {
            origin: self.origin.clone(),
            roots: self.roots.read()?,
            identity,
            server_name: self.server_name.clone(),
            proxy: self.proxy.clone(),
        };
        Ok(Credentials { connection, token })
    }
}

/// Reads one file, and names it in every fault.
struct Reader<'p> {
    path: &'p Path,
}

impl Reader<'_> {
    fn fault(&self, reason: impl Into<String>) -> CredentialError {
        CredentialError::Kubeconfig { path: self.path.to_owned(), reason: reason.into() }
    }

    fn find<T>(
        &self,
        what: &str,
        name: &str,
        entries: Vec<Named<T>>,
    ) -> Result<T, CredentialError> {
        let found = entries.into_iter().find(|entry| entry.name == name);
        found
            .and_then(|entry| entry.value)
            .ok_or_else(|| self.fault(format!("it has no {what} of the name {name:?}")))
    }

    fn kubeconfig(
        &self,
        context: ContextWire,
        cluster: ClusterWire,
        user: UserWire,
        proxies: &ProxyVariables,
    ) -> Result<Kubeconfig, CredentialError> {
        if cluster.insecure_skip_tls_verify {
            return Err(self.fault(
                "insecure-skip-tls-verify is refused: anybody on the way could change the rules; \
                 give certificate-authority instead",
            ));
        }
        let origin = Origin::parse(&cluster.server)?;
        let roots = self.place(
            "certificate-authority",
            cluster.certificate_authority_data,
            cluster.certificate_authority,
        )?;
        let roots = roots.ok_or_else(|| {
            self.fault("certificate-authority is missing, and no other authority is trusted")
        })?;
        let proxy = match cluster.proxy_url.filter(|url| !url.is_empty()) {
            Some(url) => Some(url),
            None => proxies.url_for(&origin.host, origin.port).map(str::to_owned),
        };
        let (identity, token) = self.user(user)?;
        Ok(Kubeconfig {
            origin,
            roots,
            identity,
            server_name: cluster.tls_server_name.filter(|name| !name.is_empty()),
            proxy,
            token,
            namespace: Some(context.namespace)
                .filter(|namespace| !namespace.is_empty())
                .unwrap_or_else(|| "default".to_owned()),
        })
    }

    #[allow(clippy::type_complexity, reason = "certificate, key and token, each where it is")]
    fn user(
        &self,
        user: UserWire,
    ) -> Result<(Option<(Place, Place)>, Option<Place>), CredentialError> {
        let unsupported = [
            ("exec", user.exec.is_some()),
            ("auth-provider", user.auth_provider.is_some()),
            ("username and password", user.username.is_some() || user.password.is_some()),
            ("as", user.impersonate.is_some()),
        ];
        if let Some((what, _)) = unsupported.iter().find(|(_, is_set)| *is_set) {
            return Err(self.fault(format!(
                "{what} of the user is not supported, Detour runs no other program for it: \
                 give a client certificate, a token or a tokenFile"
            )));
        }
        let chain = self.place(
            "client-certificate",
            user.client_certificate_data,
            user.client_certificate,
        )?;
        let key = self.place("client-key", user.client_key_data, user.client_key)?;
        let identity = match (chain, key) {
            (Some(chain), Some(key)) => Some((chain, key)),
            (None, None) => None,
            _ => {
                return Err(self.fault("client-certificate and client-key need each other"));
            }
        };
        // As kubectl: a file wins, since it may be renewed.
        let token = match (user.token_file, user.token) {
            (Some(file), _) => Some(self.file(&file)),
            (None, Some(token)) => {
                Some(Place::Here(Material { name: self.name("token"), bytes: token.into_bytes() }))
            }
            (None, None) => None,
        };
        Ok((identity, token))
    }

    /// What stands under `field-data` in base64, or in the file `field`.
    fn place(
        &self,
        field: &str,
        data: Option<String>,
        file: Option<PathBuf>,
    ) -> Result<Option<Place>, CredentialError> {
        match (data.filter(|data| !data.is_empty()), file) {
            (Some(data), _) => {
                let name = self.name(&format!("{field}-data"));
                let bytes = BASE64_STANDARD
                    .decode(data)
                    .map_err(|_| self.fault(format!("{field}-data is not base64")))?;
                Ok(Some(Place::Here(Material { name, bytes })))
            }
            (None, Some(file)) => Ok(Some(self.file(&file))),
            (None, None) => Ok(None),
        }
    }

    /// A path in the kubeconfig counts from where that stands.
    fn file(&self, file: &Path) -> Place {
        let directory = self.path.parent().unwrap_or(Path::new(""));
        Place::File(directory.join(file))
    }

    fn name(&self, field: &str) -> String {
        format!("{field} in {}", self.path.display())
    }
}
