//! The write-back of `detour serve`.

use std::sync::Arc;

use super::serve::{ServeError, connect, namespace};
use crate::config::{RuleSource, ServeConfig, WriteBackConfig};
use crate::kube::lease::elector::Timing;
use crate::kube::{Api, lease};
use crate::metrics::Metrics;
use crate::status::writer::Slots;
use crate::status::{Parts, WriteBack};
use crate::supervise::Supervisor;

/// Starts it where objects are a source; else there is nothing to write.
pub(super) fn start(
    config: &ServeConfig,
    api: Option<&Api>,
    slots: Slots,
    metrics: &Arc<Metrics>,
    supervisor: &Supervisor,
) -> Result<Option<WriteBack>, ServeError> {
    let has_objects = config.sources.iter().any(|source| matches!(source, RuleSource::Api));
    let Some(api) = api.filter(|_| has_objects) else { return Ok(None) };
    let WriteBackConfig { lease, instance } = config.write_back.clone();
    let parts = Parts {
        api: api.clone(),
        lease_api: connect(config, lease::LIMITS)?,
        namespace: namespace(config, api),
        lease,
        identity: lease::identity(&instance),
        timing: Timing::STANDARD,
        slots,
        metrics: Arc::clone(metrics),
    };
    WriteBack::start(parts, supervisor).map(Some).map_err(ServeError::Supervise)
}
