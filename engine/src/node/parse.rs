//! Text to nodes. Events come in; trees with merge keys applied and aliases resolved go out, or the first error.
//! No text, however nested, repetitive or broken, makes this panic or take more than [`Limits`] allows.

use super::events::Events;
use super::{Kind, Mapping, Node, scalar};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{SourceId, Sources, Span};
use libyaml_safer::{EventData, ScalarStyle};
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What one text may grow to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Deepest nesting.
    pub depth: usize,
    /// Most nodes, aliases expanded.
    pub nodes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 200, nodes: 5_000_000 }
    }
}

/// One document of a text.
pub type Document = Node;

/// Reads every document of a source. A text without any is one null document.
///
/// # Errors
/// The first thing that is not YAML, or not what Ansible's loader accepts, with its place.
pub fn parse(
    sources: &Sources,
    source: SourceId,
    limits: Limits,
    warnings: &mut Diagnostics,
) -> Result<Vec<Document>, Diagnostic> {
    let text = sources.get(source);
    let mut loader = Loader {
        events: Events::new(&text, source),
        limits,
        warnings,
        warned: HashSet::new(),
        anchors: HashMap::new(),
        nodes: 0,
        end: 0,
    };
    let whole = loader.events.whole();
    // The scanner panics on a few texts (`[!x, a]`); that is a fault of the text all the same.
    catch_unwind(AssertUnwindSafe(|| loader.documents())).unwrap_or_else(|_| {
        Err(Diagnostic::parse("muster::node::syntax", "YAML parsing failed: the parser gave up on this text")
            .at(whole.part(0, 0), "somewhere in this file")
            .help("look for a tag (`!name`) followed directly by a comma; write a space between them"))
    })
}

/// An anchor: still being read, or a node and how many nodes it stands for.
enum Anchor {
    Open,
    Closed(Node, u64),
}

struct Loader<'a> {
    events: Events<'a>,
    limits: Limits,
    warnings: &'a mut Diagnostics,
    /// Keys already warned about: a merged mapping brings its duplicates along.
    warned: HashSet<Span>,
    anchors: HashMap<String, Anchor>,
    nodes: u64,
    /// Where the last event with text ended.
    end: u32,
}

