//! Where the rules come from: what `--source`, `--rules` and `--kubeconfig`
//! mean together.

use super::arguments::{Given, RULES, SOURCE};
use super::harbor::{self, HarborFlags};
use super::syntax::SourceName;
use super::{ConfigError, RuleSource, SOURCES_MAX, Tls};
use std::path::PathBuf;

/// Decides what `sources` and the paths of `--rules` mean.
pub(super) fn check_sources(
    sources: Option<Given<Vec<SourceName>>>,
    mut paths: Option<Vec<PathBuf>>,
    harbor: HarborFlags,
    tls: &Tls,
) -> Result<Vec<RuleSource>, ConfigError> {
    let harbor = match sources.iter().any(|given| given.value.contains(&SourceName::Harbor)) {
        true => Some(harbor::check(harbor)?),
        false => harbor::refuse(harbor).map(|()| None)?,
    };
    let Some(Given { name, value: sources }) = sources else {
        return match (paths, tls) {
            (Some(paths), _) => Ok(vec![RuleSource::Paths(paths)]),
            (None, Tls::Dev) => Ok(vec![RuleSource::Sample]),
            (None, Tls::Files { .. } | Tls::Own(_)) => {
                let hint = "write --rules PATH or --source api; only --tls dev has sample rules";
                Err(ConfigError::Missing { flag: RULES.name, hint })
            }
        };
    };
    let invalid = |value: String, expected| ConfigError::Invalid {
        name: name.clone(),
        value: value.into(),
        expected,
    };
    if sources.is_empty() {
        let hint = "write file, configmap:NAMESPACE/NAME, api or harbor";
        return Err(ConfigError::Missing { flag: SOURCE.name, hint });
    }
    if let Some(excess) = sources.get(SOURCES_MAX) {
        return Err(invalid(excess.to_string(), "at most 16 sources"));
    }
    let is_again = |(at, source): &(usize, &SourceName)| sources[..*at].contains(source);
    if let Some((_, again)) = sources.iter().enumerate().find(is_again) {
        return Err(invalid(again.to_string(), "each source once"));
    }
    let mut checked = Vec::new();
    for source in &sources {
        checked.push(match source {
            SourceName::File => RuleSource::Paths(paths.take().ok_or(ConfigError::Missing {
                flag: RULES.name,
                hint: "--source file reads the files of --rules PATH",
            })?),
            SourceName::ConfigMap { namespace, name } => {
                RuleSource::ConfigMap { namespace: namespace.clone(), name: name.clone() }
            }
            SourceName::Api => RuleSource::Api,
            SourceName::Harbor => match harbor.clone() {
                Some(harbor) => RuleSource::Harbor(Box::new(harbor)),
                None => continue,
            },
        });
    }
    match paths {
        None => Ok(checked),
        Some(_) => Err(ConfigError::Contradiction {
            this: RULES.name.to_owned(),
            that: format!("{name} {}", sources[0]),
            hint: "write --source file as well, or leave --rules out",
        }),
    }
}

/// Whether rules or certificates are kept at the API server.
pub(super) fn asks_api_server(sources: &[RuleSource], tls: &Tls) -> bool {
    let asks =
        |source: &RuleSource| matches!(source, RuleSource::ConfigMap { .. } | RuleSource::Api);
    matches!(tls, Tls::Own(_)) || sources.iter().any(asks)
}

/// Refuses a kubeconfig that nobody would read.
pub(super) fn check_kubeconfig(
    kubeconfig: Option<Given<PathBuf>>,
    asks: bool,
) -> Result<Option<PathBuf>, ConfigError> {
    match kubeconfig {
        Some(Given { name, .. }) if !asks => Err(ConfigError::Contradiction {
            this: name,
            that: "what needs no API server".to_owned(),
            hint: "it is asked with --source api, --source configmap:NAMESPACE/NAME or --tls self",
        }),
        given => Ok(given.map(|given| given.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};
    use super::*;
    use std::ffi::OsString;

    fn sources(line: &str, variable: &str) -> Result<Vec<RuleSource>, (String, String)> {
        let line = format!("serve --tls files --tls-cert /c --tls-key /k {line}");
        let args = line.split_whitespace().map(OsString::from).collect();
        let variables = |name: &str| (name == "DETOUR_SOURCE").then(|| OsString::from(variable));
        match parse(args, &variables) {
            Ok(Command::Serve(config)) => Ok(config.sources),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err((error.to_string(), error.hint())),
        }
    }

    fn config_map(name: &str) -> RuleSource {
        RuleSource::ConfigMap { namespace: "detour".to_owned(), name: name.to_owned() }
    }

    fn files() -> RuleSource {
        RuleSource::Paths(vec!["/r".into()])
    }

    #[test]
    fn sources_combine_in_any_way() {
        assert_eq!(sources("--rules /r", ""), Ok(vec![files()]));
        assert_eq!(sources("--source api", ""), Ok(vec![RuleSource::Api]));
        let line = "--source configmap:detour/a --source file --rules /r --source api \
                    --source configmap:detour/b";
        let expected = vec![config_map("a"), files(), RuleSource::Api, config_map("b")];
        assert_eq!(sources(line, "api"), Ok(expected.clone()));
        let variable = "configmap:detour/a,file, api ,configmap:detour/b";
        assert_eq!(sources("--rules /r", variable), Ok(expected));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (line, error) in [
            ("", "--rules is missing"),
            ("--source file", "--rules is missing"),
            ("--source api --rules /r", "--rules contradicts --source api"),
            ("--source api --source api", "invalid value \"api\" for --source"),
            ("--rules /r --kubeconfig /k", "--kubeconfig contradicts what needs no API server"),
        ] {
            assert_eq!(sources(line, "").map_err(|(error, _)| error), Err(error.to_owned()));
        }
        assert_eq!(sources("", " ").unwrap_err().0, "--source is missing");
        let many = (0..=SOURCES_MAX).map(|number| format!("--source configmap:detour/{number} "));
        let (error, hint) = sources(&many.collect::<String>(), "").unwrap_err();
        assert_eq!(error, "invalid value \"configmap:detour/16\" for --source");
        assert_eq!(hint, "expected at most 16 sources");
    }

    #[test]
    fn a_source_is_one_of_four() {
        for odd in ["", "File", "configmap", "configmap:a", "configmap:A/b", "configmap:a/b/c"] {
            let (error, hint) = sources(&format!("--source={odd}"), "").unwrap_err();
            assert_eq!(error, format!("invalid value {odd:?} for --source"));
            assert_eq!(hint, "expected file, configmap:NAMESPACE/NAME, api or harbor");
        }
    }
}
