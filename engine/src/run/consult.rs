//! What the rules of a batch ask somebody who can render and read files: flags of steps, handlers by name, what an
//! include brings. Answers are drawn by the same builder as the plan.

use super::batch::{Consult, Inclusion, Notice};
use super::names::HostNames;
use super::scene::Scene;
use super::target::flag;
use super::world::World;
use crate::diagnostic::{Class, Diagnostics, Severity};
use crate::node::{Kind, Node};
use crate::plan::{Act, Around, Draw, Drawing, Gate, HandlerId, PlannedTask, Step, StepId};
use crate::playbook::{Keywords, NO_TASKS, RESERVED, RoleFrom, RoleUse, Setting};
use crate::source::Span;
use crate::template::Scope;
use fixedbitset::FixedBitSet;
use std::path::Path;
use std::sync::Arc;

/// What ends the run at once, as an error of Ansible's that nothing answers.
#[derive(Debug)]
pub struct Fatal {
    /// What happened.
    pub said: String,
    /// The run's exit code.
    pub exit: u8,
}

impl From<String> for Fatal {
    fn from(said: String) -> Self {
        Self { said, exit: 1 }
    }
}

/// One batch's advisor.
pub struct Advisor {
    /// The world.
    pub world: Arc<World>,
    /// The play.
    pub scene: Arc<Scene>,
    /// Identities of the play's roles.
    pub identities: Vec<String>,
    /// The names each handler goes by, as far as they were asked for.
    pub handler_names: Vec<Vec<String>>,
    /// What was said and not yet reported.
    pub notices: Vec<Notice>,
    /// Warnings not yet reported, with what each is about.
    pub warnings: Vec<(String, Option<Span>)>,
    /// What ends the run.
    pub fatal: Option<Fatal>,
}

impl Advisor {
    fn scope(&self, host: usize, task: Option<&Arc<PlannedTask>>) -> Scope {
        let host = self.scene.batch.get(host).cloned().unwrap_or_else(|| Arc::from("localhost"));
        HostNames::new(self.world.clone(), self.scene.clone(), host, task.cloned()).scope()
    }

    fn yes(&self, setting: Option<&Setting<bool>>, step: &Step, host: usize) -> bool {
        match setting {
            None => false,
            Some(Setting::Fixed(yes)) => *yes,
            setting => flag(setting, &self.scope(host, step.task())).ok().flatten().unwrap_or(false),
        }
    }

    /// The names a handler goes by: none, where its name cannot be rendered.
    fn names_of(&mut self, task: &Arc<PlannedTask>) -> Vec<String> {
        let scope = self.scope(0, Some(task));
        let mut names = vec![];
        if let Some(node) = &task.task.name {
            let name = match scope.text(node) {
                Ok(name) => name,
                Err(fault) if task.task.listen.is_empty() => {
                    let text = format!(
                        "Handler '{}' is unusable because it has no listen topics and the name could not be \
                         templated (host-specific variables are not supported in handler names). The error: {}",
                        node.as_str().unwrap_or_default(),
                        fault.message
                    );
                    self.warnings.push((text, None));
                    return vec![];
                }
                Err(_) => return vec![],
            };
            if let Some(role) = &task.around.role {
                names.push(format!("{} : {name}", role.role.name));
                names.push(format!("{} : {name}", role.role.short_name()));
            }
            names.push(name);
        }
        names
    }

    fn topics_of(task: &Arc<PlannedTask>) -> Vec<String> {
        // Nobody renders a topic.
        let mut topics: Vec<String> =
            task.task.listen.iter().filter_map(|node| node.as_str().map(str::to_string)).collect();
        if let Some(role) = &task.around.role {
            let names = [&*role.role.name, role.role.short_name()];
            let of_role: Vec<String> = names
                .iter()
                .flat_map(|name| topics.iter().map(move |topic| format!("{name} : {topic}")))
                .collect();
            topics.extend(of_role);
        }
        topics
    }
}

impl Consult for Advisor {
    fn run_once(&mut self, step: &Step, host: usize) -> bool {
        let Some(task) = step.task() else { return false };
        // Modules that speak for all hosts at once.
        let speaks = task.module.as_ref().is_some_and(|module| module.speaks_for_all());
        speaks || self.yes(task.keywords.run_once.as_ref(), step, host)
    }

    fn any_errors_fatal(&mut self, step: &Step, host: usize) -> bool {
        match step.task().and_then(|task| task.keywords.any_errors_fatal.as_ref()) {
            Some(setting) => self.yes(Some(setting), step, host),
            None => self.world.site.defaults.any_errors_fatal,
        }
    }

