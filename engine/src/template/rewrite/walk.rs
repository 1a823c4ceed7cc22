//! The walk over a template's tree: collects edits, the variables that are read and not bound in the template, and
//! the filters and tests that are named. Invariant: in a soft place nothing on the way to an undefined value fails.

use super::chain::chainable;
use super::edits::Edit;
use super::{Named, Plugin, Read};
use crate::template::owned::CHANGING;
use crate::template::{environment, is_template};
use minijinja::machinery::ast;
use std::borrow::Cow;
use std::ops::Range;

/// What the walk has seen so far.
pub struct Walk<'s> {
    pub source: &'s str,
    pub edits: Vec<Edit>,
    pub reads: Vec<Read>,
    pub named: Vec<Named>,
    pub includes: bool,
    /// Whether a method that changes its object is called somewhere.
    pub changes: bool,
    /// Whether macros of the text take more than they name.
    pub variadic: bool,
    /// The names of macros, and of modules of them.
    pub macros: Vec<String>,
    /// Names bound in the template.
    known: Vec<String>,
    /// Whether text is captured somewhere, by macros or blocks, that may be no text.
    pub captures: bool,
    /// The length of what opens an output.
    pub open: usize,
    /// Whether templates in constants are rendered: conditions.
    embedded: bool,
    /// How many guards (`default`, `is defined`) are around.
    pub guard: usize,
}

/// `default` for `ansible.builtin.default` and the like.
fn short(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").or(name.strip_prefix("ansible.legacy.")).unwrap_or(name)
}

/// The filter and the length of an operator that orders: Python refuses to order a string and a number. Chains of
/// comparisons stay as they are.
fn order(op: ast::BinOpKind) -> Option<(&'static str, usize)> {
    match op {
        ast::BinOpKind::Lt => Some(("_m_lt", 1)),
        ast::BinOpKind::Lte => Some(("_m_le", 2)),
        ast::BinOpKind::Gt => Some(("_m_gt", 1)),
        ast::BinOpKind::Gte => Some(("_m_ge", 2)),
        _ => None,
    }
}

/// Where an expression ends.
pub fn end(expr: &ast::Expr<'_>) -> usize {
    expr.span().end_offset as usize
}

/// Where the first of the filters of a block is named.
fn first(filter: &ast::Expr<'_>) -> usize {
    match filter {
        ast::Expr::Filter(outer) if outer.expr.is_some() => outer.expr.as_ref().map_or(0, first),
        filter => filter.span().start_offset as usize,
    }
}

fn items<'x, 's>(expr: &'x ast::Expr<'s>) -> Option<&'x [ast::Expr<'s>]> {
    match expr {
        ast::Expr::List(list) => Some(&list.items),
        ast::Expr::Tuple(tuple) => Some(&tuple.items),
        _ => None,
    }
}

impl<'s> Walk<'s> {
    pub fn new(source: &'s str, embedded: bool, open: usize) -> Self {
        let changes = CHANGING.iter().any(|method| source.contains(&format!(".{method}(")));
        let variadic = source.contains("varargs") || source.contains("kwargs");
        Self {
            source,
            edits: vec![],
            reads: vec![],
            named: vec![],
            includes: false,
            changes,
            variadic,
            macros: vec![],
            known: vec![],
            captures: false,
            open,
            embedded,
            guard: 0,
        }
    }

    pub fn edit(&mut self, at: Range<usize>, text: impl Into<Cow<'static, str>>) {
        self.edits.push((at, text.into()));
    }

