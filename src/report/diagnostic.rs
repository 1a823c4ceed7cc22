//! Diagnostics with the text they are about: code, message, `path:line:column`, the source line with a caret, help.
//! Diagnostics and sources come in, one text goes out, in the order in which things were found.

use super::harmless;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use muster_engine::diagnostic::{Diagnostic, Diagnostics, Label, Severity};
use muster_engine::source::{Source, SourceId, Sources};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// What stands in place of a line of a decrypted vault.
const SEALED: &str = "(decrypted: not shown)";

/// All of them as one text.
#[must_use]
pub fn rendered(diagnostics: &Diagnostics, sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let texts: Vec<String> = diagnostics.0.iter().map(|one| render(one, sources, &renderer)).collect();
    texts.join("\n\n")
}

fn render(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error(_) => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut by_source: Vec<(SourceId, Vec<&Label>)> = vec![];
    for label in &diagnostic.labels {
        match by_source.iter_mut().find(|(id, _)| *id == label.span.source) {
            Some((_, labels)) => labels.push(label),
            None => by_source.push((label.span.source, vec![label])),
        }
    }
    let shown: Vec<(Arc<Source>, String, Vec<&Label>)> = by_source
        .into_iter()
        .map(|(id, labels)| {
            let source = sources.get(id);
            let path = named(&source.path);
            (source, path, labels)
        })
        .collect();
    let message = harmless(&diagnostic.message);
    let mut group = Group::with_title(level.primary_title(message.as_ref()).id(diagnostic.code));
    let mut primary = true;
    for (source, path, labels) in &shown {
        let mut snippet = Snippet::source(&*source.text).path(path);
        for label in labels {
            let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            primary = false;
            let range = if source.sealed { 0..SEALED.len() } else { first_line(source, label) };
            let mark = match label.text.is_empty() {
                true => kind.span(range),
                false => kind.span(range).label(harmless(&label.text)),
            };
            if source.sealed {
                let (line, _) = source.line_column(label.span.start);
                let hidden = Snippet::source(SEALED).path(path).line_start(line);
                group = group.element(hidden.annotation(mark));
            } else {
                snippet = snippet.annotation(mark);
            }
        }
        if !source.sealed {
            group = group.element(snippet);
        }
    }
    let path = diagnostic.path.as_deref().map(named);
    if let Some(path) = path.filter(|_| shown.is_empty()) {
        group = group.element(annotate_snippets::Origin::path(path));
    }
    let Some(help) = &diagnostic.help else { return renderer.render(&[group]) };
    let help = harmless(help);
    if shown.is_empty() {
        // Without a line of source there is no margin to hang the help on.
        return format!("{}\n  = help: {help}", renderer.render(&[group]));
    }
    renderer.render(&[group.element(Level::HELP.message(help))])
}

/// A path as a person would type it: from the current directory, if it lies there.
fn named(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok());
    harmless(&below.unwrap_or(path).display().to_string()).into_owned()
}

/// The span's bytes on its first line: a caret under a whole task says less than one under its beginning.
fn first_line(source: &Source, label: &Label) -> Range<usize> {
    let len = source.text.len();
    let floor = |mut at: usize| {
        while !source.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor((label.span.start as usize).min(len));
    let end = floor((label.span.end as usize).clamp(start, len));
    let text = source.text.get(start..end).unwrap_or("");
    start..start + text.find('\n').unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_engine::source::Span;

    fn at(source: SourceId, range: Range<u32>) -> Span {
        Span { source, start: range.start, end: range.end }
    }

    #[test]
    fn the_line_is_shown_with_a_caret_and_what_to_type() {
        let sources = Sources::default();
        let id = sources.add("playbooks/etcd.yml", "- hosts: all\n  tasks:\n    - etcdclt: member list\n");
        let mut all = Diagnostics::default();
        all.push(
            Diagnostic::parse("muster::plan::unknown_module", "no module is called `etcdclt`")
                .at(at(id, 28..35), "not a module, and not a task keyword")
                .help("did you mean `etcdctl`?"),
        );
        all.push(
            Diagnostic::warning("muster::inventory::empty", "no host here").file("hosts.yml").help("add one"),
        );
        assert_eq!(
            rendered(&all, &sources, false),
            "error[muster::plan::unknown_module]: no module is called `etcdclt`
 --> playbooks/etcd.yml:3:7
  |
3 |     - etcdclt: member list
  |       ^^^^^^^ not a module, and not a task keyword
  |
  = help: did you mean `etcdctl`?

warning[muster::inventory::empty]: no host here
--> hosts.yml
  = help: add one"
        );
    }

    #[test]
    fn no_line_of_a_decrypted_vault_is_shown() {
        let sources = Sources::default();
        let id = sources.add_sealed("vars/secret.yml", "a: 1\ntoken: hunter2\n");
        let mut all = Diagnostics::default();
        all.push(Diagnostic::parse("muster::x::y", "no good").at(at(id, 5..19), "this"));
        let told = rendered(&all, &sources, false);
        assert!(told.contains("vars/secret.yml:2:1") && told.contains("this"), "{told}");
        assert!(!told.contains("hunter2") && !told.contains("token"), "{told}");
    }

    #[test]
    fn no_text_can_move_the_cursor_and_no_span_panics() {
        let sources = Sources::default();
        let id = sources.add("a\x1b.yml", "é: \x1b[2J\nnext");
        let mut all = Diagnostics::default();
        all.push(Diagnostic::parse("muster::x::y", "bad \x1b[2J").at(at(id, 1..900), "\x1b"));
        all.push(Diagnostic::parse("muster::x::y", "end").at(at(id, 800..900), ""));
        assert!(!rendered(&all, &sources, false).contains('\x1b'));
    }
}
