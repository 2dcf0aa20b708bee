//! A TCP forwarder: what kube-proxy is to the API server.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Bytes that are forwarded at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Starts a forwarder that runs as long as this process; gives its address.
///
/// `choose` gives the destination of each new connection; without one it is
/// closed. Connections that are open stay with their destination. What the
/// destination sends is passed on after `delay`.
pub(crate) fn start(
    delay: Duration,
    choose: impl Fn() -> Option<SocketAddr> + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let destination = choose().and_then(|address| TcpStream::connect(address).ok());
            if let (Ok(client), Some(destination)) = (client, destination) {
                join(client, destination, delay);
            }
        }
    });
    address
}

fn join(client: TcpStream, destination: TcpStream, delay: Duration) {
    for stream in [&client, &destination] {
        stream.set_nodelay(true).unwrap();
    }
    let (client, destination) = (Arc::new(client), Arc::new(destination));
    let (to, from) = (Arc::clone(&destination), Arc::clone(&client));
    thread::spawn(move || pass(&from, &to, Duration::ZERO));
    thread::spawn(move || pass(&destination, &client, delay));
}

/// Passes bytes on until one side ends, and then the end.
fn pass(mut from: &TcpStream, mut to: &TcpStream, delay: Duration) {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut pass_once = || -> io::Result<bool> {
        let read = from.read(&mut buffer)?;
        thread::sleep(delay);
        to.write_all(&buffer[..read])?;
        Ok(read > 0)
    };
    let ended_well = loop {
        match pass_once() {
            Ok(true) => {}
            Ok(false) => break true,
            Err(_) => break false,
        }
    };
    // The other side may be gone already.
    match ended_well {
        true => to.shutdown(Shutdown::Write).ok(),
        false => from.shutdown(Shutdown::Both).and(to.shutdown(Shutdown::Both)).ok(),
    };
}
