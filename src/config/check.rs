//! From what was written to what holds: defaults, limits, contradictions.

use super::arguments::Given;
use super::certificates::check_tls;
use super::flags::{Flags, ReviewFlags, ServeFlags};
use super::migrate;
use super::policy::check_policy;
use super::sources::{asks_api_server, check_kubeconfig, check_sources};
use super::write_back;
use super::{
    Command, ConfigError, DEFAULT_DRAIN, DEFAULT_MAX_CONNECTIONS, HELP, LogConfig, NormalizeConfig,
    ReviewConfig, ServeConfig, Tls, VERSION,
};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

const ADMISSION_PORT: u16 = 8443;
const OPERATIONS_PORT: u16 = 8080;
/// Fewer would not hold the API server's own connections and a probe.
const MAX_CONNECTIONS_RANGE: RangeInclusive<u32> = 8..=65_536;
const DRAIN_SECONDS_RANGE: RangeInclusive<u32> = 0..=600;

/// Decides what `flags` mean.
pub(super) fn check(flags: Flags) -> Result<Command, ConfigError> {
    match flags {
        Flags::Help => Ok(Command::Help(HELP)),
        Flags::Version => Ok(Command::Version(VERSION)),
        Flags::Serve(flags) => check_serve(*flags).map(|config| Command::Serve(Box::new(config))),
        Flags::Review(flags) => check_review(*flags).map(Command::Review),
        Flags::Normalize(operands) => check_normalize(operands).map(Command::Normalize),
        Flags::Migrate(flags) => migrate::check(*flags).map(Command::Migrate),
    }
}

fn check_serve(flags: ServeFlags) -> Result<ServeConfig, ConfigError> {
    let ServeFlags {
        listen,
        ops_listen,
        sources,
        kubeconfig,
        namespace,
        harbor,
        tls,
        write_back,
        review,
        max_connections,
        drain_seconds,
        log_format,
        log_level,
    } = flags;
    let namespace = namespace.as_ref().or(review.own_namespace.as_ref());
    let namespace = namespace.map(|given| given.value.clone());
    let write_back = write_back::check(write_back)?;
    let tls = check_tls(tls)?;
    let (listen, ops_listen) = check_addresses(&tls, listen, ops_listen)?;
    let (paths, policy) = check_policy(review)?;
    let sources = check_sources(sources, paths, harbor, &tls)?;
    let kubeconfig = check_kubeconfig(kubeconfig, asks_api_server(&sources, &tls))?;
    let max_connections = max_connections
        .map(|given| in_range(&given, MAX_CONNECTIONS_RANGE, "a number from 8 to 65536"))
        .transpose()?
        .map_or(DEFAULT_MAX_CONNECTIONS, |number| number as usize);
    let drain = drain_seconds
        .map(|given| in_range(&given, DRAIN_SECONDS_RANGE, "seconds from 0 to 600"))
        .transpose()?
        .map_or(DEFAULT_DRAIN, |seconds| Duration::from_secs(seconds.into()));
    let default = LogConfig::default();
    let log = LogConfig {
        format: log_format.map_or(default.format, |given| given.value),
        level: log_level.map_or(default.level, |given| given.value),
    };
    Ok(ServeConfig {
        listen,
        ops_listen,
        sources,
        kubeconfig,
        namespace,
        tls,
        write_back,
        policy,
        max_connections,
        drain,
        log,
    })
}

fn check_review(flags: ReviewFlags) -> Result<ReviewConfig, ConfigError> {
    let (paths, policy) = check_policy(flags)?;
    let hint = "write `detour review --rules PATH`";
    let rules = paths.ok_or(ConfigError::Missing { flag: "--rules", hint })?;
    Ok(ReviewConfig { rules, policy })
}

fn check_normalize(operands: Vec<OsString>) -> Result<NormalizeConfig, ConfigError> {
    if operands.is_empty() {
        return Err(ConfigError::NoReference);
    }
    let text = |operand: OsString| {
        operand.into_string().map_err(|value| ConfigError::Invalid {
            name: "REF".to_owned(),
            value,
            expected: "UTF-8 text",
        })
    };
    let references = operands.into_iter().map(text).collect::<Result<_, _>>()?;
    Ok(NormalizeConfig { references })
}

