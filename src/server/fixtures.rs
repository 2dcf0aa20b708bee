//! What several tests of this room begin with.

use std::sync::Arc;

use bumpalo::Bump;
use rustls::ClientConnection;
use rustls_pki_types::{PrivatePkcs8KeyDer, ServerName};

use super::tls::own_client_config;
use super::{Answer, Head, Service, Status, TlsSlot, served};

/// Refuses everything.
pub(super) struct Refusing;

impl Service for Refusing {
    fn check(&self, _: &Head<'_>) -> Result<(), Answer> {
        Ok(())
    }

    fn answer(&self, _: &Head<'_>, _: &[u8], _: &Bump) -> Answer {
        Answer::refusal(Status::ServiceUnavailable)
    }

    fn panicked(&self, _: &Head<'_>, _: &[u8]) -> Answer {
        Answer::refusal(Status::InternalServerError)
    }
}

/// A slot with a new certificate.
pub(super) fn certified() -> Arc<TlsSlot> {
    let slot = Arc::new(TlsSlot::empty());
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der());
    slot.set(served(vec![pair.cert.der().clone()], key.into()).unwrap());
    slot
}

/// A client's session with whoever shows the certificate of the slot.
pub(super) fn client_session(slot: &Arc<TlsSlot>) -> ClientConnection {
    let config = Arc::new(own_client_config(slot).unwrap());
    ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap()
}
