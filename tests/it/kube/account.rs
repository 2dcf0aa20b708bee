//! The service account of a pod: files that change.

use detour::client::ClientError;
use detour::kube::{Api, CredentialError, ErrorKind};

use super::script::{Pair, Reply, Server};
use super::{Account, LIMITS, config_map, named, status};

fn tokens(server: &Server) -> Vec<String> {
    let received = server.received().into_iter();
    received.map(|received| received.header("authorization").unwrap().to_owned()).collect()
}

#[test]
fn the_account_is_used_as_it_now_is() {
    let reply = || Reply::json(200, &config_map("rules", 1));
    let server = Server::start(vec![reply(), reply()]);
    let account = Account::new(&server.pair.certificate);
    let api = account.api(&server, LIMITS);
    assert_eq!(api.namespace(), "detour");
    api.get(&named("rules")).unwrap();
    account.write("token", "second");
    api.get(&named("rules")).unwrap();
    assert_eq!(tokens(&server), ["Bearer first", "Bearer second"]);
}

#[test]
fn a_token_that_was_renewed_meanwhile_is_tried_once() {
    let account = Account::new("");
    let token = account.path().join("token");
    let renew = move || std::fs::write(&token, "second").unwrap();
    let unauthorized = || Reply::json(401, &status(401, "Unauthorized", "Unauthorized"));
    let server = Server::start(vec![
        Reply::After(Box::new(renew), Box::new(unauthorized())),
        Reply::json(200, &config_map("rules", 1)),
        unauthorized(),
        Reply::json(200, &config_map("rules", 2)),
    ]);
    account.write("ca.crt", &server.pair.certificate);
    let api = account.api(&server, LIMITS);
    let object = api.get(&named("rules")).unwrap();
    assert_eq!(object.metadata.resource_version, "1");
    assert_eq!(tokens(&server), ["Bearer first", "Bearer second"]);
    let error = api.get(&named("rules")).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Unauthorized(_)), "the token is the same: {error}");
    assert_eq!(tokens(&server).len(), 3);
}

#[test]
fn an_authority_that_was_renewed_is_trusted_from_the_next_request_on() {
    let server = Server::start(vec![Reply::json(200, &config_map("rules", 1))]);
    let account = Account::new(&Pair::new(&["127.0.0.1"]).certificate);
    let api = account.api(&server, LIMITS);
    let error = api.get(&named("rules")).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Unreachable(ClientError::Untrusted(_))), "{error:?}");
    account.write("ca.crt", &server.pair.certificate);
    api.get(&named("rules")).unwrap();
}

#[test]
fn files_that_are_away_or_damaged_leave_the_former_ones_in_use() {
    let reply = || Reply::json(200, &config_map("rules", 1));
    let server = Server::start((0..4).map(|_| reply()).collect());
    let account = Account::new(&server.pair.certificate);
    let api = account.api(&server, LIMITS);
    for (file, text) in [("token", Some("")), ("ca.crt", Some("no PEM")), ("token", None)] {
        match text {
            Some(text) => account.write(file, text),
            None => std::fs::remove_file(account.path().join(file)).unwrap(),
        }
        api.get(&named("rules")).unwrap();
    }
    account.write("ca.crt", &server.pair.certificate);
    account.write("token", "second");
    api.get(&named("rules")).unwrap();
    assert_eq!(tokens(&server), ["Bearer first", "Bearer first", "Bearer first", "Bearer second"]);
}

#[test]
fn the_address_may_be_of_either_kind() {
    let account = Account::new(&Pair::new(&["::1"]).certificate);
    for host in ["fd00::1", "10.96.0.1", "kubernetes.default.svc"] {
        account.api_at(host, 443, LIMITS).unwrap();
    }
}

#[test]
fn what_is_missing_at_start_is_told() {
    let account = Account::new(&Pair::new(&["127.0.0.1"]).certificate);
    let at = |name: &str| account.path().join(name).display().to_string();
    let refusal = || account.api_at("127.0.0.1", 1, LIMITS).err().unwrap().to_string();
    account.write("token", "a b");
    assert_eq!(refusal(), format!("{} holds no token", at("token")));
    account.write("token", "one");
    account.write("ca.crt", "");
    assert_eq!(refusal(), format!("{} holds no certificate in well-formed PEM", at("ca.crt")));
    std::fs::remove_file(at("namespace")).unwrap();
    assert_eq!(refusal(), format!("cannot read {}", at("namespace")));
    let error = Api::in_cluster(|_| None, account.path(), LIMITS).err().unwrap();
    assert!(matches!(error, CredentialError::NotInCluster { variable: "KUBERNETES_SERVICE_HOST" }));
}
