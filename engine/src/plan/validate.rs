//! What can be known to be wrong before any host is touched: modules nobody has, arguments nobody takes.

use super::draw::Draw;
use super::site::Site;
use super::step::{Around, PlannedTask};
use crate::diagnostic::{Class, Diagnostic, Diagnostics, Severity, nearest};
use crate::module::{AnyModule, Found, Nearby};
use crate::playbook::{Action, Args, Setting, collection_around, collection_of};
use crate::source::Span;
use crate::template::is_template;
use std::path::Path;
use std::sync::Arc;

/// How often a module's name may lead to another name.
const MOVES: usize = 10;

impl Draw<'_> {
    /// The module that a search found; the missing of one that is needed only when its task runs is for [`Self::judge`].
    pub(super) fn module(
        &mut self,
        found: Found,
        name: &str,
        span: Span,
        late: bool,
    ) -> Option<Arc<dyn AnyModule>> {
        match found {
            Found::Module(module) => return Some(module),
            Found::Refused(why, help) => {
                let diagnostic = Diagnostic::parse("muster::plan::module", why);
                self.diagnostics.push(diagnostic.at(span, "cannot run").help(help));
            }
            Found::Nowhere(searched) if !late => {
                let unknown = self.unknown(Class::Parse, name, span, &searched);
                self.diagnostics.push(unknown);
            }
            Found::Nowhere(_) | Found::Moved(_) => {}
        }
        None
    }

    fn unknown(&self, class: Class, name: &str, span: Span, searched: &[String]) -> Diagnostic {
        let known: Vec<&str> =
            self.site.modules.iter().map(|m| m.name().rsplit('.').next().unwrap_or_default()).collect();
        let message = format!("no module is called `{name}`");
        let diagnostic = Diagnostic::error(class, "muster::plan::unknown_module", message)
            .at(span, "not a module, and not a task keyword");
        let short = name.rsplit('.').next().unwrap_or(name);
        let help = match nearest(short, known) {
            Some(near) if near != short => format!("did you mean `{near}`?"),
            _ if searched.is_empty() => {
                "`muster doc -l` lists the modules; an executable in `library/` beside the playbook adds one"
                    .to_string()
            }
            _ => format!(
                "`muster doc -l` lists the modules that are built in; also searched: {}",
                searched.join(", ")
            ),
        };
        diagnostic.help(help)
    }

    /// Reports what is certain to fail a task. Where its author may expect that, or mistakes are to stop nothing, the
    /// run will show it, and nothing is refused: the module and the templates fail as they would have.
    pub(super) fn judge(&mut self, planned: &PlannedTask) {
        let mut found = Diagnostics(planned.keywords.flaws.clone());
        let name = planned.action();
        if let (None, Action::Module { span, late: true, .. }) = (&planned.module, &planned.task.action)
            && !is_template(name)
            && let (around, collections) = (&planned.around, &planned.keywords.collections)
            && let Found::Nowhere(searched) =
                self.site.search(name, around, collections, &self.play.dir, true)
        {
            found.push(self.unknown(Class::Undefined, name, *span, &searched));
        }
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
            || keywords.debugger.as_ref().is_some_and(Setting::asks)
    }
}

impl Site {
    /// The module that a name means around a task.
    #[must_use]
    pub fn module(&self, name: &str, around: &Around, play_dir: &Path) -> Option<Arc<dyn AnyModule>> {
        match self.search(name, around, &around.keywords.collections, play_dir, true) {
            Found::Module(module) => Some(module),
            _ => None,
        }
    }

    /// The same, whatever plugins of the site stand before modules.
    #[must_use]
    pub fn module_itself(&self, name: &str, around: &Around, play_dir: &Path) -> Option<Arc<dyn AnyModule>> {
        match self.search(name, around, &around.keywords.collections, play_dir, false) {
            Found::Module(module) => Some(module),
            _ => None,
        }
    }

    pub(super) fn search(
        &self,
        name: &str,
        around: &Around,
        collections: &[String],
        play_dir: &Path,
        actions: bool,
    ) -> Found {
        let near = Nearby { playbook: play_dir.to_path_buf(), roles: self.loader.role_dirs(), actions };
        let mut searched = vec![];
        for candidate in candidates(name, around, collections, play_dir) {
            match self.named(candidate, &near) {
                Found::Nowhere(dirs) => searched.extend(dirs.into_iter().filter(|dir| !dir.is_empty())),
                found => return found,
            }
        }
        searched.dedup();
        Found::Nowhere(searched)
    }

    /// The module of one name, wherever that name leads.
    fn named(&self, mut name: String, near: &Nearby) -> Found {
        let mut searched = vec![];
        for _ in 0..MOVES {
            let legacy = name.strip_prefix("ansible.legacy.").map(str::to_string);
            let found = match &legacy {
                Some(short) => self.finder.beside(short, near),
                None => Found::Nowhere(vec![]),
            };
            match found {
                Found::Nowhere(dirs) => searched.extend(dirs),
                found => return found,
            }
            if let Some(module) = self.modules.get(legacy.as_deref().unwrap_or(&name)) {
                return Found::Module(module.clone());
            }
            let full = legacy.map_or_else(|| name.clone(), |short| format!("ansible.builtin.{short}"));
            match self.finder.installed(&full, near) {
                Found::Moved(next) => name = next,
                Found::Nowhere(dirs) => {
                    searched.extend(dirs);
                    break;
                }
                found => return found,
            }
        }
        Found::Nowhere(searched)
    }
}

/// The full names that a name may mean, the first the likeliest.
fn candidates(name: &str, around: &Around, collections: &[String], play_dir: &Path) -> Vec<String> {
    if name.contains('.') {
        return vec![name.to_string()];
    }
    let own = around.role.as_ref().and_then(|role| collection_of(&role.role.dir));
    let own = own.map(|(_, collection)| collection);
    let playbooks = collection_around(play_dir);
    let collections = own.iter().chain(&playbooks).chain(collections);
    let mut all: Vec<String> = collections.map(|collection| format!("{collection}.{name}")).collect();
    all.push(format!("ansible.legacy.{name}"));
    all
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
