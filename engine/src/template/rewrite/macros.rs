//! Macros and blocks that capture what is put out in them: what they give keeps its type, and macros take arguments that
//! they do not name. Their parts of the tree come in, edits go out.

use super::outputs;
use super::walk::{Walk, end};
use minijinja::machinery::{Span, ast};
use std::ops::Range;

impl Walk<'_> {
    /// `macro m(a)` becomes `macro m(a, varargs=[], kwargs={})` where those are read; `_m_macro` calls it.
    pub fn signature(&mut self, decl: &ast::Macro<'_>, from: usize) {
        if !self.variadic {
            return;
        }
        let Some(open) = self.rest(from).find('(').map(|at| from + at) else { return };
        let mut depth = 0usize;
        let close = self.rest(open).char_indices().find(|(_, c)| {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        });
        let Some((length, _)) = close else { return };
        let comma = if decl.args.is_empty() { "" } else { ", " };
        self.edit(open + length..open + length, format!("{comma}varargs=[], kwargs={{}}"));
    }

    /// A call of a macro that may be given more than it names.
    pub fn macro_call(&mut self, call: &ast::Call<'_>) -> bool {
        let caller = matches!(&call.expr, ast::Expr::Var(var) if var.id == "caller");
        if !self.variadic || caller || !self.calls_macro(&call.expr) {
            return false;
        }
        let (start, stop) = (self.start(&call.expr), end(&call.expr));
        let Some(paren) = self.rest(stop).find('(').map(|at| stop + at) else { return false };
        self.edit(start..start, "_m_macro(");
        self.edit(stop..paren + 1, if call.args.is_empty() { "" } else { "," });
        self.args(&call.args, false);
        true
    }

    /// Whether what is called is a macro of the text, or one that it imports.
    pub fn calls_macro(&self, called: &ast::Expr<'_>) -> bool {
        let root = match called {
            ast::Expr::Var(var) => var.id,
            ast::Expr::GetAttr(attr) => match &attr.expr {
                ast::Expr::Var(var) => var.id,
                _ => return false,
            },
            _ => return false,
        };
        root == "caller" || self.macros.iter().any(|name| name == root)
    }

    pub fn macro_body(&mut self, decl: &ast::Macro<'_>) {
        decl.defaults.iter().for_each(|default| self.expr(default, true));
        self.scoped(&["caller", "varargs", "kwargs"], |walk| {
            decl.args.iter().for_each(|arg| walk.declare(arg));
            walk.captured(&decl.body);
        });
    }

    /// The inside of `{{ }}`: after the `-` or `+` of `{{-` too.
    pub fn inside(&self, span: Span) -> Range<usize> {
        let start = span.start_offset as usize + self.open;
        start + usize::from(self.rest(start).starts_with(['-', '+']))..span.end_offset as usize
    }

    /// A body whose text is captured; whether it may be one value that is no text.
    pub fn captured(&mut self, body: &[ast::Stmt<'_>]) -> bool {
        let mut outs = vec![];
        let single = outputs(body, &mut outs);
        if !single {
            outs.clear();
        }
        self.captures |= single;
        self.marked(&outs, "_m_put", |walk| walk.scoped(&[], |walk| walk.stmts(body)));
        single
    }

    /// Walks, with outputs going through a filter.
    pub fn marked(&mut self, outs: &[Span], filter: &str, walk: impl FnOnce(&mut Self)) {
        for span in outs {
            let start = self.inside(*span).start;
            self.edit(start..start, "(");
        }
        walk(self);
        for span in outs {
            let inside = self.inside(*span);
            let name = self.text(inside.clone()).trim();
            let word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let named = if filter == "_m_put" && word { format!("(\"{name}\")") } else { String::new() };
            self.edit(inside.end..inside.end, format!(")|{filter}{named}"));
        }
    }
}
