//! Requests in TLS records of every size, over both versions.

use super::*;
use detour::server::HandshakeFailure;
use rustls::version::{TLS12, TLS13};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
/// Bytes in a record at most, RFC 8446, section 5.1.
pub(super) const RECORD: usize = 16 * 1024;

/// A client that decides what is a record, and what is sent together.
pub(super) struct Wire {
    tls: ClientConnection,
    pub(super) socket: TcpStream,
}

impl Wire {
    pub(super) fn connect(fixture: &Fixture, version: &'static SupportedProtocolVersion) -> Self {
        let config = client_config_for(fixture.certificate.as_deref().unwrap(), &[version]);
        Self::with(fixture, config)
    }

    /// With a finished handshake.
    fn with(fixture: &Fixture, config: ClientConfig) -> Self {
        let mut stream = client_stream(fixture.server.address(), config);
        stream.conn.complete_io(&mut stream.sock).unwrap();
        let (tls, socket) = stream.into_parts();
        socket.set_nodelay(true).unwrap();
        Self { tls, socket }
    }

    /// Encrypts `text` in records of `size`; a record is never split.
    pub(super) fn sealed(&mut self, text: &[u8], size: usize) -> Vec<u8> {
        let mut wire = Vec::new();
        for record in text.chunks(size) {
            self.tls.writer().write_all(record).unwrap();
            while self.tls.wants_write() {
                self.tls.write_tls(&mut wire).unwrap();
            }
        }
        wire
    }

    pub(super) fn put(&mut self, wire: &[u8]) {
        self.socket.write_all(wire).unwrap();
    }

    /// The server says goodbye.
    fn ends(&mut self) -> bool {
        let mut stream = rustls::Stream::new(&mut self.tls, &mut self.socket);
        matches!(stream.read(&mut [0]), Ok(0))
    }

    fn bodies(&mut self, count: usize) -> Vec<String> {
        let stream = rustls::Stream::new(&mut self.tls, &mut self.socket);
        let mut bytes = String::new();
        let mut reader = std::io::BufReader::new(stream);
        let mut bodies = Vec::new();
        while bodies.len() < count {
            bytes.clear();
            std::io::BufRead::read_line(&mut reader, &mut bytes).unwrap();
            let Some(length) = bytes.strip_prefix("Content-Length: ") else { continue };
            let mut rest = vec![0; length.trim().parse::<usize>().unwrap() + 2];
            reader.read_exact(&mut rest).unwrap();
            bodies.push(String::from_utf8(rest).unwrap().trim().to_owned());
        }
        bodies
    }
}

pub(super) fn request(path: &str, bytes: usize) -> Vec<u8> {
    [post_head(path, bytes).into_bytes(), vec![b' '; bytes]].concat()
}

#[test]
fn a_request_may_come_in_records_of_any_size() {
    let fixture = start(LIMITS);
    for version in VERSIONS {
        let mut wire = Wire::connect(&fixture, version);
        for (bytes, size) in [(200, 1), (200, 7), (100_000, 100), (500_000, RECORD)] {
            let sealed = wire.sealed(&request("/echo", bytes), size);
            wire.put(&sealed);
            assert_eq!(wire.bodies(1), [format!("POST /echo {bytes}")], "{version:?} {size}");
        }
    }
}

#[test]
fn requests_may_share_a_record_and_a_write() {
    let fixture = start(LIMITS);
    for version in VERSIONS {
        let mut wire = Wire::connect(&fixture, version);
        let two = [request("/1", 3), request("/2", 0)].concat();
        let sealed = wire.sealed(&two, RECORD);
        wire.put(&sealed);
        assert_eq!(wire.bodies(2), ["POST /1 3", "POST /2 0"], "{version:?}: in one record");
        // The second begins in the record in which the first ends, and is more
        // than a connection's buffer.
        let many = [request("/1", 20_000), request("/2", 50_000), request("/3", 1)].concat();
        let sealed = wire.sealed(&many, RECORD);
        wire.put(&sealed);
        let expected = ["POST /1 20000", "POST /2 50000", "POST /3 1"];
        assert_eq!(wire.bodies(3), expected, "{version:?}: in one write");
    }
}

