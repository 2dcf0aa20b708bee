//! Where Kubernetes's own binaries are, by the conventions of envtest.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The directory that holds all of them.
const DIRECTORY: &str = "KUBEBUILDER_ASSETS";
/// What stands before the name of one, which then wins over the directory.
const PREFIX: &str = "TEST_ASSET_";
/// How to get them.
const HINT: &str = "export KUBEBUILDER_ASSETS=$(bash tests/cluster/tools/build.sh)";

/// The programs of a control plane and of its users.
pub(crate) struct Binaries {
    pub(crate) etcd: PathBuf,
    pub(crate) api_server: PathBuf,
    pub(crate) kubectl: PathBuf,
    /// Not among the binaries that setup-envtest downloads.
    pub(crate) controller_manager: Option<PathBuf>,
    /// For tests of the chart.
    pub(crate) helm: Option<PathBuf>,
}

impl Binaries {
    /// The binaries that the environment names; none when it names none.
    ///
    /// # Errors
    /// When it names some that are not there, or none although this is CI.
    pub(crate) fn find() -> Result<Option<Self>, String> {
        let needed = [find("etcd")?, find("kube-apiserver")?, find("kubectl")?];
        match needed {
            [Some(etcd), Some(api_server), Some(kubectl)] => {
                let controller_manager = in_ci_needed("kube-controller-manager")?;
                let helm = in_ci_needed("helm")?;
                Ok(Some(Self { etcd, api_server, kubectl, controller_manager, helm }))
            }
            _ if is_ci() => Err(format!("CI is set and there are no binaries: {HINT}")),
            [None, None, None] => Ok(None),
            _ => Err(format!("etcd, kube-apiserver and kubectl are all needed: {HINT}")),
        }
    }

    /// What a machine without them is told.
    pub(crate) fn absence() -> String {
        format!("the cluster tests did NOT run, for want of a Kubernetes API server: {HINT}")
    }
}

fn in_ci_needed(name: &str) -> Result<Option<PathBuf>, String> {
    match find(name)? {
        None if is_ci() => Err(format!("CI is set and there is no {name}: {HINT}")),
        found => Ok(found),
    }
}

/// A binary by its own variable, else in the directory.
fn find(name: &str) -> Result<Option<PathBuf>, String> {
    let variable = format!("{PREFIX}{}", name.to_uppercase().replace('-', "_"));
    if let Some(path) = set(&variable) {
        let path = PathBuf::from(path);
        let missing = || format!("{variable} names no file: {}", path.display());
        return if path.is_file() { Ok(Some(path)) } else { Err(missing()) };
    }
    let Some(directory) = set(DIRECTORY) else { return Ok(None) };
    let path = PathBuf::from(directory).join(name);
    let optional = !["etcd", "kube-apiserver", "kubectl"].contains(&name);
    match path.is_file() {
        true => Ok(Some(path)),
        false if optional => Ok(None),
        false => Err(format!("{DIRECTORY} holds no {name}: {}", path.display())),
    }
}

fn is_ci() -> bool {
    set("CI").is_some()
}

fn set(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}
