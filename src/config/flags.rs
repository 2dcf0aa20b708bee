//! What the operator wrote, typed: no default, no limit, nothing checked
//! against anything else.

use super::LogFormat;
use super::arguments::{self, Arguments, Given, Variables};
use super::error::ConfigError;
use super::harbor::{self, HarborFlags};
use super::migrate::{self, MigrateFlags};
use super::syntax::{self, SourceName, TlsMode};
use super::write_back::{self, WriteBackFlags};
use log::LevelFilter;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The namespace we run in; the chart sets it from the downward API.
const OWN_NAMESPACE_VARIABLE: &str = "POD_NAMESPACE";

/// A command as written.
pub(super) enum Flags {
    Help,
    Version,
    Serve(Box<ServeFlags>),
    Review(Box<ReviewFlags>),
    Normalize(Vec<OsString>),
    Migrate(Box<MigrateFlags>),
}

/// The flags of `detour serve`.
pub(super) struct ServeFlags {
    pub(super) listen: Option<Given<SocketAddr>>,
    pub(super) ops_listen: Option<Given<SocketAddr>>,
    pub(super) sources: Option<Given<Vec<SourceName>>>,
    pub(super) kubeconfig: Option<Given<PathBuf>>,
    pub(super) namespace: Option<Given<String>>,
    pub(super) harbor: HarborFlags,
    pub(super) tls: TlsFlags,
    pub(super) write_back: WriteBackFlags,
    pub(super) review: ReviewFlags,
    pub(super) max_connections: Option<Given<u32>>,
    pub(super) drain_seconds: Option<Given<u32>>,
    pub(super) log_format: Option<Given<LogFormat>>,
    pub(super) log_level: Option<Given<LevelFilter>>,
}

/// The flags of `detour serve` about certificates.
#[derive(Default)]
pub(super) struct TlsFlags {
    pub(super) mode: Option<Given<TlsMode>>,
    pub(super) cert: Option<Given<PathBuf>>,
    pub(super) key: Option<Given<PathBuf>>,
    pub(super) secret: Option<Given<String>>,
    pub(super) names: Option<Given<Vec<String>>>,
    pub(super) leaf_life: Option<Given<Duration>>,
    pub(super) patch_webhook: Option<Given<bool>>,
    pub(super) service: Option<Given<String>>,
    pub(super) webhook_name: Option<Given<String>>,
}

/// The flags of `detour review`, all of which `detour serve` has too.
pub(super) struct ReviewFlags {
    pub(super) rules: Option<Given<Vec<PathBuf>>>,
    pub(super) exempt_namespaces: Option<Given<Vec<String>>>,
    pub(super) exempt_owners: Option<Given<Vec<String>>>,
    pub(super) opt_out_keys: Option<Given<Vec<String>>>,
    pub(super) label: Option<Given<(String, String)>>,
    pub(super) warnings: bool,
    pub(super) own_namespace: Option<Given<String>>,
}

/// Reads a command and its flags; `--help` and `--version` win over whatever
/// else is there, however wrong.
pub(super) fn read(args: Vec<OsString>, variables: Variables) -> Result<Flags, ConfigError> {
    let mut arguments = Arguments::new(args, variables);
    if arguments.asks_for_help() {
        return Ok(Flags::Help);
    }
    if arguments.asks_for_version() {
        return Ok(Flags::Version);
    }
    let command = arguments.command()?;
    let flags = match command {
        arguments::SERVE => Flags::Serve(Box::new(read_serve(&mut arguments)?)),
        arguments::REVIEW => Flags::Review(Box::new(read_review(&mut arguments)?)),
        arguments::NORMALIZE => return arguments.operands(command).map(Flags::Normalize),
        arguments::MIGRATE => {
            let flags = migrate::read(arguments)?;
            return Ok(Flags::Migrate(Box::new(flags)));
        }
        _ => return Ok(Flags::Help),
    };
    let unexpected = arguments.operands(command)?.into_iter().next();
    unexpected
        .map_or(Ok(flags), |argument| Err(ConfigError::UnexpectedArgument { argument, command }))
}

