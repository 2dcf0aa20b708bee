//! The known flags, and who set each: an argument or a variable.
//!
//! pico-args takes flags out of the arguments by name, wherever they stand,
//! so the order in which they are asked for would decide what `--rules --tls
//! dev x` means; it knows no `--`, and its `=` knows neither empty nor
//! non-UTF-8 values. [`Arguments::new`] therefore cuts at `--` and at `=`
//! first and refuses values that begin with `-`: what remains means the same
//! in any order.

use super::error::ConfigError;
use super::harbor;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The commands, as typed.
pub(super) const COMMANDS: [&str; 5] = [SERVE, REVIEW, NORMALIZE, MIGRATE, HELP];
pub(super) const SERVE: &str = "serve";
pub(super) const REVIEW: &str = "review";
pub(super) const NORMALIZE: &str = "normalize";
pub(super) const MIGRATE: &str = "migrate";
pub(super) const HELP: &str = "help";

const HELP_NAMES: [&str; 2] = ["-h", "--help"];
const VERSION_NAMES: [&str; 2] = ["-V", "--version"];

/// A flag, and the variable of the same meaning.
#[derive(Debug)]
pub(super) struct Flag {
    /// With its leading `--`.
    pub(super) name: &'static str,
    /// Whether a value follows; otherwise it is on or off.
    takes_value: bool,
    /// The commands that know it.
    pub(super) commands: &'static [&'static str],
}

impl Flag {
    pub(super) const fn value(name: &'static str, commands: &'static [&'static str]) -> Self {
        Self { name, takes_value: true, commands }
    }

    pub(super) const fn switch(name: &'static str, commands: &'static [&'static str]) -> Self {
        Self { name, takes_value: false, commands }
    }

    /// The variable that stands in for the flag: `DETOUR_TLS_CERT`.
    pub(super) fn variable(&self) -> String {
        let bare = self.name.trim_start_matches('-');
        format!("DETOUR_{}", bare.to_ascii_uppercase().replace('-', "_"))
    }
}

pub(super) const SERVING: &[&str] = &[SERVE];
const REVIEWING: &[&str] = &[SERVE, REVIEW];
const MIGRATING: &[&str] = &[MIGRATE];

pub(super) static LISTEN: Flag = Flag::value("--listen", SERVING);
pub(super) static OPS_LISTEN: Flag = Flag::value("--ops-listen", SERVING);
pub(super) static RULES: Flag = Flag::value("--rules", REVIEWING);
pub(super) static SOURCE: Flag = Flag::value("--source", SERVING);
pub(super) static TLS: Flag = Flag::value("--tls", SERVING);
pub(super) static TLS_CERT: Flag = Flag::value("--tls-cert", SERVING);
pub(super) static TLS_KEY: Flag = Flag::value("--tls-key", SERVING);
pub(super) static TLS_SECRET: Flag = Flag::value("--tls-secret", SERVING);
pub(super) static TLS_NAMES: Flag = Flag::value("--tls-names", SERVING);
pub(super) static TLS_LEAF_LIFE: Flag = Flag::value("--tls-leaf-life", SERVING);
pub(super) static TLS_SELF_PATCH_WEBHOOK: Flag = Flag::value("--tls-self-patch-webhook", SERVING);
pub(super) static SERVICE: Flag = Flag::value("--service", SERVING);
pub(super) static WEBHOOK_NAME: Flag = Flag::value("--webhook-name", SERVING);
pub(super) static NAMESPACE: Flag = Flag::value("--namespace", &[SERVE, MIGRATE]);
pub(super) static KUBECONFIG: Flag = Flag::value("--kubeconfig", SERVING);
pub(super) static LEASE: Flag = Flag::value("--lease", SERVING);
pub(super) static EXEMPT_NAMESPACES: Flag = Flag::value("--exempt-namespaces", REVIEWING);
pub(super) static EXEMPT_OWNERS: Flag = Flag::value("--exempt-owners", REVIEWING);
pub(super) static OPT_OUT_KEYS: Flag = Flag::value("--opt-out-keys", REVIEWING);
pub(super) static LABEL: Flag = Flag::value("--label", REVIEWING);
pub(super) static WARNINGS: Flag = Flag::switch("--warnings", REVIEWING);
pub(super) static MAX_CONNECTIONS: Flag = Flag::value("--max-connections", SERVING);
pub(super) static DRAIN: Flag = Flag::value("--drain", SERVING);
pub(super) static LOG_FORMAT: Flag = Flag::value("--log-format", SERVING);
pub(super) static LOG_LEVEL: Flag = Flag::value("--log-level", SERVING);
pub(super) static VALUES: Flag = Flag::value("--values", MIGRATING);
pub(super) static REPORT: Flag = Flag::value("--report", MIGRATING);
pub(super) static CHECK: Flag = Flag::value("--check", MIGRATING);

/// All flags but `--help` and `--version`, in the order of the help text.
pub(super) static FLAGS: [&Flag; 37] = [
    &LISTEN,
    &OPS_LISTEN,
    &RULES,
    &SOURCE,
    &harbor::URL,
    &harbor::REGISTRY,
    &harbor::USERNAME_FILE,
    &harbor::PASSWORD_FILE,
    &harbor::CA,
    &harbor::REFRESH,
    &harbor::PULL_SECRETS,
    &harbor::SKIP_UNHEALTHY,
    &harbor::INSECURE,
    &TLS,
    &TLS_CERT,
    &TLS_KEY,
    &TLS_SECRET,
    &TLS_NAMES,
    &TLS_LEAF_LIFE,
    &TLS_SELF_PATCH_WEBHOOK,
    &SERVICE,
    &WEBHOOK_NAME,
    &NAMESPACE,
    &KUBECONFIG,
    &LEASE,
    &EXEMPT_NAMESPACES,
    &EXEMPT_OWNERS,
    &OPT_OUT_KEYS,
    &LABEL,
    &WARNINGS,
    &MAX_CONNECTIONS,
    &DRAIN,
    &LOG_FORMAT,
    &LOG_LEVEL,
    &VALUES,
    &REPORT,
    &CHECK,
];

/// The flag called `name`, of whatever command.
pub(super) fn find(name: &OsStr) -> Option<&'static Flag> {
    FLAGS.into_iter().find(|flag| name == flag.name)
}

/// The long names that `command` knows.
pub(super) fn names_of(command: &str) -> impl Iterator<Item = &'static str> {
    let own = FLAGS.iter().filter(move |flag| flag.commands.contains(&command));
    own.map(|flag| flag.name).chain([HELP_NAMES[1], VERSION_NAMES[1]])
}

