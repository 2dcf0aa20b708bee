//! The webhook configuration: `caBundle` of the webhooks that call us, and
//! the patch that changes it and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::{Value, json};

use super::material::Id;
use super::mint::Names;
use super::plan::{Anchor, Bundle};
use super::{dates, secret};

#[derive(Deserialize)]
struct Wire {
    metadata: Metadata,
    #[serde(default)]
    webhooks: Vec<Webhook>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    name: String,
    client_config: ClientConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientConfig {
    url: Option<String>,
    service: Option<Service>,
    ca_bundle: Option<String>,
}

#[derive(Deserialize)]
struct Service {
    name: String,
    namespace: String,
}

impl ClientConfig {
    /// The name that the API server asks of the certificate.
    fn host(&self) -> Option<String> {
        if let Some(Service { name, namespace }) = &self.service {
            return Some(format!("{name}.{namespace}.svc"));
        }
        let authority = self.url.as_ref()?.strip_prefix("https://")?;
        let authority = authority.split('/').next()?;
        let host = match authority.strip_prefix('[') {
            Some(bracketed) => bracketed.split(']').next()?,
            None => authority.split(':').next()?,
        };
        Some(host.to_owned())
    }
}

/// The webhooks of a configuration that call us, as they were read.
#[derive(Debug, Clone)]
pub struct Webhooks {
    version: String,
    ours: Vec<Ours>,
}

#[derive(Debug, Clone)]
struct Ours {
    index: usize,
    name: String,
    /// None when something else is in it.
    holds: Option<BTreeSet<Id>>,
    anchors: BTreeMap<Id, CertificateDer<'static>>,
}

impl Webhooks {
    /// Reads a MutatingWebhookConfiguration. Ours are those webhooks that call
    /// one of `names`.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(json: &str, names: &Names) -> Result<Self, serde_json::Error> {
        let Wire { metadata, webhooks } = serde_json::from_str(json)?;
        let is_ours = |webhook: &Webhook| {
            webhook.client_config.host().is_some_and(|host| names.contains(&host))
        };
        let ours = webhooks.into_iter().enumerate().filter(|(_, webhook)| is_ours(webhook));
        let ours = ours.map(|(index, webhook)| {
            let text = webhook.client_config.ca_bundle.unwrap_or_default();
            let bytes = STANDARD.decode(text).unwrap_or_default();
            let (anchors, is_pure) = anchors(&bytes);
            let holds = is_pure.then(|| anchors.keys().copied().collect());
            Ours { index, name: webhook.name, holds, anchors }
        });
        Ok(Self { version: metadata.resource_version, ours: ours.collect() })
    }

    /// What they hold.
    pub fn bundle(&self) -> Bundle {
        let Some((first, others)) = self.ours.split_first() else { return Bundle::Absent };
        let mut common: BTreeSet<Id> = first.anchors.keys().copied().collect();
        for other in others {
            common.retain(|id| other.anchors.contains_key(id));
        }
        let anchors = self.ours.iter().flat_map(|ours| &ours.anchors);
        let detours = anchors.filter(|(_, certificate)| secret::is_detours(certificate));
        let detours = detours.filter_map(|(id, certificate)| {
            let ends = dates::span(certificate)?.ends;
            Some((*id, Anchor { ends, certificate: certificate.clone() }))
        });
        let all_alike = others.iter().all(|other| other.holds == first.holds);
        let exactly = if all_alike { first.holds.clone() } else { None };
        Bundle::Held { common, detours: detours.collect(), exactly }
    }

    /// The JSON Patch after which every one of them holds exactly these
    /// certificates. It applies to the version that was read alone, and finds
    /// each webhook under its name.
    pub fn patch(&self, wanted: &BTreeMap<Id, CertificateDer<'static>>) -> Value {
        let ids: BTreeSet<Id> = wanted.keys().copied().collect();
        let text = STANDARD.encode(secret::pem(wanted.values()));
        let mut operations =
            vec![json!({"op": "test", "path": "/metadata/resourceVersion", "value": self.version})];
        for Ours { index, name, holds, .. } in &self.ours {
            if holds.as_ref() == Some(&ids) {
                continue;
            }
            let path = format!("/webhooks/{index}");
            operations.push(json!({"op": "test", "path": format!("{path}/name"), "value": name}));
            let path = format!("{path}/clientConfig/caBundle");
            operations.push(json!({"op": "add", "path": path, "value": text}));
        }
        Value::Array(operations)
    }
}

/// The certificates, and whether there is nothing that is none.
fn anchors(pem: &[u8]) -> (BTreeMap<Id, CertificateDer<'static>>, bool) {
    let mut anchors = BTreeMap::new();
    let mut is_pure = true;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        match certificate {
            Ok(certificate) => _ = anchors.insert(Id::of(&certificate), certificate),
            Err(_) => is_pure = false,
        }
    }
    (anchors, is_pure)
}
