//! The five systems once more, as plain functions from a configuration and a
//! text to a text. They are held against the recorded answers, and the rules
//! against them.

pub(super) mod imageswap;
pub(super) mod mimic;
pub(super) mod replacer;
pub(super) mod swapper;

use super::pulled;

/// What a system answers; none when it fails.
pub(super) type Answer = Option<String>;

/// All spellings of an image, the shortest first.
pub(super) fn spellings(image: &str) -> Vec<String> {
    let Ok(reference) = detour::reference::Reference::parse(image) else {
        return vec![image.to_owned()];
    };
    let version = &reference.as_str()[reference.name().len()..];
    let mut names = vec![reference.name().to_owned()];
    if let Some(path) = reference.name().strip_prefix("docker.io/") {
        names.push(path.to_owned());
        names.push(format!("index.docker.io/{path}"));
        if let Some(name) = path.strip_prefix("library/").filter(|name| !name.contains('/')) {
            names.extend([
                name.to_owned(),
                format!("docker.io/{name}"),
                format!("index.docker.io/{name}"),
            ]);
        }
    }
    let versions = match version {
        "" | ":latest" => vec!["", ":latest"],
        version => vec![version],
    };
    let mut all: Vec<String> = names
        .iter()
        .flat_map(|name| versions.iter().map(move |version| format!("{name}{version}")))
        .collect();
    all.sort_by_key(|spelling| (spelling.len(), spelling.clone()));
    all
}

/// The place of the shortest spelling that the system rewrites; without one
/// the image itself.
pub(super) fn wanted(image: &str, system: &dyn Fn(&str) -> Answer) -> String {
    let rewritten = spellings(image)
        .into_iter()
        .find_map(|spelling| system(&spelling).filter(|answer| pulled(answer) != pulled(image)));
    rewritten.unwrap_or_else(|| image.to_owned())
}
