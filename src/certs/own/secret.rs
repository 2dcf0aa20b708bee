//! The Secret: its layout, and how what is in it is judged.
//!
//! | key | what |
//! |---|---|
//! | `tls.crt`, `tls.key` | what all replicas serve |
//! | `ca.crt` | every authority to trust: who signs, who will, who did |
//! | `ca.key` | the key of the one that signs |
//! | `next-ca.key` | the key of the one that will, while there is one |
//! | `former-ca.until` | when the others are not needed any more, in seconds since 1970 |
//!
//! Which certificate of `ca.crt` is which follows from the keys.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::KeyPair;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::ring;
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, client};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use serde::Deserialize;
use serde_json::{Value, json};

use super::material::{Authority, Id, Key, Leaf, Material};
use super::mint::{Names, authority_name};
use super::plan::Secret;
use super::{FORMER_MAX, dates};

/// The label by which a Secret is known to be ours.
pub const MARK: (&str, &str) = ("detour.dev/certificates", "self");

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const AUTHORITIES: &str = "ca.crt";
const SIGNER_KEY: &str = "ca.key";
const NEXT_KEY: &str = "next-ca.key";
const UNTIL: &str = "former-ca.until";

#[derive(Deserialize)]
struct Wire {
    metadata: Labelled,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Labelled {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

/// Judges a Secret by its JSON. No reason that is given quotes its content.
pub fn read(json: &str, names: &Names) -> Secret {
    let foreign = |reason: &str| Secret::Foreign { reason: reason.to_owned() };
    let Ok(Wire { metadata, data }) = serde_json::from_str::<Wire>(json) else {
        return foreign("it cannot be understood");
    };
    let mark = metadata.labels.as_ref().and_then(|labels| labels.get(MARK.0));
    if mark.is_none_or(|value| value != MARK.1) {
        return foreign("it has no label detour.dev/certificates: self");
    }
    let decode = |(key, value): (String, String)| Some((key, STANDARD.decode(value).ok()?));
    let data: BTreeMap<String, Vec<u8>> =
        data.unwrap_or_default().into_iter().filter_map(decode).collect();
    Content { data: &data, names }.judge()
}

struct Content<'c> {
    data: &'c BTreeMap<String, Vec<u8>>,
    names: &'c Names,
}

impl Content<'_> {
    fn judge(&self) -> Secret {
        let mut authorities = self.authorities();
        let signer = match self.take_signer(SIGNER_KEY, &mut authorities) {
            Ok(signer) => signer,
            Err(reason) => {
                authorities.truncate(FORMER_MAX);
                return Secret::Damaged { reason, remains: authorities };
            }
        };
        let next = self.take_signer(NEXT_KEY, &mut authorities).ok();
        authorities.truncate(FORMER_MAX);
        Secret::Whole(Box::new(Material {
            leaf: self.leaf(&signer),
            until: if authorities.is_empty() { Duration::ZERO } else { self.until() },
            signer,
            next,
            former: authorities,
        }))
    }

    fn bytes(&self, key: &str) -> &[u8] {
        self.data.get(key).map_or(&[], Vec::as_slice)
    }

    /// Those that can be read, without keys.
    fn authorities(&self) -> Vec<Authority> {
        let certificates = CertificateDer::pem_slice_iter(self.bytes(AUTHORITIES)).flatten();
        let mut authorities: Vec<Authority> = Vec::new();
        for certificate in certificates {
            let id = Id::of(&certificate);
            let is_new = authorities.iter().all(|other| other.id != id);
            if let Some(span) = dates::span(&certificate)
                && is_new
                && is_detours(&certificate)
            {
                authorities.push(Authority { id, span, certificate, key: None });
            }
        }
        authorities
    }

    /// Takes the authority that a key belongs to out of the others.
    fn take_signer(
        &self,
        name: &str,
        authorities: &mut Vec<Authority>,
    ) -> Result<Authority, String> {
        let pem = str::from_utf8(self.bytes(name)).unwrap_or_default();
        // An error of the parser could quote the key.
        let Ok(pair) = KeyPair::from_pem(pem) else {
            return Err(format!("{name} holds no private key"));
        };
        let subject = authority_name(&pair);
        let is_its = |authority: &Authority| {
            fits(&authority.certificate, pem) && has_name(&authority.certificate, &subject)
        };
        let at = authorities.iter().position(is_its);
        let at = at.ok_or_else(|| format!("{AUTHORITIES} holds no certificate for {name}"))?;
        Ok(Authority { key: Some(Key::new(pem)), ..authorities.remove(at) })
    }

