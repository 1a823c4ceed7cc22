//! Makes minijinja behave like Ansible's Jinja without touching minijinja. A template's text comes in; the same text
//! with small edits goes out, together with what it reads and names. The syntax tree only shows where to edit and is
//! dropped; the edited text goes to the ordinary public API. No edit adds or removes a line break.
//!
//! | source                       | becomes                                                     | at run time                     |
//! |------------------------------|-------------------------------------------------------------|---------------------------------|
//! | `a.b['c'] is defined`        | `a\|_m_get("b",'c') is defined`                             | an undefined parent is handed on |
//! | `a.b.f(x)[1:] \| default(0)` | `a\|_m_get("b")\|_m_try("f",x)\|_m_slice(1,none,none) ...`  | same                            |
//! | `a.b \| lower \| default(0)` | `a\|_m_get("b") \| _m_filter("lower") \| default(0)`        | same                            |
//! | `l % r`, `l < r`             | `(l )\|_m_mod( r)`, `(l )\|_m_lt( r)`                       | as Python does                  |
//! | `{{ x }}` (maybe alone)      | `{{ (x)\|_m_out }}`                                         | keeps the native value          |
//! | `+x`; `for i in 1, 2`        | ` x`; `for i in (1, 2)`                                     | (token step)                    |
//! | `{% set x = y %}`, `x.append([])` somewhere | `{% set x =( y )\|_m_own %}`, `x.append(([])\|_m_own)` | a list that may change |
//! | `macro m(a)` reading `varargs`, `m(1, 2)` | `macro m(a, varargs=[], kwargs={})`, `_m_macro(m, 1, 2)` | takes what it does not name |
//! | `{% macro m() %}{{ x }}{% endmacro %}`, `m()` | `{{ (x)\|_m_put }}`, `(m()\|_m_native)`          | keeps the native value          |
//! | `for c in s`, `loop.` somewhere | `for c in( s)\|_m_each` | text that says how long it is |
//! | `'{{ x }}' == y` in a condition | `('{{ x }}'|_m_render) == y`                           | the constant is rendered         |
//! | `lookup('x', '{{ y }}')`    | `lookup('x', ('{{ y }}'\|_m_render))`                      | the same of a lookup's terms     |
//! | `{{ "\d" }}` in a playbook   | `{{ "\\d" }}`                                               | (token step)                    |

mod chain;
mod edits;
mod macros;
pub mod operators;
mod tokens;
mod walk;

use edits::{Step, apply};
use minijinja::Error;
use minijinja::machinery::{Span, ast, parse, parse_expr};
use minijinja::syntax::SyntaxConfig;
use std::ops::Range;
use walk::Walk;

/// What kind of text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A bare expression, as under `when`.
    Condition,
    /// A string of a playbook: its result keeps its type, its backslashes stay.
    Playbook,
    /// A template file.
    File,
}

/// What a text is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Exactly one `{{ }}`, with its expression at this range of the new text.
    Sole(Range<usize>),
    /// Perhaps one value at run time.
    MaybeSingle,
    /// Text.
    Text,
}

/// A variable that a text reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its name.
    pub name: String,
    /// Where in the source.
    pub at: Range<usize>,
    /// Whether it may be undefined here: an operand of `default`, `is defined` and the like.
    pub guarded: bool,
}

pub use super::guests::Kind as Plugin;

/// A filter, test or lookup that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Which kind.
    pub plugin: Plugin,
    /// As written, without blanks.
    pub name: String,
    /// Where in the source.
    pub at: Range<usize>,
}

/// The edited text and what is known about it.
#[derive(Debug)]
pub struct Rewritten {
    /// For minijinja.
    pub text: String,
    /// What it is made of.
    pub shape: Shape,
    /// The variables it reads.
    pub reads: Vec<Read>,
    /// The filters and tests it names.
    pub named: Vec<Named>,
    /// Whether it includes, imports or extends other templates.
    pub includes: bool,
    /// Whether a method that changes its object is called: then variables are read as copies that may change.
    pub changes: bool,
    /// Whether macros or blocks capture text that may be no text.
    pub captures: bool,
    steps: [Step; 2],
}

impl Rewritten {
    /// The one expression that the text is, as it was edited.
    #[must_use]
    pub fn expression(&self) -> Option<&str> {
        match &self.shape {
            Shape::Sole(range) => self.text.get(range.clone()),
            _ => None,
        }
    }

    /// A range of the new text as a range of the source.
    #[must_use]
    pub fn back(&self, range: Range<usize>) -> Range<usize> {
        let [one, two] = &self.steps;
        let start = one.back(two.back(range.start, false), false);
        start..one.back(two.back(range.end, true), true).max(start)
    }