    fn handlers(&mut self, drawing: &Drawing, name: &str) -> Vec<HandlerId> {
        for handler in drawing.handlers.iter().skip(self.handler_names.len()) {
            let names = self.names_of(&handler.task);
            self.handler_names.push(names);
        }
        let mut found = vec![];
        let order = searched(drawing);
        let names = |i: &usize| self.handler_names.get(*i).map_or(&[][..], Vec::as_slice);
        found.extend(
            order.iter().find(|i| names(i).iter().any(|known| known == name)).copied().map(HandlerId),
        );
        let mut listening = vec![];
        for i in order {
            let Some(handler) = drawing.handlers.get(i) else { continue };
            let topics =
                if handler.task.task.listen.is_empty() { vec![] } else { Self::topics_of(&handler.task) };
            let own = names(&i).last();
            if topics.iter().any(|topic| topic == name) && !(own.is_some() && listening.contains(&own)) {
                listening.push(own);
                found.push(HandlerId(i));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn grow(
        &mut self,
        drawing: &mut Drawing,
        id: StepId,
        inclusion: &Inclusion,
        hosts: &FixedBitSet,
    ) -> Result<Vec<Step>, Option<String>> {
        let step = drawing.step(id).clone();
        let Some(task) = step.task().cloned() else { return Ok(vec![]) };
        let world = self.world.clone();
        let scene = self.scene.clone();
        let layers = crate::plan::VarsFile::known(&scene.vars_files, &scene.vars);
        let mut vars = vec![inclusion.vars.clone()];
        vars.extend(task.task.keywords.vars.iter().cloned());
        vars.extend(task.around.include_vars.iter().cloned());
        let first = hosts.ones().next().unwrap_or(0);
        let public = match &step.act {
            Act::IncludeRole(_, role) => match &role.public {
                None => world.site.defaults.private_role_vars == Some(false),
                said => self.yes(said.as_ref(), &step, first),
            },
            _ => false,
        };
        let settled = match &step.act {
            Act::IncludeRole(_, role) => [&role.rolespec_validate, &role.allow_duplicates].map(|setting| {
                let known = setting.as_ref()?;
                Some(Setting::Fixed(self.yes(Some(known), &step, first)))
            }),
            _ => [None, None],
        };
        let mut around = Around { include_vars: vars, ..(*task.around).clone() };
        let mut diagnostics = Diagnostics::default();
        let entries = match &step.act {
            Act::IncludeTasks(_) => {
                let path = Path::new(&inclusion.file);
                if !path.is_file() {
                    let file = &inclusion.file;
                    return Err(Some(format!(
                        "Could not find or access '{file}' on the Ansible Controller: Unable to retrieve file contents.\n\
                         Could not find or access '{file}' on the Ansible Controller.\n\
                         If you are using a module and expect the file to exist on the remote, see the remote_src option: \
                         [Errno 2] No such file or directory: '{file}'"
                    )));
                }
                world.site.loader.tasks(path, around.handler, &mut diagnostics)
            }
            _ => None,
        };
        let mut draw =
            Draw::growing(&world.site, &scene.play, &layers, drawing, &mut self.identities, &mut diagnostics);
        let mut steps = match &step.act {
            Act::IncludeTasks(task) => {
                if let Some(apply) = applied(task) {
                    around.keywords = apply.within(&around.keywords);
                }
                entries.map(|entries| draw.included(&entries, &around, step.place)).unwrap_or_default()
            }
            Act::IncludeRole(_, role) => {
                let [tasks, vars, defaults, handlers] = inclusion.from.clone();
                let name = Node { span: role.name.span, kind: Kind::Str(Arc::from(inclusion.file.as_str())) };
                let [rolespec_validate, allow_duplicates] = settled;
                let known = RoleUse { name, rolespec_validate, allow_duplicates, ..(**role).clone() };
                let from = RoleFrom { tasks, vars, defaults, handlers };
                draw.included_role(&known, &from, public, &around, step.place)
            }
            _ => vec![],
        };
        diagnostics.forgive();
        if diagnostics.has_errors() {
            let said = diagnostics.0.iter().filter(|d| matches!(d.severity, Severity::Error(_)));
            let place = |d: &crate::diagnostic::Diagnostic| {
                // A missing role is told as Ansible tells it: the task says where.
                if d.code == "muster::playbook::role" {
                    return String::new();
                }
                let label = d.labels.first().map(|label| world.site.loader.sources.place(label.span));
                label.map(|place| format!(" ({place})")).unwrap_or_default()
            };
            let all = said.map(|d| format!("{}{}", d.message, place(d))).collect::<Vec<_>>().join("; ");
            if diagnostics.0.iter().any(|d| d.code == NO_TASKS) {
                return Err(Some("included task files must contain a list of tasks".into()));
            }
            if diagnostics.class() != Some(Class::Parse) {
                return Err(Some(all));
            }
            self.fatal.get_or_insert(Fatal { said: all, exit: 4 });
            return Err(None);
        }
        let reserved = diagnostics.0.into_iter().filter(|d| d.code == RESERVED);
        self.warnings.extend(reserved.map(|d| (d.message, d.labels.first().map(|label| label.span))));
        for grown in &mut steps {
            grown.hosts = Some(hosts.clone());
            if let Gate::Notified { flush, .. } | Gate::During { flush } = step.gate {
                grown.gate = Gate::During { flush };
                // A handler runs however complete its role is.
                grown.role = None;
            } else if grown.role.is_none() {
                grown.role = step.role;
            }
        }
        self.scene.set_roles(Arc::from(drawing.public.clone()));
        Ok(steps)
    }

    fn missing_handler(&mut self, name: &str) {
        let message = format!(
            "The requested handler '{name}' was not found in either the main handlers list nor in the listening \
             handlers list"
        );
        if self.world.site.defaults.error_on_missing_handler {
            self.fatal.get_or_insert(Fatal::from(message));
        } else {
            self.warnings.push((message, None));
        }
    }

    fn say(&mut self, notice: Notice) {
        self.notices.push(notice);
    }
}

/// Handlers in the order Ansible looks through them: the last block first, each block from its beginning. So a later
/// file's handler wins over an earlier one's of its name, and within a file the first does.
fn searched(drawing: &Drawing) -> Vec<usize> {
    let mut blocks: Vec<Vec<usize>> = vec![];
    for (i, handler) in drawing.handlers.iter().enumerate() {
        match blocks.last_mut().filter(|_| !handler.first) {
            Some(block) => block.push(i),
            None => blocks.push(vec![i]),
        }
    }
    blocks.into_iter().rev().flatten().collect()
}

fn applied(task: &PlannedTask) -> Option<Arc<Keywords>> {
    match &task.task.action {
        crate::playbook::Action::IncludeTasks(include) => include.apply.clone(),
        _ => None,
    }
}
