//! Places as the old systems write them: joined to an image without a look.

use crate::reference::{self, DEFAULT_REGISTRY, Reference};

/// A place that images are put below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    /// A registry, with or without a path; with a dash at its end if the old
    /// text had one.
    pub(super) text: String,
    /// What was changed about it, for the report.
    pub(super) notes: Vec<String>,
}

impl Base {
    /// Reads a place that is followed by a slash and an image.
    ///
    /// # Errors
    /// Why no image can be below it.
    pub(super) fn parse(written: &str) -> Result<Self, String> {
        let base = Self::without_marks(written)?;
        base.checked(&format!("{}/a", base.text))
    }

    /// Reads a place that ends in a dash and is followed by a registry.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub(super) fn parse_dashed(written: &str) -> Result<Self, String> {
        let mut base = Self { text: written.to_owned(), notes: Vec::new() };
        base.drop_scheme();
        base.checked(&format!("{}a.example/a", base.text))
    }

    /// As [`Self::parse`], for a system that would take a place without a
    /// registry for one on Docker Hub, as the kubelet does.
    fn without_marks(written: &str) -> Result<Self, String> {
        let mut base = Self { text: written.trim().to_owned(), notes: Vec::new() };
        base.drop_scheme();
        let trimmed = base.text.trim_end_matches('/');
        if trimmed.len() < base.text.len() {
            base.text.truncate(trimmed.len());
            base.notes.push("the slash at the end is left out: doubled, it names no image".into());
        }
        if base.text.is_empty() {
            return Err("the place is empty".to_owned());
        }
        let head = base.text.split('/').next().unwrap_or_default();
        if !reference::looks_like_registry(head) {
            let text = format!("{DEFAULT_REGISTRY}/{}", base.text);
            let note =
                format!("{} has no registry: it is {text}, as the kubelet reads it", base.text);
            base.notes.push(note);
            base.text = text;
        }
        Ok(base)
    }

    fn drop_scheme(&mut self) {
        if let Some((_, rest)) = self.text.split_once("://") {
            self.text = rest.to_owned();
            self.notes.push("the scheme is left out: it is no part of an image".into());
        }
    }

    fn checked(&self, sample: &str) -> Result<Self, String> {
        match Reference::parse(sample) {
            Ok(reference) if !reference.registry().is_empty() => Ok(self.clone()),
            Ok(_) => Err(format!("{:?} does not start with a registry", self.text)),
            Err(error) => Err(format!("{:?} is no place for images: {error}", self.text)),
        }
    }
}

/// The image as the kubelet pulls it: without tag and digest it is `:latest`.
pub(super) fn as_pulled(image: &Reference) -> String {
    match (image.tag(), image.digest()) {
        (None, None) => format!("{image}:latest"),
        _ => image.to_string(),
    }
}
