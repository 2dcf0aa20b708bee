//! From what was written to what holds: which Harbor is asked, and as whom.

use super::ConfigError;
use super::arguments::{Arguments, Flag, Given, SERVING};
use super::syntax;
use crate::rules::names::is_object_name;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// How often Harbor is asked, when it is not given.
pub const DEFAULT_HARBOR_REFRESH: Duration = Duration::from_secs(300);
const REFRESH_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(86_400);
/// The path of Harbor's API, which may be written or not.
const API_PATH: &str = "/api/v2.0";

pub(super) static URL: Flag = Flag::value("--harbor-url", SERVING);
pub(super) static REGISTRY: Flag = Flag::value("--harbor-registry", SERVING);
pub(super) static USERNAME_FILE: Flag = Flag::value("--harbor-username-file", SERVING);
pub(super) static PASSWORD_FILE: Flag = Flag::value("--harbor-password-file", SERVING);
pub(super) static CA: Flag = Flag::value("--harbor-ca", SERVING);
pub(super) static REFRESH: Flag = Flag::value("--harbor-refresh", SERVING);
pub(super) static PULL_SECRETS: Flag = Flag::value("--harbor-pull-secrets", SERVING);
pub(super) static SKIP_UNHEALTHY: Flag = Flag::switch("--harbor-skip-unhealthy", SERVING);
pub(super) static INSECURE: Flag = Flag::switch("--harbor-insecure", SERVING);

/// What `--source harbor` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HarborConfig {
    /// Where it is, `https://` and a host, or `http://` where that is allowed;
    /// not yet checked further. Without the path of the API.
    pub url: String,
    /// Where images are pulled from, `HOST[:PORT]`, not yet checked; none for
    /// what Harbor tells.
    pub registry: Option<String>,
    /// The files of a username and its password.
    pub account: Option<(PathBuf, PathBuf)>,
    /// Authorities in PEM; none for those that everybody trusts.
    pub authority: Option<PathBuf>,
    /// The time between two refreshes, a second to a day.
    pub refresh: Duration,
    /// Secrets for pods that use its rules.
    pub pull_secrets: Vec<String>,
    /// Whether registries that Harbor cannot reach are left out.
    pub skips_unhealthy: bool,
}

/// The flags about it.
#[derive(Default)]
pub(super) struct HarborFlags {
    url: Option<Given<String>>,
    registry: Option<Given<String>>,
    username_file: Option<Given<PathBuf>>,
    password_file: Option<Given<PathBuf>>,
    authority: Option<Given<PathBuf>>,
    refresh: Option<Given<Duration>>,
    pull_secrets: Option<Given<Vec<String>>>,
    skips_unhealthy: bool,
    is_insecure: bool,
}

/// Takes them out of the arguments.
pub(super) fn read(arguments: &mut Arguments) -> Result<HarborFlags, ConfigError> {
    Ok(HarborFlags {
        url: arguments.value(&URL, syntax::text)?,
        registry: arguments.value(&REGISTRY, syntax::text)?,
        username_file: arguments.value(&USERNAME_FILE, syntax::path)?,
        password_file: arguments.value(&PASSWORD_FILE, syntax::path)?,
        authority: arguments.value(&CA, syntax::path)?,
        refresh: arguments.value(&REFRESH, syntax::life)?,
        pull_secrets: arguments.value(&PULL_SECRETS, syntax::list)?,
        skips_unhealthy: arguments.switch(&SKIP_UNHEALTHY, syntax::boolean)?,
        is_insecure: arguments.switch(&INSECURE, syntax::boolean)?,
    })
}

/// Decides what they mean.
pub(super) fn check(flags: HarborFlags) -> Result<HarborConfig, ConfigError> {
    let HarborFlags {
        url,
        registry,
        username_file,
        password_file,
        authority,
        refresh,
        pull_secrets,
        skips_unhealthy,
        is_insecure,
    } = flags;
    let hint = "--source harbor needs --harbor-url https://HOST[:PORT]";
    let url = url.ok_or(ConfigError::Missing { flag: URL.name, hint })?;
    let account = match (username_file, password_file) {
        (Some(username), Some(password)) => Some((username.value, password.value)),
        (None, None) => None,
        (Some(_), None) => return Err(missing_half(&PASSWORD_FILE)),
        (None, Some(_)) => return Err(missing_half(&USERNAME_FILE)),
    };
    let refresh = refresh.map(check_refresh).transpose()?;
    Ok(HarborConfig {
        url: check_url(url, is_insecure)?,
        registry: registry.map(|given| given.value),
        account,
        authority: authority.map(|given| given.value),
        refresh: refresh.unwrap_or(DEFAULT_HARBOR_REFRESH),
        pull_secrets: pull_secrets.map(check_secrets).transpose()?.unwrap_or_default(),
        skips_unhealthy,
    })
}

