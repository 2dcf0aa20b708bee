//! `kubernetes-mimic`.

use detour::reference::Reference;

use super::Answer;

pub(in crate::migrate) fn mirror(mirrors: &[(String, String)], text: &str) -> Answer {
    // Its parser knows no IPv6 hosts.
    let image = Reference::parse(text).ok().filter(|_| !text.starts_with('['))?;
    let found = mirrors.iter().find(|(registry, _)| registry == image.registry());
    let Some((_, mirror)) = found else { return Some(text.to_owned()) };
    let version = match (image.tag(), image.digest()) {
        (_, Some(digest)) => format!("@{digest}"),
        (tag, None) => format!(":{}", tag.unwrap_or("latest")),
    };
    Some(format!("{mirror}/{}{version}", image.repository()))
}
