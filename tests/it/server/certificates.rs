use super::*;
use crate::directory;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use detour::certs::CertificateError;
use detour::certs::files::{FILE_BYTES_MAX, Files, Watcher};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;

/// Made for these tests by `openssl req -x509 -newkey rsa:2048`; it protects
/// nothing.
const RSA: (&str, &str) = (include_str!("rsa.crt"), include_str!("rsa.key"));

/// A directory for a certificate and its key.
struct Directory(directory::Directory);

impl Directory {
    fn new() -> Self {
        Self(directory::Directory::new())
    }

    fn files(&self) -> Files {
        Files { certificate: self.0.join("tls.crt"), key: self.0.join("tls.key") }
    }

    fn write(&self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) {
        fs::write(self.files().certificate, certificate).unwrap();
        fs::write(self.files().key, key).unwrap();
    }

    /// What is said about these two files at start.
    fn refusal(&self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> CertificateError {
        self.write(certificate, key);
        Watcher::start(self.files(), Arc::default()).err().unwrap()
    }
}

/// A self-signed certificate for localhost and its key, both in PEM.
fn pair() -> (String, String) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (pair.cert.pem(), pair.signing_key.serialize_pem())
}

fn served(files: Files) -> (Fixture, Watcher) {
    let slot = Arc::new(TlsSlot::empty());
    let watcher = Watcher::start(files, Arc::clone(&slot)).unwrap();
    (start_with(loopback(), Transport::Tls(slot), LIMITS), watcher)
}

fn is_trusted(fixture: &Fixture, certificate: &str) -> bool {
    let mut stream = client_stream(fixture.server.address(), client_config(certificate));
    stream.conn.complete_io(&mut stream.sock).is_ok()
}

#[test]
fn a_new_certificate_is_served_from_the_next_handshake_on() {
    let directory = Directory::new();
    let (old, new) = (pair(), pair());
    directory.write(&old.0, &old.1);
    let (fixture, mut watcher) = served(directory.files());
    let mut open = connect_tls(fixture.server.address(), &old.0);
    assert_eq!(open.post("/echo", b"").status, 200);
    directory.write(&new.0, &new.1);
    assert!(watcher.poll().unwrap());
    assert!(!watcher.poll().unwrap(), "nothing changed since");
    assert!(is_trusted(&fixture, &new.0) && !is_trusted(&fixture, &old.0));
    assert_eq!(open.post("/echo", b"").status, 200, "the open connection goes on");
}

#[test]
fn a_bad_change_keeps_the_old_certificate_and_is_told_once() {
    let directory = Directory::new();
    let (old, new) = (pair(), pair());
    directory.write(&old.0, &old.1);
    let (fixture, mut watcher) = served(directory.files());
    fs::write(directory.files().certificate, &new.0).unwrap();
    assert!(matches!(watcher.poll(), Err(CertificateError::Mismatch { .. })));
    assert!(!watcher.poll().unwrap(), "the same fault is not told again");
    fs::remove_file(directory.files().key).unwrap();
    assert!(matches!(watcher.poll(), Err(CertificateError::Read { .. })));
    assert!(!watcher.poll().unwrap(), "the same fault is not told again");
    assert!(is_trusted(&fixture, &old.0));
    fs::write(directory.files().key, &new.1).unwrap();
    assert!(watcher.poll().unwrap());
    assert!(is_trusted(&fixture, &new.0));
}

#[test]
fn files_that_are_swapped_while_they_are_read_are_of_one_pair() {
    let directory = directory::Directory::new();
    let pairs = [pair(), pair(), pair()];
    for (name, pair) in ["one", "two", "three"].into_iter().zip(&pairs) {
        directory.generation(name, &[("tls.crt", &pair.0), ("tls.key", &pair.1)]);
    }
    directory.swap("one");
    let files = Files { certificate: directory.join("tls.crt"), key: directory.join("tls.key") };
    let (fixture, mut watcher) = served(files);
    directory.make_pipe("two/tls.crt");
    directory.swap("two");
    thread::scope(|scope| {
        let poll = scope.spawn(|| watcher.poll());
        directory.fill("two/tls.crt", &pairs[1].0, || directory.swap("three"));
        assert!(poll.join().unwrap().unwrap(), "no word of a key that does not fit");
    });
    assert!(is_trusted(&fixture, &pairs[2].0));
}