impl Loader<'_> {
    fn documents(&mut self) -> Result<Vec<Document>, Diagnostic> {
        let mut documents = vec![];
        loop {
            match self.events.next()?.0 {
                EventData::StreamEnd => break,
                EventData::DocumentStart { .. } => {
                    self.anchors.clear();
                    let (event, span) = self.next()?;
                    documents.push(self.node(event, span, 0)?);
                }
                _ => {}
            }
        }
        if documents.is_empty() {
            documents.push(Node { span: self.events.whole().part(0, 0), kind: Kind::Null });
        }
        Ok(documents)
    }

    fn next(&mut self) -> Result<(EventData, Span), Diagnostic> {
        let (event, span) = self.events.next()?;
        // The end of a block collection lies at the next token, beyond blank lines and comments.
        let silent =
            matches!(event, EventData::SequenceEnd | EventData::MappingEnd) && span.start == span.end;
        if !silent {
            self.end = span.end;
        }
        Ok((event, span))
    }

    fn node(&mut self, event: EventData, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        if depth > self.limits.depth {
            let message = format!("YAML parsing failed: nested deeper than {} levels", self.limits.depth);
            return Err(Diagnostic::parse("muster::node::limit", message).at(span, ""));
        }
        let before = self.nodes;
        self.count(1, span)?;
        let (anchor, kind) = match event {
            EventData::Alias { anchor } => return self.alias(&anchor, span),
            EventData::Scalar { anchor, tag, value, style, .. } => {
                self.open(anchor.as_deref(), span)?;
                (anchor, self.scalar(tag.as_deref(), &value, style, span)?)
            }
            EventData::SequenceStart { anchor, tag, .. } => {
                self.open(anchor.as_deref(), span)?;
                (anchor, self.sequence(tag.as_deref(), span, depth)?)
            }
            EventData::MappingStart { anchor, tag, .. } => {
                self.open(anchor.as_deref(), span)?;
                (anchor, self.mapping(tag.as_deref(), span, depth)?)
            }
            _ => return Err(self.events.mistake(span, "found no value where one was expected")),
        };
        let collection = !matches!(kind, Kind::Str(_)) && self.end > span.end;
        let node = Node { span: Span { end: if collection { self.end } else { span.end }, ..span }, kind };
        if let Some(name) = anchor {
            self.anchors.insert(name, Anchor::Closed(node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn count(&mut self, nodes: u64, span: Span) -> Result<(), Diagnostic> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= self.limits.nodes {
            return Ok(());
        }
        let message = format!("YAML parsing failed: it expands to more than {} nodes", self.limits.nodes);
        let help = "aliases (`*name`) of aliases multiply; write the values out, or split the file";
        Err(Diagnostic::parse("muster::node::limit", message).at(span, "").help(help))
    }

    fn open(&mut self, anchor: Option<&str>, span: Span) -> Result<(), Diagnostic> {
        let Some(name) = anchor else { return Ok(()) };
        match self.anchors.insert(name.to_owned(), Anchor::Open) {
            None => Ok(()),
            Some(_) => {
                let message = format!("YAML parsing failed: found duplicate anchor `&{name}`");
                Err(Diagnostic::parse("muster::node::anchor", message).at(span, "the second of that name"))
            }
        }
    }

    fn alias(&mut self, name: &str, span: Span) -> Result<Node, Diagnostic> {
        let error = |what: &str| {
            let message = format!("YAML parsing failed: found {what} alias `*{name}`");
            Diagnostic::parse("muster::node::anchor", message).at(span, "")
        };
        match self.anchors.get(name) {
            Some(Anchor::Closed(node, nodes)) => {
                let (node, nodes) = (node.clone(), *nodes);
                self.count(nodes, span)?;
                Ok(node)
            }
            Some(Anchor::Open) => Err(error("recursive").help("a value cannot hold itself")),
            None => Err(error("undefined")
                .help(format!("a value that begins with `*` must be quoted: write `\"*{name}\"`"))),
        }
    }

    fn scalar(
        &self,
        tag: Option<&str>,
        text: &str,
        style: ScalarStyle,
        span: Span,
    ) -> Result<Kind, Diagnostic> {
        let kind = match tag {
            None if style == ScalarStyle::Plain => scalar::plain(text),
            None | Some("!") => Ok(Kind::Str(text.into())),
            Some("!vault" | "!vault-encrypted") => Ok(Kind::Vault(text.into())),
            Some("!unsafe") => scalar::plain(text).map(|kind| Kind::Unsafe(Arc::new(Node { span, kind }))),
            Some(tag) => match tag.strip_prefix(scalar::STANDARD) {
                Some(name) => scalar::tagged(name, text),
                None => return Err(unknown_tag(tag, span)),
            },
        };
        kind.map_err(|problem| {
            Diagnostic::parse("muster::node::value", format!("YAML parsing failed: {problem}"))
                .at(span, "")
                .help("quote it if it is meant as text")
        })
    }

    fn sequence(&mut self, tag: Option<&str>, span: Span, depth: usize) -> Result<Kind, Diagnostic> {
        let mut items = vec![];
        loop {
            match self.next()? {
                (EventData::SequenceEnd, _) => break,
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
        let kind = Kind::Seq(items.into());
        match tag.map(|tag| tag.strip_prefix(scalar::STANDARD).unwrap_or(tag)) {
            None | Some("!" | "seq" | "omap" | "pairs") => Ok(kind),
            Some("!unsafe") => Ok(self.distrusted(span, kind)),
            Some(tag) => Err(unknown_tag(tag, span)),
        }
    }

    fn mapping(&mut self, tag: Option<&str>, span: Span, depth: usize) -> Result<Kind, Diagnostic> {
        let (mut merged, mut own) = (vec![], vec![]);
        loop {
            let (event, at) = self.next()?;
            let merge = match &event {
                EventData::MappingEnd => break,
                EventData::Scalar { value, tag: None, style: ScalarStyle::Plain, .. } => value == "<<",
                EventData::Scalar { tag: Some(tag), .. } => tag == "tag:yaml.org,2002:merge",
                _ => false,
            };
            // As a key, a lone `=` is text.
            let equals = matches!(&event, EventData::Scalar { value, tag: None, .. } if value == "=");
            let key = match event {
                _ if merge => None,
                EventData::Scalar { value, .. } if equals => {
                    Some(Node { span: at, kind: Kind::Str(value.into()) })
                }
                event => Some(self.node(event, at, depth + 1)?),
            };
            let (event, value_at) = self.next()?;
            let value = self.node(event, value_at, depth + 1)?;
            match key {
                Some(key) => own.push((key, value)),
                None => self.merge(&mut merged, &value, value_at)?,
            }
        }
        if !merged.is_empty() {
            merged.append(&mut own);
            own = merged;
        }
        let map = self.unique(own)?;
        match tag.map(|tag| tag.strip_prefix(scalar::STANDARD).unwrap_or(tag)) {
            None | Some("!" | "map") => Ok(Kind::Map(Arc::new(Mapping(map)))),
            Some("set") => Ok(Kind::Seq(map.into_iter().map(|(key, _)| key).collect())),
            Some("!unsafe") => Ok(self.distrusted(span, Kind::Map(Arc::new(Mapping(map))))),
            Some(tag) => Err(unknown_tag(tag, span)),
        }
    }

    fn distrusted(&self, span: Span, kind: Kind) -> Kind {
        Kind::Unsafe(Arc::new(Node { span: Span { end: self.end.max(span.end), ..span }, kind }))
    }

    /// Takes the pairs of a mapping, or of a list of mappings of which the first wins.
    fn merge(&mut self, into: &mut Vec<(Node, Node)>, value: &Node, at: Span) -> Result<(), Diagnostic> {
        match &value.kind {
            Kind::Map(map) => {
                self.count(map.0.len() as u64, at)?;
                into.extend(map.0.iter().cloned());
                Ok(())
            }
            Kind::Unsafe(inner) => self.merge(into, inner, at),
            Kind::Seq(items) if items.iter().all(|item| !matches!(item.kind, Kind::Seq(_))) => {
                items.iter().rev().try_for_each(|item| self.merge(into, item, at))
            }
            _ => {
                let problem = format!("`<<` takes a mapping or a list of mappings, not {}", value.describe());
                let message = format!("YAML parsing failed: {problem}");
                Err(Diagnostic::parse("muster::node::merge", message)
                    .at(at, "expected a mapping for merging"))
            }
        }
    }

    /// One pair for each key, in the place of its first, with the value of its last.
    fn unique(&mut self, pairs: Vec<(Node, Node)>) -> Result<Vec<(Node, Node)>, Diagnostic> {
        let mut seen: HashMap<Key, usize> = HashMap::with_capacity(pairs.len());
        let mut unique: Vec<(Node, Node)> = Vec::with_capacity(pairs.len());
        for (node, value) in pairs {
            let Some(key) = Key::of(&node) else {
                return Err(self.events.mistake(
                    node.span,
                    &format!("while constructing a mapping found unhashable key: {}", node.describe()),
                ));
            };
            let at = *seen.entry(key).or_insert(unique.len());
            match unique.get_mut(at) {
                None => unique.push((node, value)),
                Some((first, before)) => {
                    *before = value;
                    if self.warned.insert(node.span) {
                        let name = node.to_key();
                        let message = format!("Found duplicate mapping key '{name}'.");
                        self.warnings.push(
                            Diagnostic::warning("muster::node::duplicate", message)
                                .at(node.span, "this one counts")
                                .at(first.span, "this one does not")
                                .help("using last defined value only"),
                        );
                    }
                }
            }
        }
        Ok(unique)
    }
}

fn unknown_tag(tag: &str, span: Span) -> Diagnostic {
    let tag = tag.strip_prefix(scalar::STANDARD).map_or_else(|| tag.to_owned(), |name| format!("!!{name}"));
    let message = format!("YAML parsing failed: could not determine a constructor for the tag `{tag}`");
    Diagnostic::parse("muster::node::tag", message)
        .at(span, "not a tag of this place")
        .help("the tags are `!vault`, `!unsafe` and YAML's own; text that begins with `!` must be quoted")
}

/// A key as Python compares keys: `1`, `1.0` and `true` are one.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Null,
    Int(i64),
    Float(u64),
    Text(Arc<str>),
    Other(Arc<str>),
}

impl Key {
    fn of(node: &Node) -> Option<Self> {
        Some(match &node.kind {
            Kind::Null => Self::Null,
            Kind::Bool(value) => Self::Int(i64::from(*value)),
            Kind::Int(value) => Self::Int(*value),
            #[expect(clippy::cast_possible_truncation, reason = "the fraction was seen to be zero")]
            Kind::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Self::Int(*value as i64),
            Kind::Float(value) => Self::Float(value.to_bits()),
            Kind::Str(text) => Self::Text(text.clone()),
            Kind::BigInt(text) | Kind::Date(text) | Kind::Vault(text) => Self::Other(text.clone()),
            Kind::Unsafe(inner) => return Self::of(inner),
            Kind::Seq(_) | Kind::Map(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests;
