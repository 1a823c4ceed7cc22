//! `import_playbook`: the file it names, and the keywords it hands to the plays in it.

use super::{Field, Reader, plain_name, table};
use crate::diagnostic::{Class, Diagnostic};
use crate::node::{Mapping, Node};
use crate::playbook::Keywords;
use crate::playbook::table::Place;
use crate::source::Span;

impl Reader<'_> {
    /// What an `import_playbook` names, with what it gives to the plays.
    pub(in crate::playbook) fn import(&mut self, map: &Mapping, span: Span) -> Option<(Node, Keywords)> {
        let mut keywords = Keywords::default();
        let mut names: Vec<(&Node, &Node)> = vec![];
        for (key, value) in map.iter() {
            let word = key.as_str().unwrap_or_default();
            let field = Field { name: word, key, value };
            if plain_name(word) == "import_playbook" {
                names.push((key, value));
                continue;
            }
            match table::keyword(word) {
                Some(known) if known.stands(Place::Import) => {
                    if word != "name" {
                        self.shared(&mut keywords, field, "PlaybookInclude");
                    }
                }
                Some(known) if known.stands(Place::Role) && known.stands(Place::Play) => {
                    self.diagnostics.push(
                        Diagnostic::warning(
                            "muster::playbook::import",
                            format!("`{word}` has no effect on `import_playbook`"),
                        )
                        .at(key.span, "the plays that are imported do not take it on")
                        .help("write it on those plays"),
                    );
                }
                _ => self.misplaced(field, Place::Import),
            }
        }
        let code = "muster::playbook::import";
        let (first, second) = (names.first(), names.get(1));
        if let (Some((first, _)), Some((second, _))) = (first, second) {
            self.diagnostics.push(
                Diagnostic::error(Class::Error, code, "found conflicting `import_playbook` actions")
                    .at(second.span, "the second")
                    .at(first.span, "the first"),
            );
        }
        let (key, value) = *first?;
        if value.is_null() || value.as_str() == Some("") {
            self.diagnostics.push(
                Diagnostic::parse(code, "the field `import_playbook` is required but was not set")
                    .at(span, "which playbook?")
                    .help("write `import_playbook: file.yml`"),
            );
            return None;
        }
        let name = self.words(Field { name: "import_playbook", key, value })?;
        Some((name, keywords))
    }
}