#[test]
fn a_write_may_end_at_any_byte() {
    let fixture = start(LIMITS);
    for version in VERSIONS {
        let mut wire = Wire::connect(&fixture, version);
        let two = [request("/1", 3), request("/2", 1)].concat();
        // Of about 190 bytes on the wire, in one record and in three.
        for size in [RECORD, two.len() / 2 - 10] {
            let mut end = 1;
            loop {
                let sealed = wire.sealed(&two, size);
                if end >= sealed.len() {
                    wire.put(&sealed);
                    assert_eq!(wire.bodies(2).len(), 2);
                    break;
                }
                wire.put(&sealed[..end]);
                wire.put(&sealed[end..]);
                assert_eq!(wire.bodies(2), ["POST /1 3", "POST /2 1"], "{version:?} {end}");
                end += 1;
            }
        }
    }
}

#[test]
fn a_handshake_may_come_a_byte_at_a_time() {
    let fixture = start(LIMITS);
    for version in VERSIONS {
        let config = client_config_for(fixture.certificate.as_deref().unwrap(), &[version]);
        let (mut tls, mut socket) = client_stream(fixture.server.address(), config).into_parts();
        socket.set_nodelay(true).unwrap();
        while tls.is_handshaking() {
            let mut flight = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut flight).unwrap();
            }
            flight.iter().for_each(|byte| socket.write_all(&[*byte]).unwrap());
            if tls.is_handshaking() {
                assert!(tls.read_tls(&mut socket).unwrap() > 0, "{version:?}");
                tls.process_new_packets().unwrap();
            }
        }
        let mut wire = Wire { tls, socket };
        for byte in wire.sealed(&request("/echo", 3), 20) {
            wire.put(&[byte]);
        }
        assert_eq!(wire.bodies(1), ["POST /echo 3"]);
    }
}

/// A client whose handshake ends with what is about to be written.
pub(super) fn unfinished(fixture: &Fixture) -> Wire {
    let config = client_config_for(fixture.certificate.as_deref().unwrap(), &[&TLS13]);
    let (mut tls, mut socket) = client_stream(fixture.server.address(), config).into_parts();
    let mut flight = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut flight).unwrap();
    }
    socket.write_all(&flight).unwrap();
    while tls.is_handshaking() {
        assert!(tls.read_tls(&mut socket).unwrap() > 0);
        tls.process_new_packets().unwrap();
    }
    assert!(tls.wants_write(), "its Finished is not sent yet");
    Wire { tls, socket }
}

#[test]
fn a_request_may_come_in_one_write_with_the_end_of_the_handshake() {
    let fixture = start(LIMITS);
    for bytes in [0, 3, 100_000] {
        let mut wire = unfinished(&fixture);
        let sealed = wire.sealed(&request("/echo", bytes), RECORD);
        wire.put(&sealed);
        assert_eq!(wire.bodies(1), [format!("POST /echo {bytes}")]);
    }
}

#[test]
fn a_goodbye_may_come_in_one_write_with_all_before_it() {
    let fixture = start(LIMITS);
    for text in [request("/echo", 3), Vec::new()] {
        let mut wire = unfinished(&fixture);
        wire.tls.writer().write_all(&text).unwrap();
        wire.tls.send_close_notify();
        let mut sealed = Vec::new();
        while wire.tls.wants_write() {
            wire.tls.write_tls(&mut sealed).unwrap();
        }
        wire.put(&sealed);
        if !text.is_empty() {
            assert_eq!(wire.bodies(1), ["POST /echo 3"]);
        }
        assert!(wire.ends());
    }
    let failures =
        HandshakeFailure::ALL.map(|kind| fixture.server.counters().handshake_failures(kind));
    assert_eq!(failures.iter().sum::<u64>(), 0, "a client that has shaken hands");
}

#[test]
fn keys_may_be_updated_between_and_within_requests() {
    let fixture = start(LIMITS);
    let mut wire = Wire::connect(&fixture, &TLS13);
    let whole = request("/echo", 3);
    for end in [0, 10, whole.len() - 1] {
        let mut sealed = wire.sealed(&whole[..end], RECORD);
        wire.tls.refresh_traffic_keys().unwrap();
        sealed.extend(wire.sealed(&whole[end..], RECORD));
        wire.put(&sealed);
        assert_eq!(wire.bodies(1), ["POST /echo 3"], "after {end} bytes");
    }
}

