//! What the operator asked for: arguments and `DETOUR_*` variables in, one
//! checked [`Command`] out.
//!
//! Two tiers. `flags` turns text into types and decides nothing; `check`
//! fills in the defaults and refuses what contradicts itself. Neither reads
//! the process: [`parse`] is handed the arguments and a look-up for variables.
//! No file is opened here.

use crate::mapping::policy::Policy;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

mod policy;
mod sources;
mod arguments;
mod certificates;
mod check;
mod error;
mod flags;
mod harbor;
mod help;
mod migrate;
mod syntax;
mod write_back;

pub use error::ConfigError;
pub use harbor::{DEFAULT_HARBOR_REFRESH, HarborConfig};
pub use help::HELP;
pub use migrate::{Input, MigrateConfig};
pub use write_back::{DEFAULT_LEASE, WriteBackConfig};

/// What `--version` prints.
pub const VERSION: &str = concat!("detour ", env!("CARGO_PKG_VERSION"), "\n");
/// Controllers that compare a pod with their own specification and would
/// restart it for ever if its images changed; globs on `GROUP/KIND`.
pub const DEFAULT_EXEMPT_OWNERS: [&str; 4] = [
    "postgresql.cnpg.io/*",
    "acid.zalan.do/*",
    "asdb.aerospike.com/*",
    "operators.coreos.com/CatalogSource",
];
/// Exempt besides our own namespace, when the list is not given.
pub const DEFAULT_EXEMPT_NAMESPACE: &str = "kube-system";
/// Connections to the admission port, when the number is not given.
pub const DEFAULT_MAX_CONNECTIONS: usize = 256;
/// Longest time between SIGTERM and the exit, when it is not given.
pub const DEFAULT_DRAIN: Duration = Duration::from_secs(15);

/// Most sources of rules.
pub const SOURCES_MAX: usize = 16;
/// The Secret of `--tls self`, when it is not given.
pub const DEFAULT_TLS_SECRET: &str = "detour-tls";
/// The Service and the webhook configuration, when they are not given.
pub const DEFAULT_NAME: &str = "detour";
/// The life of a certificate of `--tls self`, when it is not given.
pub const DEFAULT_LEAF_LIFE: Duration = Duration::from_secs(90 * 24 * 3_600);

/// What to do, with everything needed to do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Print this text.
    Help(&'static str),
    /// Print this text.
    Version(&'static str),
    /// `detour serve`
    Serve(Box<ServeConfig>),
    /// `detour review`
    Review(ReviewConfig),
    /// `detour normalize`
    Normalize(NormalizeConfig),
    /// `detour migrate`
    Migrate(MigrateConfig),
}

/// What `detour serve` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeConfig {
    /// Where admission reviews are answered, over TLS.
    pub listen: SocketAddr,
    /// Where probes and metrics are answered, in plain text; never equal to
    /// `listen`, but for port 0.
    pub ops_listen: SocketAddr,
    /// Where the rules come from; at least one, none twice.
    pub sources: Vec<RuleSource>,
    /// How to reach the API server; none for the account of this pod.
    pub kubeconfig: Option<PathBuf>,
    /// Where the Secret, the Service and the Lease are; none for the namespace
    /// of the service account or the kubeconfig.
    pub namespace: Option<String>,
    /// Where the certificate comes from.
    pub tls: Tls,
    /// Who writes statuses and events.
    pub write_back: WriteBackConfig,
    /// What is left alone, and what is recorded.
    pub policy: Policy,
    /// Open connections on the admission port, 8 to 65,536.
    pub max_connections: usize,
    /// How long reviews are answered after SIGTERM, whole seconds, at most 600.
    pub drain: Duration,
    /// How to log.
    pub log: LogConfig,
}

impl ServeConfig {
    /// Whether rules or certificates are kept at the API server.
    pub fn asks_api_server(&self) -> bool {
        sources::asks_api_server(&self.sources, &self.tls)
    }
}

/// What `detour review` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewConfig {
    /// Files and directories with rules, in the order given; at least one.
    pub rules: Vec<PathBuf>,
    /// What is left alone, and what is recorded.
    pub policy: Policy,
}

/// What `detour normalize` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalizeConfig {
    /// The references as typed, in the order given; at least one. Each may be
    /// empty or no reference at all.
    pub references: Vec<String>,
}

/// Where the rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleSource {
    /// The built-in sample map; only with [`Tls::Dev`].
    Sample,
    /// Files and directories in the order given; at least one.
    Paths(Vec<PathBuf>),
    /// A ConfigMap.
    ConfigMap {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The API server's `ImageMap` and `ClusterImageMap` objects.
    Api,
    /// The proxy projects of a Harbor.
    Harbor(Box<HarborConfig>),
}

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Made at start, kept in memory: for trying out.
    Dev,
    /// PEM files that someone else writes and renews.
    Files {
        /// The certificate chain, leaf first.
        certificate: PathBuf,
        /// The leaf's private key.
        key: PathBuf,
    },
    /// An authority and certificates of our own, kept in a Secret.
    Own(Box<OwnCertificates>),
}

/// What `--tls self` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificates {
    /// The name of the Secret.
    pub secret: String,
    /// The Service that the API server calls.
    pub service: String,
    /// Further names of the certificate.
    pub names: Vec<String>,
    /// The webhook configuration whose `caBundle` we write; none when somebody
    /// else does.
    pub webhooks: Option<String>,
    /// The life of a serving certificate, one minute to a year.
    pub leaf_life: Duration,
}

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// The form of a line.
    pub format: LogFormat,
    /// Events less severe than this are dropped.
    pub level: log::LevelFilter,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: log::LevelFilter::Info }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// [`Self::Text`] when stderr is a terminal, otherwise [`Self::Json`].
    Auto,
    /// For people.
    Text,
    /// One object a line, for machines.
    Json,
}

/// Reads `args` (without the program's name), and what they leave open from
/// the variables that `variable` finds.
///
/// # Errors
///
/// The first fault found; all of them are the operator's, exit code 2.
pub fn parse(
    args: Vec<OsString>,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Command, ConfigError> {
    flags::read(args, variable).and_then(check::check)
}
