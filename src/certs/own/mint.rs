//! Makes keys and certificates: ECDSA P-256, by rcgen.

use std::net::IpAddr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls_pki_types::ServerName;

use super::change::{self, Mint};
use super::material::{Authority, Id, Key, Leaf, Span};
use crate::certs::CertificateError;

/// What the name of every authority of ours begins with.
pub const AUTHORITY_NAME: &str = "Detour CA ";

/// Makes certificates for these names.
#[derive(Debug, Clone)]
pub struct Names(Vec<ServerName<'static>>);

impl Names {
    /// DNS names and IP addresses; the first one is also the certificate's
    /// common name, for people.
    ///
    /// # Errors
    /// The first text that is neither.
    pub fn new(names: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let parsed =
            names.into_iter().map(|name| ServerName::try_from(name.clone()).map_err(|_| name));
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &ServerName<'static>> {
        self.0.iter()
    }

    /// Whether a text is one of them.
    pub fn contains(&self, text: &str) -> bool {
        ServerName::try_from(text).is_ok_and(|name| self.0.contains(&name))
    }
}

impl Mint for Names {
    fn authority(&self, now: Duration, ends: Duration) -> Result<Authority, CertificateError> {
        let key = generate()?;
        let span = change::span(now, ends);
        let mut params = authority_params(&key);
        set_span(&mut params, span);
        let certificate = params.self_signed(&key).map_err(|_| REFUSED)?;
        Ok(Authority {
            id: Id::of(certificate.der()),
            span: whole_seconds(span),
            certificate: certificate.der().clone(),
            key: Some(Key::new(key.serialize_pem())),
        })
    }

    fn leaf(
        &self,
        signer: &Authority,
        now: Duration,
        ends: Duration,
    ) -> Result<Leaf, CertificateError> {
        let signer_key = signer.key.as_ref().ok_or(CertificateError::Issue("its key is gone"))?;
        // An error of the parser could quote the key.
        let signer_key = KeyPair::from_pem(signer_key.secret())
            .map_err(|_| CertificateError::Issue("its key cannot be read"))?;
        let issuer = Issuer::new(authority_params(&signer_key), signer_key);
        let key = generate()?;
        let span = change::span(now, ends);
        let params = self.leaf_params(span)?;
        let certificate = params.signed_by(&key, &issuer).map_err(|_| REFUSED)?;
        Ok(Leaf {
            id: Id::of(certificate.der()),
            signer: signer.id,
            span: whole_seconds(span),
            has_names: true,
            certificate: certificate.der().clone(),
            key: Key::new(key.serialize_pem()),
        })
    }
}

const REFUSED: CertificateError = CertificateError::Issue("it cannot be encoded or signed");

impl Names {
    fn leaf_params(&self, span: Span) -> Result<CertificateParams, CertificateError> {
        let names: Vec<String> = self.0.iter().map(text).collect();
        let common = names.first().cloned().unwrap_or_default();
        let mut params = CertificateParams::new(names)
            .map_err(|_| CertificateError::Issue("a name cannot be encoded"))?;
        params.distinguished_name = DistinguishedName::new();
        // RFC 5280 gives it 64 characters at most; nobody reads it but people.
        if common.len() <= 64 {
            params.distinguished_name.push(DnType::CommonName, common);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_span(&mut params, span);
        Ok(params)
    }
}

fn text(name: &ServerName<'static>) -> String {
    match name {
        ServerName::IpAddress(address) => IpAddr::from(*address).to_string(),
        name => name.to_str().into_owned(),
    }
}

/// The name of an authority follows from its key, so that two never have the
/// same one.
pub fn authority_name(key: &KeyPair) -> String {
    let hash = digest(&SHA256, key.der_bytes());
    let digits = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}"));
    format!("{AUTHORITY_NAME}{}", digits.collect::<String>())
}

fn authority_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, authority_name(key));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn generate() -> Result<KeyPair, CertificateError> {
    KeyPair::generate().map_err(|_| CertificateError::Issue("the system gives no random numbers"))
}

fn set_span(params: &mut CertificateParams, span: Span) {
    let Span { begins, ends } = whole_seconds(span);
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + begins;
    params.not_after = epoch + ends;
}

/// What a certificate can say.
fn whole_seconds(span: Span) -> Span {
    let whole = |time: Duration| Duration::from_secs(time.as_secs());
    Span { begins: whole(span.begins), ends: whole(span.ends) }
}
