//! From what was written to what holds: who writes back to the cluster.

use super::ConfigError;
use super::arguments::{self, Arguments, Given};
use super::syntax;
use crate::rules::names::is_object_name;

/// The Lease, when it is not given.
pub const DEFAULT_LEASE: &str = "detour";
/// The pod's name; the chart sets it from the downward API.
const POD_NAME_VARIABLE: &str = "POD_NAME";
/// The container's name for itself, which is that of the pod unless it has the
/// host's network.
const HOST_NAME_VARIABLE: &str = "HOSTNAME";

/// Who writes statuses and events, and by which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteBackConfig {
    /// The name of the Lease that decides.
    pub lease: String,
    /// The name of this instance: not yet unique.
    pub instance: String,
}

/// The flags and variables about it.
#[derive(Default)]
pub(super) struct WriteBackFlags {
    lease: Option<Given<String>>,
    pod_name: Option<Given<String>>,
    host_name: Option<Given<String>>,
}

/// Takes them out of the arguments.
pub(super) fn read(arguments: &mut Arguments) -> Result<WriteBackFlags, ConfigError> {
    Ok(WriteBackFlags {
        lease: arguments.value(&arguments::LEASE, syntax::text)?,
        pod_name: arguments.foreign_variable(POD_NAME_VARIABLE, syntax::text)?,
        host_name: arguments.foreign_variable(HOST_NAME_VARIABLE, syntax::text)?,
    })
}

/// Decides what they mean.
pub(super) fn check(flags: WriteBackFlags) -> Result<WriteBackConfig, ConfigError> {
    let WriteBackFlags { lease, pod_name, host_name } = flags;
    let expected = "a name of lower-case letters, digits, inner - and .";
    let lease = lease.map(|given| valid(given, is_object_name, expected)).transpose()?;
    let instance = pod_name.or(host_name).map(|given| given.value);
    Ok(WriteBackConfig {
        lease: lease.unwrap_or_else(|| DEFAULT_LEASE.to_owned()),
        instance: instance.unwrap_or_else(|| DEFAULT_LEASE.to_owned()),
    })
}

fn valid(
    given: Given<String>,
    is_valid: fn(&str) -> bool,
    expected: &'static str,
) -> Result<String, ConfigError> {
    let Given { name, value } = given;
    match is_valid(&value) {
        true => Ok(value),
        false => Err(ConfigError::Invalid { name, value: value.into(), expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, ServeConfig, parse};
    use super::*;
    use std::ffi::OsString;

    fn config(args: &[&str], environment: &[(&str, &str)]) -> Result<ServeConfig, ConfigError> {
        let args = ["serve", "--tls=dev"].iter().chain(args).map(OsString::from).collect();
        let variable = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        match parse(args, &variable)? {
            Command::Serve(config) => Ok(*config),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_come_from_flags_or_from_the_pod() {
        let names = |args: &[&str], environment: &[(&str, &str)]| {
            let ServeConfig { write_back, namespace, .. } = config(args, environment).unwrap();
            [write_back.lease, write_back.instance, namespace.unwrap_or_default()]
        };
        assert_eq!(names(&[], &[]), ["detour", "detour", ""]);
        let environment = [("POD_NAMESPACE", "a"), ("HOSTNAME", "node"), ("POD_NAME", "pod-1")];
        assert_eq!(names(&[], &environment), ["detour", "pod-1", "a"]);
        assert_eq!(names(&[], &environment[1..2]), ["detour", "node", ""]);
        let given = ["--lease=other", "--namespace", "b"];
        assert_eq!(names(&given, &environment), ["other", "pod-1", "b"]);
    }

    #[test]
    fn names_are_those_of_objects() {
        for flag in ["--lease=A", "--lease=a/b", "--lease=", "--namespace=a.b", "--namespace=A"] {
            assert!(config(&[flag], &[]).is_err(), "{flag}");
        }
    }
}
