//! `k8s-image-replacer`.

#[derive(Debug, Default)]
pub(in crate::migrate) struct Config {
    pub(in crate::migrate) hub: String,
    pub(in crate::migrate) policy: Vec<(String, String)>,
}

impl Config {
    /// Of several keys that fit, which one there is left to chance, the longest.
    pub(in crate::migrate) fn replace(&self, image: &str) -> String {
        let slashes = image.matches('/').count();
        let hub = "registry-1.docker.io";
        if slashes < 2 && self.hub.is_empty() {
            return image.to_owned();
        }
        let full = match slashes {
            0 => format!("{hub}/library/{image}"),
            1 => format!("{hub}/{image}"),
            _ => image.to_owned(),
        };
        if let Some(path) = full.strip_prefix(hub).filter(|path| path.starts_with('/')) {
            return format!("{}{path}", self.hub);
        }
        let fits = |(key, _): &&(String, String)| full.starts_with(&format!("{key}/"));
        match self.policy.iter().filter(fits).max_by_key(|(key, _)| key.len()) {
            Some((key, value)) => full.replacen(key, value, 1),
            None => image.to_owned(),
        }
    }
}
