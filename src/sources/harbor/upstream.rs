//! From the endpoint of a registry in Harbor to what images name it by.

use crate::reference::{self, DEFAULT_REGISTRY, LEGACY_REGISTRY};

/// Harbor's word for Docker Hub.
const DOCKER_HUB: &str = "docker-hub";
/// Docker Hub's hosts: of its pages, which is the endpoint that Harbor gives
/// it, and of its registry.
const DOCKER_HUB_PAGES: [&str; 2] = ["hub.docker.com", "registry.hub.docker.com"];
const DOCKER_HUB_REGISTRY: &str = "registry-1.docker.io";

/// Most bytes of a registry, and of a project's name: both together, and a
/// slash, are a text that a rule may hold.
pub(super) const NAME_BYTES_MAX: usize = 255;

/// Why no image is below an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoUpstream {
    /// The URL names no host, or none that an image could begin with.
    Host,
    /// It is neither HTTP nor HTTPS.
    Scheme,
    /// It has a path that no image name has.
    Path,
    /// It is that of ECR's interface, which does not tell the account that is
    /// in the names of images.
    Account,
}

impl NoUpstream {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "its endpoint has no host that an image could begin with",
            Self::Scheme => "its endpoint is neither http:// nor https://",
            Self::Path => {
                "its endpoint has a path that no image name has: write a rule in a file, \
                 or give it an endpoint without one"
            }
            Self::Account => {
                "its endpoint does not tell the account of the images: give it \
                 https://ACCOUNT.dkr.ecr.REGION.amazonaws.com"
            }
        }
    }
}

/// The prefixes of the images of the registry with this endpoint, the one that
/// people write first; at least one.
///
/// # Errors
/// When no image name can be below it.
pub fn prefixes(kind: &str, endpoint: &str) -> Result<Vec<String>, NoUpstream> {
    let Endpoint { host, port, default_port, path } = Endpoint::parse(endpoint)?;
    let is_page = DOCKER_HUB_PAGES.contains(&host.as_str());
    let is_hub = [DEFAULT_REGISTRY, LEGACY_REGISTRY, DOCKER_HUB_REGISTRY].contains(&host.as_str());
    if kind == DOCKER_HUB || is_page || is_hub {
        let hub = [DEFAULT_REGISTRY, DOCKER_HUB_REGISTRY].map(str::to_owned);
        return Ok(hub.into_iter().chain(Some(host).filter(|_| is_page)).collect());
    }
    if host.starts_with("api.ecr") && host.contains(".amazonaws.com") {
        return Err(NoUpstream::Account);
    }
    let repository = repository(&path)?;
    let names = match port {
        None => vec![host],
        // Whoever writes the port of the scheme means the host without one.
        Some(port) if port == default_port => vec![host.clone(), format!("{host}:{port}")],
        Some(port) => vec![format!("{host}:{port}")],
    };
    let mut named: Vec<String> = names.into_iter().filter(|name| is_named(name)).collect();
    if let Some(repository) = repository {
        named.iter_mut().for_each(|name| *name = format!("{name}/{repository}"));
    }
    if named.is_empty() { Err(NoUpstream::Host) } else { Ok(named) }
}

/// A registry as an image can name it, in lower case; none when it cannot be.
/// Takes what is left of a URL without its scheme.
pub fn registry(text: &str) -> Option<String> {
    let registry = text.trim().trim_end_matches('/').to_ascii_lowercase();
    is_named(&registry).then_some(registry)
}

fn is_named(registry: &str) -> bool {
    registry.len() <= NAME_BYTES_MAX
        && reference::is_registry(registry)
        && reference::looks_like_registry(registry)
}

/// The same registry without the port that needs not be written.
pub fn without_default_port(registry: &str) -> &str {
    let bare = [":443", ":80"].iter().find_map(|port| registry.strip_suffix(port));
    bare.unwrap_or(registry)
}

struct Endpoint {
    host: String,
    port: Option<u32>,
    default_port: u32,
    /// Its segments.
    path: Vec<String>,
}

impl Endpoint {
    /// Reads a URL, without a scheme as well. What it holds of a user is left
    /// out.
    fn parse(url: &str) -> Result<Self, NoUpstream> {
        let (scheme, rest) = url.trim().split_once("://").unwrap_or(("https", url.trim()));
        let default_port = match scheme.to_ascii_lowercase().as_str() {
            "https" => 443,
            "http" => 80,
            _ => return Err(NoUpstream::Scheme),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let authority = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (host, port) = authority.split_at(at.unwrap_or(authority.len()));
        let port = match port.trim_start_matches(':') {
            "" => None,
            digits => match digits.parse::<u16>() {
                Ok(port) if !digits.starts_with('+') => Some(u32::from(port)),
                _ => return Err(NoUpstream::Host),
            },
        };
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        Ok(Self {
            host: host.trim_end_matches('.').to_owned(),
            port,
            default_port,
            path: segments.map(str::to_owned).collect(),
        })
    }
}

/// The first segment of the images below a path: none for paths that mean the
/// host, of an API or of a page that somebody copied.
fn repository(path: &[String]) -> Result<Option<&str>, NoUpstream> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        [] | ["v1" | "v2" | "api" | "artifactory"] | ["api", "v2.0"] | ["harbor", ..] => Ok(None),
        // Artifactory's repositories are segments of image names.
        ["artifactory", "api", "docker", repository]
        | ["artifactory", "api", "docker", repository, "v2"]
            if repository.len() <= NAME_BYTES_MAX && reference::is_repository(repository) =>
        {
            Ok(Some(repository))
        }
        _ => Err(NoUpstream::Path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, endpoint: &str) -> String {
        match prefixes(kind, endpoint) {
            Ok(prefixes) => prefixes.join(" "),
            Err(why) => format!("{why:?}"),
        }
    }

