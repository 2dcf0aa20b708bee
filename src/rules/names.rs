//! The names that the API server accepts.
//!
//! From `k8s.io/apimachinery/pkg/util/validation`: a label or a Secret's name
//! that breaks these rules would make it reject every pod that Detour patches.

const SUBDOMAIN_BYTES_MAX: usize = 253;
const NAME_BYTES_MAX: usize = 63;

/// Whether `text` is the key of a label (a qualified name): an optional DNS
/// subdomain and `/`, then a name.
pub fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_object_name(prefix) && is_name(name),
        None => is_name(text),
    }
}

/// Whether `text` is the key of an annotation, which is that of a label but
/// for the case of the prefix.
pub fn is_annotation_key(text: &str) -> bool {
    is_label_key(&text.to_ascii_lowercase())
}

/// Whether `text` is the value of a label.
pub fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

/// Whether `text` is the name of a namespace (a DNS label).
pub fn is_namespace(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX && is_dns_label(text)
}

/// Whether `text` is the name of an object such as a map or a Secret (a DNS
/// subdomain).
pub fn is_object_name(text: &str) -> bool {
    text.len() <= SUBDOMAIN_BYTES_MAX && text.split('.').all(is_dns_label)
}

fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    text.bytes().all(inner) && has_alphanumeric_ends(text)
}

/// Whether `text` is the name part of a label's key.
pub fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.len() <= NAME_BYTES_MAX && text.bytes().all(inner) && has_alphanumeric_ends(text)
}

fn has_alphanumeric_ends(text: &str) -> bool {
    let ends = [text.bytes().next(), text.bytes().next_back()];
    ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_names_with_an_optional_subdomain() {
        let name = "n".repeat(63);
        let subdomain = format!("{0}.{0}.{0}.{1}", "d".repeat(63), "d".repeat(61));
        assert_eq!(subdomain.len(), 253);
        let longest = format!("{subdomain}/{name}");
        for key in ["a", "A-b_c.D9", "detour.dev/rewritten", "a-b.c/D", "1/2", &name, &longest] {
            assert!(is_label_key(key), "{key}");
            assert!(is_annotation_key(key), "{key}");
        }
        let long_name = format!("{name}n");
        let long_subdomain = format!("d{longest}");
        for key in [
            "",
            "/a",
            "a/",
            "a/b/c",
            "-a",
            "a-",
            ".a",
            "a_",
            "a b",
            "é",
            "a..b/c",
            "-a/b",
            "a./b",
            "a_b/c",
            &long_name,
            &long_subdomain,
        ] {
            assert!(!is_label_key(key), "{key}");
            assert!(!is_annotation_key(key), "{key}");
        }
        assert!(!is_label_key("Example.com/a"));
        assert!(is_annotation_key("Example.com/a"));
    }

    #[test]
    fn values_are_names_or_empty() {
        for value in ["", "a", "1.2_3-4", &"v".repeat(63)] {
            assert!(is_label_value(value), "{value}");
        }
        for value in ["a/b", "-a", "a.", "a b", "a=b", "ü", &"v".repeat(64)] {
            assert!(!is_label_value(value), "{value}");
        }
    }

    #[test]
    fn namespaces_are_dns_labels() {
        for name in ["a", "kube-system", "0-9", &"n".repeat(63)] {
            assert!(is_namespace(name), "{name}");
        }
        for name in ["", "A", "a.b", "-a", "a-", "a_b", &"n".repeat(64)] {
            assert!(!is_namespace(name), "{name}");
        }
    }
}
