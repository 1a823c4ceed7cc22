//! Playbooks: a list of plays, with `import_playbook` followed.

use super::Loader;
use super::files::{File, UNREADABLE, directory};
use crate::diagnostic::{Class, Diagnostic, Diagnostics, nearest};
use crate::node::{Mapping, Node};
use crate::playbook::read::{Home, is_open, plain_name};
use crate::playbook::table::{self, Place};
use crate::playbook::{Keywords, Play, Playbook};
use crate::source::Span;
use crate::template;
use std::path::{Path, PathBuf};

/// The playbooks that are being read, from the outermost in.
type Chain = Vec<PathBuf>;

impl Loader {
    /// The plays of a playbook and of all it imports. What is wrong with them is in the bag.
    pub fn playbook(&self, path: &Path, diagnostics: &mut Diagnostics) -> Playbook {
        let plays = self.plays(path, &mut vec![], diagnostics);
        Playbook::of(path, plays)
    }

    /// The same of a text that is no file; `path` is what it would be called.
    pub fn playbook_of_text(&self, path: &Path, text: String, diagnostics: &mut Diagnostics) -> Playbook {
        let source = self.sources.add(path, text);
        let file = self.file_of(path, source, "playbook", diagnostics);
        let plays = file.map(|file| self.plays_of(&file, &mut vec![], diagnostics)).unwrap_or_default();
        Playbook::of(path, plays)
    }

    /// The file of a playbook named `namespace.collection.name`, if there is one.
    #[must_use]
    pub fn named_playbook(&self, name: &str) -> Option<PathBuf> {
        self.collection_playbook(name, Path::new("."))
    }

    fn plays(&self, path: &Path, chain: &mut Chain, diagnostics: &mut Diagnostics) -> Vec<Play> {
        let Some(file) = self.file(path, "playbook", Class::Error, diagnostics) else { return vec![] };
        self.plays_of(&file, chain, diagnostics)
    }

    fn plays_of(&self, file: &File, chain: &mut Chain, diagnostics: &mut Diagnostics) -> Vec<Play> {
        let Some(items) = list_of_plays(file, diagnostics) else { return vec![] };
        if let Some(diagnostic) = tasks_file(items) {
            diagnostics.push(diagnostic);
            return vec![];
        }
        chain.push(file.path.clone());
        template::beside(file.path.parent().unwrap_or(Path::new(".")));
        let mut plays = vec![];
        for item in items {
            let Some(map) = item.as_map() else {
                let message = "playbook entries must be either valid plays or `import_playbook` statements";
                diagnostics.push(
                    Diagnostic::parse("muster::playbook::play", message)
                        .at(item.span, format!("this is {}", item.describe()))
                        .help("begin each play with `- hosts: ...`"),
                );
                continue;
            };
            if map.iter().any(|(key, _)| key.as_str().map(plain_name) == Some("import_playbook")) {
                plays.extend(self.import(file, map, item.span, chain, diagnostics));
            } else {
                plays.extend(self.reader(file, Home::Play, diagnostics).play(map, item.span));
            }
        }
        chain.pop();
        plays
    }

