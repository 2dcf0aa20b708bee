//! From what was written to what holds: which pods are left alone, and what
//! is recorded on the others.

use super::arguments::Given;
use super::flags::ReviewFlags;
use super::{ConfigError, DEFAULT_EXEMPT_NAMESPACE, DEFAULT_EXEMPT_OWNERS};
use crate::mapping::policy::{OPT_OUT_VALUE, OptOut, Policy};
use crate::rules::names::{is_annotation_key, is_label_key, is_label_value, is_namespace};
use crate::rules::selector::Globs;
use std::path::PathBuf;

/// Decides what the flags of `detour review` mean; gives the paths of the
/// rules as they are.
pub(super) fn check_policy(
    flags: ReviewFlags,
) -> Result<(Option<Vec<PathBuf>>, Policy), ConfigError> {
    let ReviewFlags {
        rules,
        exempt_namespaces,
        exempt_owners,
        opt_out_keys,
        label,
        warnings,
        own_namespace,
    } = flags;
    let exempt_namespaces = match exempt_namespaces {
        Some(given) => globs(given, is_namespace_glob, "globs on namespaces, such as kube-*")?,
        None => default_exempt_namespaces(own_namespace)?,
    };
    let exempt_owners = exempt_owners.unwrap_or_else(|| Given {
        name: String::new(),
        value: DEFAULT_EXEMPT_OWNERS.map(str::to_owned).to_vec(),
    });
    let expected = "globs on GROUP/KIND, such as apps.example.com/*; the core group is core";
    let exempt_owners = globs(exempt_owners, is_owner_glob, expected)?;
    let opt_outs = opt_out_keys.map(check_opt_outs).transpose()?.unwrap_or_default();
    let policy = Policy { exempt_namespaces, exempt_owners, opt_outs, label: None, warnings };
    let label = label.map(|given| check_label(given, &policy)).transpose()?;
    Ok((rules.map(|given| given.value), Policy { label, ..policy }))
}

fn check_opt_outs(given: Given<Vec<String>>) -> Result<Vec<OptOut>, ConfigError> {
    let is_valid = |text: &str| {
        let OptOut { key, value } = opt_out(text);
        is_annotation_key(&key) && is_label_value(&value)
    };
    let expected = "keys of labels, such as example.com/name, or example.com/name=VALUE";
    Ok(all(given, is_valid, expected)?.iter().map(|text| opt_out(text)).collect())
}

/// `KEY` or `KEY=VALUE`.
fn opt_out(text: &str) -> OptOut {
    let (key, value) = text.split_once('=').unwrap_or((text, OPT_OUT_VALUE));
    OptOut { key: key.to_owned(), value: value.to_owned() }
}

fn default_exempt_namespaces(own: Option<Given<String>>) -> Result<Globs, ConfigError> {
    let mut namespaces = vec![DEFAULT_EXEMPT_NAMESPACE.to_owned()];
    if let Some(Given { name, value }) = own {
        let given = Given { name, value: vec![value] };
        let own = all(given, is_namespace, "the name of a namespace")?;
        namespaces.extend(own.into_iter().filter(|own| own != DEFAULT_EXEMPT_NAMESPACE));
    }
    let given = Given { name: String::new(), value: namespaces };
    globs(given, is_namespace, "the name of a namespace")
}

fn check_label(
    given: Given<(String, String)>,
    policy: &Policy,
) -> Result<(String, String), ConfigError> {
    let Given { name, value: (key, value) } = given;
    let written = format!("{key}={value}");
    if !is_label_key(&key) || !is_label_value(&value) {
        let expected = "a valid label, [DOMAIN/]NAME=VALUE with at most 63 letters, digits, \
                        inner -, _ and . in each of NAME and VALUE";
        return Err(ConfigError::Invalid { name, value: written.into(), expected });
    }
    if policy.is_opt_out(&key, &value) {
        return Err(ConfigError::Contradiction {
            this: format!("{name} {written}"),
            that: "the opt-out of the same text".to_owned(),
            hint: "every patched pod would count as opted out; choose another label",
        });
    }
    Ok((key, value))
}

/// The items of a list, all of which are what `is_valid` asks for.
fn all(
    given: Given<Vec<String>>,
    is_valid: fn(&str) -> bool,
    expected: &'static str,
) -> Result<Vec<String>, ConfigError> {
    let Given { name, value: items } = given;
    match items.iter().find(|item| !is_valid(item)) {
        None => Ok(items),
        Some(item) => Err(ConfigError::Invalid { name, value: item.into(), expected }),
    }
}

/// The same, compiled.
fn globs(
    given: Given<Vec<String>>,
    is_valid: fn(&str) -> bool,
    expected: &'static str,
) -> Result<Globs, ConfigError> {
    let name = given.name.clone();
    let items = all(given, is_valid, expected)?;
    Globs::new(items.iter().map(String::as_str)).map_err(|(glob, _)| ConfigError::Invalid {
        name,
        value: glob.into(),
        expected,
    })
}

/// Whether `text` could match a namespace at all.
fn is_namespace_glob(text: &str) -> bool {
    let in_name = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    !text.is_empty() && text.bytes().all(|byte| in_name(byte) || is_glob_mark(byte))
}

