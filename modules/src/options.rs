//! Options that several modules share: a module's own come first in its documentation, the shared ones after them.

use muster_engine::module::Opt;

/// A module's own options and those it shares, as one list.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time: out of bounds does not compile")]
pub(crate) const fn joined<const OWN: usize, const SHARED: usize, const ALL: usize>(
    own: [Opt; OWN],
    shared: [Opt; SHARED],
) -> [Opt; ALL] {
    assert!(OWN + SHARED == ALL, "a list as long as both together");
    let mut all = [shared[0]; ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < OWN { own[at] } else { shared[at - OWN] };
        at += 1;
    }
    all
}
