//! What several tests of this room begin with.

use std::sync::Arc;

use bumpalo::Bump;
use rustls_pki_types::PrivatePkcs8KeyDer;

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
