//! Which server is reached through a proxy.

use std::net::IpAddr;

use super::SetupError;

/// A proxy that connects on request (`CONNECT`), spoken to in the clear.
#[derive(Debug, Clone)]
pub struct Proxy(pub(super) ureq::Proxy);

impl Proxy {
    /// Reads `http://[user:password@]host[:port]`; the scheme may be left out.
    ///
    /// # Errors
    /// When it is no such URL, or names a proxy with TLS or SOCKS.
    pub fn parse(url: &str) -> Result<Self, SetupError> {
        match ureq::Proxy::new(url) {
            Ok(proxy) if proxy.protocol() == ureq::ProxyProtocol::Http => Ok(Self(proxy)),
            Ok(_) => Err(SetupError::Proxy("only http:// proxies can be used")),
            // The URL may hold a password, and is not repeated.
            Err(_) => Err(SetupError::Proxy("not of the form http://[user:password@]host[:port]")),
        }
    }
}

/// The variables `HTTPS_PROXY` and `NO_PROXY`, or in lower case, which win.
#[derive(Clone, Default)]
pub struct ProxyVariables {
    proxy: Option<String>,
    exceptions: String,
}

impl ProxyVariables {
    /// Takes them from `variable`, such as `|name| env::var(name).ok()`.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self {
            proxy: set("https_proxy").or_else(|| set("HTTPS_PROXY")),
            exceptions: set("no_proxy").or_else(|| set("NO_PROXY")).unwrap_or_default(),
        }
    }

    /// The proxy for a server; none when there is none or the server is an
    /// exception. This host itself always is.
    ///
    /// `NO_PROXY` is read as Go and so kubectl read it: names, which include
    /// what is below them; `.names`, which stand only for what is below them;
    /// addresses; networks (`10.0.0.0/8`); each but a network with a port or
    /// without; `*` for every server.
    ///
    /// # Errors
    /// When the proxy's URL cannot be used.
    pub fn proxy_for(&self, host: &str, port: u16) -> Result<Option<Proxy>, SetupError> {
        self.url_for(host, port).map(Proxy::parse).transpose()
    }

    /// As [`ProxyVariables::proxy_for`], unread.
    pub fn url_for(&self, host: &str, port: u16) -> Option<&str> {
        let proxy = self.proxy.as_deref()?;
        let host = host.to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return None;
        }
        let mut exceptions = self.exceptions.split(',').map(str::trim);
        match exceptions.any(|exception| matches(exception, &host, address, port)) {
            true => None,
            false => Some(proxy),
        }
    }
}

/// Whether one entry of `NO_PROXY` stands for the server.
fn matches(exception: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    let exception = exception.to_ascii_lowercase();
    if exception == "*" {
        return true;
    }
    if let Some((network, bits)) = exception.split_once('/') {
        return match (network.parse(), bits.parse(), address) {
            (Ok(network), Ok(bits), Some(address)) => contains(network, bits, address),
            _ => false,
        };
    }
    let (name, only) = split_port(&exception);
    if only.is_some_and(|only| only != port) || name.is_empty() {
        return false;
    }
    if let Ok(name) = name.parse::<IpAddr>() {
        return address == Some(name);
    }
    let name = name.strip_prefix('*').unwrap_or(name);
    match name.strip_prefix('.') {
        Some(parent) => is_below(host, parent),
        None => host == name || is_below(host, name),
    }
}

fn is_below(host: &str, parent: &str) -> bool {
    host.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`, or a bare IPv6 address.
fn split_port(text: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, port.parse().ok()),
        _ => (text, None),
    }
}

fn contains(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) if bits <= 32 => {
            let shift = 32 - bits;
            let difference = network.to_bits() ^ address.to_bits();
            difference.checked_shr(shift).unwrap_or_default() == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if bits <= 128 => {
            let shift = 128 - bits;
            let difference = network.to_bits() ^ address.to_bits();
            difference.checked_shr(shift).unwrap_or_default() == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_proxied(exceptions: &str, host: &str) -> bool {
        let variables = ProxyVariables::read(|name| match name {
            "HTTPS_PROXY" => Some("http://proxy.example:3128".to_owned()),
            "NO_PROXY" => Some(exceptions.to_owned()),
            _ => None,
        });
        variables.proxy_for(host, 443).unwrap().is_some()
    }

    #[test]
    fn exceptions_are_read_as_go_reads_them() {
        let cases = [
            ("", "api.example", true),
            ("*", "api.example", false),
            ("example", "api.example", false),
            (".example", "api.example", false),
            ("*.example", "api.example", false),
            (".api.example", "api.example", true),
            ("pi.example", "api.example", true),
            ("other, API.example", "api.example", false),
            ("api.example:443", "api.example", false),
            ("api.example:6443", "api.example", true),
            ("10.96.0.1", "10.96.0.1", false),
            ("10.96.0.0/16", "10.96.0.1", false),
            ("10.97.0.0/16", "10.96.0.1", true),
            ("0.0.0.0/0", "10.96.0.1", false),
            ("10.96.0.1/32", "10.96.0.1", false),
            ("10.96.0.1/33", "10.96.0.1", true),
            ("fd00::/8", "fd00::1", false),
            ("[fd00::1]:443", "fd00::1", false),
            ("fd00::1", "fd00::1", false),
            ("fd00::/8", "10.96.0.1", true),
            ("::/0", "fd00::1", false),
        ];
        for (exceptions, host, expected) in cases {
            assert_eq!(is_proxied(exceptions, host), expected, "{exceptions} {host}");
        }
    }

    #[test]
    fn this_host_is_never_reached_through_a_proxy() {
        for host in ["localhost", "127.0.0.1", "::1"] {
            assert!(!is_proxied("", host), "{host}");
        }
    }

    #[test]
    fn the_variable_in_lower_case_wins_and_an_empty_one_is_none() {
        let read = |lower: &'static str| {
            let variables = ProxyVariables::read(|name| match name {
                "https_proxy" => Some(lower.to_owned()),
                "HTTPS_PROXY" => Some("http://upper.example".to_owned()),
                _ => None,
            });
            variables.proxy_for("api.example", 443).unwrap().unwrap().0.host().to_owned()
        };
        assert_eq!(read("http://lower.example"), "lower.example");
        assert_eq!(read(""), "upper.example");
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_without_its_password() {
        for url in ["https://u:secret@proxy.example", "socks5://u:secret@proxy.example", "::", ""] {
            let error = Proxy::parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }
}
