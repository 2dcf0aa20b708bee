//! `--tls dev`: a certificate for trying out, made anew at every start and
//! never written anywhere.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::CertificateError;
use crate::server::{Served, served};

/// The names it is for: this machine, by its loopback addresses.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A development certificate in force.
pub struct Development {
    /// Serves it.
    pub served: Served,
    /// The certificate, for clients to trust: `curl --cacert`.
    pub certificate_pem: String,
}

/// Makes a self-signed ECDSA P-256 certificate for `localhost`, `127.0.0.1`
/// and `::1`.
///
/// # Errors
/// Only when the system gives no random numbers.
pub fn generate() -> Result<Development, CertificateError> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(NAMES.map(String::from))
            .map_err(|error| CertificateError::Generate(error.into()))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let served = served(vec![cert.der().clone()], key)
        .map_err(|error| CertificateError::Generate(error.into()))?;
    Ok(Development { served, certificate_pem: cert.pem() })
}
