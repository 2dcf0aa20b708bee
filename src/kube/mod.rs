//! The API server: requests, and lists that are kept up to date.
//!
//! [`Api`] is a blocking client; [`watch::run`] keeps a list up to date, of
//! which [`reflect`] decides everything and does nothing.

pub mod account;
pub mod events;
pub mod lease;
pub mod limits;
pub mod path;
pub mod reflect;
pub mod time;
pub mod watch;

mod credentials;
mod error;
mod kubeconfig;
mod object;
mod requests;
mod stream;

pub use credentials::{CredentialError, Material};
pub use error::{ApiError, ErrorKind, Status};
pub use object::{Event, Key, List, Metadata, Object, Objects};
pub use requests::Conflicts;
pub use stream::EventStream;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use account::Account;
use credentials::Credentials;
use kubeconfig::Kubeconfig;

use ring::rand::{SecureRandom, SystemRandom};

use crate::client::{Client, Limits, ProxyVariables};

/// From 0 to 1, for delays. Without randomness they are those of the middle.
pub fn random() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}

/// A client of one API server, for several threads. Clones share it.
///
/// Certificates and tokens are read anew for every request, so that one that
/// was renewed is used from the next request on.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    source: Source,
    namespace: String,
    limits: Limits,
    current: Mutex<Current>,
}

/// Where credentials are read.
enum Source {
    Account(Account),
    Kubeconfig(Box<Kubeconfig>),
}

impl Source {
    fn read(&self) -> Result<Credentials, CredentialError> {
        match self {
            Self::Account(account) => account.read(),
            Self::Kubeconfig(kubeconfig) => kubeconfig.credentials(),
        }
    }
}

/// The credentials in use, and the client that was made from them.
struct Current {
    credentials: Credentials,
    client: Arc<Client>,
    is_unreadable: bool,
    is_shut_down: bool,
}

/// What one request uses.
struct Session {
    client: Arc<Client>,
    token: Option<String>,
}

impl Api {
    /// The API server of the cluster that this pod runs in, as its service
    /// account: `variable` gives the environment, and the files are in
    /// `directory`, normally [`account::DIRECTORY`].
    ///
    /// # Errors
    /// When this is no pod, or the files cannot be read or used.
    pub fn in_cluster(
        variable: impl Fn(&str) -> Option<String>,
        directory: &Path,
        limits: Limits,
    ) -> Result<Self, CredentialError> {
        let account = Account::new(variable, directory)?;
        let namespace = account.namespace()?;
        Self::new(Source::Account(account), namespace, limits)
    }

    /// The API server and the user of a kubeconfig's current context.
    ///
    /// # Errors
    /// When the file or one that it names cannot be read or used.
    pub fn from_kubeconfig(
        path: &Path,
        proxies: &ProxyVariables,
        limits: Limits,
    ) -> Result<Self, CredentialError> {
        let kubeconfig = Kubeconfig::read(path, proxies)?;
        let namespace = kubeconfig.namespace.clone();
        Self::new(Source::Kubeconfig(Box::new(kubeconfig)), namespace, limits)
    }

    fn new(source: Source, namespace: String, limits: Limits) -> Result<Self, CredentialError> {
        let credentials = source.read()?;
        let client = Arc::new(credentials.connection.client(limits)?);
        let current = Current { credentials, client, is_unreadable: false, is_shut_down: false };
        Ok(Self(Arc::new(Inner { source, namespace, limits, current: Mutex::new(current) })))
    }

    /// The namespace of this pod, or of the kubeconfig's context.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// Ends all calls, also those that other threads are waiting for, and
    /// watches. No call succeeds from now on.
    pub fn shutdown(&self) {
        let mut current = self.current();
        current.is_shut_down = true;
        current.client.shutdown();
    }

    /// The credentials as they now are.
    fn session(&self) -> Session {
        let mut current = self.current();
        if !current.is_shut_down {
            self.refresh(&mut current);
        }
        let Current { credentials, client, .. } = &*current;
        Session { client: Arc::clone(client), token: credentials.token.clone() }
    }

    /// Reads the credentials. What cannot be read or used leaves the former
    /// ones in use, and is told once.
    fn refresh(&self, current: &mut Current) {
        let read = self.0.source.read().and_then(|credentials| {
            let client = match credentials.connection == current.credentials.connection {
                true => Arc::clone(&current.client),
                false => Arc::new(credentials.connection.client(self.0.limits)?),
            };
            Ok((credentials, client))
        });
        match read {
            Ok((credentials, client)) => {
                current.credentials = credentials;
                current.client = client;
                current.is_unreadable = false;
            }
            Err(error) if !current.is_unreadable => {
                log::warn!("still using the former credentials for the API server: {error}");
                current.is_unreadable = true;
            }
            Err(_) => {}
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
