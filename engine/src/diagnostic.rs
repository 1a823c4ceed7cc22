//! What is wrong with what a person wrote. Stations up to the plan collect [`Diagnostic`]s in a [`Diagnostics`]
//! bag and go on, so that everything is reported at once; the face joins them with the text and prints them.
//! A diagnostic carries spans and sentences, never rendered text.

use crate::source::Span;
use std::path::PathBuf;

/// Which of Ansible's exit codes a diagnostic ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Any other error: 1.
    Error,
    /// A value that no run could have given: 2, as a failed task.
    Undefined,
    /// The playbook does not parse: 4.
    Parse,
    /// Wrong flags or options: 5.
    Usage,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing runs.
    Error(Class),
    /// Said once, and the run goes on.
    Warning,
}

/// A place and what to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What, as a lower-case fragment; may be empty.
    pub text: String,
}

/// One thing to say to the author of a playbook, an inventory or a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `muster::room::what`.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// What happened: a lower-case fragment that names the thing in backticks.
    pub message: String,
    /// Where; the first is the place that `file:line:column` shows.
    pub labels: Vec<Label>,
    /// A file without a useful span, for example one that cannot be read.
    pub path: Option<PathBuf>,
    /// What to type next.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error of a class.
    #[must_use]
    pub fn error(class: Class, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error(class),
            message: message.into(),
            labels: vec![],
            path: None,
            help: None,
        }
    }

    /// An error of the playbook's text.
    #[must_use]
    pub fn parse(code: &'static str, message: impl Into<String>) -> Self {
        Self::error(Class::Parse, code, message)
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(Class::Error, code, message) }
    }

    /// With a place and what to say about it.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// With the file it is about.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// With what to type next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A bag of diagnostics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// The value, or nothing and the error kept.
    pub fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|diagnostic| self.push(diagnostic)).ok()
    }

    /// Errors that do no more than fail a task become warnings: the run will show whether any task meets them.
    pub fn forgive(&mut self) {
        for found in &mut self.0 {
            if found.severity == Severity::Error(Class::Undefined) {
                found.severity = Severity::Warning;
            }
        }
    }

    /// The class of the error that Ansible would meet first: it looks at the command line, reads one file after the
    /// other and only then runs a task. Nothing if all are warnings.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        let error = |d: &Diagnostic| match d.severity {
            Severity::Error(class) => {
                let place = d.labels.first().map(|label| (label.span.source, label.span.start));
                let late = match class {
                    Class::Usage => 0,
                    Class::Parse | Class::Error => 1,
                    Class::Undefined => 2,
                };
                Some((late, place, class))
            }
            Severity::Warning => None,
        };
        self.0
            .iter()
            .filter_map(error)
            .min_by_key(|(late, place, _)| (*late, *place))
            .map(|(.., class)| class)
    }

    /// Whether nothing may run.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.class().is_some()
    }
}

/// The candidate most like `name`, if one is near enough to be a slip of the fingers.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    let near = |candidate: &'a str| Some((distance(name, candidate), candidate));
    let best = candidates.into_iter().filter_map(near).min_by_key(|(distance, _)| *distance)?;
    (best.0 <= limit).then_some(best.1)
}

/// Edits (insert, delete, replace, swap neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = vec![];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX - 1);
            let mut best =
                (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_slips_and_nothing_else() {
        let names = ["etcdctl", "copy", "command"];
        assert_eq!(nearest("etcdclt", names), Some("etcdctl"));
        assert_eq!(nearest("comand", names), Some("command"));
        assert_eq!(nearest("zebra", names), None);
    }
}
