//! What `detour migrate` was asked to do.

use super::ConfigError;
use super::arguments::{self, Arguments, Given};
use super::syntax;
use crate::migrate::System;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The namespace of pods and objects that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// What `detour migrate` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrateConfig {
    /// Whose configuration it is.
    pub system: System,
    /// Files and directories, in the order given; at least one.
    pub files: Vec<PathBuf>,
    /// Where the chart's values are written.
    pub values: Option<PathBuf>,
    /// Where the report is written; none for standard error.
    pub report: Option<PathBuf>,
    /// The images whose results are printed instead of the rules.
    pub check: Option<Input>,
    /// The namespace of pods and of objects that name none.
    pub namespace: String,
}

/// What is read line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// The flags and operands of `detour migrate`.
pub(super) struct MigrateFlags {
    values: Option<Given<PathBuf>>,
    report: Option<Given<PathBuf>>,
    check: Option<Given<Input>>,
    namespace: Option<Given<String>>,
    operands: Vec<OsString>,
}

pub(super) fn read(mut arguments: Arguments) -> Result<MigrateFlags, ConfigError> {
    Ok(MigrateFlags {
        values: arguments.value(&arguments::VALUES, syntax::path)?,
        report: arguments.value(&arguments::REPORT, syntax::path)?,
        check: arguments.value(&arguments::CHECK, input)?,
        namespace: arguments.value(&arguments::NAMESPACE, syntax::label)?,
        operands: arguments.operands(arguments::MIGRATE)?,
    })
}

fn input(text: &OsStr) -> Result<Input, &'static str> {
    match text == "-" {
        true => Ok(Input::Stdin),
        false => syntax::path(text).map(Input::File),
    }
}

pub(super) fn check(flags: MigrateFlags) -> Result<MigrateConfig, ConfigError> {
    let mut operands = flags.operands.into_iter();
    let system = operands.next().ok_or(ConfigError::NothingToMigrate)?;
    let Some(system) = system.to_str().and_then(System::named) else {
        return Err(ConfigError::Invalid {
            name: "SYSTEM".to_owned(),
            value: system,
            expected: "k8s-proxy-image-swapper, k8s-image-replacer, kubernetes-image-mapper, \
                       kubernetes-mimic or imageswap-webhook",
        });
    };
    let files: Vec<PathBuf> = operands.map(PathBuf::from).collect();
    if files.is_empty() {
        return Err(ConfigError::NothingToMigrate);
    }
    let path = |given: Option<Given<PathBuf>>| given.map(|given| given.value);
    Ok(MigrateConfig {
        system,
        files,
        values: path(flags.values),
        report: path(flags.report),
        check: flags.check.map(|given| given.value),
        namespace: flags.namespace.map_or(DEFAULT_NAMESPACE.to_owned(), |given| given.value),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};
    use super::*;

    fn config(line: &str) -> Result<MigrateConfig, String> {
        let args = line.split_whitespace().map(OsString::from).collect();
        match parse(args, &|_| None) {
            Ok(Command::Migrate(config)) => Ok(config),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn flags_stand_anywhere() {
        let line = "migrate --check - imageswap-webhook --values v a b --namespace=n --report r";
        let expected = MigrateConfig {
            system: System::Imageswap,
            files: vec!["a".into(), "b".into()],
            values: Some("v".into()),
            report: Some("r".into()),
            check: Some(Input::Stdin),
            namespace: "n".to_owned(),
        };
        assert_eq!(config(line), Ok(expected));
        let plain = config("migrate kubernetes-mimic --check=x -- -a").expect("a command");
        assert_eq!(plain.check, Some(Input::File("x".into())));
        assert_eq!((plain.files, plain.namespace.as_str()), (vec!["-a".into()], "default"));
    }

    #[test]
    fn only_what_is_read_line_by_line_may_be_standard_input() {
        let needs = |flag: &str| Err(format!("{flag} needs a value, not \"-\""));
        for flag in ["--values", "--report"] {
            let line = format!("migrate imageswap-webhook a {flag} -");
            assert_eq!(config(&line).map(drop), needs(flag));
        }
        assert_eq!(
            config("migrate imageswap-webhook -").map(drop),
            Err("unknown flag \"-\" for `detour migrate`".to_owned())
        );
        assert_eq!(
            config("migrate imageswap-webhook a --rules b").map(drop),
            Err("unknown flag \"--rules\" for `detour migrate`".to_owned())
        );
    }
}
