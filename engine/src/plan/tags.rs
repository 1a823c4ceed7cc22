//! Which tasks `--tags` and `--skip-tags` want. A task's joined tags come in, yes or no goes out, with Ansible's
//! special tags `always`, `never`, `all`, `tagged` and `untagged`.

use super::Selection;
use crate::node::Node;
use crate::template::{Scope, to_json};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The tags of a task, rendered and split at commas.
#[must_use]
pub fn rendered(tags: &[Node], scope: &Scope) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for tag in tags {
        if let Some(value) = scope.render(tag).ok().and_then(|value| to_json(&value).ok()) {
            gather(&value, &mut all);
        } else if let Some(text) = tag.as_str() {
            all.insert(text.to_string());
        }
    }
    all
}

fn gather(value: &Json, all: &mut BTreeSet<String>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| gather(item, all)),
        Json::String(text) => all.extend(text.split(',').map(|tag| tag.trim().to_string())),
        Json::Null => {}
        other => {
            all.insert(other.to_string());
        }
    }
}

impl Selection {
    /// Whether a task with these tags is wanted.
    #[must_use]
    pub fn wants(&self, tags: &BTreeSet<String>) -> bool {
        let has = |tag: &str| tags.contains(tag);
        let named = |list: &[String], tag: &str| list.iter().any(|t| t == tag);
        let meets = |list: &[String]| list.iter().any(|t| has(t) || (t == "untagged" && tags.is_empty()));
        let all = vec!["all".to_string()];
        let only = if self.tags.is_empty() { &all } else { &self.tags };
        let wanted = has("always")
            || (named(only, "all") && !has("never"))
            || meets(only)
            || (named(only, "tagged") && !tags.is_empty() && !has("never"));
        if !wanted || self.skip_tags.is_empty() {
            return wanted;
        }
        let skip = &self.skip_tags;
        let skipped = if named(skip, "all") {
            !has("always") || named(skip, "always")
        } else {
            meets(skip) || (named(skip, "tagged") && !tags.is_empty())
        };
        !skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(only: &[&str], skip: &[&str], tags: &[&str]) -> bool {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let selection = Selection { tags: owned(only), skip_tags: owned(skip), ..Selection::default() };
        selection.wants(&tags.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn special_tags_mean_what_they_mean_in_ansible() {
        type Words = &'static [&'static str];
        let table: &[(Words, Words, Words, bool)] = &[
            (&[], &[], &[], true),
            (&[], &[], &["a"], true),
            (&[], &[], &["never"], false),
            (&["a"], &[], &["a", "never"], true),
            (&["never"], &[], &["never"], true),
            (&["a"], &[], &["b"], false),
            (&["a"], &[], &["always"], true),
            (&["a"], &["always"], &["always"], false),
            (&["tagged"], &[], &[], false),
            (&["tagged"], &[], &["x"], true),
            (&["untagged"], &[], &[], true),
            (&["untagged"], &[], &["x"], false),
            (&[], &["all"], &["x"], false),
            (&[], &["all"], &["always"], true),
            (&[], &["tagged"], &["x"], false),
            (&[], &["untagged"], &[], false),
            (&[], &["x"], &["x", "always"], false),
        ];
        for (only, skip, tags, wanted) in table {
            assert_eq!(wants(only, skip, tags), *wanted, "{only:?} {skip:?} {tags:?}");
        }
    }
}
