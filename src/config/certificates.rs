//! What the flags about certificates mean.

use super::arguments::{Given, TLS_CERT, TLS_KEY};
use super::flags::TlsFlags;
use super::syntax::TlsMode;
use super::{
    ConfigError, DEFAULT_LEAF_LIFE, DEFAULT_NAME, DEFAULT_TLS_SECRET, OwnCertificates, Tls,
};
use rustls_pki_types::ServerName;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// A shorter life leaves no time to renew; a longer one hides that renewing
/// does not work.
const LEAF_LIFE_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(365 * 24 * 3_600);

/// Decides where the certificate comes from.
pub(super) fn check_tls(flags: TlsFlags) -> Result<Tls, ConfigError> {
    let hint = "write --tls self in a cluster, --tls files --tls-cert PATH --tls-key PATH for \
                your own, or --tls dev to try it out";
    let mode = flags.mode.as_ref().ok_or(ConfigError::Missing { flag: "--tls", hint })?;
    let that = |word: &str| format!("{} {word}", mode.name);
    match mode.value {
        TlsMode::Dev => {
            refuse(&flags.file_flags(), &that("dev"), "files are read with --tls files only")?;
            refuse(&flags.own_flags(), &that("dev"), ONLY_SELF)?;
            Ok(Tls::Dev)
        }
        TlsMode::Files => {
            refuse(&flags.own_flags(), &that("files"), ONLY_SELF)?;
            check_files(flags.cert, flags.key)
        }
        TlsMode::Own => {
            refuse(&flags.file_flags(), &that("self"), "files are read with --tls files only")?;
            check_own(flags).map(Box::new).map(Tls::Own)
        }
    }
}

const ONLY_SELF: &str = "it belongs to --tls self only";

/// Refuses the first flag that is given.
fn refuse(given: &[Option<&str>], that: &str, hint: &'static str) -> Result<(), ConfigError> {
    match given.iter().flatten().next() {
        None => Ok(()),
        Some(this) => Err(ConfigError::Contradiction {
            this: (*this).to_owned(),
            that: that.to_owned(),
            hint,
        }),
    }
}

impl TlsFlags {
    fn file_flags(&self) -> [Option<&str>; 2] {
        [name(&self.cert), name(&self.key)]
    }

    fn own_flags(&self) -> [Option<&str>; 6] {
        [
            name(&self.secret),
            name(&self.names),
            name(&self.leaf_life),
            name(&self.patch_webhook),
            name(&self.service),
            name(&self.webhook_name),
        ]
    }
}

fn name<T>(given: &Option<Given<T>>) -> Option<&str> {
    given.as_ref().map(|given| given.name.as_str())
}

fn check_files(
    certificate: Option<Given<PathBuf>>,
    key: Option<Given<PathBuf>>,
) -> Result<Tls, ConfigError> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            Ok(Tls::Files { certificate: certificate.value, key: key.value })
        }
        (certificate, _) => {
            let flag = if certificate.is_none() { TLS_CERT.name } else { TLS_KEY.name };
            let hint = "--tls files needs both --tls-cert PATH and --tls-key PATH";
            Err(ConfigError::Missing { flag, hint })
        }
    }
}

fn check_own(flags: TlsFlags) -> Result<OwnCertificates, ConfigError> {
    let patches = flags.patch_webhook.as_ref().is_none_or(|given| given.value);
    if let (false, Some(webhook)) = (patches, &flags.webhook_name) {
        return Err(ConfigError::Contradiction {
            this: webhook.name.clone(),
            that: "--tls-self-patch-webhook false".to_owned(),
            hint: "leave one of them out: nothing is written into a webhook configuration",
        });
    }
    let leaf_life = match flags.leaf_life {
        None => DEFAULT_LEAF_LIFE,
        Some(given) if LEAF_LIFE_RANGE.contains(&given.value) => given.value,
        Some(given) => {
            let value = format!("{}s", given.value.as_secs()).into();
            let expected = "one minute (1m) to a year (365d)";
            return Err(ConfigError::Invalid { name: given.name, value, expected });
        }
    };
    let or = |given: Option<Given<String>>, default: &str| {
        given.map_or_else(|| default.to_owned(), |given| given.value)
    };
    let webhooks = patches.then(|| or(flags.webhook_name, DEFAULT_NAME));
    Ok(OwnCertificates {
        secret: or(flags.secret, DEFAULT_TLS_SECRET),
        service: or(flags.service, DEFAULT_NAME),
        names: flags.names.map_or(Ok(Vec::new()), check_names)?,
        webhooks,
        leaf_life,
    })
}

