//! A Harbor on loopback that follows the description of its API v2.0, and
//! changes when a test says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::kube::script::{Pair, Received, Reply, Server};

pub(super) const USERNAME: &str = "robot$detour";
pub(super) const PASSWORD: &str = "not-a-secret";

/// Answers instead of the site, where it gives something.
type Hook = Box<dyn FnMut(&str) -> Option<Reply> + Send>;

/// What a Harbor holds.
pub(super) struct Site {
    /// Where it says that images are pulled from.
    pub(super) registry_url: String,
    /// By name, as they are listed.
    pub(super) projects: BTreeMap<String, Value>,
    pub(super) registries: BTreeMap<i64, Value>,
    pub(super) password: String,
    /// Whether the account may read registries.
    pub(super) has_system_rights: bool,
    /// Asked first, with path and query below `/api/v2.0`.
    pub(super) hook: Hook,
}

impl Site {
    fn new() -> Self {
        Self {
            registry_url: "harbor.corp.example".to_owned(),
            projects: BTreeMap::new(),
            registries: BTreeMap::new(),
            password: PASSWORD.to_owned(),
            has_system_rights: false,
            hook: Box::new(|_| None),
        }
    }

    /// Adds a public proxy project and a registry, both with this number.
    pub(super) fn add(&mut self, id: i64, name: &str, kind: &str, url: &str) {
        let registry = json!({
            "id": id, "name": format!("{name}-endpoint"), "type": kind, "url": url,
            "credential": {}, "insecure": false, "status": "healthy",
        });
        self.registries.insert(id, registry);
        let project = json!({
            "project_id": id, "name": name, "registry_id": id, "owner_name": "admin",
            "metadata": {"public": "true"}, "repo_count": 0,
        });
        self.projects.insert(name.to_owned(), project);
    }

    /// Answers a path with this from now on, and the others as ever.
    pub(super) fn breaks(
        &mut self,
        path: &'static str,
        reply: impl Fn() -> Reply + Send + 'static,
    ) {
        self.hook = Box::new(move |asked| (asked == path).then(&reply));
    }

    fn answer(&mut self, received: &Received) -> Reply {
        let line = received.line.strip_prefix("GET /api/v2.0").expect("a GET of the API");
        if let Some(reply) = (self.hook)(line) {
            return reply;
        }
        let wanted = format!("Basic {}", STANDARD.encode(format!("{USERNAME}:{}", self.password)));
        let is_known = received.header("authorization") == Some(&wanted);
        let (path, query) = line.split_once('?').unwrap_or((line, ""));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match parts[..] {
            ["systeminfo"] => {
                let mut info = json!({"auth_mode": "db_auth", "harbor_version": "v2.12.2-1"});
                if is_known {
                    info["registry_url"] = self.registry_url.as_str().into();
                    info["external_url"] = format!("https://{}", self.registry_url).into();
                }
                Reply::json(200, &info)
            }
            ["projects"] => self.list(query, is_known),
            ["projects", name, "summary"] => {
                assert_eq!(received.header("x-is-resource-name"), Some("true"));
                self.summary(name, is_known)
            }
            ["registries", id] if is_known && self.has_system_rights => {
                match id.parse().ok().and_then(|id: i64| self.registries.get(&id)) {
                    Some(registry) => Reply::json(200, registry),
                    None => refusal(404, "NOT_FOUND", "registry not found"),
                }
            }
            ["registries", _] if is_known => refusal(403, "FORBIDDEN", "forbidden"),
            ["registries", _] => refusal(401, "UNAUTHORIZED", "unauthorized"),
            _ => refusal(404, "NOT_FOUND", "the path is not found"),
        }
    }

    fn list(&self, query: &str, is_known: bool) -> Reply {
        let number = |name: &str, default: usize| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(name));
            pair.map_or(default, |value| value.parse().unwrap())
        };
        let (page, size) = (number("page=", 1), number("page_size=", 10));
        if size > 100 {
            let why =
                "validation failure list:\npage_size in query should be less than or equal to 100";
            return refusal(422, "UNPROCESSABLE_ENTITY", why);
        }
        let visible = self.projects.values().filter(|project| is_known || is_public(project));
        let visible: Vec<&Value> = visible.collect();
        let total = visible.len();
        let items: Vec<&Value> = visible.into_iter().skip((page - 1) * size).take(size).collect();
        let mut links = Vec::new();
        let link = |page: usize, rel: &str| {
            format!("</api/v2.0/projects?page={page}&page_size={size}>; rel=\"{rel}\"")
        };
        if page > 1 && (page - 1) * size < total {
            links.push(link(page - 1, "prev"));
        }
        if page * size < total {
            links.push(link(page + 1, "next"));
        }
        let head = format!("X-Total-Count: {total}\r\nLink: {}\r\n", links.join(" , "));
        Reply::Answer(200, head, json!(items).to_string().into_bytes())
    }

    fn summary(&self, name: &str, is_known: bool) -> Reply {
        let project = self.projects.get(name);
        match project {
            Some(project) if is_known || is_public(project) => {
                let mut summary = json!({"repo_count": 0});
                let id = project["registry_id"].as_i64();
                if let Some(registry) = id.and_then(|id| self.registries.get(&id)) {
                    summary["registry"] = registry.clone();
                }
                Reply::json(200, &summary)
            }
            _ if !is_known => refusal(401, "UNAUTHORIZED", "unauthorized"),
            // As Harbor answers robots, its issue 21800.
            _ => refusal(403, "FORBIDDEN", "forbidden"),
        }
    }
}

fn is_public(project: &Value) -> bool {
    project["metadata"]["public"] == "true"
}

/// As Harbor refuses.
pub(super) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"errors": [{"code": code, "message": message}]}))
}

/// A page that tells this total.
pub(super) fn page(total: usize, items: &Value) -> Reply {
    let head = format!("X-Total-Count: {total}\r\n");
    Reply::Answer(200, head, items.to_string().into_bytes())
}

/// A project in a page.
pub(super) fn project(id: i64, name: &str) -> Value {
    json!({"project_id": id, "name": name, "registry_id": id, "metadata": {"public": "true"}})
}

/// The site, served.
pub(super) struct Fake {
    pub(super) server: Server,
    site: Arc<Mutex<Site>>,
}

impl Fake {
    pub(super) fn new() -> Self {
        let site = Arc::new(Mutex::new(Site::new()));
        let answering = Arc::clone(&site);
        let answer = move |received: &Received| answering.lock().unwrap().answer(received);
        let pair = Pair::new(&["127.0.0.1"]);
        Self { server: Server::start_answering(pair, None, Box::new(answer)), site }
    }

    pub(super) fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap()
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}", self.server.address)
    }

    /// How often a path was asked for, with its query.
    pub(super) fn count(&self, path: &str) -> usize {
        let line = format!("GET /api/v2.0{path}");
        self.server.lines().iter().filter(|asked| **asked == line).count()
    }
}
