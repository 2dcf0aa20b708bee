//! What is wrong with a rules document, and where.

use std::fmt;

/// What kind of fault it is: what an `ImageMap` with it is out of force for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// Something is not as it has to be written.
    Invalid,
    /// A rule's output is another rule's input.
    Chain,
    /// There is more of something than the limit allows.
    Limit,
}

/// One fault: what, where, why, and what to write instead.
///
/// `Display` gives one line without control characters:
/// `FILE:LINE: document N, KIND/NAME, rule RULE: WHAT; HINT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fault {
    /// Name of the file or other source, as the operator wrote it.
    pub file: String,
    /// Line in that file, from 1; 0 where the source has no lines.
    pub line: u64,
    /// Number of the document in the file, from 1; 0 for the file as a whole.
    pub document: usize,
    /// `KIND/NAME` or `KIND/NAMESPACE/NAME`, as far as known.
    pub map: Option<String>,
    /// Name of the rule, or `rules[INDEX]`.
    pub rule: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: String,
    /// What kind of fault it is; of no meaning in a warning.
    pub kind: FaultKind,
}

impl Fault {
    /// What is wrong and where, in one line, without the hint.
    pub fn statement(&self) -> String {
        let mut line = format!("{}:", self.file);
        if self.line > 0 {
            line += &format!("{}:", self.line);
        }
        let document = (self.document > 0).then(|| format!("document {}", self.document));
        let rule = self.rule.as_ref().map(|rule| format!("rule {rule}"));
        let place: Vec<String> = [document, self.map.clone(), rule].into_iter().flatten().collect();
        if !place.is_empty() {
            line += &format!(" {}:", place.join(", "));
        }
        line += &format!(" {}", self.what);
        line.replace(char::is_control, " ")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.statement())?;
        match self.hint.is_empty() {
            true => Ok(()),
            false => write!(f, "; {}", self.hint.replace(char::is_control, " ")),
        }
    }
}

/// What the checks of one document set found.
///
/// Faults refuse the set, warnings do not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Each of them refuses the set.
    pub faults: Vec<Fault>,
    /// Allowed, but probably not what was meant.
    pub warnings: Vec<Fault>,
}

/// The place in a document that a check is looking at.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) document: usize,
    pub(super) map: Option<String>,
    pub(super) rule: Option<String>,
}

impl Place {
    pub(super) fn fault(
        &self,
        line: u64,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Fault {
        Fault {
            file: self.file.clone(),
            line,
            document: self.document,
            map: self.map.clone(),
            rule: self.rule.clone(),
            what: what.into(),
            hint: hint.into(),
            kind: FaultKind::Invalid,
        }
    }
}