#[test]
fn a_chain_is_served_whole() {
    let directory = Directory::new();
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    };
    let key = || KeyPair::generate().unwrap();
    let root = CertifiedIssuer::self_signed(authority("root"), key()).unwrap();
    let middle = CertifiedIssuer::signed_by(authority("middle"), key(), &root).unwrap();
    let leaf_key = key();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &middle).unwrap();
    directory.write(leaf.pem() + &middle.pem(), leaf_key.serialize_pem());
    let (fixture, _watcher) = served(directory.files());
    assert!(is_trusted(&fixture, &root.pem()));
}

#[test]
fn keys_may_be_pkcs_8_pkcs_1_or_sec_1() {
    let directory = Directory::new();
    let start = || Watcher::start(directory.files(), Arc::default()).map(drop);
    directory.write(RSA.0, RSA.1);
    assert!(RSA.1.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    start().unwrap();
    let (certificate, key) = pair();
    directory.write(&certificate, &key);
    start().unwrap();
    let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap() else {
        panic!("rcgen writes PKCS#8");
    };
    // The SEC1 form is the last field of ring's PKCS#8.
    let sec1_start = [0x30, 0x6b, 2, 1, 1, 4, 0x20];
    let bytes = der.secret_pkcs8_der();
    let at = bytes.windows(sec1_start.len()).position(|window| window == sec1_start).unwrap();
    let sec1 = BASE64_STANDARD.encode(&bytes[at..at + 0x6d]);
    let mark = |word| format!("-----{word} EC PRIVATE KEY-----\n");
    directory.write(&certificate, format!("{}{sec1}\n{}", mark("BEGIN"), mark("END")));
    start().unwrap();
}

#[test]
fn unusable_files_are_refused_by_name() {
    let directory = Directory::new();
    let (certificate, key) = pair();
    let files = directory.files();
    let (at, key_at) = (files.certificate.display(), files.key.display());
    let oversized = vec![b' '; FILE_BYTES_MAX as usize + 1];
    let cut = certificate.split_at(100).0;
    let cases: [(&[u8], &[u8], String); 7] = [
        (b"", key.as_bytes(), format!("{at} holds no certificate in well-formed PEM")),
        (key.as_bytes(), key.as_bytes(), format!("{at} holds no certificate in well-formed PEM")),
        (cut.as_bytes(), key.as_bytes(), format!("{at} holds no certificate in well-formed PEM")),
        (&oversized, key.as_bytes(), format!("{at} is larger than 1048576 bytes")),
        (
            certificate.as_bytes(),
            certificate.as_bytes(),
            format!(
                "{key_at} holds no private key in well-formed PEM (PKCS#8, PKCS#1 or SEC1, \
                 not encrypted)"
            ),
        ),
        (
            certificate.as_bytes(),
            RSA.1.as_bytes(),
            format!("the key in {key_at} is not that of the first certificate in {at}"),
        ),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            key.as_bytes(),
            format!("cannot serve {at} with {key_at}"),
        ),
    ];
    for (certificate, key, expected) in cases {
        assert_eq!(directory.refusal(certificate, key).to_string(), expected);
    }
    fs::remove_file(&files.certificate).unwrap();
    let error = Watcher::start(files.clone(), Arc::default()).err().unwrap();
    assert_eq!(error.to_string(), format!("cannot read {at}"));
}

#[test]
fn no_error_shows_what_a_file_holds() {
    let directory = Directory::new();
    let (certificate, _) = pair();
    let secret = "-----BEGIN c2VjcmV0\nc2VjcmV0!\n";
    for (certificate, key) in [(certificate.as_str(), secret), (secret, secret)] {
        let error = directory.refusal(certificate, key);
        assert!(!format!("{error} {error:?}").contains("c2VjcmV0"));
        assert!(std::error::Error::source(&error).is_none());
    }
}