/// Whether `text` could match a `GROUP/KIND` at all.
fn is_owner_glob(text: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/');
    text.bytes().all(|byte| in_name(byte) || is_glob_mark(byte))
        && (text == "**" || text.split_once('/').is_some_and(|(_, kind)| !kind.is_empty()))
}

fn is_glob_mark(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[' | b']')
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};
    use super::*;
    use std::ffi::OsString;

    fn policy(args: &[&str], environment: &[(&str, &str)]) -> Result<Policy, ConfigError> {
        let args = ["review", "--rules=/r"].iter().chain(args).map(OsString::from).collect();
        let variables = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        match parse(args, &variables)? {
            Command::Review(config) => Ok(config.policy),
            other => panic!("{other:?}"),
        }
    }

    fn sources(globs: &Globs) -> Vec<String> {
        globs.sources().map(str::to_owned).collect()
    }

    fn fault(args: &[&str]) -> String {
        policy(args, &[]).expect_err("a fault").to_string()
    }

    #[test]
    fn our_own_namespace_is_exempt_unless_the_list_is_given() {
        let namespaces = |args, own| {
            policy(args, &[("POD_NAMESPACE", own)]).map(|policy| sources(&policy.exempt_namespaces))
        };
        let list = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(namespaces(&[], "detour"), list(&["kube-system", "detour"]));
        assert_eq!(namespaces(&[], "kube-system"), list(&["kube-system"]));
        assert_eq!(namespaces(&[], ""), list(&["kube-system"]));
        assert_eq!(namespaces(&["--exempt-namespaces=a-*,b"], "detour"), list(&["a-*", "b"]));
        assert_eq!(namespaces(&["--exempt-namespaces="], "detour"), list(&[]));
        let error = namespaces(&[], "De tour").expect_err("no namespace");
        assert_eq!(error.to_string(), r#"invalid value "De tour" for POD_NAMESPACE"#);
    }

    #[test]
    fn a_list_replaces_its_default() {
        let owners = |args| sources(&policy(args, &[]).expect("owners").exempt_owners);
        assert_eq!(owners(&[]), DEFAULT_EXEMPT_OWNERS);
        assert_eq!(owners(&["--exempt-owners", ""]), [""; 0]);
        let own = "apps.example.com/[A-C]*,*/Database,core/ReplicationController,**";
        let items: Vec<&str> = own.split(',').collect();
        assert_eq!(owners(&["--exempt-owners", own]), items);
    }

    #[test]
    fn globs_that_could_match_nothing_are_refused() {
        for glob in ["Kube-System", "a.b", "a/b", "a b", "{a}"] {
            let error = fault(&["--exempt-namespaces", glob]);
            assert_eq!(error, format!("invalid value {glob:?} for --exempt-namespaces"));
        }
        for glob in ["Database", "a/[b", "*", "apps/", "apps/Two Words", "apps/Ü"] {
            let error = fault(&["--exempt-owners", glob]);
            assert_eq!(error, format!("invalid value {glob:?} for --exempt-owners"));
        }
        for item in ["b c", "=disabled", "a=b=c", "a=-", "a/b/c=d"] {
            let error = fault(&["--opt-out-keys", &format!("a,a=b,a=,{item}")]);
            assert_eq!(error, format!("invalid value {item:?} for --opt-out-keys"));
        }
    }

    #[test]
    fn a_label_is_what_the_api_server_accepts() {
        let label = |text| policy(&["--label", text], &[]).map(|policy| policy.label);
        let pair = |key: &str, value: &str| Ok(Some((key.to_owned(), value.to_owned())));
        assert_eq!(label("detour.dev/rewritten=true"), pair("detour.dev/rewritten", "true"));
        assert_eq!(label("a="), pair("a", ""));
        for text in ["a", "=b", "a=b=c", "a=b c", "Example.com/a=b", "a/=b", "a=-b"] {
            assert!(label(text).is_err(), "{text}");
        }
        assert_eq!(fault(&["--label", "a b=c"]), r#"invalid value "a b=c" for --label"#);
    }

    #[test]
    fn an_opt_out_has_a_value_of_its_own_or_disabled() {
        let policy = policy(&["--opt-out-keys=a.example/b,c=false,c=off"], &[]).expect("a policy");
        for (key, value, is_opt_out) in [
            ("a.example/b", "disabled", true),
            ("a.example/b", "false", false),
            ("c", "false", true),
            ("c", "off", true),
            ("c", "disabled", false),
            ("detour.dev/rewrite", "disabled", true),
            ("detour.dev/rewrite", "false", false),
        ] {
            assert_eq!(policy.is_opt_out(key, value), is_opt_out, "{key}={value}");
        }
    }

    #[test]
    fn a_label_must_not_opt_pods_out() {
        assert_eq!(
            fault(&["--label=detour.dev/rewrite=disabled"]),
            "--label detour.dev/rewrite=disabled contradicts the opt-out of the same text"
        );
        let keys = "--opt-out-keys=example.com/detour";
        assert!(policy(&[keys, "--label=example.com/detour=disabled"], &[]).is_err());
        assert!(policy(&[keys, "--label=example.com/detour=done"], &[]).is_ok());
        let keys = "--opt-out-keys=example.com/detour=done";
        assert!(policy(&[keys, "--label=example.com/detour=done"], &[]).is_err());
        assert!(policy(&[keys, "--label=example.com/detour=disabled"], &[]).is_ok());
    }
}
