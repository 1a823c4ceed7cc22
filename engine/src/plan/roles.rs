//! Roles in a drawing: listed under `roles`, imported, or included at run time. A use of a role and what stands around
//! it come in; its dependencies' steps and its own go out, its handlers are defined, its variables made known.

use super::draw::{Draw, body, step};
use super::place::Place;
use super::step::{Act, Ancestor, Around, RoleId, RoleInstance, RoleListing, Step};
use crate::diagnostic::{Class, Diagnostic};
use crate::playbook::{Action, Entry, Role, RoleFrom, RoleUse, Setting, Task};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A role found, with what its tasks stand in.
struct Found {
    instance: Arc<RoleInstance>,
    around: Around,
    dependencies: Vec<Found>,
    /// Whether what it was given is checked.
    validate: bool,
}

/// How a role comes to be used: only what is listed is done once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Under `roles`, or as a dependency.
    Listed,
    /// By `import_role` or `include_role`.
    Asked,
}

/// A handler out of its file.
pub(super) struct Defined {
    task: Arc<Task>,
    around: Around,
    first: bool,
}

/// Where a role is entered: a role may import another of its own task files.
fn entered(dir: &Path, from: &RoleFrom) -> PathBuf {
    from.tasks.as_ref().map_or_else(|| dir.into(), |tasks| dir.join("tasks").join(tasks))
}

