//! Kubeconfig files: what is used, and what is refused with a reason.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use detour::client::ProxyVariables;
use detour::kube::{Api, CredentialError};
use serde_json::{Value, json};

use crate::directory::Directory;

use super::script::{Pair, Reply, Server};
use super::{LIMITS, config_map, named};

/// A kubeconfig that is written when it is used.
pub(super) struct Written {
    pub(super) directory: Directory,
    pub(super) cluster: Value,
    pub(super) user: Value,
    pub(super) context: Value,
}

impl Written {
    pub(super) fn new(server: &str, authority: &str) -> Self {
        let authority = BASE64_STANDARD.encode(authority);
        Self {
            directory: Directory::new(),
            cluster: json!({"server": server, "certificate-authority-data": authority}),
            user: json!({"token": "secret"}),
            context: json!({"cluster": "c", "user": "u"}),
        }
    }

    fn of(server: &Server) -> Self {
        Self::new(&format!("https://{}", server.address), &server.pair.certificate)
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).unwrap();
    }

    pub(super) fn api(&self, proxies: &ProxyVariables) -> Result<Api, CredentialError> {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": "x",
            "contexts": [{"name": "w", "context": {"cluster": "no"}},
                         {"name": "x", "context": self.context}],
            "clusters": [{"name": "c", "cluster": self.cluster}],
            "users": [{"name": "u", "user": self.user}],
        });
        self.file("config", &config.to_string());
        Api::from_kubeconfig(&self.directory.join("config"), proxies, LIMITS)
    }

    fn used(&self) -> Api {
        self.api(&ProxyVariables::default()).unwrap()
    }

    fn refusal(&self) -> String {
        let error = self.api(&ProxyVariables::default()).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        error.to_string()
    }
}

fn answers(count: u64) -> Vec<Reply> {
    (0..count).map(|version| Reply::json(200, &config_map("rules", version))).collect()
}

fn token_of(server: &Server) -> Option<String> {
    let last = server.received().pop().unwrap();
    last.header("authorization").map(str::to_owned)
}

#[test]
fn a_token_is_in_the_file_or_in_one_beside_it_that_is_read_anew() {
    let server = Server::start(answers(4));
    let mut written = Written::of(&server);
    written.used().get(&named("rules")).unwrap();
    assert_eq!(token_of(&server).as_deref(), Some("Bearer secret"));
    written.user = json!({"token": "old", "tokenFile": "token"});
    written.file("token", "one\n");
    let api = written.used();
    api.get(&named("rules")).unwrap();
    assert_eq!(token_of(&server).as_deref(), Some("Bearer one"));
    written.file("token", "two\n");
    api.get(&named("rules")).unwrap();
    assert_eq!(token_of(&server).as_deref(), Some("Bearer two"));
    written.user = json!({});
    written.used().get(&named("rules")).unwrap();
    assert_eq!(token_of(&server), None);
}

#[test]
fn a_client_certificate_is_data_or_files_that_are_read_anew() {
    let client = Pair::new(&["user"]);
    let server = Server::start_with(Pair::new(&["127.0.0.1"]), Some(&client), answers(3));
    let mut written = Written::of(&server);
    written.user = json!({});
    assert!(written.used().get(&named("rules")).is_err(), "it asks for a certificate");
    let data = |text: &str| BASE64_STANDARD.encode(text);
    written.user = json!({"client-certificate-data": data(&client.certificate),
                          "client-key-data": data(&client.key)});
    written.used().get(&named("rules")).unwrap();
    written.user = json!({"client-certificate": "user.crt", "client-key": "user.key"});
    let other = Pair::new(&["other"]);
    written.file("user.crt", &other.certificate);
    written.file("user.key", &other.key);
    let api = written.used();
    assert!(api.get(&named("rules")).is_err(), "it asks for another certificate");
    written.file("user.crt", &client.certificate);
    written.file("user.key", &client.key);
    api.get(&named("rules")).unwrap();
}

#[test]
fn the_server_may_have_another_name_and_its_authority_be_a_file() {
    let server = Server::start_with(Pair::new(&["api.example"]), None, answers(1));
    let mut written = Written::of(&server);
    written.file("ca.crt", &server.pair.certificate);
    written.cluster = json!({"server": format!("https://{}/", server.address),
                             "certificate-authority": "ca.crt"});
    assert!(written.used().get(&named("rules")).is_err(), "it is not called 127.0.0.1");
    written.cluster["tls-server-name"] = "api.example".into();
    written.used().get(&named("rules")).unwrap();
}

