//! The map file: lines of `KEY::VALUE`, read as that system reads them.

use crate::migrate::draft::Draft;
use crate::migrate::report::{Origin, Verdict};

/// One usable line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) origin: Origin,
}

/// The lines of a map file that are in force there.
#[derive(Debug, Default)]
pub(super) struct MapFile {
    /// `[EXACT]`
    pub(super) exact: Vec<Line>,
    /// `[REPLACE]`, in the order in which they are asked.
    pub(super) replace: Vec<Line>,
    pub(super) registries: Vec<Line>,
    pub(super) default: Option<Line>,
    pub(super) wildcards: Option<Line>,
}

impl MapFile {
    /// The entry of this registry.
    pub(super) fn registry(&self, key: &str) -> Option<&Line> {
        self.registries.iter().find(|line| line.key == key)
    }

    /// All of them.
    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        let lists = [&self.exact, &self.replace, &self.registries];
        lists.into_iter().flatten().chain(&self.default).chain(&self.wildcards)
    }

    /// Adds the lines of a text; `origin` makes the origin of a line out of
    /// its number, from 1, and its text.
    pub(super) fn read(
        &mut self,
        draft: &mut Draft,
        text: &str,
        origin: impl Fn(u64, &str) -> Origin,
    ) {
        let unmarked = text.strip_prefix('\u{feff}');
        for (index, written) in unmarked.unwrap_or(text).lines().enumerate() {
            let origin = origin(index as u64 + 1, written);
            if index == 0 && unmarked.is_some() {
                let text =
                    "the mark at the file's start is left out; there it hides this line's key";
                draft.tell(&origin, Verdict::Differs, text);
            }
            if let Some(line) = read_line(draft, written, origin) {
                self.add(draft, line);
            }
        }
    }

    /// Of two lines with one key the last counts, at the place of the first.
    fn add(&mut self, draft: &mut Draft, mut line: Line) {
        let special = |name: &str| line.key.strip_prefix(name).map(str::to_owned);
        let list = match (special("[EXACT]"), special("[REPLACE]"), line.key.as_str()) {
            (Some(key), ..) => {
                line.key = key;
                &mut self.exact
            }
            (_, Some(key), _) => {
                line.key = key;
                &mut self.replace
            }
            (_, _, "default") => return set(draft, &mut self.default, line),
            (_, _, "noswap_wildcards") => return set(draft, &mut self.wildcards, line),
            _ => &mut self.registries,
        };
        match list.iter_mut().find(|former| former.key == line.key) {
            Some(former) => {
                tell_of_former(draft, former, &line);
                *former = line;
            }
            None => list.push(line),
        }
    }
}

fn set(draft: &mut Draft, place: &mut Option<Line>, line: Line) {
    if let Some(former) = place {
        tell_of_former(draft, former, &line);
    }
    *place = Some(line);
}

fn tell_of_former(draft: &mut Draft, former: &Line, line: &Line) {
    let text = format!("line {} has the same key, and the last one counts", line.origin.line);
    draft.tell(&former.origin, Verdict::Dropped, text);
}

fn read_line(draft: &mut Draft, written: &str, origin: Origin) -> Option<Line> {
    let (text, comment) = written.split_once('#').unwrap_or((written, ""));
    let text: String = text.trim_end().chars().filter(|character| *character != ' ').collect();
    if text.trim().is_empty() {
        return None;
    }
    // Only what follows the last run of marks is cut there.
    if comment.trim_start_matches('#').contains('#') {
        let text = "the comment is cut at its first #; there a part of it stays in the target";
        draft.tell(&origin, Verdict::Differs, text);
    }
    let parts: Vec<&str> = text.split("::").collect();
    let colons = text.matches(':').count();
    let (key, value) = match parts[..] {
        _ if text.contains('\t') => {
            draft.tell(&origin, Verdict::Dropped, "a tab: no image has such a key");
            return None;
        }
        [key, value] => (key, value),
        [_] if colons == 1 => text.split_once(':')?,
        [_] if colons > 0 => {
            let text = "skipped there too: with a port in it a line needs :: between key and value";
            draft.tell(&origin, Verdict::Dropped, text);
            return None;
        }
        _ => {
            draft.tell(&origin, Verdict::Dropped, "skipped there too: no KEY::VALUE");
            return None;
        }
    };
    Some(Line { key: key.to_owned(), value: value.to_owned(), origin })
}