impl Draw<'_> {
    /// A role under `roles`: dependencies first, each a block of its own.
    pub(super) fn listed_role(
        &mut self,
        written: &RoleUse,
        around: &Around,
        place: Place,
        outermost: bool,
        out: &mut Vec<Step>,
    ) {
        if let Some(found) = self.find(written, around, &[], &RoleFrom::default(), Use::Listed) {
            if is_fixed(&written.public, self.site.defaults.private_role_vars != Some(true)) {
                self.drawing.public.push(found.instance.clone());
            }
            self.lay_role(&found, place, outermost, out);
        }
    }

    /// The handlers of the roles under `roles`, dependencies first.
    pub(super) fn role_handlers(&mut self, around: &Around) -> Vec<Defined> {
        let mut handlers = vec![];
        let silent = self.diagnostics.clone();
        for written in &self.play.roles {
            if let Some(found) = self.find(written, around, &[], &RoleFrom::default(), Use::Listed) {
                self.collect(&found, &mut handlers);
            }
        }
        // The same mistakes are found again when the role's tasks are laid out.
        *self.diagnostics = silent;
        handlers
    }

    /// Defines handlers in Ansible's order: of roles, of the play, of imported roles (which were defined while their
    /// tasks were laid out).
    pub(super) fn define_play_handlers(&mut self, of_roles: Vec<Defined>, around: &Around) {
        let imported = std::mem::take(&mut self.drawing.handlers);
        let inside = Around { handler: true, ..around.clone() };
        of_roles.iter().for_each(|handler| self.define(handler));
        let own = self.play.handlers.clone();
        self.define_entries(&own, &inside);
        self.drawing.handlers.extend(imported);
    }

    /// `import_role`: as if it stood there, in blocks of its own.
    pub(super) fn imported_role(
        &mut self,
        written: &RoleUse,
        around: &Around,
        place: Place,
        out: &mut Vec<Step>,
    ) {
        let from = match self.from(written, around) {
            Ok(from) => from,
            Err(diagnostic) => return self.diagnostics.push(diagnostic),
        };
        let parents = ancestors(around);
        if let Some(found) = self.find(written, around, &parents, &from, Use::Asked) {
            if is_fixed(&written.public, self.site.defaults.private_role_vars != Some(true)) {
                self.drawing.public.push(found.instance.clone());
            }
            self.define_found(&found);
            self.importing.push(entered(&found.instance.role.dir, &from));
            self.lay_role(&found, place, false, out);
            self.importing.pop();
        }
    }

    /// `include_role` at run time: its steps, with its handlers defined.
    pub fn included_role(
        &mut self,
        written: &RoleUse,
        from: &RoleFrom,
        public: bool,
        around: &Around,
        place: Place,
    ) -> Vec<Step> {
        let mut out = vec![];
        let parents = ancestors(around);
        if let Some(found) = self.find(written, around, &parents, from, Use::Asked) {
            if public {
                self.drawing.public.push(found.instance.clone());
            }
            self.define_found(&found);
            let block = self.block(place, false);
            self.lay_role(&found, body(block), false, &mut out);
        }
        out
    }

    fn from(&self, written: &RoleUse, around: &Around) -> Result<RoleFrom, Diagnostic> {
        let scope = self.scope(around);
        let text = |node: &Option<crate::node::Node>| match node {
            None => Ok(None),
            Some(node) => scope.text(node).map(Some).map_err(|fault| {
                Diagnostic::parse(
                    "muster::plan::import_name",
                    "the file of an imported role must be known before the run",
                )
                .at(node.span, fault.message)
                .help("use `include_role` for names that need a host")
            }),
        };
        Ok(RoleFrom {
            tasks: text(&written.tasks_from)?,
            vars: text(&written.vars_from)?,
            defaults: text(&written.defaults_from)?,
            handlers: text(&written.handlers_from)?,
        })
    }

    /// Finds a role and the roles it depends on.
    fn find(
        &mut self,
        written: &RoleUse,
        around: &Around,
        parents: &[Ancestor],
        from: &RoleFrom,
        by: Use,
    ) -> Option<Found> {
        let name = match self.scope(around).text(&written.name) {
            Ok(name) => name,
            Err(fault) => {
                let message = "the name of a role must be known before the run";
                let diagnostic = Diagnostic::parse("muster::plan::role_name", message);
                self.diagnostics.push(diagnostic.at(written.name.span, fault.message));
                return None;
            }
        };
        let within = parents.first().map(|parent| parent.role.dir.clone());
        let loader = &self.site.loader;
        let dir = &self.play.dir;
        let name = loader.in_collection(&name, &around.keywords.collections, dir).unwrap_or(name);
        let role = loader.role(&name, from, dir, within.as_deref(), written.name.span, self.diagnostics)?;
        let entered = entered(&role.dir, from);
        if self.importing.contains(&entered) {
            let names = self.importing.iter().chain(std::iter::once(&entered));
            let chain: Vec<String> = names.map(|path| path.display().to_string()).collect();
            let message = format!("role `{}` needs itself: {}", role.name, chain.join(" → "));
            let diagnostic = Diagnostic::error(Class::Error, "muster::plan::role_loop", message);
            self.diagnostics.push(diagnostic.at(written.name.span, "again"));
            return None;
        }
        let mut keywords = written.keywords.within(&around.keywords);
        if let Some(apply) = &written.apply {
            keywords = apply.within(&keywords);
        }
        keywords.collections.clear();
        let mut chain =
            vec![Ancestor { role: role.clone(), params: written.params.clone(), includes: false }];
        chain.extend_from_slice(parents);
        let base = Around { keywords, role: None, listing: None, ..around.clone() };
        let mut dependencies = vec![];
        self.importing.push(role.dir.clone());
        for dependency in &role.dependencies {
            dependencies.extend(self.find(dependency, &base, &chain, &RoleFrom::default(), Use::Listed));
        }
        self.importing.pop();
        let listing = self.listing(&role, written, from, by, around);
        let instance = Arc::new(RoleInstance {
            role,
            params: written.params.clone(),
            public: is_fixed(&written.public, true),
            parents: parents.to_vec(),
            dependencies: dependencies.iter().map(|found| found.instance.clone()).collect(),
        });
        let mut around = Around { role: Some(instance.clone()), listing: Some(listing), ..base };
        around.keywords.collections.clone_from(&instance.role.collections);
        Some(Found { instance, around, dependencies, validate: is_fixed(&written.rolespec_validate, true) })
    }

    /// A role in use: its id is the same for a use that is the same in every way.
    fn listing(
        &mut self,
        role: &Role,
        written: &RoleUse,
        from: &RoleFrom,
        by: Use,
        around: &Around,
    ) -> RoleListing {
        let params: Vec<String> =
            written.params.0.iter().map(|(name, var)| format!("{name}={}", plain(var))).collect();
        let vars = written.keywords.vars.iter().flat_map(|layer| layer.0.iter());
        let vars: Vec<String> = vars.map(|(name, var)| format!("{name}={}", plain(var))).collect();
        let when: Vec<&str> = written.keywords.when.iter().map(|expr| &*expr.text).collect();
        let tags: Vec<Option<&str>> = written.keywords.tags.iter().map(|tag| tag.as_str()).collect();
        let identity =
            format!("{by:?}|{}|{from:?}|{params:?}|{vars:?}|{when:?}|{tags:?}", role.dir.display());
        let again = match &written.allow_duplicates {
            Some(Setting::Fixed(again)) => *again,
            Some(Setting::Template { node, .. }) => {
                self.scope(around).render(node).map_or(true, |value| value.is_true())
            }
            None => by == Use::Asked || role.allow_duplicates,
        };
        let id = self.identities.iter().position(|known| *known == identity).unwrap_or_else(|| {
            self.identities.push(identity);
            self.identities.len() - 1
        });
        RoleListing { id: RoleId(id), again }
    }

    fn lay_role(&mut self, found: &Found, place: Place, outermost: bool, out: &mut Vec<Step>) {
        for dependency in &found.dependencies {
            self.lay_role(dependency, place, outermost, out);
        }
        let block = self.block(place, false);
        let role = found.instance.role.clone();
        if let Some(argspec) = role.argspec.as_ref().filter(|_| found.validate)
            && let Some(task) = super::argspec::validation(argspec, &found.instance, &found.around)
        {
            let planned = self.planned(&Arc::new(task), &found.around);
            let run = self.block(body(block), outermost);
            out.push(Step { role: found.around.listing, ..step(body(run), Act::of(Arc::new(planned))) });
        }
        self.runs(&role.tasks, &found.around, body(block), outermost, out);
        if let Some(listing) = found.around.listing {
            out.push(Step { role: Some(listing), ..step(body(block), Act::RoleEnd(listing.id)) });
        }
    }

    fn define_found(&mut self, found: &Found) {
        let mut handlers = vec![];
        self.collect(found, &mut handlers);
        handlers.iter().for_each(|handler| self.define(handler));
    }

    fn define_entries(&mut self, entries: &[Entry], around: &Around) {
        let mut handlers = vec![];
        self.flatten(entries, around, &mut handlers);
        handlers.iter().for_each(|handler| self.define(handler));
    }

    fn collect(&mut self, found: &Found, handlers: &mut Vec<Defined>) {
        for dependency in &found.dependencies {
            self.collect(dependency, handlers);
        }
        let around = Around { handler: true, ..found.around.clone() };
        self.flatten(&found.instance.role.handlers, &around, handlers);
    }

    /// Handlers out of the blocks and imported files they stand in, with the keywords of those.
    fn flatten(&mut self, entries: &[Entry], around: &Around, handlers: &mut Vec<Defined>) {
        let mut first = true;
        for entry in entries {
            match entry {
                Entry::Task(task) => {
                    if let Action::ImportTasks(import) = &task.action {
                        let vars = task.keywords.vars.iter().chain(&around.include_vars).cloned().collect();
                        let keywords = task.keywords.within(&around.keywords);
                        let inside = Around { keywords, include_vars: vars, ..around.clone() };
                        if let Some(entries) = self.imported(&import.file, task, &inside) {
                            self.flatten(&entries, &inside, handlers);
                            self.importing.pop();
                        }
                        first = true;
                        continue;
                    }
                    handlers.push(Defined { task: task.clone(), around: around.clone(), first });
                    first = false;
                }
                Entry::Block(block) => {
                    first = true;
                    let keywords = block.keywords.within(&around.keywords);
                    self.flatten(&block.body, &Around { keywords, ..around.clone() }, handlers);
                }
            }
        }
    }

    fn define(&mut self, handler: &Defined) {
        let planned = self.planned(&handler.task, &handler.around);
        self.judge(&planned);
        self.drawing.define(Arc::new(planned), handler.first);
    }
}

fn ancestors(around: &Around) -> Vec<Ancestor> {
    let Some(role) = &around.role else { return vec![] };
    let own = Ancestor { role: role.role.clone(), params: role.params.clone(), includes: true };
    std::iter::once(own).chain(role.parents.iter().cloned()).collect()
}

fn is_fixed(setting: &Option<Setting<bool>>, otherwise: bool) -> bool {
    match setting {
        Some(Setting::Fixed(value)) => *value,
        Some(Setting::Template { .. }) | None => otherwise,
    }
}

fn plain(variable: &crate::template::Variable) -> String {
    match variable {
        crate::template::Variable::Written(node) => node.to_json().to_string(),
        crate::template::Variable::Known(value) => value.to_string(),
    }
}
