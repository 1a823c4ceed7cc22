//! The YAML parser's events, each with its byte span. Text comes in; events, or the first error with a hint, go out.
//! The parser is a port of libyaml, which Ansible uses too, so both accept the same texts and put things in the same places.

use super::hint::{self, Hint};
use crate::diagnostic::Diagnostic;
use crate::source::{Source, SourceId, Span};
use libyaml_safer::{Encoding, Error, ErrorKind, EventData, Mark, Parser, ScalarStyle};
use std::io::{Chain, Read as _};

/// The events of one text.
pub(super) struct Events<'a> {
    /// A last line without its end gets one: the scanner cannot read a block scalar without.
    parser: Parser<Chain<&'a [u8], &'a [u8]>>,
    text: &'a str,
    source: SourceId,
    /// The bytes of a byte order mark, which the parser does not see.
    skipped: u64,
}

impl<'a> Events<'a> {
    /// The events of a source.
    pub(super) fn new(source: &'a Source, id: SourceId) -> Self {
        let mut parser = Parser::new();
        parser.set_encoding(Encoding::Utf8);
        let seen = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
        let end: &[u8] = if seen.ends_with(['\n', '\r']) { b"" } else { b"\n" };
        parser.set_input(seen.as_bytes().chain(end));
        let skipped = (source.text.len() - seen.len()) as u64;
        Self { parser, text: &source.text, source: id, skipped }
    }

    /// The next event and its place. The place of a scalar ends with its last visible character.
    pub(super) fn next(&mut self) -> Result<(EventData, Span), Diagnostic> {
        let mut event = self.parser.parse().map_err(|error| self.wrong(&error))?;
        let mut span = self.span(event.start_mark, event.end_mark);
        let past = event.end_mark.index.saturating_add(self.skipped) > self.text.len() as u64;
        if let EventData::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, value, .. } =
            &mut event.data
        {
            if past && value.ends_with('\n') {
                // That end is not the text's own.
                value.pop();
            }
            let written = self.text.get(span.start as usize..span.end as usize).unwrap_or("");
            span = span.part(0, written.trim_end().len());
        }
        Ok((event.data, span))
    }

    /// The place of the whole text.
    pub(super) fn whole(&self) -> Span {
        Span { source: self.source, start: 0, end: bytes(self.text.len()) }
    }

    /// An error at a place, said as Ansible says it: with a guess at the usual mistakes, made from the line.
    pub(super) fn mistake(&self, span: Span, problem: &str) -> Diagnostic {
        let code = "muster::node::syntax";
        match hint::guess(self.text, span.start as usize) {
            Some(Hint { message, help, offset }) => {
                let at = Span { source: self.source, start: bytes(offset), end: bytes(offset + 1) };
                Diagnostic::parse(code, format!("YAML parsing failed: {message}")).at(at, problem).help(help)
            }
            None => {
                Diagnostic::parse(code, format!("YAML parsing failed: {}", sentence(problem))).at(span, "")
            }
        }
    }

    fn wrong(&self, error: &Error) -> Diagnostic {
        if error.kind() == ErrorKind::Reader {
            let unprintable = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
            let at = self.text.find(|c| unprintable(c) || matches!(c, '\u{fffe}' | '\u{ffff}'));
            let offset = at.unwrap_or(0);
            let len = self.text.get(offset..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            return Diagnostic::parse("muster::node::character", "YAML parsing failed: a control character")
                .at(self.whole().part(offset, len), "YAML allows no such character")
                .help("remove it, or write it as an escape (`\\x1b`) in a double-quoted string");
        }
        let mark = error.problem_mark().unwrap_or_default();
        let problem = [error.context().unwrap_or(""), error.problem()].join(" ");
        let at = self.span(mark, mark);
        self.mistake(at, problem.trim())
    }

    fn span(&self, start: Mark, end: Mark) -> Span {
        let at = |mark: Mark| {
            let index = u32::try_from(mark.index.saturating_add(self.skipped)).unwrap_or(u32::MAX);
            index.min(bytes(self.text.len()))
        };
        Span { source: self.source, start: at(start), end: at(end).max(at(start)) }
    }
}

fn bytes(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn sentence(problem: &str) -> String {
    let mut rest = problem.chars();
    let first = rest.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", rest.as_str().trim_end_matches('.'))
}
