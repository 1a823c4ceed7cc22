//! Edits of a text and the way back. Ranges with their new text come in, the edited text and a [`Step`] go out, which
//! turns offsets of the new text into offsets of the old.

use std::borrow::Cow;
use std::ops::Range;

/// A range of the old text and what stands there instead.
pub type Edit = (Range<usize>, Cow<'static, str>);

/// One round of edits: ranges of the old text and of the new, in order.
#[derive(Default, Debug)]
pub struct Step(Vec<(Range<usize>, Range<usize>)>);

impl Step {
    /// A start, or an end, of a range. What was deleted right at an end is outside of the range.
    #[must_use]
    pub fn back(&self, at: usize, end: bool) -> usize {
        let before = self.0.partition_point(|(_, new)| if end { new.end < at } else { new.end <= at });
        match self.0.get(before) {
            Some((old, new)) if end && at > new.start => return old.end,
            Some((old, new)) if !end && at >= new.start => return old.start,
            _ => {}
        }
        match before.checked_sub(1).and_then(|last| self.0.get(last)) {
            Some((old, new)) => at.saturating_sub(new.end) + old.end,
            None => at,
        }
    }
}

/// The text with its edits made.
pub fn apply(source: &str, mut edits: Vec<Edit>) -> (Cow<'_, str>, Step) {
    if edits.is_empty() {
        return (Cow::Borrowed(source), Step::default());
    }
    edits.sort_by_key(|(range, _)| range.start); // stable: openers were pushed outermost first
    let (mut out, mut at, mut step) = (String::with_capacity(source.len() + 64), 0, vec![]);
    for (range, text) in edits {
        out.push_str(source.get(at..range.start).unwrap_or(""));
        step.push((range.clone(), out.len()..out.len() + text.len()));
        out.push_str(&text);
        at = range.end;
    }
    out.push_str(source.get(at..).unwrap_or(""));
    (Cow::Owned(out), Step(step))
}
