//! Source text and places in it. Files come in, [`Span`]s and [`Place`]s go out.
//! Text is kept for as long as the run, so any span can be shown again; a span is a byte range of one source,
//! and a place counts lines and columns from 1, columns in characters.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

/// Names one source of a [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceId(u32);

/// A byte range of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The source it lies in.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The part of this span that begins `start` bytes into it and is `len` bytes long, kept within it.
    #[must_use]
    pub fn part(self, start: usize, len: usize) -> Self {
        let at = self.start.saturating_add(u32::try_from(start).unwrap_or(u32::MAX)).min(self.end);
        let end = at.saturating_add(u32::try_from(len).unwrap_or(u32::MAX)).min(self.end);
        Self { source: self.source, start: at, end }
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

/// One text: a file, or something typed on the command line.
#[derive(Debug)]
pub struct Source {
    /// The file's path as it was given, or a name such as `<command line>`.
    pub path: PathBuf,
    /// The whole text.
    pub text: Arc<str>,
    /// The text was decrypted: no part of it may ever be shown.
    pub sealed: bool,
    lines: Vec<u32>,
}

impl Source {
    fn new(path: PathBuf, text: Arc<str>) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let lines = std::iter::once(0).chain(starts.map(|(i, _)| u32::try_from(i + 1).unwrap_or(u32::MAX)));
        Self { path, lines: lines.collect(), text, sealed: false }
    }

    /// Line and column, both from 1, of a byte offset.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0) as usize;
        let before = self.text.get(start..offset as usize).unwrap_or("");
        (line, before.chars().count() + 1)
    }

    /// Whether what is there is a scalar of YAML or the line of one: nothing but its quotes and what parts values stands
    /// beside it.
    fn alone(&self, at: usize, len: usize) -> bool {
        let before = self.text.get(..at).unwrap_or("");
        let after = self.text.get(at + len..).unwrap_or("");
        let line = before.rsplit('\n').next().unwrap_or("");
        let (line, after) = match line.chars().next_back().filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => (line.trim_end_matches(quote), after.strip_prefix(quote)),
            None => (line, Some(after)),
        };
        let parted = line.ends_with(": ") || line.ends_with("- ");
        let begins =
            parted || line.trim().is_empty() || line.trim_end_matches(' ').ends_with(['[', '{', ',']);
        // Of `key=value` words each is one.
        let word = line.ends_with('=') && !line.ends_with("==");
        let ends = |after: &str| {
            let next = after.trim_start_matches(' ');
            let whole = next.is_empty() || next.starts_with(['\n', '\r', ',', ']', '}']);
            whole
                || next.starts_with('#') && next.len() < after.len()
                || word && after.starts_with([' ', '"', '\''])
        };
        let begins = begins || word;
        begins && after.is_some_and(ends)
    }

    /// The byte offset of a line and column, both from 0; columns count characters.
    #[must_use]
    pub fn offset(&self, line: usize, column: usize) -> u32 {
        let start = self.lines.get(line).copied().unwrap_or_else(|| self.len());
        let rest = self.text.get(start as usize..).unwrap_or("");
        let within = rest.char_indices().nth(column).map_or(rest.len(), |(i, _)| i);
        start.saturating_add(u32::try_from(within).unwrap_or(0))
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.text.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// A span as a person reads it: `path:line:column`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Every text read so far. Shared and append-only: includes add to it while the run goes on.
#[derive(Debug, Default)]
pub struct Sources(RwLock<Vec<Arc<Source>>>);

impl Sources {
    /// Reads a file as UTF-8 text.
    ///
    /// # Errors
    /// The file cannot be read, is over 4 GiB, or is not UTF-8.
    pub fn read(&self, path: &Path) -> io::Result<SourceId> {
        let text = std::fs::read_to_string(path)?;
        if u32::try_from(text.len()).is_err() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 GiB"));
        }
        Ok(self.add(path.to_path_buf(), text))
    }

    /// Keeps a text under a name.
    pub fn add(&self, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> SourceId {
        self.keep(Source::new(path.into(), text.into()))
    }

    /// Keeps a decrypted text under the name of its file.
    pub fn add_sealed(&self, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> SourceId {
        self.keep(Source { sealed: true, ..Source::new(path.into(), text.into()) })
    }

    fn keep(&self, source: Source) -> SourceId {
        let source = Arc::new(source);
        let mut all = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.push(source);
        SourceId(u32::try_from(all.len() - 1).unwrap_or(u32::MAX))
    }

    /// The source of that name; an empty one for an id of another `Sources`.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Arc<Source> {
        let all = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.get(id.0 as usize)
            .cloned()
            .unwrap_or_else(|| Arc::new(Source::new(PathBuf::new(), Arc::from(""))))
    }

    /// Where somebody wrote exactly this text, as a value by itself, in a file that may be shown.
    #[must_use]
    pub fn written(&self, text: &str) -> Option<Span> {
        let all = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.iter().enumerate().filter(|(_, source)| !source.sealed && !text.is_empty()).find_map(
            |(id, source)| {
                let (at, _) =
                    source.text.match_indices(text).find(|(at, _)| source.alone(*at, text.len()))?;
                let part = |at: usize| u32::try_from(at).ok();
                Some(Span { source: SourceId(part(id)?), start: part(at)?, end: part(at + text.len())? })
            },
        )
    }

    /// Where a span begins.
    #[must_use]
    pub fn place(&self, span: Span) -> Place {
        let source = self.get(span.source);
        let (line, column) = source.line_column(span.start);
        Place { path: source.path.clone(), line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let sources = Sources::default();
        let id = sources.add("a.yml", "één\nüb: x\n");
        let source = sources.get(id);
        let at = source.offset(1, 4);
        assert_eq!(source.text.get(at as usize..), Some("x\n"));
        assert_eq!(source.line_column(at), (2, 5));
        let place = sources.place(Span { source: id, start: at, end: at + 1 });
        assert_eq!(place.to_string(), "a.yml:2:5");
    }

    #[test]
    fn what_somebody_wrote_is_a_whole_scalar_that_may_be_shown() {
        let sources = Sources::default();
        sources.add_sealed("vault.yml", "a: token == 1\n");
        let id = sources
            .add("a.yml", "a: x == 1 and y\nb: [{when: 'y == 2', c: d}]\ne: \"y == 3\"\nf: y == 4   # why\n");
        sources.add("b.yml", "a: [ 'y == 5' ]\nset_fact: k=\"y == 6\" l=z\n");
        assert!(["y == 5", "y == 6", "z"].iter().all(|text| sources.written(text).is_some()));
        let written = |text: &str| sources.written(text).map(|span| (span.source, span.start));
        assert_eq!(written("y == 2"), Some((id, 28)));
        assert_eq!(written("x == 1 and y"), Some((id, 3)));
        assert!(written("y == 3").is_some() && written("y == 4").is_some());
        for not in ["x == 1", "== 1 and y", "token == 1", ""] {
            assert_eq!(written(not), None, "{not}");
        }
    }
}
