//! `imageswap-webhook`.

use std::collections::HashMap;

use super::Answer;

#[derive(Debug, Default)]
pub(in crate::migrate) struct Map {
    pub(in crate::migrate) exact: HashMap<String, String>,
    replace: Vec<(String, String)>,
    pub(in crate::migrate) keys: HashMap<String, String>,
}

impl Map {
    /// Lines without comments, tabs or faults.
    pub(in crate::migrate) fn read(text: &str) -> Self {
        let mut map = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let line: String =
                line.split('#').next().unwrap().chars().filter(|c| *c != ' ').collect();
            let parts: Vec<&str> = line.split("::").collect();
            let (key, value) = match parts[..] {
                [key, value] => (key, value),
                [_] if line.matches(':').count() == 1 => line.split_once(':').unwrap(),
                _ => continue,
            };
            if let Some(key) = key.strip_prefix("[EXACT]") {
                map.exact.insert(key.to_owned(), value.to_owned());
            } else if let Some(key) = key.strip_prefix("[REPLACE]") {
                match map.replace.iter_mut().find(|(glob, _)| glob == key) {
                    Some(former) => former.1 = value.to_owned(),
                    None => map.replace.push((key.to_owned(), value.to_owned())),
                }
            } else {
                map.keys.insert(key.to_owned(), value.to_owned());
            }
        }
        map
    }

    pub(in crate::migrate) fn swap(&self, image: &str) -> Answer {
        if let Some(value) = self.exact.get(image) {
            return Some(value.clone());
        }
        let last = image.rsplit('/').next().unwrap();
        for (glob, value) in &self.replace {
            if fnmatch(image.as_bytes(), glob.as_bytes()) {
                let slash = if value.is_empty() || value.ends_with('/') { "" } else { "/" };
                return Some(format!("{value}{slash}{last}"));
            }
        }
        let named = image.split_once('/').filter(|(head, _)| head.contains('.'));
        let registry = named.map_or("docker.io", |(head, _)| head);
        let host = registry.split(':').next().unwrap();
        let known = |key: &str| self.keys.contains_key(key);
        let key = if !known(registry) && known(host) { host } else { registry };
        let Some(default) = self.keys.get("default") else { return Some(image.to_owned()) };
        let library = format!("{key}/library");
        if known(key) || known(&library) {
            let is_bare = !image.contains('/') && known(&library);
            let key = if is_bare { &library } else { key };
            // A missing key is an exception there.
            return Some(entry(self.keys.get(key)?, key, image, named.is_none()));
        }
        let wildcards = self.keys.get("noswap_wildcards").map_or("", String::as_str);
        if known("noswap_wildcards") && wildcards.split(',').any(|text| image.contains(text)) {
            return Some(image.to_owned());
        }
        Some(match default.as_str() {
            "" => image.to_owned(),
            dash if dash.ends_with('-') => format!("{dash}{host}/{image}"),
            value if image.contains(registry) => image.replace(registry, value),
            value => format!("{value}/{image}"),
        })
    }
}

fn entry(value: &str, key: &str, image: &str, is_unnamed: bool) -> String {
    match value {
        "" => image.to_owned(),
        dash if dash.ends_with('-') => {
            let registry = if is_unnamed { "docker.io/" } else { "" };
            let cut = match (image.find(':'), image.rfind('/')) {
                (Some(colon), Some(slash)) if colon < slash => {
                    format!("{}{}", &image[..colon], &image[slash..])
                }
                _ => image.to_owned(),
            };
            format!("{dash}{registry}{cut}")
        }
        value if image.contains(key) => image.replace(key, value),
        value => format!("{value}/{image}"),
    }
}

/// The legacy mode.
pub(in crate::migrate) fn prefixed(prefix: &str, image: &str) -> String {
    match image.rsplit('/').next().unwrap() {
        _ if prefix.is_empty() || image.contains(prefix) => image.to_owned(),
        _ if prefix.ends_with('-') => format!("{prefix}{image}"),
        last => format!("{prefix}/{last}"),
    }
}

fn fnmatch(text: &[u8], glob: &[u8]) -> bool {
    match glob {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|at| fnmatch(&text[at..], rest)),
        [b'[', rest @ ..] if rest[1..].contains(&b']') => {
            let end = 1 + rest[1..].iter().position(|byte| *byte == b']').unwrap();
            let (negated, members) = match &rest[..end] {
                [b'!', members @ ..] => (true, members),
                members => (false, members),
            };
            text.first().is_some_and(|byte| is_member(*byte, members) != negated)
                && fnmatch(&text[1..], &rest[end + 1..])
        }
        [one, rest @ ..] => {
            text.first().is_some_and(|byte| *one == b'?' || byte == one)
                && fnmatch(&text[1..], rest)
        }
    }
}

fn is_member(byte: u8, members: &[u8]) -> bool {
    match members {
        [low, b'-', high, rest @ ..] => (*low..=*high).contains(&byte) || is_member(byte, rest),
        [one, rest @ ..] => *one == byte || is_member(byte, rest),
        [] => false,
    }
}