    pub fn text(&self, at: Range<usize>) -> &'s str {
        self.source.get(at).unwrap_or("")
    }

    pub fn rest(&self, at: usize) -> &'s str {
        self.source.get(at..).unwrap_or("")
    }

    /// The first byte from `at` on that is neither blank nor a closing parenthesis.
    pub fn skip(&self, at: usize) -> usize {
        let rest = self.rest(at);
        at + rest.find(|c: char| !c.is_whitespace() && c != ')').unwrap_or(rest.len())
    }

    pub fn declare(&mut self, target: &ast::Expr<'_>) {
        match (target, items(target)) {
            (ast::Expr::Var(var), _) => self.known.push(var.id.to_string()),
            (_, Some(list)) => list.iter().for_each(|item| self.declare(item)),
            _ => self.expr(target, false), // `ns.x`
        }
    }

    pub fn scoped(&mut self, names: &[&str], f: impl FnOnce(&mut Self)) {
        let outer = self.known.len();
        self.known.extend(names.iter().map(ToString::to_string));
        f(self);
        self.known.truncate(outer);
    }

    pub fn stmts(&mut self, body: &[ast::Stmt<'_>]) {
        body.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &ast::Stmt<'_>) {
        use ast::Stmt as S;
        match stmt {
            S::EmitRaw(_) | S::Continue(_) | S::Break(_) => {}
            S::Template(template) => self.stmts(&template.children),
            S::EmitExpr(emit) => self.expr(&emit.expr, false),
            S::ForLoop(each) => {
                self.iterated(each);
                self.scoped(&["loop"], |walk| {
                    walk.declare(&each.target);
                    each.filter_expr.iter().for_each(|filter| walk.expr(filter, false));
                    walk.stmts(&each.body);
                });
                self.stmts(&each.else_body);
            }
            S::IfCond(cond) => {
                self.expr(&cond.expr, false);
                self.stmts(&cond.true_body);
                self.stmts(&cond.false_body);
            }
            S::WithBlock(block) => self.scoped(&[], |walk| {
                for (target, expr) in &block.assignments {
                    walk.expr(expr, true);
                    walk.declare(target);
                }
                walk.stmts(&block.body);
            }),
            S::Set(set) => {
                self.set(set);
                self.declare(&set.target);
            }
            S::SetBlock(set) => {
                let stop = end(&set.target);
                if matches!(set.target, ast::Expr::Var(_)) && self.captured(&set.body) {
                    self.edit(stop..stop, "|_m_native");
                }
                set.filter.iter().for_each(|filter| self.expr(filter, false));
                self.declare(&set.target);
            }
            S::AutoEscape(block) => {
                self.expr(&block.enabled, false);
                self.stmts(&block.body);
            }
            S::FilterBlock(block) => {
                let start = first(&block.filter);
                if self.captured(&block.body) {
                    self.edit(start..start, "_m_native|");
                }
                self.expr(&block.filter, false);
            }
            S::Block(block) => self.scoped(&["self", "super"], |walk| walk.stmts(&block.body)),
            S::Import(_) | S::FromImport(_) | S::Extends(_) | S::Include(_) => self.include(stmt),
            S::Do(act) => self.call(&act.call, false),
            S::Macro(decl) => {
                self.known.push(decl.name.to_string());
                self.macros.push(decl.name.to_string());
                self.signature(decl, decl.span().start_offset as usize);
                self.macro_body(decl);
            }
            S::CallBlock(block) => {
                self.call(&block.call, false);
                self.macro_body(&block.macro_decl);
            }
        }
    }

    /// Where the loop is asked about, text is a list of letters: it says how many there are.
    fn iterated(&mut self, each: &ast::ForLoop<'_>) {
        let (sign, stop) = (self.skip(end(&each.target)), self.skip(end(&each.iter)));
        let asked = self.source.contains("loop.") && !each.recursive && self.rest(sign).starts_with("in");
        if asked {
            self.edit(sign + 2..sign + 2, " (");
        }
        self.expr(&each.iter, false);
        if asked {
            self.edit(stop..stop, ")|_m_each ");
        }
    }

    /// `{% set x = y %}` where a method changes something: what is named is the evaluation's own, and may change.
    fn set(&mut self, set: &ast::Set<'_>) {
        let sign = self.skip(end(&set.target));
        let stop = self.skip(end(&set.expr));
        let ends = ["%}", "-%}", "+%}"].iter().any(|mark| self.rest(stop).starts_with(mark));
        let named = matches!(&set.target, ast::Expr::Var(_) | ast::Expr::GetAttr(_));
        if !self.changes || !named || !ends || !self.rest(sign).starts_with('=') {
            return self.expr(&set.expr, true);
        }
        self.edit(sign + 1..sign + 1, "(");
        self.expr(&set.expr, true);
        self.edit(stop..stop, ")|_m_own ");
    }

    fn include(&mut self, stmt: &ast::Stmt<'_>) {
        use ast::Stmt as S;
        // What comes from other files may hold what their macros captured.
        (self.includes, self.captures) = (true, true);
        match stmt {
            S::Import(import) => {
                self.expr(&import.expr, false);
                self.declare(&import.name);
                if let ast::Expr::Var(var) = &import.name {
                    self.macros.push(var.id.to_string());
                }
            }
            S::FromImport(import) => {
                self.expr(&import.expr, false);
                for (name, alias) in &import.names {
                    let name = alias.as_ref().unwrap_or(name);
                    self.declare(name);
                    if let ast::Expr::Var(var) = name {
                        self.macros.push(var.id.to_string());
                    }
                }
            }
            S::Extends(extends) => self.expr(&extends.name, false),
            S::Include(include) => self.expr(&include.name, false),
            _ => {}
        }
    }

    pub fn args(&mut self, args: &[ast::CallArg<'_>], soft: bool) {
        use ast::CallArg as A;
        for A::Pos(expr) | A::Kwarg(_, expr) | A::PosSplat(expr) | A::KwargSplat(expr) in args {
            self.expr(expr, soft);
        }
    }

    /// A call that is a value and ends at `stop`.
    pub fn value_of(&mut self, call: &ast::Call<'_>, stop: usize, soft: bool) {
        if !self.calls_macro(&call.expr) {
            return self.call(call, soft);
        }
        let start = self.start(&call.expr);
        self.edit(start..start, "(");
        self.call(call, soft);
        self.edit(stop..stop, "|_m_native)");
    }

    fn call(&mut self, call: &ast::Call<'_>, soft: bool) {
        if self.macro_call(call) {
            return;
        }
        match &call.expr {
            ast::Expr::Var(function) => {
                self.looked_up(function.id, &call.args);
                if matches!(function.id, "lookup" | "query" | "q") {
                    return self.terms(&call.args);
                }
            }
            ast::Expr::GetAttr(attr) => self.expr(&attr.expr, soft),
            expr => self.expr(expr, soft),
        }
        self.args(&call.args, false);
    }

    /// What a lookup is given: templates in the constants among its terms are rendered.
    fn terms(&mut self, args: &[ast::CallArg<'_>]) {
        use ast::Expr as E;
        for (at, arg) in args.iter().enumerate() {
            let embedded = self.embedded;
            let constant = |expr| matches!(expr, &E::Const(_) | &E::List(_) | &E::Tuple(_) | &E::Map(_));
            self.embedded |= matches!(arg, ast::CallArg::Pos(expr) if at > 0 && constant(expr));
            self.args(std::slice::from_ref(arg), false);
            self.embedded = embedded;
        }
    }

    /// `lookup('name', ...)`: the lookup that it names.
    fn looked_up(&mut self, function: &str, args: &[ast::CallArg<'_>]) {
        let Some(ast::CallArg::Pos(first @ ast::Expr::Const(name))) = args.first() else { return };
        if let ("lookup" | "query" | "q", Some(text)) = (function, name.value.as_str()) {
            let at = first.span().start_offset as usize..end(first);
            self.named.push(Named { plugin: Plugin::Lookup, at, name: text.into() });
        }
    }

    fn operand(&mut self, expr: &ast::Expr<'_>, guards: bool, soft: bool) {
        self.guard += usize::from(guards);
        self.expr(expr, soft);
        self.guard -= usize::from(guards);
    }

    fn name(&mut self, plugin: Plugin, name: &str, at: usize) {
        let name = name.replace(char::is_whitespace, "");
        self.named.push(Named { plugin, at: at..at + name.len(), name });
    }

    /// `soft`: an undefined value is fine here, so nothing on the way to it may fail.
    pub fn expr(&mut self, expr: &ast::Expr<'_>, soft: bool) {
        use ast::BinOpKind as B;
        use ast::Expr as E;
        let at = expr.span().start_offset as usize..end(expr);
        match expr {
            E::Var(var) if self.known.iter().any(|name| name == var.id) => {}
            E::Var(var) => {
                self.reads.push(Read { name: var.id.into(), at, guarded: soft && self.guard > 0 });
            }
            E::Const(text)
                if self.embedded
                    && text.value.as_str().is_some_and(is_template)
                    && self.rest(at.start).starts_with(['"', '\'']) =>
            {
                self.edit(at.start..at.start, "(");
                self.edit(at.end..at.end, "|_m_render)");
            }
            E::Const(_) => {}
            E::UnaryOp(unary) => self.expr(&unary.expr, false),
            // Any left side but a number may be a string at run time.
            E::BinOp(op)
                if matches!(op.op, B::Rem) && !matches!(&op.left, E::Const(c) if c.value.is_number()) =>
            {
                self.infix(&op.left, &op.right, at.end, 1, "_m_mod");
            }
            // Two dates can be taken from one another; numbers need no help.
            E::BinOp(op)
                if matches!(op.op, B::Sub)
                    && !matches!(&op.left, E::Const(_))
                    && !matches!(&op.right, E::Const(_)) =>
            {
                self.infix(&op.left, &op.right, at.end, 1, "_m_sub");
            }
            E::BinOp(op)
                if matches!(op.op, B::In) && self.rest(self.skip(end(&op.left))).starts_with("in") =>
            {
                self.infix(&op.left, &op.right, at.end, 2, "_m_in");
            }
            E::BinOp(op) if order(op.op).is_some() => {
                let (filter, len) = order(op.op).unwrap_or_default();
                self.infix(&op.left, &op.right, at.end, len, filter);
            }
            E::BinOp(op) => {
                self.expr(&op.left, false);
                self.expr(&op.right, soft && matches!(op.op, B::ScOr | B::ScAnd));
            }
            E::Compare(chain) => {
                self.expr(&chain.expr, false);
                chain.ops.iter().for_each(|op| self.expr(&op.expr, false));
            }
            E::IfExpr(choice) => {
                self.expr(&choice.true_expr, soft);
                self.expr(&choice.test_expr, false);
                choice.false_expr.iter().for_each(|other| self.expr(other, soft));
            }
            E::Filter(filter) => self.filter(filter, at, soft),
            E::Test(test) => {
                let guards = matches!(short(test.name), "defined" | "undefined");
                self.operand(&test.expr, guards, guards);
                let from = self.skip(end(&test.expr));
                let written = self.rest(from).find(test.name).map_or(at.start, |p| from + p);
                self.name(Plugin::Test, test.name, written);
                let own = !environment::has(Plugin::Test, test.name) && !test.name.starts_with("_m_");
                if own {
                    self.site(test.name, written, at.end, test.args.is_empty());
                }
                if let (E::Var(var), "vault_encrypted") = (&test.expr, short(test.name)) {
                    let stop = written + test.name.len();
                    self.edit(stop..stop, format!("(\"{}\")", var.id));
                }
                self.args(&test.args, false);
            }
            E::List(_) | E::Tuple(_) => {
                let own = self.changes && matches!(expr, E::List(_)) && self.rest(at.start).starts_with('[');
                if own {
                    self.edit(at.start..at.start, "(");
                }
                items(expr).into_iter().flatten().for_each(|item| self.expr(item, true));
                if own {
                    self.edit(at.end..at.end, "|_m_own)");
                }
            }
            E::Map(map) => {
                let own = self.changes && self.rest(at.start).starts_with('{');
                if own {
                    self.edit(at.start..at.start, "(");
                }
                for (key, value) in map.keys.iter().zip(&map.values) {
                    self.expr(key, false);
                    self.expr(value, true);
                }
                if own {
                    self.edit(at.end..at.end, "|_m_own)");
                }
            }
            _ if soft && chainable(expr) => {
                if self.chain(expr) {
                    self.edit(at.end..at.end, ")");
                }
            }
            E::GetItem(item) => {
                self.expr(&item.expr, soft);
                self.expr(&item.subscript_expr, false);
            }
            E::Slice(slice) => {
                self.expr(&slice.expr, false);
                let parts = [&slice.start, &slice.stop, &slice.step];
                parts.into_iter().flatten().for_each(|part| self.expr(part, false));
            }
            E::GetAttr(attr) => self.expr(&attr.expr, soft),
            E::Call(call) => self.value_of(call, at.end, soft),
        }
    }

    fn filter(&mut self, filter: &ast::Filter<'_>, at: Range<usize>, soft: bool) {
        let guards = matches!(short(filter.name), "default" | "d" | "mandatory");
        filter.expr.iter().for_each(|operand| self.operand(operand, guards, soft || guards));
        self.name(Plugin::Filter, filter.name, at.start);
        let plain = filter.name.replace(char::is_whitespace, "");
        if !environment::has(Plugin::Filter, &plain) && !plain.starts_with("_m_") && (!soft || guards) {
            self.site(filter.name, at.start, at.end, filter.args.is_empty());
        } else if soft && !guards && filter.expr.is_some() {
            // `lower(a)` becomes `_m_filter("lower",a)`; the span starts at the name.
            let stop = at.start + filter.name.len();
            let name = format!("_m_filter(\"{}\"", filter.name.replace(char::is_whitespace, ""));
            match self.text(stop..at.end).find('(') {
                Some(paren) => {
                    let comma = if filter.args.is_empty() { "" } else { "," };
                    self.edit(at.start..stop + paren + 1, name + comma);
                }
                None => self.edit(at.start..stop, name + ")"),
            }
        }
        self.args(&filter.args, guards);
    }

    /// A filter or test that is not built in, `own(a)`, becomes `_m_site("own",a)`.
    fn site(&mut self, name: &str, start: usize, end: usize, bare: bool) {
        let stop = start + name.len();
        let lead = format!("_m_site(\"{}\"", name.replace(char::is_whitespace, ""));
        match self.text(stop..end).find('(') {
            Some(paren) if self.text(stop..stop + paren).trim().is_empty() => {
                self.edit(start..stop + paren + 1, lead + if bare { "" } else { "," });
            }
            // `is own 3`
            _ if !bare => {
                self.edit(start..stop, lead + ",");
                self.edit(end..end, ")");
            }
            _ => self.edit(start..stop, lead + ")"),
        }
    }

    /// An operator of `len` bytes between two operands becomes a filter call on the left one.
    fn infix(
        &mut self,
        left: &ast::Expr<'_>,
        right: &ast::Expr<'_>,
        stop: usize,
        len: usize,
        filter: &'static str,
    ) {
        let (start, sign) = (self.start(left), self.skip(end(left)));
        self.edit(start..start, "(");
        self.expr(left, false);
        self.edit(sign..sign + len, format!(")|{filter}("));
        self.expr(right, false);
        self.edit(stop..stop, ")");
    }

    /// Where an expression starts: the spans of comparisons and choices begin a token early.
    pub fn start(&self, expr: &ast::Expr<'_>) -> usize {
        use ast::BinOpKind as B;
        use ast::Expr as E;
        match expr {
            E::Compare(compare) => self.start(&compare.expr),
            E::IfExpr(choice) => self.start(&choice.true_expr),
            E::Filter(filter) => filter.expr.as_ref().map_or(0, |operand| self.start(operand)),
            E::Test(test) => self.start(&test.expr),
            E::GetAttr(attr) => self.start(&attr.expr),
            E::GetItem(item) => self.start(&item.expr),
            E::Slice(slice) => self.start(&slice.expr),
            E::Call(call) => self.start(&call.expr),
            E::BinOp(op) if order(op.op).is_some() || matches!(op.op, B::Eq | B::Ne | B::In) => {
                self.start(&op.left)
            }
            E::BinOp(op) => self.start(&op.left).min(expr.span().start_offset as usize),
            _ => expr.span().start_offset as usize,
        }
    }
}
