//! What an answer costs of the allocator, which all threads share.

use allocation_counter::measure;
use bumpalo::Bump;
use detour::admission::admit;

use super::support::hub;

const REVIEW: &[u8] = include_bytes!("../../../benches/data/review.json");

/// Patterns and templates are left out: a match of a regular expression
/// allocates its groups.
#[test]
fn an_answer_allocates_its_body_and_nothing_else() {
    let mapping = hub();
    let mut arena = Bump::new();
    // The first ones fill the arena, which keeps the largest of its pieces.
    let mut first = Vec::new();
    for _ in 0..3 {
        first = admit(REVIEW, &mapping, &arena).expect("a review").body;
        arena.reset();
    }
    let info = measure(|| {
        let admitted = admit(REVIEW, &mapping, &arena).expect("a review");
        assert_eq!(admitted.body, first);
    });
    assert_eq!(info.count_total, 1, "{info:?}");
}
