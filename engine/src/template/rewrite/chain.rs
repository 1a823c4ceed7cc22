//! Chains of attributes, subscripts, slices and method calls in soft places: each link becomes a filter that hands an
//! undefined value on. Every edit is local to its link, so the start of the chain need not be known.

use super::walk::{Walk, end};
use minijinja::machinery::ast;

/// Whether every link is one of those, there is one, and the root is not magic.
pub fn chainable(expr: &ast::Expr<'_>) -> bool {
    fn root(expr: &ast::Expr<'_>) -> bool {
        !matches!(expr, ast::Expr::Var(var) if var.id == "self")
            && (chainable(expr) || !matches!(expr, ast::Expr::Call(_)))
    }
    match expr {
        ast::Expr::GetAttr(attr) => root(&attr.expr),
        ast::Expr::GetItem(item) => root(&item.expr),
        ast::Expr::Slice(slice) => root(&slice.expr),
        ast::Expr::Call(call) => match &call.expr {
            ast::Expr::Var(var) => !matches!(var.id, "super" | "caller"),
            ast::Expr::GetAttr(attr) => root(&attr.expr),
            _ => false,
        },
        _ => false,
    }
}

impl Walk<'_> {
    /// The start of the link after `base`, and whether it may join an open `_m_get(`: not over a `)`.
    fn link(&mut self, base: &ast::Expr<'_>) -> (usize, bool) {
        let (open, stop) = (self.chain(base), end(base));
        let at = self.skip(stop);
        let closes = open && self.text(stop..at).contains(')');
        if closes {
            self.edit(stop..stop, ")");
        }
        (at, open && !closes)
    }

    /// Rewrites the links of `root.a[b].f(x)[1:]`, inside out. True: a `_m_get(` is still open.
    pub fn chain(&mut self, expr: &ast::Expr<'_>) -> bool {
        use ast::Expr as E;
        match expr {
            E::GetAttr(attr) => {
                let (at, open) = self.link(&attr.expr);
                let lead = if open { "," } else { "|_m_get(" };
                self.edit(at..end(expr), format!("{lead}\"{}\"", attr.name));
            }
            E::GetItem(item) => {
                let (at, open) = self.link(&item.expr);
                self.edit(at..at + 1, if open { "," } else { "|_m_get(" }); // the `[`, or the dot of `.0`
                self.expr(&item.subscript_expr, false);
                if self.rest(at).starts_with('[') {
                    self.edit(end(expr) - 1..end(expr), "");
                }
            }
            E::Call(call) => {
                let E::GetAttr(attr) = &call.expr else {
                    self.value_of(call, end(expr), true);
                    return false;
                };
                self.method(call, attr);
            }
            E::Slice(slice) => self.slice(slice, end(expr)),
            root => self.expr(root, true),
        }
        matches!(expr, E::GetAttr(_) | E::GetItem(_))
    }

    fn method(&mut self, call: &ast::Call<'_>, attr: &ast::GetAttr<'_>) {
        let (at, open) = self.link(&attr.expr);
        let stop = end(&call.expr);
        let paren = stop + self.rest(stop).find('(').unwrap_or(0);
        let close = if open { ")" } else { "" };
        let comma = if call.args.is_empty() { "" } else { "," };
        let filter = if self.guard > 0 { "_m_try" } else { "_m_call" };
        self.edit(at..paren + 1, format!("{close}|{filter}(\"{}\"{comma}", attr.name));
        self.args(&call.args, false);
    }

    fn slice(&mut self, slice: &ast::Slice<'_>, stop: usize) {
        let (start, open) = self.link(&slice.expr);
        self.edit(start..start + 1, if open { ")|_m_slice(" } else { "|_m_slice(" });
        let mut at = start + 1;
        for (i, part) in [&slice.start, &slice.stop, &slice.step].into_iter().enumerate() {
            if let Some(part) = part {
                self.expr(part, false);
                at = end(part);
            } else {
                self.edit(at..at, "none");
            }
            let next = self.skip(at);
            if self.rest(next).starts_with(':') {
                self.edit(next..next + 1, ",");
                at = next + 1;
            } else if i < 2 {
                at = next;
                self.edit(at..at, ",");
            }
        }
        self.edit(stop - 1..stop, ")");
    }
}
