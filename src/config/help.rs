//! The help text.

/// What `--help` prints: every flag with its default and its variable, at
/// most 80 columns wide.
pub const HELP: &str = "\
Detour redirects the images that pods pull to the registry you choose.

Usage: detour COMMAND [FLAG...]

Every flag but --help and --version can also be set by the variable named
beside it. A flag wins over its variable, and an empty variable is unset.

Commands
  serve             answer admission reviews over HTTPS until SIGTERM
  review            answer one AdmissionReview, from stdin to stdout
  normalize REF...  print what image references mean, one JSON object a line
  migrate SYSTEM FILE...
                    print the rules that another system's configuration is
  help              print this text; so does --help or -h with any command
  --version, -V     print the version

Listening (serve)
  --listen ADDR              admission reviews, HTTPS          [DETOUR_LISTEN]
                             default [::]:8443; with --tls dev 127.0.0.1:8443
  --ops-listen ADDR          probes, metrics and rules, HTTP
                             [DETOUR_OPS_LISTEN]
                             default [::]:8080; with --tls dev 127.0.0.1:8080

Rules (serve, review)
  --rules PATH               a file, or a directory of *.yaml, *.yml and
                             *.json; repeatable, the order counts
                             [DETOUR_RULES, paths separated by colons]
                             required, but with another --source, and for
                             serve --tls dev, which then uses a sample

Rules (serve)
  --source SOURCE            file: those of --rules;
                             configmap:NAMESPACE/NAME;
                             api: ImageMap and ClusterImageMap objects;
                             harbor: the proxy projects of a Harbor;
                             repeatable
                             [DETOUR_SOURCE, sources separated by commas]
                             default file

Harbor (serve --source harbor)
  --harbor-url URL           where it is, such as https://harbor.example.com;
                             required                    [DETOUR_HARBOR_URL]
  --harbor-registry HOST     HOST[:PORT] that images are pulled from
                             [DETOUR_HARBOR_REGISTRY] default what Harbor tells
                             an account
  --harbor-username-file PATH
                             holds the name of an account, such as robot$detour
                             [DETOUR_HARBOR_USERNAME_FILE] default none: only
                             public projects
  --harbor-password-file PATH
                             holds its secret; required with the other
                             [DETOUR_HARBOR_PASSWORD_FILE]
  --harbor-ca PATH           PEM authorities that sign its certificate
                             [DETOUR_HARBOR_CA] default
                             /etc/ssl/certs/ca-certificates.crt
  --harbor-refresh LIFE      how often it is asked, 1s to 1d
                             [DETOUR_HARBOR_REFRESH] default 5m
  --harbor-pull-secrets LIST
                             Secrets for pods that use its rules, separated by
                             commas  [DETOUR_HARBOR_PULL_SECRETS] default none
  --harbor-skip-unhealthy    leave out registries that Harbor cannot reach
                             [DETOUR_HARBOR_SKIP_UNHEALTHY, true or false]
                             default off
  --harbor-insecure          allow a URL with http://: everybody on the way
                             reads the account
                             [DETOUR_HARBOR_INSECURE, true or false] default off

TLS (serve)
  --tls self|files|dev       self: an authority and certificates of our own, in
                             a Secret; files: your own; dev: a certificate made
                             at start, to try it out; required  [DETOUR_TLS]
  --tls-cert PATH            PEM chain, leaf first; required with
                             --tls files                   [DETOUR_TLS_CERT]
  --tls-key PATH             PEM private key; required with
                             --tls files                    [DETOUR_TLS_KEY]

Certificates of our own (serve --tls self)
  --tls-secret NAME          the Secret, shared by all replicas; made if need be
                             [DETOUR_TLS_SECRET] default detour-tls
  --tls-names LIST           names and addresses of the certificate besides
                             SERVICE.NAMESPACE.svc, separated by commas
                             [DETOUR_TLS_NAMES] default none
  --tls-leaf-life LIFE       of a certificate, 1m to 365d; renewed at two thirds
                             [DETOUR_TLS_LEAF_LIFE] default 90d
  --tls-self-patch-webhook BOOL
                             whether caBundle of the webhook configuration is
                             written; if false, the Secret's ca.crt belongs
                             there  [DETOUR_TLS_SELF_PATCH_WEBHOOK] default true
  --service NAME             the Service that the API server calls
                             [DETOUR_SERVICE] default detour
  --webhook-name NAME        the MutatingWebhookConfiguration
                             [DETOUR_WEBHOOK_NAME] default detour
  --namespace NAME           of the Secret, the Service and the Lease; see also
                             migrate
                             [DETOUR_NAMESPACE] default POD_NAMESPACE, else that
                             of the service account or the kubeconfig

