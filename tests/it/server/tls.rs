use super::*;
use rustls::version::TLS12;
use rustls::{Error, HandshakeKind, ProtocolVersion};

fn certificate(fixture: &Fixture) -> &str {
    fixture.certificate.as_deref().unwrap()
}

#[test]
fn the_handshake_is_tls_1_3_with_http_1_1_and_no_tickets() {
    let fixture = start(LIMITS);
    let config = client_config(certificate(&fixture));
    let mut stream = client_stream(fixture.server.address(), config);
    stream.write_all(post_head("/echo", 0).as_bytes()).unwrap();
    stream.read_exact(&mut [0; 12]).unwrap();
    assert_eq!(stream.conn.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(stream.conn.tls13_tickets_received(), 0);
}

#[test]
fn tls_1_2_is_served_and_no_session_is_kept() {
    let fixture = start(LIMITS);
    let config = client_config_for(certificate(&fixture), &[&TLS12]);
    for _ in 0..2 {
        let mut stream = client_stream(fixture.server.address(), config.clone());
        stream.conn.complete_io(&mut stream.sock).unwrap();
        assert_eq!(stream.conn.protocol_version(), Some(ProtocolVersion::TLSv1_2));
        assert_eq!(stream.conn.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(Client { stream: Box::new(stream) }.post("/echo", b"ab").body, "POST /echo 2");
    }
}

#[test]
fn a_client_that_speaks_only_http_2_is_told_so() {
    let fixture = start(LIMITS);
    let mut config = client_config(certificate(&fixture));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = client_stream(fixture.server.address(), config);
    let error = stream.conn.complete_io(&mut stream.sock).unwrap_err();
    let error = error.into_inner().unwrap().downcast::<Error>().unwrap();
    assert_eq!(*error, Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol));
}

#[test]
fn plain_http_gets_an_alert_and_the_end() {
    let fixture = start(LIMITS);
    let mut stream = connect(fixture.server.address());
    // More than the server reads at once: the alert must survive the rest.
    stream.write_all(post_head("/echo", 500_000).as_bytes()).unwrap();
    stream.write_all(&[b' '; 500_000]).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.first(), Some(&21), "the content type of an alert: {bytes:?}");
    fixture.serves();
}

#[test]
fn a_record_that_is_no_tls_ends_the_connection_with_an_alert() {
    let fixture = start(LIMITS);
    let config = client_config(certificate(&fixture));
    let mut stream = client_stream(fixture.server.address(), config);
    stream.conn.complete_io(&mut stream.sock).unwrap();
    stream.sock.write_all(&[0; 100]).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert!(error.into_inner().unwrap().to_string().contains("fatal alert"));
}

#[test]
fn a_client_that_vanishes_without_a_word_is_no_trouble() {
    let fixture = start(LIMITS);
    let config = client_config(certificate(&fixture));
    let mut stream = client_stream(fixture.server.address(), config);
    stream.conn.complete_io(&mut stream.sock).unwrap();
    eventually("it is there", || fixture.server.open_connections() == 1);
    drop(stream);
    eventually("it is gone", || fixture.server.open_connections() == 0);
}

#[test]
fn without_a_certificate_connections_are_closed() {
    let fixture = start_with(loopback(), Transport::Tls(Arc::default()), LIMITS);
    assert_eq!(connect(fixture.server.address()).read(&mut [0]).unwrap(), 0);
}
