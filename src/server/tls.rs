//! TLS: the configuration of a certificate, the place where the one now served
//! stands, and a client that believes in nothing but this one.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, WebPkiSupportedAlgorithms, ring};
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

/// A certificate and how it is served.
pub struct Served {
    /// Serves it.
    pub config: ServerConfig,
    /// The first of its chain, which every handshake shows.
    pub leaf: CertificateDer<'static>,
}

/// Builds what serves `chain`, the leaf first, with `key`.
///
/// TLS 1.2 and 1.3 as the API server speaks them. ALPN offers HTTP/1.1 alone,
/// so nobody tries HTTP/2. No session is kept and no ticket sent: Go's client
/// has no session cache here, and two records per handshake are saved.
///
/// # Errors
/// When the chain is empty or its leaf unreadable, or the key is unreadable or
/// not that of the leaf.
pub fn served(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Served, Error> {
    let leaf = chain.first().cloned().ok_or(Error::NoCertificatesPresented)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // Without a storage none is sent, but each would still be derived.
    config.send_tls13_tickets = 0;
    Ok(Served { config, leaf })
}

/// The TLS configuration now served: read at every handshake, without a lock,
/// and replaced whole. Open connections keep the one they began with.
#[derive(Debug, Default)]
pub struct TlsSlot {
    current: ArcSwapOption<Current>,
    state: ArcSwap<TlsState>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    leaf: CertificateDer<'static>,
}

/// How the certificate is doing, for `/readyz`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsState {
    /// Why this instance is not ready yet.
    pub missing: Option<String>,
    /// One line for each thing that is wrong, ready or not.
    pub faults: Vec<String>,
}

impl TlsSlot {
    /// A slot without a certificate yet: connections are closed unanswered.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Serves this from the next handshake on.
    pub fn set(&self, served: Served) {
        let Served { config, leaf } = served;
        self.current.store(Some(Arc::new(Current { config: Arc::new(config), leaf })));
    }

    /// What is served now.
    pub fn get(&self) -> Option<Arc<ServerConfig>> {
        self.current.load().as_ref().map(|current| Arc::clone(&current.config))
    }

    /// The certificate that handshakes show now.
    pub fn leaf(&self) -> Option<CertificateDer<'static>> {
        self.current.load().as_ref().map(|current| current.leaf.clone())
    }

    /// Says how the certificate is doing.
    pub fn tell(&self, state: TlsState) {
        self.state.store(Arc::new(state));
    }

    /// What was said last; nothing is wrong until something is said.
    pub fn state(&self) -> Arc<TlsState> {
        self.state.load_full()
    }
}

/// A client of our own server: it takes the certificate that `slot` holds, now
/// or at the handshake, and no other.
pub(super) fn own_client_config(slot: &Arc<TlsSlot>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = OwnCertificate {
        before: slot.leaf(),
        slot: Arc::clone(slot),
        algorithms: provider.signature_verification_algorithms,
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Who issued it, for which names and until when does not matter here; that
/// its key is there does.
#[derive(Debug)]
struct OwnCertificate {
    before: Option<CertificateDer<'static>>,
    slot: Arc<TlsSlot>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for OwnCertificate {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_own = |leaf: &Option<CertificateDer<'_>>| leaf.as_ref() == Some(shown);
        match is_own(&self.before) || is_own(&self.slot.leaf()) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