fn read_serve(arguments: &mut Arguments) -> Result<ServeFlags, ConfigError> {
    Ok(ServeFlags {
        listen: arguments.value(&arguments::LISTEN, syntax::address)?,
        ops_listen: arguments.value(&arguments::OPS_LISTEN, syntax::address)?,
        sources: arguments.values(&arguments::SOURCE, syntax::source, syntax::sources)?,
        kubeconfig: arguments.value(&arguments::KUBECONFIG, syntax::path)?,
        namespace: arguments.value(&arguments::NAMESPACE, syntax::label)?,
        harbor: harbor::read(arguments)?,
        tls: read_tls(arguments)?,
        write_back: write_back::read(arguments)?,
        review: read_review(arguments)?,
        max_connections: arguments.value(&arguments::MAX_CONNECTIONS, syntax::number)?,
        drain_seconds: arguments.value(&arguments::DRAIN, syntax::seconds)?,
        log_format: arguments.value(&arguments::LOG_FORMAT, syntax::log_format)?,
        log_level: arguments.value(&arguments::LOG_LEVEL, syntax::log_level)?,
    })
}

fn read_tls(arguments: &mut Arguments) -> Result<TlsFlags, ConfigError> {
    Ok(TlsFlags {
        mode: arguments.value(&arguments::TLS, syntax::tls_mode)?,
        cert: arguments.value(&arguments::TLS_CERT, syntax::path)?,
        key: arguments.value(&arguments::TLS_KEY, syntax::path)?,
        secret: arguments.value(&arguments::TLS_SECRET, syntax::object_name)?,
        names: arguments.value(&arguments::TLS_NAMES, syntax::list)?,
        leaf_life: arguments.value(&arguments::TLS_LEAF_LIFE, syntax::life)?,
        patch_webhook: arguments.value(&arguments::TLS_SELF_PATCH_WEBHOOK, syntax::boolean)?,
        service: arguments.value(&arguments::SERVICE, syntax::label)?,
        webhook_name: arguments.value(&arguments::WEBHOOK_NAME, syntax::object_name)?,
    })
}