#[test]
fn a_client_that_only_updates_keys_is_cut() {
    let fixture = start(LIMITS);
    let mut wire = Wire::connect(&fixture, &TLS13);
    let mut sealed = Vec::new();
    for _ in 0..1000 {
        wire.tls.refresh_traffic_keys().unwrap();
        sealed.extend(wire.sealed(&[], RECORD));
        while wire.tls.wants_write() {
            wire.tls.write_tls(&mut sealed).unwrap();
        }
    }
    fixture.cuts(&mut wire.socket, &sealed);
}

#[test]
fn a_goodbye_after_a_request_is_waited_for_by_nobody() {
    let fixture = start(LIMITS);
    for version in VERSIONS {
        let mut wire = Wire::connect(&fixture, version);
        let mut sealed = wire.sealed(&request("/echo", 3), RECORD);
        wire.tls.send_close_notify();
        wire.tls.write_tls(&mut sealed).unwrap();
        wire.put(&sealed);
        wire.socket.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(wire.bodies(1), ["POST /echo 3"], "{version:?}");
        assert!(wire.ends(), "{version:?}");
    }
}

#[test]
fn a_goodbye_within_a_request_ends_it_unanswered() {
    let fixture = start(LIMITS);
    for version in VERSIONS {
        for end in [10, request("/echo", 3).len() - 1] {
            let mut wire = Wire::connect(&fixture, version);
            let mut sealed = wire.sealed(&request("/echo", 3)[..end], RECORD);
            wire.tls.send_close_notify();
            wire.tls.write_tls(&mut sealed).unwrap();
            wire.put(&sealed);
            assert!(wire.ends(), "{version:?} {end}");
            eventually("it is gone", || fixture.server.open_connections() == 0);
        }
    }
    fixture.serves();
}

#[test]
fn a_large_client_hello_is_read() {
    let fixture = start(LIMITS);
    for (version, names) in [(VERSIONS[0], 60), (VERSIONS[1], 60)] {
        let mut config = client_config_for(fixture.certificate.as_deref().unwrap(), &[version]);
        // 200 bytes each; the last is one that the server speaks.
        config.alpn_protocols = (0..names)
            .map(|number| format!("{number:0200}").into_bytes())
            .chain([b"http/1.1".to_vec()])
            .collect();
        let mut wire = Wire::with(&fixture, config);
        let sealed = wire.sealed(&request("/echo", 3), RECORD);
        wire.put(&sealed);
        assert_eq!(wire.bodies(1), ["POST /echo 3"]);
    }
}

#[test]
fn a_client_hello_may_come_in_tiny_records() {
    let fixture = start(LIMITS);
    for version in VERSIONS {
        for size in [1, 2] {
            let config = client_config_for(fixture.certificate.as_deref().unwrap(), &[version]);
            let mut stream = client_stream(fixture.server.address(), config);
            let mut flight = Vec::new();
            stream.conn.write_tls(&mut flight).unwrap();
            for fragment in flight[5..].chunks(size) {
                let header = [22, 3, 1, 0, u8::try_from(fragment.len()).unwrap()];
                stream.sock.write_all(&[&header, fragment].concat()).unwrap();
            }
            let mut client = Client { stream: Box::new(stream) };
            assert_eq!(client.post("/echo", b"").status, 200, "{version:?} {size}");
        }
    }
}

#[test]
fn ten_thousand_requests_may_come_in_one_go() {
    let fixture = start(LIMITS);
    let mut wire = Wire::connect(&fixture, &TLS13);
    let many: Vec<u8> = (0..10_000).flat_map(|number| request(&format!("/{number}"), 0)).collect();
    let sealed = wire.sealed(&many, RECORD);
    let mut socket = wire.socket.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || socket.write_all(&sealed).unwrap());
        for (number, body) in wire.bodies(10_000).iter().enumerate() {
            assert_eq!(*body, format!("POST /{number} 0"));
        }
    });
}