/// A value, and the flag or variable that gave it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given<T> {
    pub(super) name: String,
    pub(super) value: T,
}

/// Turns text into a value, or says what was expected.
pub(super) type Syntax<T> = fn(&OsStr) -> Result<T, &'static str>;

/// Looks up a variable of the environment.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The arguments not yet taken, and the variables behind them.
pub(super) struct Arguments<'a> {
    options: pico_args::Arguments,
    after_dashes: Vec<OsString>,
    variables: Variables<'a>,
}

impl<'a> Arguments<'a> {
    /// Cuts `args` at the first `--`, and `--flag=value` at the first `=`.
    pub(super) fn new(mut args: Vec<OsString>, variables: Variables<'a>) -> Self {
        let dashes = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
        let after_dashes = args.drain(dashes..).skip(1).collect();
        let options = args.into_iter().flat_map(cut_at_equals).collect();
        Self { options: pico_args::Arguments::from_vec(options), after_dashes, variables }
    }

    /// Whether `--help` or `-h` stands anywhere before `--`.
    pub(super) fn asks_for_help(&mut self) -> bool {
        self.options.contains(HELP_NAMES)
    }

    /// Whether `--version` or `-V` stands anywhere before `--`.
    pub(super) fn asks_for_version(&mut self) -> bool {
        self.options.contains(VERSION_NAMES)
    }

