//! TLS: the configuration of a certificate, and the place where the one now
//! served stands.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::crypto::ring;
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Builds the configuration that serves `chain`, the leaf first, with `key`.
///
/// TLS 1.2 and 1.3 as the API server speaks them. ALPN offers HTTP/1.1 alone,
/// so nobody tries HTTP/2. No session is kept and no ticket sent: Go's client
/// has no session cache here, and two records per handshake are saved.
///
/// # Errors
/// When the chain is empty or its leaf unreadable, or the key is unreadable or
/// not that of the leaf.
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // Without a storage none is sent, but each would still be derived.
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// The TLS configuration now served: read at every handshake, without a lock,
/// and replaced whole. Open connections keep the one they began with.
#[derive(Default)]
pub struct TlsSlot {
    config: ArcSwapOption<ServerConfig>,
    state: ArcSwap<TlsState>,
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

    /// Serves `config` from the next handshake on.
    pub fn set(&self, config: ServerConfig) {
        self.config.store(Some(Arc::new(config)));
    }

    /// What is served now.
    pub fn get(&self) -> Option<Arc<ServerConfig>> {
        self.config.load_full()
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