    fn import(
        &self,
        file: &File,
        map: &Mapping,
        span: Span,
        chain: &mut Chain,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Play> {
        let mut reader = self.reader(file, Home::Play, diagnostics);
        let Some((name, keywords)) = reader.import(map, span) else { return vec![] };
        let Some(path) = self.imported(&name, &keywords, file, diagnostics) else { return vec![] };
        let same = |known: &PathBuf| canonical(known) == canonical(&path);
        if let Some(first) = chain.iter().position(same) {
            let round = chain.iter().skip(first).chain([&path]).map(|path| short(path)).collect::<Vec<_>>();
            diagnostics.push(
                Diagnostic::error(
                    Class::Error,
                    "muster::playbook::import",
                    format!("playbooks import each other: {}", round.join(" → ")),
                )
                .at(name.span, "this begins the round again")
                .help("remove one of the imports"),
            );
            return vec![];
        }
        let before = diagnostics.0.len();
        let mut plays = self.plays(&path, chain, diagnostics);
        if let Some(missing) = diagnostics.0.get_mut(before..).unwrap_or_default().iter_mut().find(|found| {
            found.code == UNREADABLE && found.path.as_deref() == Some(&path) && found.labels.is_empty()
        }) {
            missing
                .labels
                .push(crate::diagnostic::Label { span: name.span, text: "imported here".to_owned() });
        }
        for play in &mut plays {
            // Ansible lets the variables of an import win over the play's own.
            play.keywords.vars.splice(0..0, keywords.vars.iter().cloned());
            play.keywords.when.splice(0..0, keywords.when.iter().cloned());
            play.keywords.tags.extend(keywords.tags.iter().cloned());
        }
        plays
    }

    /// The file that an import names.
    fn imported(
        &self,
        name: &Node,
        keywords: &Keywords,
        file: &File,
        diagnostics: &mut Diagnostics,
    ) -> Option<PathBuf> {
        let text = if is_open(name) {
            let own = keywords.vars.iter().flat_map(|layer| layer.0.clone());
            let own = own.filter(|(name, _)| !matches!(self.extra.get(name), Ok(Some(_)))).collect();
            match self.extra.with(own).text(name) {
                Ok(text) => text,
                Err(fault) => {
                    diagnostics.push(
                        Diagnostic::parse(
                            "muster::playbook::import",
                            format!("the name of the imported playbook cannot be known: {fault}"),
                        )
                        .at(name.span, "this sees the import's `vars` and extra variables only")
                        .help("give the variable with `-e` or under `vars` of the import"),
                    );
                    return None;
                }
            }
        } else {
            name.as_str().unwrap_or_default().to_owned()
        };
        let dir = directory(&file.path);
        Some(self.collection_playbook(&text, &dir).unwrap_or_else(|| dir.join(text)))
    }

    /// A playbook named `namespace.collection.name`.
    fn collection_playbook(&self, name: &str, dir: &Path) -> Option<PathBuf> {
        let (namespace, rest) = name.split_once('.')?;
        let (collection, name) = rest.split_once('.')?;
        let identifier =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let name: PathBuf =
            name.split('.').map(|part| identifier(part).then_some(part)).collect::<Option<_>>()?;
        if !identifier(namespace) || !identifier(collection) {
            return None;
        }
        let mut found = self.collections(dir).into_iter().flat_map(|root| {
            let stem = root.join(namespace).join(collection).join("playbooks").join(&name);
            ["yml", "yaml"].map(|extension| stem.with_extension(extension))
        });
        found.find(|path| path.is_file())
    }
}

fn list_of_plays<'f>(file: &'f File, diagnostics: &mut Diagnostics) -> Option<&'f [Node]> {
    let shown = file.path.display();
    let (message, label) = match file.node.as_seq() {
        Some([]) => (format!("A playbook must contain at least one play: `{shown}`"), "no plays".to_owned()),
        Some(items) => return Some(items),
        None if file.node.is_null() => {
            (format!("empty playbook, nothing to do: `{shown}`"), "nothing here".to_owned())
        }
        None => {
            let what = file.node.describe();
            (
                format!("a playbook must be a list of plays, got {what} instead: `{shown}`"),
                format!("this is {what}"),
            )
        }
    };
    let help = match file.node.as_map() {
        Some(map) if map.get("all").is_some() && map.get("hosts").is_none() => {
            "this looks like an inventory: give it with `-i`"
        }
        _ => "begin each play with `- hosts: ...`",
    };
    let diagnostic = Diagnostic::parse("muster::playbook::play", message).at(file.node.span, label);
    diagnostics.push(diagnostic.help(help).file(&file.path));
    None
}

/// A diagnostic if a list that should be of plays is one of tasks: one word about it says more than one for each key.
fn tasks_file(items: &[Node]) -> Option<Diagnostic> {
    let keys =
        |map: &Mapping| map.iter().filter_map(|(key, _)| key.as_str().map(str::to_owned)).collect::<Vec<_>>();
    let is_task = |map: &Mapping| {
        let keys = keys(map);
        let of_play = |name: &String| {
            plain_name(name) == "import_playbook"
                || table::keyword(name)
                    .is_some_and(|known| known.places == [Place::Play] && known.name != "user")
        };
        let own = |name: &&String| match table::keyword(name) {
            None => nearest(name, table::names(Place::Play)).is_none(),
            Some(known) => known.name == "user" || known.name == "block" || !known.stands(Place::Play),
        };
        !keys.iter().any(of_play) && keys.iter().any(|name| own(&name))
    };
    let maps: Vec<&Mapping> = items.iter().map(Node::as_map).collect::<Option<_>>()?;
    if !maps.iter().all(|map| is_task(map)) {
        return None;
    }
    let strange = |(key, _): &&(Node, Node)| {
        !key.as_str()
            .and_then(table::keyword)
            .is_some_and(|known| known.stands(Place::Play) && known.name != "user")
    };
    let (key, _) = maps.first()?.iter().find(strange)?;
    let message = format!("'{}' is not a valid attribute for a Play", key.as_str()?);
    Some(
        Diagnostic::parse("muster::playbook::play", message)
            .at(key.span, "this looks like a tasks file")
            .help("put the tasks into a play: `- hosts: all` with the list under `tasks:`; or take the file into one with `import_tasks`"),
    )
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

fn short(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
