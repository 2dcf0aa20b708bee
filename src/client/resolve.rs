//! Addresses of names, within a deadline.
//!
//! The system's resolver cannot be interrupted; ureq's own way around that
//! starts threads by itself.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::limits::RESOLVER_STACK_BYTES;
use crate::supervise;

/// A server may have more addresses; these are tried.
const ADDRESSES_MAX: usize = 16;

/// Asks the system on a thread, unless the host is an address already.
#[derive(Debug)]
pub(super) struct ThreadResolver;

impl Resolver for ThreadResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let default = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let port = uri.port_u16().unwrap_or(default);
        let found = match host.parse() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => look_up(host, port, timeout)?,
        };
        let mut addresses = self.empty();
        for address in found.into_iter().take(ADDRESSES_MAX) {
            addresses.push(address);
        }
        match addresses.is_empty() {
            true => Err(ureq::Error::HostNotFound),
            false => Ok(addresses),
        }
    }
}

fn look_up(host: String, port: u16, timeout: NextTimeout) -> Result<Vec<SocketAddr>, ureq::Error> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let body = move || {
        let found = (host.as_str(), port).to_socket_addrs();
        // Nobody waits any more after the deadline.
        sender.send(found.map(Iterator::collect)).ok();
    };
    supervise::spawn("resolver", RESOLVER_STACK_BYTES, body)
        .map_err(|error| ureq::Error::Other(Box::new(error)))?;
    match receiver.recv_timeout(*timeout.after) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(_)) | Err(mpsc::RecvTimeoutError::Disconnected) => Err(ureq::Error::HostNotFound),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(ureq::Error::Timeout(timeout.reason)),
    }
}
