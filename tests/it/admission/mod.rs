//! Reviews in, patches out, with the `json-patch` crate as the oracle.

mod support;

mod envelope;
mod types;
mod json;
mod fields;
mod updates;
mod allocations;
mod annotation;
mod label;
mod pull_secrets;
mod pull_secrets_lost;
mod exemptions;
mod told;
mod rollout;
mod golden;
mod cells;
mod cell_reviews;
mod generated;
mod properties;
