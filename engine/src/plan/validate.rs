//! What can be known to be wrong before any host is touched: modules nobody has, arguments nobody takes.

use super::draw::Draw;
use super::step::{Around, PlannedTask};
use crate::diagnostic::{Class, Diagnostic, Diagnostics, Severity, nearest};
use crate::module::AnyModule;
use crate::playbook::{Action, Args};
use crate::source::Span;
use std::sync::Arc;

impl Draw<'_> {
    /// The module of a name: shipped, beside the playbook, or in the role's `library`.
    pub(super) fn module(&mut self, name: &str, span: Span, around: &Around) -> Option<Arc<dyn AnyModule>> {
        if let Some(role) = &around.role {
            let dirs = std::iter::once(&role.role.dir).chain(role.parents.iter().map(|p| &p.role.dir));
            let own = dirs.flat_map(|dir| self.site.library.of(&dir.join("library")));
            if let Some(module) = own.into_iter().find(|module| module.name() == name) {
                return Some(module);
            }
        }
        let beside = self.site.library.of(&self.play.dir.join("library"));
        if let Some(module) = beside.into_iter().find(|module| module.name() == name) {
            return Some(module);
        }
        if let Some(module) = self.site.modules.get(name) {
            return Some(module.clone());
        }
        let collections = around.keywords.collections.iter();
        let in_collection = |c: &String| self.site.modules.get(&format!("{c}.{name}")).cloned();
        if let Some(module) = collections.into_iter().find_map(in_collection) {
            return Some(module);
        }
        if self.growing {
            return None;
        }
        let known: Vec<&str> =
            self.site.modules.iter().map(|m| m.name().rsplit('.').next().unwrap_or_default()).collect();
        let message = format!("no module is called `{name}`");
        let mut diagnostic = Diagnostic::parse("muster::plan::unknown_module", message)
            .at(span, "not a module, and not a task keyword");
        let short = name.rsplit('.').next().unwrap_or(name);
        diagnostic = match nearest(short, known) {
            Some(near) if near != short => diagnostic.help(format!("did you mean `{near}`?")),
            _ => diagnostic.help(
                "`muster doc -l` lists the modules; an executable in `library/` beside the playbook adds one",
            ),
        };
        self.diagnostics.push(diagnostic);
        None
    }

    /// Reports what is certain to fail a task. Where its author may expect that, the run will show it, and nothing is
    /// refused: the module and the templates fail as they would have.
    pub(super) fn judge(&mut self, planned: &PlannedTask) {
        let mut found = Diagnostics(planned.keywords.flaws.clone());
        if let (Some(module), Action::Module { args, .. }) = (&planned.module, &planned.task.action)
            && planned.keywords.module_defaults.is_empty()
            && args.spread.is_none()
        {
            arguments(module.as_ref(), args, &mut found);
        }
        for mut flaw in found.0 {
            if flaw.severity == Severity::Error(Class::Undefined) {
                if self.growing {
                    continue;
                }
                if planned.may_be_meant_to_fail() {
                    flaw.severity = Severity::Warning;
                }
            }
            self.diagnostics.push(flaw);
        }
    }
}

impl PlannedTask {
    /// Whether its author may expect it to fail, or never to run.
    pub(super) fn may_be_meant_to_fail(&self) -> bool {
        let keywords = &self.keywords;
        self.around.guarded
            || self.task.register.is_some()
            || !self.task.failed_when.is_empty()
            || !keywords.when.is_empty()
            || keywords.ignore_errors.is_some()
    }
}

/// Checks arguments as written: unknown ones, missing ones, wrong types of what is no template.
pub fn arguments(module: &dyn AnyModule, args: &Args, diagnostics: &mut Diagnostics) {
    let spec = module.spec();
    if let (Some(raw), None) = (&args.raw, spec.free_form)
        && !spec.open
    {
        let message = format!("`{}` takes no free-form text", module.name());
        let diagnostic = Diagnostic::parse("muster::plan::free_form", message);
        diagnostics.push(diagnostic.at(raw.span, "not an argument").help("write `name: value` pairs"));
        return;
    }
    let mut found = Diagnostics::default();
    spec.check_written(module.name(), &args.named, &mut found);
    let free = args.raw.is_some();
    for diagnostic in found.0 {
        if !(free && diagnostic.code == "muster::module::missing") {
            diagnostics.push(diagnostic);
        }
    }
}