    /// What is served; none when the authority did not sign it, or something
    /// does not fit.
    fn leaf(&self, signer: &Authority) -> Option<Leaf> {
        let certificate = CertificateDer::from_pem_slice(self.bytes(CERTIFICATE)).ok()?;
        let pem = str::from_utf8(self.bytes(KEY)).ok()?;
        let span = dates::span(&certificate)?;
        let parsed = ParsedCertificate::try_from(&certificate).ok()?;
        let mut roots = RootCertStore::empty();
        roots.add(signer.certificate.clone()).ok()?;
        // Whether it is valid now is for others to say.
        let within = UnixTime::since_unix_epoch(span.begins + Duration::from_secs(1));
        let algorithms = ring::default_provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], within, algorithms).ok()?;
        let is_for = |name| client::verify_server_name(&parsed, name).is_ok();
        let has_names = self.names.iter().all(is_for);
        fits(&certificate, pem).then(|| Leaf {
            id: Id::of(&certificate),
            signer: signer.id,
            span,
            has_names,
            key: Key::new(pem),
            certificate: certificate.clone(),
        })
    }

    fn until(&self) -> Duration {
        let text = str::from_utf8(self.bytes(UNTIL)).ok();
        let seconds = text.and_then(|text| text.trim().parse::<u32>().ok());
        // Unreadable, they stay as long as they are valid.
        seconds.map_or(Duration::from_secs(u32::MAX.into()), |seconds| {
            Duration::from_secs(seconds.into())
        })
    }
}

/// Whether a certificate and a key belong together.
fn fits(certificate: &CertificateDer<'_>, key: &str) -> bool {
    let Ok(key) = PrivateKeyDer::from_pem_slice(key.as_bytes()) else { return false };
    let chain = vec![certificate.clone().into_owned()];
    CertifiedKey::from_der(chain, key, &ring::default_provider()).is_ok()
}

/// Whether a certificate is of an authority of ours, by its name.
pub fn is_detours(certificate: &CertificateDer<'static>) -> bool {
    has_name(certificate, super::mint::AUTHORITY_NAME)
}

fn has_name(certificate: &CertificateDer<'static>, name: &str) -> bool {
    let mut roots = RootCertStore::empty();
    if roots.add(certificate.clone()).is_err() {
        return false;
    }
    let name = name.as_bytes();
    let has = |subject: &[u8]| subject.windows(name.len()).any(|window| window == name);
    roots.roots.first().is_some_and(|anchor| has(&anchor.subject))
}

/// Certificates in PEM, one after the other.
pub fn pem<'c>(certificates: impl IntoIterator<Item = &'c CertificateDer<'static>>) -> String {
    let mut text = String::new();
    for certificate in certificates {
        let base64 = STANDARD.encode(certificate);
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        // Base64 is ASCII.
        for line in base64.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// The Secret as it is stored. Labels and annotations are those that it had.
pub fn write(name: &str, namespace: &str, material: &Material, former: Option<&str>) -> Value {
    let kept = former.and_then(|json| serde_json::from_str::<Value>(json).ok()).unwrap_or_default();
    let mut metadata = json!({"name": name, "namespace": namespace});
    for field in ["labels", "annotations", "ownerReferences", "finalizers"] {
        if let Some(value) = kept["metadata"].get(field) {
            metadata[field] = value.clone();
        }
    }
    metadata["labels"][MARK.0] = MARK.1.into();
    let mut data = json!({
        CERTIFICATE: "", KEY: "",
        AUTHORITIES: encode(&pem(material.authorities().map(|each| &each.certificate))),
        SIGNER_KEY: encode(material.signer.key.as_ref().map_or("", Key::secret)),
    });
    if let Some(leaf) = &material.leaf {
        data[CERTIFICATE] = encode(&pem([&leaf.certificate])).into();
        data[KEY] = encode(leaf.key.secret()).into();
    }
    if let Some(key) = material.next.as_ref().and_then(|next| next.key.as_ref()) {
        data[NEXT_KEY] = encode(key.secret()).into();
    }
    if !material.former.is_empty() {
        data[UNTIL] = encode(&material.until.as_secs().to_string()).into();
    }
    // It cannot be changed; who made it by hand may have chosen another.
    let kind = kept["type"].as_str().unwrap_or("kubernetes.io/tls");
    json!({"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "data": data})
}

fn encode(text: &str) -> String {
    STANDARD.encode(text)
}