#[test]
fn the_server_may_stand_below_a_path() {
    let server = Server::start(answers(1));
    let mut written = Written::of(&server);
    written.cluster["server"] =
        format!("https://localhost:{}/clusters/a/", server.address.port()).into();
    written.used().get(&named("rules")).unwrap();
    assert_eq!(server.lines(), ["GET /clusters/a/api/v1/namespaces/a/configmaps/rules"]);
}

#[test]
fn the_namespace_is_that_of_the_context() {
    let mut written = Written::new("https://api.example", &Pair::new(&["a"]).certificate);
    assert_eq!(written.used().namespace(), "default");
    written.context["namespace"] = "team".into();
    assert_eq!(written.used().namespace(), "team");
}

#[test]
fn what_cannot_be_used_is_refused_with_a_reason() {
    let authority = Pair::new(&["a"]).certificate;
    let refusal = |change: &dyn Fn(&mut Written)| {
        let mut written = Written::new("https://api.example", &authority);
        change(&mut written);
        let path = format!("{}/", written.directory.display());
        written.refusal().replace(&path, "")
    };
    let user = |user: Value| refusal(&|written| written.user = user.clone());
    let cluster =
        |field: &str, value: Value| refusal(&|written| written.cluster[field] = value.clone());
    let runs = "is not supported, Detour runs no other program for it: give a client certificate, \
                a token or a tokenFile";
    let exec = json!({"exec": {"command": "secret-plugin", "apiVersion": "v1"}});
    assert_eq!(user(exec), format!("config: exec of the user {runs}"));
    let provider = json!({"auth-provider": {"name": "secret"}});
    assert_eq!(user(provider), format!("config: auth-provider of the user {runs}"));
    let basic = json!({"username": "a", "password": "secret"});
    assert_eq!(user(basic), format!("config: username and password of the user {runs}"));
    assert!(user(json!({"as": "b"})).starts_with("config: as of the user is not supported"));
    let key = json!({"client-key-data": "c2VjcmV0"});
    assert_eq!(user(key), "config: client-certificate and client-key need each other");
    let skips = cluster("insecure-skip-tls-verify", true.into());
    assert!(skips.starts_with("config: insecure-skip-tls-verify is refused"), "{skips}");
    let plain = cluster("server", "http://api.example".into());
    assert_eq!(plain, "the URL of the server cannot be used: it must begin with https://");
    assert!(
        cluster("server", "https://u:secret@api.example".into()).contains("must not hold a user")
    );
    assert!(cluster("tls-server-name", "a b".into()).starts_with("tls-server-name"));
    assert!(cluster("proxy-url", "socks5://secret@p".into()).contains("only http:// proxies"));
    let data = "certificate-authority-data";
    assert_eq!(cluster(data, "secret!".into()), format!("config: {data} is not base64"));
    let none = "holds no certificate in well-formed PEM";
    assert_eq!(cluster(data, "c2VjcmV0".into()), format!("{data} in config {none}"));
    assert!(cluster(data, "".into()).starts_with("config: certificate-authority is missing"));
    let context = refusal(&|written| written.context["user"] = "nobody".into());
    assert_eq!(context, "config: it has no user of the name \"nobody\"");
}

#[test]
fn a_key_of_another_certificate_is_refused_and_does_no_harm() {
    let (one, other) = (Pair::new(&["a"]), Pair::new(&["b"]));
    let mut written = Written::new("https://api.example", &one.certificate);
    let data = |text: &str| BASE64_STANDARD.encode(text);
    written.user = json!({"client-certificate-data": data(&one.certificate),
                          "client-key-data": data(&other.key)});
    assert_eq!(written.refusal(), "the client certificate and its key cannot be used");
}

#[test]
fn what_is_no_kubeconfig_is_refused() {
    let directory = Directory::new();
    let path = directory.join("config");
    let refusal = || {
        let proxies = ProxyVariables::default();
        let error = Api::from_kubeconfig(&path, &proxies, LIMITS).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        error.to_string()
    };
    assert_eq!(refusal(), format!("cannot read {}", path.display()));
    let name = path.display();
    for text in ["users: [secret", "- secret", "users: {secret: 1}"] {
        std::fs::write(&path, text).unwrap();
        assert!(refusal().starts_with(&format!("{name}: it is not a kubeconfig")), "{text}");
    }
    std::fs::write(&path, "kind: Config").unwrap();
    assert!(refusal().starts_with(&format!("{name}: it has no current-context")));
    std::fs::write(&path, [0xff]).unwrap();
    assert_eq!(refusal(), format!("{name}: it is not UTF-8"));
}