/// Refuses flags that nobody would read.
pub(super) fn refuse(flags: HarborFlags) -> Result<(), ConfigError> {
    let texts = [flags.url, flags.registry].into_iter().flatten().map(|given| given.name);
    let files = [flags.username_file, flags.password_file, flags.authority];
    let files = files.into_iter().flatten().map(|given| given.name);
    let others = flags.refresh.map(|given| given.name);
    let lists = flags.pull_secrets.map(|given| given.name);
    let switches = [(flags.skips_unhealthy, &SKIP_UNHEALTHY), (flags.is_insecure, &INSECURE)];
    let switches = switches.into_iter().filter(|(is_on, _)| *is_on);
    let switches = switches.map(|(_, flag)| flag.name.to_owned());
    match texts.chain(files).chain(others).chain(lists).chain(switches).next() {
        None => Ok(()),
        Some(this) => Err(ConfigError::Contradiction {
            this,
            that: "sources without harbor".to_owned(),
            hint: "write --source harbor as well",
        }),
    }
}

fn missing_half(flag: &'static Flag) -> ConfigError {
    let hint = "an account has a username and a password, a file each";
    ConfigError::Missing { flag: flag.name, hint }
}

fn check_url(given: Given<String>, is_insecure: bool) -> Result<String, ConfigError> {
    let Given { name, value } = given;
    let bare = value.trim_end_matches('/');
    let bare = bare.strip_suffix(API_PATH).unwrap_or(bare);
    let scheme = bare.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        Some("https") => Ok(bare.to_owned()),
        Some("http") if is_insecure => Ok(bare.to_owned()),
        Some("http") => Err(ConfigError::Contradiction {
            this: format!("{name} with http://"),
            that: "the safety of the account".to_owned(),
            hint: "write https://, or --harbor-insecure if everybody on the way may read along",
        }),
        // The value may hold a password.
        _ => Err(ConfigError::Missing {
            flag: URL.name,
            hint: "its value must begin with https://, such as https://harbor.example.com",
        }),
    }
}

fn check_refresh(given: Given<Duration>) -> Result<Duration, ConfigError> {
    let Given { name, value } = given;
    match REFRESH_RANGE.contains(&value) {
        true => Ok(value),
        false => Err(ConfigError::Invalid {
            name,
            value: format!("{}s", value.as_secs()).into(),
            expected: "1s to 1d",
        }),
    }
}

fn check_secrets(given: Given<Vec<String>>) -> Result<Vec<String>, ConfigError> {
    let Given { name, value } = given;
    match value.iter().find(|secret| !is_object_name(secret)) {
        None => Ok(value),
        Some(secret) => Err(ConfigError::Invalid {
            name,
            value: secret.into(),
            expected: "names of Secrets, separated by commas",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, RuleSource, parse};
    use super::*;
    use std::ffi::OsString;

    fn config(line: &str) -> Result<HarborConfig, String> {
        let args = format!("serve --tls dev {line}");
        match parse(args.split_whitespace().map(OsString::from).collect(), &|_| None) {
            Ok(Command::Serve(config)) => match config.sources.into_iter().next_back() {
                Some(RuleSource::Harbor(harbor)) => Ok(*harbor),
                other => Err(format!("{other:?}")),
            },
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(format!("{error}: {}", error.hint())),
        }
    }

    #[test]
    fn a_url_suffices() {
        let expected = HarborConfig {
            url: "https://a.example".to_owned(),
            registry: None,
            account: None,
            authority: None,
            refresh: Duration::from_secs(300),
            pull_secrets: Vec::new(),
            skips_unhealthy: false,
        };
        for url in ["https://a.example", "https://a.example/", "https://a.example/api/v2.0/"] {
            assert_eq!(
                config(&format!("--source harbor --harbor-url {url}")),
                Ok(expected.clone())
            );
        }
    }

    #[test]
    fn every_flag_counts() {
        let all = "--source file --rules /r --source harbor --harbor-url http://a.example/h --harbor-registry b.example:1 \
                   --harbor-username-file /u --harbor-password-file /p --harbor-ca /c \
                   --harbor-refresh 1h --harbor-pull-secrets a,b.c --harbor-skip-unhealthy \
                   --harbor-insecure";
        let expected = HarborConfig {
            url: "http://a.example/h".to_owned(),
            registry: Some("b.example:1".to_owned()),
            account: Some(("/u".into(), "/p".into())),
            authority: Some("/c".into()),
            refresh: Duration::from_secs(3_600),
            pull_secrets: vec!["a".to_owned(), "b.c".to_owned()],
            skips_unhealthy: true,
        };
        assert_eq!(config(all), Ok(expected));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (line, error) in [
            ("--source harbor", "--harbor-url is missing"),
            ("--source harbor --harbor-url a.example", "--harbor-url is missing: its value must"),
            ("--source harbor --harbor-url http://a", "--harbor-url with http:// contradicts"),
            (
                "--source harbor --harbor-url https://a --harbor-username-file /u",
                "--harbor-password-file is missing",
            ),
            (
                "--source harbor --harbor-url https://a --harbor-password-file /u",
                "--harbor-username-file is missing",
            ),
            (
                "--source harbor --harbor-url https://a --harbor-refresh 2d",
                "invalid value \"172800s\" for --harbor-refresh",
            ),
            (
                "--source harbor --harbor-url https://a --harbor-pull-secrets A",
                "invalid value \"A\" for --harbor-pull-secrets",
            ),
            (
                "--source api --harbor-url https://a",
                "--harbor-url contradicts sources without harbor",
            ),
            (
                "--rules /r --harbor-insecure",
                "--harbor-insecure contradicts sources without harbor",
            ),
        ] {
            let told = config(line).expect_err("a fault");
            assert!(told.starts_with(error), "{line}: {told}");
        }
    }
}