    /// Takes the first argument, which is one of [`COMMANDS`], and checks the
    /// shape of the others.
    pub(super) fn command(&mut self) -> Result<&'static str, ConfigError> {
        let options = self.options.clone().finish();
        let Ok(Some(given)) = self.options.subcommand() else {
            return Err(match options.into_iter().next() {
                Some(first) if !begins_with_dash(&first) => {
                    ConfigError::UnknownCommand { given: first }
                }
                found => ConfigError::NoCommand { found },
            });
        };
        let Some(command) = COMMANDS.into_iter().find(|command| *command == given) else {
            return Err(ConfigError::UnknownCommand { given: given.into() });
        };
        check_shape(command, &options)?;
        Ok(command)
    }

    /// Takes the value of `flag`, or else of its variable.
    pub(super) fn value<T>(
        &mut self,
        flag: &'static Flag,
        syntax: Syntax<T>,
    ) -> Result<Option<Given<T>>, ConfigError> {
        let mut texts = self.texts(flag)?;
        if texts.len() > 1 {
            return Err(ConfigError::Repeated { flag: flag.name });
        }
        match texts.pop() {
            Some(text) => interpret(flag.name.to_owned(), &text, syntax).map(Some),
            None => self.variable(flag, syntax),
        }
    }

    /// Takes every value of `flag` in order, or else its variable as a whole.
    pub(super) fn values<T>(
        &mut self,
        flag: &'static Flag,
        one: Syntax<T>,
        all: Syntax<Vec<T>>,
    ) -> Result<Option<Given<Vec<T>>>, ConfigError> {
        let texts = self.texts(flag)?;
        if texts.is_empty() {
            return self.variable(flag, all);
        }
        let name = flag.name.to_owned();
        let values = texts.iter().map(|text| Ok(interpret(name.clone(), text, one)?.value));
        values.collect::<Result<_, _>>().map(|value| Some(Given { name, value }))
    }

    /// Whether `flag` is given, or else what its variable says.
    pub(super) fn switch(
        &mut self,
        flag: &'static Flag,
        syntax: Syntax<bool>,
    ) -> Result<bool, ConfigError> {
        let given = self.options.contains(flag.name);
        if given && self.options.contains(flag.name) {
            return Err(ConfigError::Repeated { flag: flag.name });
        }
        Ok(given || self.variable(flag, syntax)?.is_some_and(|given| given.value))
    }

    /// The value of a variable that no flag stands for.
    pub(super) fn foreign_variable<T>(
        &self,
        name: &str,
        syntax: Syntax<T>,
    ) -> Result<Option<Given<T>>, ConfigError> {
        // An empty variable counts as unset: it is how charts leave one out.
        let text = (self.variables)(name).filter(|text| !text.is_empty());
        text.map(|text| interpret(name.to_owned(), &text, syntax)).transpose()
    }

    /// What no flag of `command` has taken, in order.
    pub(super) fn operands(self, command: &'static str) -> Result<Vec<OsString>, ConfigError> {
        let mut operands = self.options.finish();
        if let Some(at) = operands.iter().position(|operand| begins_with_dash(operand)) {
            return Err(ConfigError::UnknownFlag { flag: operands.swap_remove(at), command });
        }
        operands.extend(self.after_dashes);
        Ok(operands)
    }

    fn variable<T>(&self, flag: &Flag, syntax: Syntax<T>) -> Result<Option<Given<T>>, ConfigError> {
        self.foreign_variable(&flag.variable(), syntax)
    }

    fn texts(&mut self, flag: &'static Flag) -> Result<Vec<OsString>, ConfigError> {
        let keep = |text: &OsStr| Ok::<_, ConfigError>(text.to_owned());
        self.options
            .values_from_os_str(flag.name, keep)
            .map_err(|_| ConfigError::MissingValue { flag: flag.name, found: None })
    }
}

fn interpret<T>(name: String, text: &OsStr, syntax: Syntax<T>) -> Result<Given<T>, ConfigError> {
    match syntax(text) {
        Ok(value) => Ok(Given { name, value }),
        Err(expected) => Err(ConfigError::Invalid { name, value: text.to_owned(), expected }),
    }
}

/// Refuses a flag without its value, so that no later look-up by name can
/// take a value for a flag or a flag for a value.
fn check_shape(command: &str, options: &[OsString]) -> Result<(), ConfigError> {
    for (index, option) in options.iter().enumerate() {
        let Some(flag) = find(option).filter(|flag| flag.commands.contains(&command)) else {
            continue;
        };
        let next = options.get(index + 1);
        let is_stdin = |next: &OsStr| flag.name == CHECK.name && next == "-";
        let has_value = next.is_some_and(|next| !begins_with_dash(next) || is_stdin(next));
        if flag.takes_value && !has_value {
            return Err(ConfigError::MissingValue { flag: flag.name, found: next.cloned() });
        }
        if has_value && !flag.takes_value {
            return Err(ConfigError::NeedlessValue { flag: flag.name });
        }
    }
    Ok(())
}

fn cut_at_equals(argument: OsString) -> Vec<OsString> {
    let bytes = argument.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) if bytes.starts_with(b"--") => {
            [&bytes[..at], &bytes[at + 1..]].map(|part| OsStr::from_bytes(part).into()).into()
        }
        _ => vec![argument],
    }
}

fn begins_with_dash(text: &OsStr) -> bool {
    text.as_bytes().starts_with(b"-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_follows_from_the_name() {
        let variables: Vec<String> = FLAGS.iter().map(|flag| flag.variable()).collect();
        assert_eq!(variables[0], "DETOUR_LISTEN");
        assert!(variables.contains(&"DETOUR_TLS_CERT".to_owned()));
        for variable in &variables {
            let bare = variable.strip_prefix("DETOUR_").expect("the prefix");
            assert!(bare.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{bare}");
        }
    }

    #[test]
    fn equals_is_cut_once_and_in_flags_only() {
        let cut = |text: &str| cut_at_equals(text.into());
        assert_eq!(cut("--label=a=b"), ["--label", "a=b"]);
        assert_eq!(cut("--exempt-owners="), ["--exempt-owners", ""]);
        assert_eq!(cut("a=b"), ["a=b"]);
        let odd = cut_at_equals(OsStr::from_bytes(b"--rules=\xff").into());
        assert_eq!(odd, [OsStr::new("--rules"), OsStr::from_bytes(b"\xff")]);
    }
}