fn read_review(arguments: &mut Arguments) -> Result<ReviewFlags, ConfigError> {
    Ok(ReviewFlags {
        rules: arguments.values(&arguments::RULES, syntax::path, syntax::paths)?,
        exempt_namespaces: arguments.value(&arguments::EXEMPT_NAMESPACES, syntax::list)?,
        exempt_owners: arguments.value(&arguments::EXEMPT_OWNERS, syntax::list)?,
        opt_out_keys: arguments.value(&arguments::OPT_OUT_KEYS, syntax::list)?,
        label: arguments.value(&arguments::LABEL, syntax::key_and_value)?,
        warnings: arguments.switch(&arguments::WARNINGS, syntax::boolean)?,
        own_namespace: arguments.foreign_variable(OWN_NAMESPACE_VARIABLE, syntax::text)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    fn serve(args: &[&str], environment: &[(&str, &str)]) -> Result<Box<ServeFlags>, ConfigError> {
        let args = ["serve"].iter().chain(args).map(OsString::from).collect();
        let variables = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        match read(args, &variables)? {
            Flags::Serve(flags) => Ok(flags),
            _ => panic!("another command than serve"),
        }
    }

    fn fault(args: &[&str]) -> String {
        serve(args, &[]).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_order_of_flags_does_not_matter() {
        let orders: [&[&str]; 3] = [
            &["--tls-cert=/c", "--tls", "files", "--tls-key", "/k"],
            &["--tls=files", "--tls-key=/k", "--tls-cert", "/c"],
            &["--tls-key", "/k", "--tls-cert", "/c", "--tls", "files"],
        ];
        for args in orders {
            let flags = serve(args, &[]).expect("three flags");
            assert_eq!(flags.tls.mode.map(|given| given.value), Some(TlsMode::Files));
            assert_eq!(flags.tls.cert.map(|given| given.value), Some("/c".into()));
            assert_eq!(flags.tls.key.map(|given| given.value), Some("/k".into()));
        }
    }

    #[test]
    fn a_flag_is_never_taken_for_a_value() {
        assert_eq!(
            fault(&["--rules", "--tls", "dev", "/x"]),
            r#"--rules needs a value, not "--tls""#
        );
        assert_eq!(fault(&["--rules=--tls", "dev"]), r#"--rules needs a value, not "--tls""#);
        assert_eq!(fault(&["--tls", "dev", "--rules"]), "--rules needs a value");
        assert_eq!(fault(&["--drain", "-5"]), r#"--drain needs a value, not "-5""#);
        assert_eq!(fault(&["--warnings=true"]), "--warnings takes no value");
    }

    #[test]
    fn values_are_taken_as_written() {
        let flags = serve(&["--label=a=\"b\"", "--exempt-owners="], &[]).expect("two flags");
        let label = flags.review.label.map(|given| given.value);
        assert_eq!(label, Some(("a".to_owned(), "\"b\"".to_owned())));
        assert_eq!(flags.review.exempt_owners.map(|given| given.value), Some(Vec::new()));
    }

    #[test]
    fn rules_add_up_in_order_and_nothing_else_does() {
        let flags = serve(&["--rules", "/b", "--rules=/a", "--rules", "/b"], &[]);
        let rules = flags.expect("three paths").review.rules.map(|given| given.value);
        assert_eq!(rules, Some(["/b", "/a", "/b"].map(PathBuf::from).to_vec()));
        assert_eq!(fault(&["--tls", "dev", "--tls=dev"]), "--tls is given more than once");
        assert_eq!(fault(&["--warnings", "--warnings"]), "--warnings is given more than once");
    }

    #[test]
    fn a_flag_wins_over_its_variable_and_an_empty_variable_is_unset() {
        let environment = [("DETOUR_RULES", "/x:/y"), ("DETOUR_DRAIN", "nonsense")];
        let flags = serve(&["--drain=7", "--rules=/z"], &environment).expect("flags win");
        assert_eq!(flags.drain_seconds, Some(Given { name: "--drain".to_owned(), value: 7 }));
        assert_eq!(flags.review.rules.map(|given| given.value), Some(vec!["/z".into()]));

        let flags = serve(&["--drain=7"], &environment).expect("paths");
        let name = "DETOUR_RULES".to_owned();
        assert_eq!(flags.review.rules, Some(Given { name, value: vec!["/x".into(), "/y".into()] }));

        let flags = serve(&[], &[("DETOUR_DRAIN", ""), ("DETOUR_WARNINGS", "")]).expect("unset");
        assert_eq!((flags.drain_seconds, flags.review.warnings), (None, false));
    }

    #[test]
    fn a_bad_variable_is_named() {
        let error = |environment| serve(&[], &[environment]).err().expect("a fault");
        let wrong = error(("DETOUR_DRAIN", "soon"));
        assert_eq!(wrong.to_string(), r#"invalid value "soon" for DETOUR_DRAIN"#);
        assert_eq!(wrong.hint(), "expected whole seconds, such as 15 or 15s");
        let wrong = error(("DETOUR_WARNINGS", "yes"));
        assert_eq!(wrong.to_string(), r#"invalid value "yes" for DETOUR_WARNINGS"#);
        let flags = serve(&[], &[("DETOUR_WARNINGS", "true")]).expect("on");
        assert!(flags.review.warnings);
    }

    #[test]
    fn what_no_flag_takes_is_refused() {
        assert_eq!(fault(&["--tsl", "dev"]), r#"unknown flag "--tsl" for `detour serve`"#);
        assert_eq!(fault(&["--tls", "dev", "more"]), r#"unexpected argument "more""#);
        assert_eq!(fault(&["--tls", "dev", "--", "--rules"]), r#"unexpected argument "--rules""#);
        assert_eq!(fault(&["-x"]), r#"unknown flag "-x" for `detour serve`"#);
    }

    #[test]
    fn a_value_that_is_not_unicode_is_a_path_or_a_fault() {
        let odd = |flag: &str| {
            let args = vec!["serve".into(), flag.into(), OsStr::from_bytes(b"\xff").into()];
            read(args, &|_| None).err().map(|error| error.to_string())
        };
        assert_eq!(odd("--rules"), None);
        assert_eq!(odd("--tls-key"), None);
        assert_eq!(odd("--label").as_deref(), Some(r#"invalid value "\xFF" for --label"#));
        assert_eq!(odd("--tls").as_deref(), Some(r#"invalid value "\xFF" for --tls"#));
    }

    #[test]
    fn help_and_version_win_over_whatever_is_wrong() {
        let read = |args: &[&str]| read(args.iter().map(OsString::from).collect(), &|_| None);
        for args in [
            &["--help"][..],
            &["-h"],
            &["help"],
            &["help", "serve"],
            &["serve", "--nonsense", "-h"],
            &["nonsense", "--help"],
            &["serve", "--rules", "--help"],
            &["normalize", "--help", "-V"],
        ] {
            assert!(matches!(read(args), Ok(Flags::Help)), "{args:?}");
        }
        for args in [&["--version"][..], &["-V"], &["serve", "x", "--version"]] {
            assert!(matches!(read(args), Ok(Flags::Version)), "{args:?}");
        }
        assert!(matches!(read(&["normalize", "--", "--help"]), Ok(Flags::Normalize(_))));
        assert!(matches!(read(&["--", "--help"]), Err(ConfigError::NoCommand { found: None })));
    }
}
