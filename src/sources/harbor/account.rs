//! What a client of Harbor is made of: the account's files and the authority's,
//! read anew for each refresh.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::HarborError;
use super::limits::ACCOUNT_BYTES_MAX;
use crate::client::{Client, Limits, Origin, Proxy, ProxyVariables, Settings};
use crate::kube::Material;

/// Where a distribution keeps the authorities that everybody trusts.
pub const PUBLIC_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

const BASIC: &str = "Basic ";
const REDACTED: &str = "(redacted)";

/// The files of an account of Harbor, a robot's or a user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFiles {
    /// Holds the whole name, such as `robot$detour`.
    pub username: PathBuf,
    /// Holds its secret.
    pub password: PathBuf,
}

/// Where a Harbor is, and who we are there.
#[derive(Clone)]
pub struct Access {
    /// The server, without `/api/v2.0`.
    pub origin: Origin,
    /// Authorities in PEM; not read for a plain origin.
    pub authority: PathBuf,
    /// None for what everybody may see.
    pub account: Option<AccountFiles>,
    /// The proxy on the way, unless the origin is plain.
    pub proxies: ProxyVariables,
}

/// What the files held at one moment.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    authority: Option<Material>,
    account: Option<Account>,
}

/// Never printed.
#[derive(Clone, PartialEq, Eq)]
struct Account {
    password: String,
    /// The header field.
    authorization: String,
}

impl Credentials {
    pub(super) fn authorization(&self) -> Option<&str> {
        self.account.as_ref().map(|account| account.authorization.as_str())
    }

    /// The line without what nobody may read: an answer can repeat its request.
    pub(super) fn redact(&self, line: &str) -> String {
        let Some(Account { password, authorization }) = &self.account else {
            return line.to_owned();
        };
        let encoded = authorization.trim_start_matches(BASIC);
        line.replace(encoded, REDACTED).replace(password.as_str(), REDACTED)
    }
}

impl Access {
    /// Reads the files.
    pub(super) fn read(&self) -> Result<Credentials, HarborError> {
        let authority = match self.origin.is_plain {
            true => None,
            false => Some(Material::read(&self.authority)?),
        };
        let account = match &self.account {
            None => None,
            Some(files) => {
                // Basic credentials end the name at the first colon, RFC 7617 §2.
                let username = text(&files.username, &[':'])?;
                let password = text(&files.password, &[])?;
                let encoded = STANDARD.encode(format!("{username}:{password}"));
                Some(Account { password, authorization: format!("{BASIC}{encoded}") })
            }
        };
        Ok(Credentials { authority, account })
    }

    /// A client that trusts the authority.
    pub(super) fn client(
        &self,
        credentials: &Credentials,
        limits: Limits,
    ) -> Result<Client, HarborError> {
        let roots = credentials.authority.as_ref().map(Material::certificates).transpose()?;
        let proxy = match self.origin.is_plain {
            true => None,
            false => self.proxies.url_for(&self.origin.host, self.origin.port),
        };
        Ok(Client::new(Settings {
            origin: self.origin.clone(),
            roots: roots.unwrap_or_default(),
            identity: None,
            server_name: None,
            proxy: proxy.map(Proxy::parse).transpose()?,
            limits,
        })?)
    }
}

/// The one line of a file.
fn text(path: &Path, forbidden: &[char]) -> Result<String, HarborError> {
    let Material { name, bytes } = Material::read(path)?;
    let refused = |reason| Err(HarborError::Account { name: name.clone(), reason });
    let Ok(text) = str::from_utf8(&bytes) else { return refused("is not UTF-8 text") };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return refused("is empty");
    }
    if text.len() > ACCOUNT_BYTES_MAX {
        return refused("is longer than 1024 bytes");
    }
    if text.chars().any(|character| character.is_control() || forbidden.contains(&character)) {
        return refused("holds more than one line, or a colon in the username");
    }
    Ok(text.to_owned())
}