    /// The place in the source of an error that minijinja raised. The range of an operator is that of the whole
    /// operation, and some comparisons have none: so the variable that the message names is looked up.
    #[must_use]
    pub fn locate(&self, error: &Error) -> Option<Range<usize>> {
        let range = error.range().map(|range| self.back(range));
        let named = error.detail().and_then(|detail| detail.split('`').nth(1));
        let named = named.and_then(|name| name.split(['.', '[']).next());
        let same = || self.reads.iter().filter(|r| Some(r.name.as_str()) == named).map(|r| r.at.clone());
        let Some(range) = range else { return same().next() };
        same()
            .find(|r| r.start >= range.start && r.end <= range.end)
            .or_else(|| same().rfind(|r| r.end <= range.start))
            .or(Some(range))
    }
}

/// Edits a text.
///
/// # Errors
/// It does not parse.
pub fn rewrite(source: &str, mode: Mode, syntax: &SyntaxConfig) -> Result<Rewritten, Error> {
    let bare = mode == Mode::Condition;
    let spaced = tokens::spaced(source, bare, syntax);
    let source = spaced.as_deref().unwrap_or(source);
    // The token step is needed only for what the parser refuses, and for backslashes.
    let first_try = match mode {
        Mode::Playbook if source.contains('\\') => Err(None),
        _ => look(source, bare, syntax).map_err(Some),
    };
    let (edited, first);
    let (text, parsed) = match first_try {
        Ok(parsed) => {
            first = Step::default();
            (source, parsed)
        }
        Err(refused) => {
            let edits = tokens::edits(source, bare, refused.is_none(), syntax);
            (edited, first) = apply(source, edits);
            match look(&edited, bare, syntax) {
                Ok(parsed) => (edited.as_ref(), parsed),
                Err(error) => return Err(refused.unwrap_or(error)),
            }
        }
    };
    let mut walk = Walk::new(text, bare, syntax.variable_delimiters().0.len());
    let mut shape = Shape::Text;
    match &parsed {
        Tree::Expr(expr) => walk.expr(expr, false),
        Tree::Template(ast::Stmt::Template(template)) => {
            shape = outputs_marked(&mut walk, &template.children, mode);
        }
        Tree::Template(_) => {}
    }
    let Walk { edits, mut reads, mut named, includes, changes, captures, .. } = walk;
    let (new, second) = apply(text, edits);
    if let Shape::Sole(range) = &mut shape {
        range.end = new.len() - (text.len() - range.end); // nothing is edited outside of it
    }
    let back = |at: &mut Range<usize>| *at = first.back(at.start, false)..first.back(at.end, true);
    reads.iter_mut().for_each(|read| back(&mut read.at));
    named.iter_mut().for_each(|named| back(&mut named.at));
    Ok(Rewritten {
        text: new.into_owned(),
        shape,
        reads,
        named,
        includes,
        changes,
        captures,
        steps: [first, second],
    })
}

enum Tree<'s> {
    Expr(ast::Expr<'s>),
    Template(ast::Stmt<'s>),
}

fn look<'s>(text: &'s str, bare: bool, syntax: &SyntaxConfig) -> Result<Tree<'s>, Error> {
    if bare { parse_expr(text).map(Tree::Expr) } else { parse(text, "", syntax.clone()).map(Tree::Template) }
}

/// Walks a template's body and marks the outputs that may be its only value.
fn outputs_marked(walk: &mut Walk<'_>, body: &[ast::Stmt<'_>], mode: Mode) -> Shape {
    let mut outs = vec![];
    let mut shape = Shape::Text;
    if mode != Mode::Condition {
        match body {
            [ast::Stmt::EmitExpr(expr)] if mode == Mode::Playbook => {
                shape = Shape::Sole(walk.inside(expr.span()))
            }
            _ if outputs(body, &mut outs) => shape = Shape::MaybeSingle,
            _ => outs.clear(),
        }
    }
    walk.marked(&outs, "_m_out", |walk| walk.stmts(body));
    shape
}

/// The outputs of a body; false if text or something opaque is certain to be put out beside them.
fn outputs(body: &[ast::Stmt<'_>], outs: &mut Vec<Span>) -> bool {
    use ast::Stmt as S;
    // A branch with text is simply not marked.
    let branch = |body: &[ast::Stmt<'_>], outs: &mut Vec<Span>| {
        let mut inside = vec![];
        if outputs(body, &mut inside) {
            outs.append(&mut inside);
        }
    };
    body.iter().all(|stmt| match stmt {
        S::EmitExpr(expr) => {
            outs.push(expr.span());
            true
        }
        S::EmitRaw(raw) => raw.raw.is_empty(),
        S::IfCond(cond) => {
            branch(&cond.true_body, outs);
            branch(&cond.false_body, outs);
            true
        }
        S::ForLoop(each) => {
            branch(&each.body, outs);
            branch(&each.else_body, outs);
            true
        }
        S::WithBlock(block) => outputs(&block.body, outs),
        S::Include(_)
        | S::Extends(_)
        | S::Block(_)
        | S::FilterBlock(_)
        | S::CallBlock(_)
        | S::AutoEscape(_) => false,
        _ => true,
    })
}

#[cfg(test)]
mod tests;