API server (serve with --source configmap or api, or --tls self)
  --kubeconfig PATH          how to reach it
                             [DETOUR_KUBECONFIG] default the service account of
                             the pod

Writing back to the cluster (serve --source api)
  --lease NAME               the Lease by which one of the instances is chosen
                             that writes statuses and events
                             [DETOUR_LEASE] default detour

What is left alone (serve, review)
  --exempt-namespaces LIST   globs separated by commas
                             [DETOUR_EXEMPT_NAMESPACES] default kube-system
                             and, if POD_NAMESPACE is set, that namespace
  --exempt-owners LIST       globs on GROUP/KIND of a pod's owners, separated
                             by commas; an empty text is none
                             [DETOUR_EXEMPT_OWNERS] default
                             postgresql.cnpg.io/*, acid.zalan.do/*,
                             asdb.aerospike.com/*,
                             operators.coreos.com/CatalogSource
  --opt-out-keys LIST        labels or annotations that opt a pod out, as KEY,
                             when its value is disabled, or KEY=VALUE,
                             separated by commas
                             [DETOUR_OPT_OUT_KEYS] default none, besides
                             detour.dev/rewrite, which always counts

Recording (serve, review)
  --label KEY=VALUE          a label for every pod that is patched
                             [DETOUR_LABEL] default none
  --warnings                 warn users of kubectl of each rewritten image
                             [DETOUR_WARNINGS, true or false] default off

Limits (serve)
  --max-connections N        open connections, 8 to 65536, for admission
                             [DETOUR_MAX_CONNECTIONS] default 256
  --drain SECONDS            how long reviews are still answered after SIGTERM,
                             0 to 600                 [DETOUR_DRAIN] default 15

Log (serve)
  --log-format FORMAT        auto, text or json; auto is text on a terminal
                             [DETOUR_LOG_FORMAT] default auto
  --log-level LEVEL          error, warn, info, debug or trace
                             [DETOUR_LOG_LEVEL] default info

Migrating (migrate)
  SYSTEM is k8s-proxy-image-swapper, k8s-image-replacer,
  kubernetes-image-mapper, kubernetes-mimic or imageswap-webhook; FILE what
  configures it, or a directory that holds that.
  --values FILE              where the chart's values are written
                             [DETOUR_VALUES] default nowhere
  --report FILE              where it is written what became of each line
                             [DETOUR_REPORT] default standard error
  --check FILE               print IMAGE, a tab and its result for each line of
                             FILE instead of the rules; - is standard input
                             [DETOUR_CHECK] default none
  --namespace (above) is then that of the pods, and of objects without one.

A value may follow its flag after a blank or after =. The first -- ends the
flags: what follows it is a reference, whatever it looks like.

Exit codes: 0 done, 1 the work failed, 2 wrong usage or configuration.
";

#[cfg(test)]
mod tests {
    use super::super::arguments::FLAGS;
    use super::super::{
        DEFAULT_DRAIN, DEFAULT_EXEMPT_NAMESPACE, DEFAULT_EXEMPT_OWNERS, DEFAULT_LEASE,
        DEFAULT_MAX_CONNECTIONS,
    };
    use super::*;

    /// The text from the line of a flag to that of the next, or of a heading.
    fn entry(flag: &str) -> &'static str {
        let start = HELP.find(&format!("\n  {flag} ")).unwrap_or_else(|| panic!("no {flag}"));
        let entry = &HELP[start + 1..];
        let end = entry.find("\n  --").into_iter().chain(entry.find("\n\n")).min();
        &entry[..end.unwrap_or(entry.len())]
    }

    #[test]
    fn every_flag_is_explained_with_its_variable_and_default() {
        for flag in FLAGS {
            let entry = entry(flag.name);
            let variable = flag.variable();
            let named = [']', ','].iter().any(|end| entry.contains(&format!("[{variable}{end}")));
            assert!(named, "{variable} is not in: {entry}");
            assert!(entry.contains("default") || entry.contains("required"), "{entry}");
        }
    }

    #[test]
    fn the_defaults_are_those_in_force() {
        for owner in DEFAULT_EXEMPT_OWNERS {
            assert!(entry("--exempt-owners").contains(owner), "{owner}");
        }
        assert!(entry("--exempt-namespaces").contains(DEFAULT_EXEMPT_NAMESPACE));
        assert!(entry("--lease").contains(&format!("default {DEFAULT_LEASE}")));
        let connections = format!("default {DEFAULT_MAX_CONNECTIONS}");
        assert!(entry("--max-connections").contains(&connections));
        assert!(entry("--drain").contains(&format!("default {}", DEFAULT_DRAIN.as_secs())));
    }

    #[test]
    fn a_terminal_of_80_columns_suffices() {
        for line in HELP.lines() {
            assert!(line.len() <= 80 && line.trim_end() == line, "{line:?}");
        }
    }
}