    #[test]
    fn the_kinds_of_registry_have_the_names_that_images_have() {
        let hub = "docker.io registry-1.docker.io";
        for (kind, endpoint, expected) in [
            ("docker-hub", "https://hub.docker.com", &format!("{hub} hub.docker.com")[..]),
            ("docker-hub", "https://mirror.corp.example", hub),
            ("docker-registry", "https://registry-1.docker.io", hub),
            ("docker-registry", "https://index.docker.io/v1/", hub),
            ("github-ghcr", "https://ghcr.io", "ghcr.io"),
            ("quay", "https://quay.io", "quay.io"),
            ("google-gcr", "https://eu.gcr.io", "eu.gcr.io"),
            (
                "aws-ecr",
                "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            ),
            ("aws-ecr", "https://api.ecr.eu-west-1.amazonaws.com", "Account"),
            ("docker-registry", "https://public.ecr.aws", "public.ecr.aws"),
            ("azure-acr", "https://corp.azurecr.io", "corp.azurecr.io"),
            (
                "ali-acr",
                "https://registry.cn-hangzhou.aliyuncs.com",
                "registry.cn-hangzhou.aliyuncs.com",
            ),
            ("jfrog-artifactory", "https://corp.jfrog.io", "corp.jfrog.io"),
            ("jfrog-artifactory", "https://corp.jfrog.io/artifactory/", "corp.jfrog.io"),
            (
                "docker-registry",
                "https://corp.jfrog.io/artifactory/api/docker/remote",
                "corp.jfrog.io/remote",
            ),
            ("harbor", "https://harbor.partner.example:8443/", "harbor.partner.example:8443"),
            ("harbor", "https://harbor.partner.example/harbor/projects", "harbor.partner.example"),
            ("docker-registry", "http://registry.lan.example:5000", "registry.lan.example:5000"),
            ("a kind to come", "https://registry.example.com", "registry.example.com"),
        ] {
            assert_eq!(of(kind, endpoint), expected, "{kind} {endpoint}");
        }
    }

    #[test]
    fn endpoints_are_written_in_many_ways() {
        for (endpoint, expected) in [
            ("https://nvcr.io/v2/", "nvcr.io"),
            ("HTTPS://Quay.IO/", "quay.io"),
            (" quay.io. ", "quay.io"),
            ("https://user:p%40ss@quay.io:5000/v2", "quay.io:5000"),
            ("https://a:b@c@quay.io", "quay.io"),
            ("https://quay.io:443", "quay.io quay.io:443"),
            ("http://quay.io:80/", "quay.io quay.io:80"),
            ("https://quay.io:80", "quay.io:80"),
            ("https://quay.io:", "quay.io"),
            ("https://[2001:db8::1]:5000", "[2001:db8::1]:5000"),
            ("https://registry:443", "registry:443"),
            ("http://localhost:5000", "localhost:5000"),
            ("https://quay.io?x=/y#z", "quay.io"),
            ("https://registry", "Host"),
            ("https://", "Host"),
            ("", "Host"),
            ("https://quay.io:99999", "Host"),
            ("https://quay.io:+80", "Host"),
            ("https://qu ay.io", "Host"),
            ("https://{registry}.io", "Host"),
            ("https://bücher.example", "Host"),
            ("ftp://quay.io", "Scheme"),
            ("https://registry.example.com/team/x", "Path"),
            ("https://corp.jfrog.io/artifactory/api/docker/{Remote}", "Path"),
        ] {
            assert_eq!(of("docker-registry", endpoint), expected, "{endpoint}");
        }
    }

    #[test]
    fn a_registry_is_what_an_image_can_begin_with() {
        assert_eq!(
            registry("Harbor.Corp.Example:30002/").as_deref(),
            Some("harbor.corp.example:30002")
        );
        for odd in
            ["", "harbor", "a.example/path", "https://a.example", "a.example:", "a b.example"]
        {
            assert_eq!(registry(odd), None, "{odd}");
        }
        assert_eq!(without_default_port("a.example:443"), "a.example");
        assert_eq!(without_default_port("a.example:8443"), "a.example:8443");
    }
}
