//! Records that no library would send.

use super::*;
use ::ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::ConnectionTrafficSecrets;
use rustls::version::{TLS12, TLS13};
use std::sync::atomic::Ordering;

/// Content types, RFC 8446, section 5.1.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;
/// A warning that is allowed in TLS 1.3: level and description.
const USER_CANCELED: [u8; 2] = [1, 90];

/// Seals or opens the records of one direction.
struct Keys {
    key: LessSafeKey,
    mask: [u8; 12],
    sequence: u64,
}

impl Keys {
    fn new((sequence, secrets): (u64, ConnectionTrafficSecrets)) -> Self {
        let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else {
            panic!("another suite");
        };
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap());
        Self { key, mask: iv.as_ref().try_into().unwrap(), sequence }
    }

    fn nonce(&mut self) -> Nonce {
        let mut nonce = self.mask;
        let sequence = self.sequence.to_be_bytes();
        nonce[4..].iter_mut().zip(sequence).for_each(|(byte, other)| *byte ^= other);
        self.sequence += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

/// A client that has shaken hands and goes on by itself.
struct Forger {
    send: Keys,
    receive: Keys,
    socket: TcpStream,
}

impl Forger {
    fn connect(fixture: &Fixture) -> Self {
        Self::with(fixture, &TLS13)
    }

    fn with(fixture: &Fixture, version: &'static SupportedProtocolVersion) -> Self {
        let certificate = fixture.certificate.as_deref().unwrap();
        let mut config = client_config_for(certificate, &[version]);
        config.enable_secret_extraction = true;
        let mut stream = client_stream(fixture.server.address(), config);
        stream.conn.complete_io(&mut stream.sock).unwrap();
        let (tls, socket) = stream.into_parts();
        let secrets = tls.dangerous_extract_secrets().unwrap();
        Self { send: Keys::new(secrets.tx), receive: Keys::new(secrets.rx), socket }
    }

    fn record(&mut self, content: &[u8], kind: u8) -> Vec<u8> {
        let mut inner = [content, &[kind]].concat();
        let length = u16::try_from(inner.len() + AES_256_GCM.tag_len()).unwrap().to_be_bytes();
        let header = [DATA, 3, 3, length[0], length[1]];
        let nonce = self.send.nonce();
        self.send.key.seal_in_place_append_tag(nonce, Aad::from(header), &mut inner).unwrap();
        [&header[..], &inner].concat()
    }

    /// A record of TLS 1.2 (RFC 5288).
    fn old_record(&mut self, content: &[u8], kind: u8) -> Vec<u8> {
        let Keys { key, mask, sequence } = &mut self.send;
        let number = sequence.to_be_bytes();
        *sequence += 1;
        let nonce = [&mask[..4], &number].concat();
        let nonce = Nonce::try_assume_unique_for_key(&nonce).unwrap();
        let header = |bytes: usize| {
            let bytes = u16::try_from(bytes).unwrap().to_be_bytes();
            [kind, 3, 3, bytes[0], bytes[1]]
        };
        let authentic = [&number[..], &header(content.len())].concat();
        let mut inner = content.to_vec();
        key.seal_in_place_append_tag(nonce, Aad::from(authentic), &mut inner).unwrap();
        [&header(number.len() + inner.len())[..], &number, &inner].concat()
    }

    fn put(&mut self, content: &[u8], kind: u8) {
        let record = self.record(content, kind);
        self.socket.write_all(&record).unwrap();
    }

    /// The next record of the server: what it holds, and of which type.
    fn next(&mut self) -> (Vec<u8>, u8) {
        let mut header = [0; 5];
        self.socket.read_exact(&mut header).unwrap();
        let mut sealed = vec![0; u16::from_be_bytes([header[3], header[4]]).into()];
        self.socket.read_exact(&mut sealed).unwrap();
        let nonce = self.receive.nonce();
        let key = &self.receive.key;
        let mut inner = key.open_in_place(nonce, Aad::from(header), &mut sealed).unwrap().to_vec();
        let kind = inner.pop().unwrap();
        (inner, kind)
    }

    /// The server says that something is wrong, and no more.
    fn ends_with_an_alert(&mut self) -> bool {
        let (alert, kind) = self.next();
        let is_fatal = kind == ALERT && alert[0] == 2;
        // Its end may be a reset, where it did not read what came last.
        is_fatal && self.socket.read(&mut [0]).unwrap_or_default() == 0
    }
}

#[test]
fn empty_records_are_no_end_and_no_request() {
    let fixture = start(LIMITS);
    let mut forger = Forger::connect(&fixture);
    for half in ["POST /echo HTTP/1.1\r\nHost: a\r\n", "Content-Length: 3\r\n\r\nabc"] {
        (0..10).for_each(|_| forger.put(b"", DATA));
        forger.put(half.as_bytes(), DATA);
    }
    let (answer, kind) = forger.next();
    assert_eq!(kind, DATA);
    assert!(String::from_utf8(answer).unwrap().ends_with("POST /echo 3"));
}

#[test]
fn empty_records_without_end_end_the_connection() {
    let fixture = start(LIMITS);
    for begin in ["", "POST /echo"] {
        let mut forger = Forger::connect(&fixture);
        forger.put(begin.as_bytes(), DATA);
        let flood: Vec<u8> = (0..1000).flat_map(|_| forger.record(b"", DATA)).collect();
        fixture.cuts(&mut forger.socket, &flood);
    }
}

#[test]
fn a_record_that_is_too_long_ends_the_connection() {
    let fixture = start(LIMITS);
    let mut forger = Forger::connect(&fixture);
    forger.put(&vec![b' '; 16 * 1024 + 1], DATA);
    assert!(forger.ends_with_an_alert(), "more in it than allowed");
    let mut forger = Forger::connect(&fixture);
    forger.socket.write_all(&[DATA, 3, 3, 0xff, 0xff]).unwrap();
    assert!(forger.ends_with_an_alert(), "not awaited: it is announced");
    fixture.serves();
}

#[test]
fn a_record_that_was_changed_on_its_way_ends_the_connection() {
    let fixture = start(LIMITS);
    let mut forger = Forger::connect(&fixture);
    let mut record = forger.record(post_head("/echo", 0).as_bytes(), DATA);
    record[20] ^= 1;
    forger.socket.write_all(&record).unwrap();
    assert!(forger.ends_with_an_alert());
    fixture.serves();
}

#[test]
fn warnings_without_end_end_the_connection() {
    let fixture = start(LIMITS);
    let mut forger = Forger::connect(&fixture);
    forger.put(&USER_CANCELED, ALERT);
    forger.put(post_head("/echo", 0).as_bytes(), DATA);
    assert_eq!(forger.next().1, DATA, "one is harmless");
    let flood: Vec<u8> = (0..1000).flat_map(|_| forger.record(&USER_CANCELED, ALERT)).collect();
    fixture.cuts(&mut forger.socket, &flood);
}

#[test]
fn a_message_that_was_begun_may_stay_unfinished() {
    let fixture = start(LIMITS);
    // The head of a KeyUpdate, and what may not stand behind it.
    for (content, kind) in [(&b"POST /echo"[..], DATA), (&USER_CANCELED, ALERT)] {
        let mut forger = Forger::connect(&fixture);
        forger.put(&[24, 0, 0], HANDSHAKE);
        forger.put(content, kind);
        eventually("it is cut", || fixture.server.open_connections() == 0);
    }
    let mut forger = Forger::connect(&fixture);
    forger.put(&[24, 0, 0], HANDSHAKE);
    let mut record = forger.record(&[1, 0], HANDSHAKE);
    record[6] ^= 1;
    forger.socket.write_all(&record).unwrap();
    assert!(forger.ends_with_an_alert());
    eventually("it is cut", || fixture.server.open_connections() == 0);
    assert_eq!(fixture.server.counters().panics.load(Ordering::Relaxed), 0);
    fixture.serves();
}

#[test]
fn another_handshake_within_the_first_ends_the_connection() {
    let fixture = start(LIMITS);
    let mut forger = Forger::connect(&fixture);
    // A ClientHello of no bytes.
    forger.put(&[1, 0, 0, 0], HANDSHAKE);
    assert!(forger.ends_with_an_alert());
    fixture.serves();
}

/// A ClientHello of TLS 1.2, without the header of its record.
fn old_hello(fixture: &Fixture) -> Vec<u8> {
    let config = client_config_for(fixture.certificate.as_deref().unwrap(), &[&TLS12]);
    let name = ServerName::try_from("localhost").unwrap();
    let mut hello = Vec::new();
    ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut hello).unwrap();
    hello.split_off(5)
}

