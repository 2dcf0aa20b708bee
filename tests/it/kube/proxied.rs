//! Through a proxy, or past it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use detour::client::{ClientError, ProxyVariables};
use detour::kube::{Api, ErrorKind};

use super::kubeconfig::Written;
use super::script::{Pair, Reply, Server};
use super::{Account, LIMITS, config_map, named};

/// A proxy that leads everybody to one server.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Answers `CONNECT` with this status.
    fn start(target: SocketAddr, status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&heads);
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let mut head = String::new();
                let mut reader = BufReader::new(client.try_clone().unwrap());
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                written.lock().unwrap().push(head);
                client.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
                let server = TcpStream::connect(target).unwrap();
                copy(client.try_clone().unwrap(), server.try_clone().unwrap());
                copy(server, client);
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        // Either side may end.
        std::io::copy(&mut from, &mut to).ok();
        to.shutdown(std::net::Shutdown::Write).ok();
    });
}

fn server() -> Server {
    let replies = vec![Reply::json(200, &config_map("rules", 1))];
    Server::start_with(Pair::new(&["api.example", "127.0.0.1"]), None, replies)
}

fn variables(proxy: &Proxy, exceptions: &str) -> ProxyVariables {
    let proxy = format!("http://user:p%40ss@{}", proxy.address);
    ProxyVariables::read(|name| match name {
        "HTTPS_PROXY" => Some(proxy.clone()),
        "NO_PROXY" => Some(exceptions.to_owned()),
        _ => None,
    })
}

#[test]
fn the_proxy_of_the_environment_connects_to_a_server_by_its_name() {
    let server = server();
    let proxy = Proxy::start(server.address, "200 OK");
    let written = Written::new("https://api.example:6443", &server.pair.certificate);
    let api = written.api(&variables(&proxy, "other.example")).unwrap();
    api.get(&named("rules")).unwrap();
    let head = proxy.heads().concat();
    assert!(head.starts_with("CONNECT api.example:6443 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");
    assert!(!head.to_lowercase().contains("bearer"), "{head}");
}

#[test]
fn the_proxy_of_the_kubeconfig_wins() {
    let server = server();
    let (proxy, other) =
        (Proxy::start(server.address, "200 OK"), Proxy::start(server.address, "403 -"));
    let mut written = Written::new("https://api.example", &server.pair.certificate);
    written.cluster["proxy-url"] = format!("http://{}", proxy.address).into();
    let api = written.api(&variables(&other, "")).unwrap();
    api.get(&named("rules")).unwrap();
    assert!(proxy.heads().concat().starts_with("CONNECT api.example:443 "));
    assert!(other.heads().is_empty());
}

#[test]
fn the_server_s_certificate_counts_behind_a_proxy_too() {
    let server = Server::start(vec![]);
    let proxy = Proxy::start(server.address, "200 OK");
    let written = Written::new("https://api.example", &server.pair.certificate);
    let api = written.api(&variables(&proxy, "")).unwrap();
    let error = api.get(&named("rules")).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Unreachable(ClientError::Untrusted(_))), "{error:?}");
}

#[test]
fn a_proxy_that_refuses_is_named() {
    let server = server();
    let proxy = Proxy::start(server.address, "407 Proxy Authentication Required");
    let written = Written::new("https://api.example", &server.pair.certificate);
    let api = written.api(&variables(&proxy, "")).unwrap();
    let error = api.get(&named("rules")).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Unreachable(ClientError::Proxy(_))), "{error:?}");
    assert!(error.to_string().contains("407"), "{error}");
    assert!(!error.to_string().contains("p@ss") && !format!("{error:?}").contains("p@ss"));
}

#[test]
fn the_cluster_s_own_address_is_never_reached_through_a_proxy() {
    let server = server();
    let proxy = Proxy::start(server.address, "403 -");
    let account = Account::new(&server.pair.certificate);
    let variable = |name: &str| match name {
        "KUBERNETES_SERVICE_HOST" => Some("127.0.0.1".to_owned()),
        "KUBERNETES_SERVICE_PORT" => Some(server.address.port().to_string()),
        "HTTPS_PROXY" | "https_proxy" | "ALL_PROXY" => Some(format!("http://{}", proxy.address)),
        _ => None,
    };
    let api = Api::in_cluster(variable, account.path(), LIMITS).unwrap();
    api.get(&named("rules")).unwrap();
    assert!(proxy.heads().is_empty());
}
