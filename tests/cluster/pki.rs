//! The certificate authority of a control plane and of the webhooks.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate and its key in PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    /// Writes `NAME.crt` and `NAME.key`.
    pub(crate) fn write(&self, directory: &Path, name: &str) {
        fs::write(directory.join(name).with_extension("crt"), &self.certificate).unwrap();
        fs::write(directory.join(name).with_extension("key"), &self.key).unwrap();
    }

    /// The same for rustls.
    pub(crate) fn parsed(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        (vec![certificate], PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap())
    }
}

/// One authority for everybody.
pub(crate) struct Pki {
    directory: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    /// Makes the authority and what the control plane needs, in `directory`:
    /// `ca.crt`, the pairs `apiserver`, `admin` and `controllers`, and the
    /// service accounts' `accounts.key` and `accounts.pub`.
    pub(crate) fn new(directory: &Path) -> Self {
        let mut params = named("detour-tests-ca", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let pki = Self { directory: directory.to_owned(), authority };
        fs::write(directory.join("ca.crt"), pki.authority.pem()).unwrap();
        pki.server().write(directory, "apiserver");
        pki.client("admin", Some("system:masters")).write(directory, "admin");
        pki.client("system:kube-controller-manager", None).write(directory, "controllers");
        let accounts = KeyPair::generate().unwrap();
        fs::write(directory.join("accounts.key"), accounts.serialize_pem()).unwrap();
        fs::write(directory.join("accounts.pub"), accounts.public_key_pem()).unwrap();
        pki
    }

    /// The authority's certificate in PEM.
    pub(crate) fn authority(&self) -> String {
        self.authority.pem()
    }

    /// A new pair for a server on 127.0.0.1.
    pub(crate) fn server(&self) -> Pair {
        let mut params = named("server", None);
        let names = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]);
        params.subject_alt_names = names.unwrap().subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    fn client(&self, user: &str, group: Option<&str>) -> Pair {
        let mut params = named(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// What a client of servers with our certificates uses; as `pair` when one
    /// is given, such as `admin`.
    pub(crate) fn client_config(&self, pair: Option<&str>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let Some(name) = pair else { return Arc::new(builder.with_no_client_auth()) };
        let read = |extension| {
            fs::read_to_string(self.directory.join(name).with_extension(extension)).unwrap()
        };
        let (chain, key) = Pair { certificate: read("crt"), key: read("key") }.parsed();
        Arc::new(builder.with_client_auth_cert(chain, key).unwrap())
    }

    /// Writes `NAME.kubeconfig` for the pair of that name, and gives its path.
    pub(crate) fn kubeconfig(&self, name: &str, api_server: SocketAddr) -> PathBuf {
        let path = self.directory.join(format!("{name}.kubeconfig"));
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": {
                "server": format!("https://{api_server}"),
                "certificate-authority": self.directory.join("ca.crt"),
            }}],
            "users": [{"name": "it", "user": {
                "client-certificate": self.directory.join(format!("{name}.crt")),
                "client-key": self.directory.join(format!("{name}.key")),
            }}],
        });
        fs::write(&path, config.to_string()).unwrap();
        path
    }
}

fn named(user: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = Default::default();
    params.distinguished_name.push(DnType::CommonName, user);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params
}
