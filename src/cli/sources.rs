//! The sources of `detour serve`: a thread for each that may change.

use std::env;
use std::sync::Arc;

use super::serve::ServeError;
use crate::client::{Origin, ProxyVariables, SetupError};
use crate::config::{HarborConfig, RuleSource, ServeConfig};
use crate::kube::Api;
use crate::kube::limits::WatchLimits;
use crate::metrics::Metrics;
use crate::rules::{self, Kind, Source, Text};
use crate::snapshot::{Published, Snapshot};
use crate::sources::board::{self, Place, Sinks, board};
use crate::sources::harbor::{self, Access, AccountFiles, Harbor, HarborLimits};
use crate::sources::{Update, api, config_map, file};
use crate::status::writer::Slots;
use crate::supervise::{SuperviseError, Supervisor};

/// The map that `--tls dev` uses when no rules are given.
const SAMPLE: &str = include_str!("../../examples/rules.yaml");

/// A source as the board lists it; the API server's two kinds are two.
enum Listed<'c> {
    Sample,
    Files(&'c [std::path::PathBuf]),
    ConfigMap(config_map::Name),
    Objects(Kind),
    Harbor(Box<harbor::Settings>),
}

impl Listed<'_> {
    fn name(&self) -> String {
        match self {
            Self::Sample => "sample".to_owned(),
            Self::Files(_) => "file".to_owned(),
            Self::ConfigMap(name) => name.source(),
            Self::Objects(kind) => api::name(*kind),
            Self::Harbor(_) => harbor::NAME.to_owned(),
        }
    }

    /// Harbor may be away for long, and its rules are asked last.
    fn listed(&self) -> board::Listed {
        board::Listed { name: self.name(), is_required: !matches!(self, Self::Harbor(_)) }
    }
}

/// Reads the rules and keeps them up to date.
pub(super) fn start(
    config: &ServeConfig,
    api: Option<&Api>,
    metrics: &Arc<Metrics>,
    supervisor: &Supervisor,
) -> Result<(Arc<Published>, Slots), ServeError> {
    let listed: Result<Vec<Vec<Listed<'_>>>, _> = config.sources.iter().map(listed).collect();
    let listed: Vec<Listed<'_>> = listed?.into_iter().flatten().collect();
    let published = Arc::new(Published::new(Snapshot::default()));
    let slots = Slots { verdicts: Arc::default(), seen: Arc::default() };
    let sinks = Sinks {
        published: Arc::clone(&published),
        metrics: Arc::clone(metrics),
        verdicts: Arc::clone(&slots.verdicts),
        seen: Arc::clone(&slots.seen),
        policy: config.policy.clone(),
    };
    if api.is_some() {
        log::info!("limits of a watch: {}", WatchLimits::standard());
    }
    let places = board(listed.iter().map(Listed::listed).collect(), sinks);
    for (one, place) in listed.into_iter().zip(places) {
        follow(one, place, api, supervisor).map_err(ServeError::Supervise)?;
    }
    Ok((published, slots))
}

fn listed(source: &RuleSource) -> Result<Vec<Listed<'_>>, ServeError> {
    Ok(match source {
        RuleSource::Sample => vec![Listed::Sample],
        RuleSource::Paths(paths) => vec![Listed::Files(paths)],
        RuleSource::ConfigMap { namespace, name } => {
            let (namespace, name) = (namespace.clone(), name.clone());
            vec![Listed::ConfigMap(config_map::Name { namespace, name })]
        }
        RuleSource::Api => [Kind::ClusterImageMap, Kind::ImageMap].map(Listed::Objects).into(),
        RuleSource::Harbor(config) => {
            let settings = harbor_settings(config).map_err(ServeError::Harbor)?;
            vec![Listed::Harbor(Box::new(settings))]
        }
    })
}

fn harbor_settings(config: &HarborConfig) -> Result<harbor::Settings, SetupError> {
    let registry = config.registry.as_deref().map(|text| {
        let reason = "--harbor-registry is not a HOST[:PORT] that an image can begin with";
        harbor::upstream::registry(text).ok_or(SetupError::Origin { reason })
    });
    let account = config.account.clone();
    Ok(harbor::Settings {
        access: Access {
            origin: Origin::parse_insecure(&config.url)?,
            authority: config
                .authority
                .clone()
                .unwrap_or_else(|| harbor::PUBLIC_AUTHORITIES.into()),
            account: account.map(|(username, password)| AccountFiles { username, password }),
            proxies: ProxyVariables::read(|name| env::var(name).ok()),
        },
        registry: registry.transpose()?,
        interval: config.refresh,
        skips_unhealthy: config.skips_unhealthy,
        pull_secrets: config.pull_secrets.clone(),
    })
}

/// Reads files once; starts the thread that follows what may change.
fn follow(
    one: Listed<'_>,
    place: Place,
    api: Option<&Api>,
    supervisor: &Supervisor,
) -> Result<(), SuperviseError> {
    let thread = format!("source {}", one.name());
    let limits = WatchLimits::standard();
    match (one, api.cloned()) {
        (Listed::Sample, _) => {
            let sample = Text { name: "the sample".to_owned(), content: SAMPLE.to_owned() };
            place.update(Update::of_documents(rules::load(Source::File, &[sample])));
            Ok(())
        }
        (Listed::Files(paths), _) => {
            let (watcher, loaded) = file::Watcher::start(paths.to_vec());
            place.update(Update::of_documents(loaded));
            supervisor.spawn_vital(&thread, move || watcher.run(&place))
        }
        (Listed::ConfigMap(name), Some(api)) => {
            supervisor.spawn_vital(&thread, move || config_map::run(&api, name, limits, place))
        }
        (Listed::Objects(kind), Some(api)) => {
            supervisor.spawn_vital(&thread, move || api::run(&api, kind, limits, place))
        }
        (Listed::Harbor(settings), _) => {
            let limits = HarborLimits::standard();
            log::info!("limits of Harbor: {limits}");
            let harbor = Harbor::new(*settings, limits);
            supervisor.spawn_vital(&thread, move || harbor::run(harbor, &place))
        }
        // Whoever asks has a client.
        (Listed::ConfigMap(_) | Listed::Objects(_), None) => Ok(()),
    }
}