fn check_names(given: Given<Vec<String>>) -> Result<Vec<String>, ConfigError> {
    let wrong = given.value.iter().find(|name| ServerName::try_from(name.as_str()).is_err());
    match wrong {
        None => Ok(given.value),
        Some(wrong) => Err(ConfigError::Invalid {
            name: given.name,
            value: wrong.into(),
            expected: "DNS names and IP addresses, separated by commas",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, ServeConfig, parse};
    use super::*;

    fn command(line: &str) -> Result<ServeConfig, ConfigError> {
        let args = ["serve"].into_iter().chain(line.split_whitespace()).map(Into::into);
        match parse(args.collect(), &|name| (name == "POD_NAMESPACE").then(|| "pods".into()))? {
            Command::Serve(config) => Ok(*config),
            other => panic!("{other:?}"),
        }
    }

    fn fault(line: &str) -> (String, String) {
        let error = command(line).expect_err("a fault");
        (error.to_string(), error.hint())
    }

    fn own(line: &str) -> OwnCertificates {
        match command(&format!("--rules /r --tls self {line}")).map(|config| config.tls) {
            Ok(Tls::Own(own)) => *own,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn half_of_the_tls_flags_is_refused() {
        for (line, error) in [
            ("--rules /r", "--tls is missing"),
            ("--rules /r --tls files", "--tls-cert is missing"),
            ("--rules /r --tls files --tls-key /k", "--tls-cert is missing"),
            ("--rules /r --tls files --tls-cert /c", "--tls-key is missing"),
            ("--tls dev --tls-cert /c", "--tls-cert contradicts --tls dev"),
            ("--tls dev --tls-key /k", "--tls-key contradicts --tls dev"),
            ("--tls self --rules /r --tls-key /k", "--tls-key contradicts --tls self"),
            ("--tls dev --tls-secret x", "--tls-secret contradicts --tls dev"),
            (
                "--tls dev --tls-self-patch-webhook false",
                "--tls-self-patch-webhook contradicts --tls dev",
            ),
        ] {
            assert_eq!(fault(line).0, error, "{line}");
        }
    }

    #[test]
    fn self_needs_nothing_else() {
        let expected = OwnCertificates {
            secret: "detour-tls".to_owned(),
            service: "detour".to_owned(),
            names: Vec::new(),
            webhooks: Some("detour".to_owned()),
            leaf_life: Duration::from_secs(90 * 86_400),
        };
        assert_eq!(own(""), expected);
        assert_eq!(fault("--tls self").0, "--rules is missing");
    }

    #[test]
    fn self_takes_names() {
        let line = "--tls-secret a.b --service web --webhook-name c \
                    --tls-names a.example,127.0.0.1,::1 --tls-leaf-life 1m --kubeconfig /k";
        let expected = OwnCertificates {
            secret: "a.b".to_owned(),
            service: "web".to_owned(),
            names: ["a.example", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
            webhooks: Some("c".to_owned()),
            leaf_life: Duration::from_secs(60),
        };
        assert_eq!(own(line), expected);
        assert_eq!(own("--tls-self-patch-webhook=false").webhooks, None);
        assert_eq!(own("--tls-self-patch-webhook true").webhooks.as_deref(), Some("detour"));
        let config = command("--rules /r --tls self --kubeconfig /k").expect("a kubeconfig");
        assert_eq!(config.kubeconfig, Some("/k".into()));
        assert_eq!(config.listen.to_string(), "[::]:8443");
    }

    #[test]
    fn self_refuses_what_cannot_be() {
        for (line, error, hint) in [
            ("--tls-leaf-life 59s", r#"invalid value "59s" for --tls-leaf-life"#, "one minute"),
            ("--tls-leaf-life 366d", r#"invalid value "31622400s" for --tls-leaf-life"#, "a year"),
            ("--tls-names a..b", r#"invalid value "a..b" for --tls-names"#, "DNS names"),
            ("--service A", r#"invalid value "A" for --service"#, "lower-case"),
            ("--namespace a.b", r#"invalid value "a.b" for --namespace"#, "lower-case"),
            ("--tls-secret ../x", r#"invalid value "../x" for --tls-secret"#, "lower-case"),
            (
                "--webhook-name a --tls-self-patch-webhook=false",
                "--webhook-name contradicts --tls-self-patch-webhook false",
                "leave one of them out",
            ),
        ] {
            let found = fault(&format!("--tls self --rules /r {line}"));
            assert_eq!(found.0, error);
            assert!(found.1.contains(hint), "{}", found.1);
        }
    }
}
