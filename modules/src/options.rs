//! Options that several modules share: a module's own come first in its documentation, the shared ones after them.

use muster_engine::module::Opt;

/// How many options lists have together.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time: out of bounds does not compile")]
pub(crate) const fn count(lists: &[&[Opt]]) -> usize {
    let (mut all, mut at) = (0, 0);
    while at < lists.len() {
        all += lists[at].len();
        at += 1;
    }
    all
}

/// The options of lists as one list, as long as [`count`] says.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time: out of bounds does not compile")]
pub(crate) const fn gathered<const ALL: usize>(lists: &[&[Opt]]) -> [Opt; ALL] {
    let mut all = [lists[0][0]; ALL];
    let (mut list, mut at) = (0, 0);
    while list < lists.len() {
        let mut one = 0;
        while one < lists[list].len() {
            all[at] = lists[list][one];
            (one, at) = (one + 1, at + 1);
        }
        list += 1;
    }
    all
}

/// Lists of options as one: a module's own, then those it shares.
macro_rules! options {
    ($($list:expr),+ $(,)?) => {{
        const LISTS: &[&[muster_engine::module::Opt]] = &[$(&$list),+];
        const ALL: [muster_engine::module::Opt; crate::options::count(LISTS)] = crate::options::gathered(LISTS);
        &ALL
    }};
}
pub(crate) use options;

/// A module's own options and those it shares, as one list.
pub(crate) const fn joined<const OWN: usize, const SHARED: usize, const ALL: usize>(
    own: [Opt; OWN],
    shared: [Opt; SHARED],
) -> [Opt; ALL] {
    assert!(OWN + SHARED == ALL, "a list as long as both together");
    gathered(&[&own, &shared])
}
