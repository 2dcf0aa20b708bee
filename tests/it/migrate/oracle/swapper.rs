//! `k8s-proxy-image-swapper`.

struct Image<'i> {
    registry: &'i str,
    namespace: String,
    name: &'i str,
    tag: &'i str,
}

fn parse(image: &str) -> Image<'_> {
    let parts: Vec<&str> = image.split('/').collect();
    let last = parts[parts.len() - 1];
    let (name, tag) = last.split_once(':').unwrap_or((last, "latest"));
    let (registry, namespace) = match &parts[..] {
        [_] => ("docker.io", "library".to_owned()),
        ["docker.io", _] => ("docker.io", "library".to_owned()),
        [first, _] if !first.contains('.') => ("docker.io", (*first).to_owned()),
        [first, _] => (*first, String::new()),
        [first, middle @ .., _] if first.contains('.') => (*first, middle.join("/")),
        [namespace @ .., _] => ("docker.io", namespace.join("/")),
        [] => ("", String::new()),
    };
    Image { registry, namespace, name, tag }
}

pub(in crate::migrate) fn swap(registry: &str, ignored: &[String], text: &str) -> String {
    let image = parse(text);
    let is_ignored = ignored.iter().map(|entry| parse(entry)).any(|entry| {
        (entry.registry, &entry.namespace, entry.name)
            == (image.registry, &image.namespace, image.name)
    });
    let place = match image.registry {
        "docker.io" if !is_ignored => registry,
        other => other,
    };
    let slash = if image.namespace.is_empty() { "" } else { "/" };
    format!("{place}/{}{slash}{}:{}", image.namespace, image.name, image.tag)
}