fn check_addresses(
    tls: &Tls,
    listen: Option<Given<SocketAddr>>,
    ops_listen: Option<Given<SocketAddr>>,
) -> Result<(SocketAddr, SocketAddr), ConfigError> {
    let host = match tls {
        Tls::Dev => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Tls::Files { .. } | Tls::Own(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let or_default = |given: Option<Given<SocketAddr>>, port| {
        given.map_or(SocketAddr::new(host, port), |given| given.value)
    };
    let listen = or_default(listen, ADMISSION_PORT);
    let ops_listen = or_default(ops_listen, OPERATIONS_PORT);
    if listen == ops_listen && listen.port() != 0 {
        return Err(ConfigError::Contradiction {
            this: format!("--listen {listen}"),
            that: format!("--ops-listen {ops_listen}"),
            hint: "give the two another port each",
        });
    }
    Ok((listen, ops_listen))
}

fn in_range(
    given: &Given<u32>,
    range: RangeInclusive<u32>,
    expected: &'static str,
) -> Result<u32, ConfigError> {
    match range.contains(&given.value) {
        true => Ok(given.value),
        false => Err(ConfigError::Invalid {
            name: given.name.clone(),
            value: given.value.to_string().into(),
            expected,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use crate::config::{LogFormat, RuleSource};
    use crate::mapping::policy::Policy;
    use crate::rules::selector::Globs;
    use log::LevelFilter;
    use std::path::PathBuf;

    fn command(line: &str) -> Result<Command, ConfigError> {
        parse(line.split_whitespace().map(OsString::from).collect(), &|_| None)
    }

    fn serve(line: &str) -> ServeConfig {
        match command(&format!("serve {line}")) {
            Ok(Command::Serve(config)) => *config,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn fault(line: &str) -> (String, String) {
        let error = command(line).expect_err("a fault");
        (error.to_string(), error.hint())
    }

    #[test]
    fn dev_needs_nothing_else_and_stays_on_this_host() {
        let globs = |list: &[&str]| Globs::new(list.iter().copied()).expect("globs");
        let policy = Policy {
            exempt_namespaces: globs(&["kube-system"]),
            exempt_owners: globs(&super::super::DEFAULT_EXEMPT_OWNERS),
            ..Policy::default()
        };
        let expected = ServeConfig {
            listen: ([127, 0, 0, 1], 8443).into(),
            ops_listen: ([127, 0, 0, 1], 8080).into(),
            sources: vec![RuleSource::Sample],
            kubeconfig: None,
            namespace: None,
            tls: Tls::Dev,
            write_back: super::super::WriteBackConfig {
                lease: "detour".to_owned(),
                instance: "detour".to_owned(),
            },
            policy,
            max_connections: 256,
            drain: Duration::from_secs(15),
            log: LogConfig { format: LogFormat::Auto, level: LevelFilter::Info },
        };
        assert_eq!(serve("--tls dev"), expected);
    }

    #[test]
    fn files_listen_everywhere_and_need_rules() {
        let config = serve("--tls files --tls-cert /c --tls-key /k --rules /r --rules /s");
        assert_eq!(config.listen.to_string(), "[::]:8443");
        assert_eq!(config.ops_listen.to_string(), "[::]:8080");
        assert_eq!(config.sources, [RuleSource::Paths(vec!["/r".into(), "/s".into()])]);
        assert_eq!(config.tls, Tls::Files { certificate: "/c".into(), key: "/k".into() });
        let (error, hint) = fault("serve --tls files --tls-cert /c --tls-key /k");
        assert_eq!(error, "--rules is missing");
        assert!(hint.contains("--rules PATH"), "{hint}");
    }

    #[test]
    fn the_two_ports_are_two() {
        let (error, _) = fault("serve --tls dev --ops-listen 127.0.0.1:8443");
        assert_eq!(error, "--listen 127.0.0.1:8443 contradicts --ops-listen 127.0.0.1:8443");
        let config = serve("--tls dev --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0");
        assert_eq!(config.listen, config.ops_listen);
    }

    #[test]
    fn numbers_have_limits() {
        assert_eq!(serve("--tls dev --max-connections 8").max_connections, 8);
        assert_eq!(serve("--tls dev --max-connections 65536").max_connections, 65_536);
        assert_eq!(serve("--tls dev --drain 0").drain, Duration::ZERO);
        assert_eq!(serve("--tls dev --drain 600s").drain, Duration::from_secs(600));
        for line in ["--max-connections 7", "--max-connections 65537", "--drain 601"] {
            let (error, hint) = fault(&format!("serve --tls dev {line}"));
            let (flag, value) = line.split_once(' ').expect("two words");
            assert_eq!(error, format!("invalid value \"{value}\" for {flag}"));
            assert!(hint.starts_with("expected "), "{hint}");
        }
    }

    #[test]
    fn the_log_is_set_by_two_words() {
        let log = serve("--tls dev --log-format json --log-level trace").log;
        assert_eq!(log, LogConfig { format: LogFormat::Json, level: LevelFilter::Trace });
    }

    #[test]
    fn review_needs_rules_and_takes_nothing_of_the_server() {
        let review = command("review --rules /r --warnings");
        let Ok(Command::Review(config)) = review else { panic!("{review:?}") };
        assert_eq!(config.rules, [PathBuf::from("/r")]);
        assert!(config.policy.warnings);
        assert_eq!(fault("review").0, "--rules is missing");
        assert_eq!(fault("review --rules /r file").0, r#"unexpected argument "file""#);
        let (error, hint) = fault("review --rules /r --listen [::]:1");
        assert_eq!(error, r#"unknown flag "--listen" for `detour review`"#);
        assert_eq!(hint, "--listen is a flag of `detour serve`");
    }

    #[test]
    fn normalize_takes_any_text_after_two_dashes() {
        let args = ["normalize", "nginx", "", "a=b", "--", "-x", "--", "--help"];
        let parsed = parse(args.map(OsString::from).to_vec(), &|_| None);
        let references = ["nginx", "", "a=b", "-x", "--", "--help"].map(str::to_owned).to_vec();
        assert_eq!(parsed, Ok(Command::Normalize(NormalizeConfig { references })));
        assert_eq!(fault("normalize").0, "no reference given");
        assert_eq!(fault("normalize --").0, "no reference given");
        let (error, hint) = fault("normalize nginx -x");
        assert_eq!(error, r#"unknown flag "-x" for `detour normalize`"#);
        assert_eq!(hint, r#"write -- before a reference that begins with -: -- "-x""#);
        assert_eq!(fault("normalize -").0, r#"unknown flag "-" for `detour normalize`"#);
    }

    #[test]
    fn the_command_comes_first() {
        assert_eq!(fault("").0, "no command given");
        assert_eq!(fault("--tls dev serve").0, r#"a command was expected, not "--tls""#);
        let (error, hint) = fault("server --tls dev");
        assert_eq!(error, r#"unknown command "server""#);
        assert!(hint.contains("serve, review, normalize, migrate, help"), "{hint}");
    }
}
