//! Paths on registries, found by their segments.

use std::collections::HashMap;

use super::append;
use crate::reference::split_at_mark;

/// Values under paths such as `docker.io/library`.
///
/// A look-up costs the length of the path, whatever the number of entries.
#[derive(Debug)]
pub(super) struct Trie<T> {
    nodes: Vec<Node<T>>,
}

#[derive(Debug)]
struct Node<T> {
    /// Most have none.
    children: Option<Box<Children>>,
    values: Vec<T>,
}

/// Indices of nodes by the segment that leads to them.
type Children = HashMap<Box<str>, usize>;

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { children: None, values: Vec::new() }
    }
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl<T> Trie<T> {
    /// Adds a value behind those that are already under this path.
    pub(super) fn insert(&mut self, path: &str, value: T) {
        let mut at = 0;
        for segment in path.split('/') {
            let known = self.nodes[at].children.as_ref();
            at = match known.and_then(|children| children.get(segment)) {
                Some(&child) => child,
                None => {
                    let child = self.nodes.len();
                    self.nodes.push(Node::default());
                    let children = self.nodes[at].children.get_or_insert_default();
                    children.insert(segment.into(), child);
                    child
                }
            };
        }
        append(&mut self.nodes[at].values, value);
    }

    /// The first value that `choose` makes something of, from the longest
    /// prefix of `path` to the shortest. `choose` also gets what follows the
    /// prefix, without the slash between.
    pub(super) fn find<'p, R>(
        &self,
        path: &'p str,
        choose: &mut impl FnMut(&T, &'p str) -> Option<R>,
    ) -> Option<R> {
        self.find_below(0, Some(path), choose)
    }

    fn find_below<'p, R>(
        &self,
        at: usize,
        rest: Option<&'p str>,
        choose: &mut impl FnMut(&T, &'p str) -> Option<R>,
    ) -> Option<R> {
        let node = &self.nodes[at];
        let deeper = rest.and_then(|rest| {
            let (segment, rest) = split_at_mark(rest, b'/');
            self.find_below(*node.children.as_ref()?.get(segment)?, rest, choose)
        });
        deeper.or_else(|| {
            node.values.iter().find_map(|value| choose(value, rest.unwrap_or_default()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(trie: &Trie<u8>, path: &str) -> Vec<(u8, String)> {
        let mut found = Vec::new();
        trie.find(path, &mut |value, rest| {
            found.push((*value, rest.to_owned()));
            None::<()>
        });
        found
    }

    #[test]
    fn the_longest_prefix_comes_first() {
        let mut trie = Trie::default();
        for (path, value) in [("a.io", 1), ("a.io/b", 2), ("a.io/b/c", 3), ("a.io/b", 4)] {
            trie.insert(path, value);
        }
        let all = |list: &[(u8, &str)]| -> Vec<(u8, String)> {
            list.iter().map(|(value, rest)| (*value, (*rest).to_owned())).collect()
        };
        assert_eq!(found(&trie, "a.io/b/c"), all(&[(3, ""), (2, "c"), (4, "c"), (1, "b/c")]));
        assert_eq!(found(&trie, "a.io/b/cc"), all(&[(2, "cc"), (4, "cc"), (1, "b/cc")]));
        assert_eq!(found(&trie, "a.io/bb"), all(&[(1, "bb")]));
        assert_eq!(found(&trie, "a.io"), all(&[(1, "")]));
        assert_eq!(found(&trie, "a.io:443/b"), all(&[]));
        assert_eq!(found(&trie, ""), all(&[]));
    }

    #[test]
    fn the_first_choice_ends_the_walk() {
        let mut trie = Trie::default();
        trie.insert("a.io", 1);
        trie.insert("a.io/b", 2);
        assert_eq!(
            trie.find("a.io/b/c", &mut |value, _| (*value == 1).then_some("one")),
            Some("one")
        );
        assert_eq!(trie.find("a.io/b/c", &mut |value, _| Some(*value)), Some(2));
    }
}
