//! Facts kept from one run to the next, in the files of Ansible's `jsonfile` cache: one a host, whose JSON holds the facts as
//! JSON text. What cannot be read or is too old counts as nothing; what cannot be written is said, and the run goes on.

use crate::module::Map;
use crate::plan::FactCache;
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What Ansible puts before a host's name: the form of the file.
const FORM: &str = "s1_";
/// The key below which the facts' text is.
const PAYLOAD: &str = "__payload__";
/// What marks a value that Ansible knows the origin of.
const TYPE: &str = "__ansible_type";

impl FactCache {
    fn file(&self, host: &str) -> PathBuf {
        self.dir.join(format!("{}{FORM}{}", self.prefix, host.replace('/', "_")))
    }

    /// The facts of a host; none if none are kept.
    pub(super) fn read(&self, host: &str) -> Map {
        let file = self.file(host);
        let written = std::fs::metadata(&file).and_then(|about| about.modified());
        let age = |written| SystemTime::now().duration_since(written).unwrap_or_default();
        if self.timeout > Duration::ZERO && written.is_ok_and(|written| age(written) > self.timeout) {
            return Map::new();
        }
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let outer = serde_json::from_str::<Json>(&text).unwrap_or_default();
        let inner = outer.get(PAYLOAD).and_then(Json::as_str).unwrap_or_default();
        match bare(serde_json::from_str(inner).unwrap_or_default()) {
            Json::Object(facts) => facts,
            _ => Map::new(),
        }
    }

    /// Keeps all facts of a host.
    pub(super) fn write(&self, host: &str, facts: &Map) {
        let mut facts = facts.clone();
        if facts.contains_key("module_setup") {
            // By this Ansible knows that it need not gather again.
            facts.insert("_ansible_facts_gathered".into(), json!(true));
        }
        let text = json!({ PAYLOAD: Json::Object(facts).to_string() }).to_string();
        let file = self.file(host);
        let new = file.with_extension("new");
        let kept = std::fs::create_dir_all(&self.dir)
            .and_then(|()| std::fs::write(&new, text))
            .and_then(|()| std::fs::rename(&new, &file));
        if let Err(error) = kept {
            tracing::warn!(file = %file.display(), %error, "facts cannot be kept");
        }
    }

    /// Forgets a host.
    pub(super) fn forget(&self, host: &str) {
        // A file that is not there is what was wanted.
        _ = std::fs::remove_file(self.file(host));
    }
}

/// A value without what Ansible wrote about where it came from.
fn bare(value: Json) -> Json {
    match value {
        Json::Object(mut map) if map.contains_key(TYPE) && map.contains_key("value") => {
            map.remove("value").map(bare).unwrap_or_default()
        }
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, bare(value))).collect(),
        Json::Array(items) => items.into_iter().map(bare).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_until_it_is_old() {
        let dir = tempfile::tempdir().unwrap();
        let cache =
            FactCache { dir: dir.path().join("facts"), prefix: "p".into(), timeout: Duration::from_secs(60) };
        let facts = json!({"ansible_a": [1, {"b": "c"}]}).as_object().cloned().unwrap();
        assert_eq!(cache.read("h"), Map::new());
        cache.write("h", &facts);
        assert!(cache.dir.join("ps1_h").is_file());
        assert_eq!(cache.read("h"), facts);
        let old = FactCache { timeout: Duration::from_nanos(1), ..cache.clone() };
        assert_eq!(old.read("h"), Map::new());
        cache.forget("h");
        assert_eq!(cache.read("h"), Map::new());
    }

    #[test]
    fn ansible_s_marks_on_values_are_taken_off() {
        let marked =
            json!({"a": {"value": 1, "tags": [], "__ansible_type": "_AnsibleTaggedInt"}, "b": {"value": 2}});
        assert_eq!(bare(marked), json!({"a": 1, "b": {"value": 2}}));
    }
}