#[test]
fn a_handshake_is_not_begun_anew() {
    // Some of these come while a connection is just found to be idle.
    let fixture = start(Limits { tick: Duration::from_millis(1), ..LIMITS });
    let hello = old_hello(&fixture);
    for _ in 0..20 {
        let mut forger = Forger::with(&fixture, &TLS12);
        let once = forger.old_record(&hello, HANDSHAKE);
        let then = forger.old_record(post_head("/echo", 0).as_bytes(), DATA);
        forger.socket.write_all(&[once, then].concat()).unwrap();
        for expected in [ALERT, DATA] {
            let mut header = [0; 5];
            forger.socket.read_exact(&mut header).unwrap();
            assert_eq!(header[0], expected, "told that there is none, and answered");
            let bytes = u16::from_be_bytes([header[3], header[4]]);
            forger.socket.read_exact(&mut vec![0; bytes.into()]).unwrap();
        }
    }
    let mut forger = Forger::with(&fixture, &TLS12);
    let flood: Vec<u8> = (0..10).flat_map(|_| forger.old_record(&hello, HANDSHAKE)).collect();
    fixture.cuts(&mut forger.socket, &flood);
}

#[test]
fn what_is_no_handshake_is_refused_with_an_alert() {
    let fixture = start(LIMITS);
    let record = |kind: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[kind, 3, 1, length[0], length[1]], content].concat()
    };
    let cases: [(&str, Vec<u8>); 8] = [
        ("plain HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("zeros", vec![0; 100]),
        ("ones", vec![0xff; 100_000]),
        ("SSL 2", [&[0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10], &[1; 40][..]].concat()),
        ("data first", record(DATA, &[0; 100])),
        ("an overlong record", [&[HANDSHAKE, 3, 1, 0xff, 0xff], &[1; 100][..]].concat()),
        ("a broken ClientHello", record(HANDSHAKE, &[1, 0, 0, 2, 3, 3])),
    ];
    for (what, bytes) in cases {
        let mut stream = connect(fixture.server.address());
        stream.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer.first(), Some(&ALERT), "{what}: {answer:?}");
        assert_eq!((answer.len(), answer[5]), (7, 2), "{what}: one fatal alert: {answer:?}");
        fixture.serves();
    }
}

