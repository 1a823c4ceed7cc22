//! What can be known to be wrong before any host is touched: modules nobody has, arguments nobody takes.

use super::draw::Draw;
use super::site::Site;
use super::step::{Around, PlannedTask};
use crate::diagnostic::{Class, Diagnostic, Diagnostics, Severity, nearest};
use crate::module::AnyModule;
use crate::playbook::{Action, Args};
use crate::source::Span;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Draw<'_> {
    /// The module of a name: shipped, beside the playbook, or in the role's `library`.
    pub(super) fn module(&mut self, name: &str, span: Span, around: &Around) -> Option<Arc<dyn AnyModule>> {
        let found = self.site.module(name, around, &self.play.dir);
        if found.is_some() || self.growing {
            return found;
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

impl Site {
    /// The module that a name means around a task: of the role's `library`, beside the playbook, or shipped.
    #[must_use]
    pub fn module(&self, name: &str, around: &Around, play_dir: &Path) -> Option<Arc<dyn AnyModule>> {
        let role = around.role.iter();
        let roles = role.flat_map(|role| {
            std::iter::once(&role.role.dir).chain(role.parents.iter().map(|parent| &parent.role.dir))
        });
        let dirs = roles.map(PathBuf::as_path).chain(std::iter::once(play_dir));
        let own = dirs.flat_map(|dir| self.library.of(&dir.join("library")));
        let collections = around.keywords.collections.iter();
        let in_collection = |c: &String| self.modules.get(&format!("{c}.{name}")).cloned();
        own.into_iter()
            .find(|module| module.name() == name)
            .or_else(|| self.modules.get(name).cloned())
            .or_else(|| collections.into_iter().find_map(in_collection))
    }
}

/// Checks arguments as written: unknown ones, missing ones, wrong types of what is no template.
pub fn arguments(module: &dyn AnyModule, args: &Args, diagnostics: &mut Diagnostics) {
    let spec = module.spec();
    if let (Some(raw), None) = (&args.raw, spec.free_form)
        && !spec.open
    {
        let message = format!("Action '{}' does not support raw params.", module.name());
        let diagnostic = Diagnostic::error(Class::Undefined, "muster::plan::free_form", message);
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