#[test]
fn a_client_hello_of_16_mb_is_not_awaited() {
    let fixture = start(Limits { handshake: GUARD * 100, ..LIMITS });
    let mut stream = connect(fixture.server.address());
    stream.write_all(&[HANDSHAKE, 3, 1, 0, 6, 1, 0xff, 0xff, 0xff, 3, 3]).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    fixture.serves();
}

#[test]
fn a_message_longer_than_a_record_is_not_awaited() {
    let fixture = start(Limits { handshake: GUARD * 100, request: GUARD * 100, ..LIMITS });
    // A length of 60,000, of which a third comes.
    let begin = [1, 0, 0xea, 0x60];
    let fragments = [&begin, &[3; 10_000][..], &[3; 10_000]];
    let mut stream = connect(fixture.server.address());
    for content in fragments {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let header = [HANDSHAKE, 3, 1, length[0], length[1]];
        stream.write_all(&[&header, content].concat()).unwrap();
    }
    stream.read_to_end(&mut Vec::new()).unwrap();
    fixture.serves();
    let mut forger = Forger::connect(&fixture);
    let flood: Vec<u8> =
        fragments.iter().flat_map(|content| forger.record(content, HANDSHAKE)).collect();
    fixture.cuts(&mut forger.socket, &flood);
}

#[test]
fn floods_before_the_handshake_end_the_connection() {
    let limits = Limits { handshake: Duration::from_millis(500), ..LIMITS };
    let fixture = start(limits);
    let floods: [(&str, &[u8]); 3] = [
        ("empty records", &[HANDSHAKE, 3, 1, 0, 0]),
        ("warnings", &[ALERT, 3, 1, 0, 2, 1, 90]),
        ("changes of the cipher", &[20, 3, 3, 0, 1, 1]),
    ];
    for (what, record) in floods {
        let mut stream = connect(fixture.server.address());
        let sent_end = Instant::now() + GUARD;
        while stream.write_all(&record.repeat(1000)).is_ok() {
            assert!(Instant::now() < sent_end, "{what}: it is never cut");
        }
        fixture.serves();
    }
}
