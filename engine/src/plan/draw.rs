//! A play as written becomes a drawing: sections, roles, blocks and imports are laid out in order, each task with what
//! stands around it. Also draws what an include brings. Everything wrong is reported; nothing is looked up later.

use super::drawing::Drawing;
use super::layers::{Layers, role_defaults, role_params, role_vars};
use super::place::{Block, BlockId, Blocks, Part, Place};
use super::site::{Gathering, Site};
use super::step::{Act, Around, Gate, PlannedTask, Step, Wait};
use super::tags;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::Node;
use crate::playbook::{self, Action, Entry, Play, Setting, Strategy, Task};
use crate::source::Span;
use crate::template::{Layer, Scope, Surroundings, is_template};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Draws one play, or what one include brings into it.
pub struct Draw<'a> {
    pub(super) site: &'a Site,
    pub(super) play: &'a Play,
    /// The play's own variables, the strongest first.
    pub(super) play_layers: &'a [Layer],
    pub(super) drawing: &'a mut Drawing,
    pub(super) diagnostics: &'a mut Diagnostics,
    /// Files being imported, outermost first.
    pub(super) importing: Vec<PathBuf>,
    /// Identities of the roles in use; their places are their ids.
    pub(super) identities: &'a mut Vec<String>,
    /// Whether the run goes on already: what is wrong with a task fails that task alone.
    pub(super) growing: bool,
}

impl<'a> Draw<'a> {
    /// Draws a whole play.
    pub fn play(
        site: &Site,
        play: &Play,
        play_layers: &[Layer],
        identities: &mut Vec<String>,
        diagnostics: &mut Diagnostics,
    ) -> Drawing {
        let strategy = play.strategy.unwrap_or(site.defaults.strategy);
        let wait = match strategy {
            Strategy::Linear | Strategy::Debug => Wait::AllHosts,
            Strategy::Free | Strategy::HostPinned => Wait::SameHost,
        };
        let mut drawing = Drawing::new(wait);
        let draw = Draw {
            site,
            play,
            play_layers,
            drawing: &mut drawing,
            diagnostics,
            importing: vec![],
            identities,
            growing: false,
        };
        draw.whole();
        drawing
    }

    fn whole(mut self) {
        let play = self.play;
        // The play's own variables are weaker than a role's: they are layers of the play, not inherited.
        let keywords = playbook::Keywords { vars: vec![], ..play.keywords.clone() };
        let guarded = self.site.defaults.debugs(play);
        let around = Around { keywords, guarded, ..Around::default() };
        let mut steps = vec![];
        if self.gathers_facts(&around) {
            let task = Arc::new(super::facts::gathering(play, &self.site.defaults));
            // Each host gathers its own facts, whatever else one does for all.
            let keywords = playbook::Keywords { run_once: None, ..around.keywords.clone() };
            let planned = self.planned(&task, &Around { keywords, ..around.clone() });
            steps.push(step(Blocks::ROOT, Act::Facts(Arc::new(planned))));
        }
        let force = match &play.force_handlers {
            Some(Setting::Fixed(force)) => *force,
            Some(Setting::Template { node, .. }) => self.renders_true(node, &around),
            None => self.site.defaults.force_handlers,
        };
        let mut sections = vec![];
        let handlers_of_roles = self.role_handlers(&around);
        for (i, entries) in [&play.pre_tasks, &play.tasks, &play.post_tasks].into_iter().enumerate() {
            let section = force.then(|| self.block(Blocks::ROOT, true));
            let place = section.map_or(Blocks::ROOT, |block| Place { block, part: Part::Body });
            let mut section_steps = vec![];
            if i == 1 {
                for role in &play.roles {
                    self.listed_role(role, &around, place, !force, &mut section_steps);
                }
            }
            self.runs(entries, &around, place, !force, &mut section_steps);
            sections.push((section, place, section_steps));
        }
        self.define_play_handlers(handlers_of_roles, &around);
        for (section, place, mut section_steps) in sections {
            if section.is_some() && section_steps.is_empty() {
                section_steps.push(step(place, Act::Silent));
            }
            steps.append(&mut section_steps);
            let around_flush = section.map_or(Blocks::ROOT, |block| {
                self.drawing.blocks.has(block, Part::Always);
                Place { block, part: Part::Always }
            });
            let block = self.block(around_flush, section.is_none());
            let flush = Step { gate: Gate::Pending, ..step(body(block), Act::Flush(None)) };
            steps.push(flush);
        }
        for step in steps {
            self.drawing.append(step);
        }
    }

    fn gathers_facts(&mut self, around: &Around) -> bool {
        let tags = tags::rendered(&around.keywords.tags, &self.scope(around));
        if !tags.is_empty() && !self.site.selection.wants(&tags) {
            return false;
        }
        match &self.play.gather_facts {
            Some(Setting::Fixed(gather)) => *gather,
            Some(Setting::Template { node, .. }) => self.renders_true(node, around),
            None => self.site.defaults.gathering != Gathering::Explicit,
        }
    }

    fn renders_true(&self, node: &Node, around: &Around) -> bool {
        self.scope(around).render(node).is_ok_and(|value| value.is_true())
    }

    /// What names mean around a task before any host is known.
    pub(super) fn scope(&self, around: &Around) -> Scope {
        let names = Layers::around(&self.site.extra, self.play, self.play_layers, around);
        let search = Arc::from(self.search(around, &self.play.dir));
        let secrets = self.site.loader.secrets.clone();
        names.scope(Surroundings { search, secrets, ..Surroundings::default() })
    }

    pub(super) fn search(&self, around: &Around, dir: &Path) -> Vec<PathBuf> {
        let mut search: Vec<PathBuf> = vec![];
        if let Some(role) = &around.role {
            search.push(role.role.dir.clone());
            search.extend(role.parents.iter().map(|parent| parent.role.dir.clone()));
        }
        for dir in [dir, &self.play.dir] {
            if !search.iter().any(|known| known == dir) {
                search.push(dir.to_path_buf());
            }
        }
        search
    }

    pub(super) fn block(&mut self, parent: Place, outermost: bool) -> BlockId {
        self.drawing.blocks.add(Block { parent: Some(parent), rescue: false, always: false, outermost })
    }

    /// Lays out entries that stand in a play, a role or a file: each run of bare tasks becomes a block.
    pub(super) fn runs(
        &mut self,
        entries: &[Entry],
        around: &Around,
        place: Place,
        outermost: bool,
        out: &mut Vec<Step>,
    ) {
        let mut run: Option<BlockId> = None;
        for entry in entries {
            match entry {
                Entry::Block(written) => {
                    run = None;
                    self.written_block(written, around, place, outermost, out);
                }
                Entry::Task(task) => {
                    let block = match run {
                        Some(block) => block,
                        None => self.block(place, outermost),
                    };
                    run = Some(block);
                    self.task(task, around, body(block), out);
                }
            }
        }
    }

    fn written_block(
        &mut self,
        written: &playbook::Block,
        around: &Around,
        place: Place,
        outermost: bool,
        out: &mut Vec<Step>,
    ) {
        let inside = Around { keywords: written.keywords.within(&around.keywords), ..around.clone() };
        let block = self.block(place, outermost);
        let mut parts = [vec![], vec![], vec![]];
        let written_parts =
            [(Part::Body, &written.body), (Part::Rescue, &written.rescue), (Part::Always, &written.always)];
        for (steps, (part, entries)) in parts.iter_mut().zip(written_parts) {
            for entry in entries {
                let place = Place { block, part };
                let guarded = part == Part::Body && !written.rescue.is_empty();
                let inside = Around { guarded: inside.guarded || guarded, ..inside.clone() };
                match entry {
                    Entry::Block(inner) => self.written_block(inner, &inside, place, false, steps),
                    Entry::Task(task) => self.task(task, &inside, place, steps),
                }
            }
            if !steps.is_empty() {
                self.drawing.blocks.has(block, part);
            }
        }
        let [body_steps, rescue, always] = parts;
        if body_steps.is_empty() && !(rescue.is_empty() && always.is_empty()) {
            out.push(Step { role: inside.listing, ..step(body(block), Act::Silent) });
        }
        out.extend(body_steps.into_iter().chain(rescue).chain(always));
    }

    fn task(&mut self, task: &Arc<Task>, around: &Around, place: Place, out: &mut Vec<Step>) {
        match &task.action {
            Action::ImportTasks(import) => {
                let vars = task.keywords.vars.iter().chain(&around.include_vars).cloned().collect();
                let keywords = task.keywords.within(&around.keywords);
                let inside = Around { keywords, include_vars: vars, ..around.clone() };
                self.import_tasks(&import.file, task, &inside, place, out);
            }
            Action::ImportRole(role) => {
                let vars = task.keywords.vars.iter().chain(&around.include_vars).cloned().collect();
                let keywords = task.keywords.within(&around.keywords);
                let inside = Around { keywords, include_vars: vars, ..around.clone() };
                self.imported_role(role, &inside, place, out);
            }
            _ => {
                let planned = self.planned(task, around);
                let keep = around.handler || self.site.selection.wants(&planned.tags);
                if keep {
                    self.judge(&planned);
                    out.push(Step { role: around.listing, ..step(place, Act::of(Arc::new(planned))) });
                }
            }
        }
    }

    /// A task with everything static around it resolved.
    pub(super) fn planned(&mut self, task: &Arc<Task>, around: &Around) -> PlannedTask {
        let keywords = task.keywords.within(&around.keywords);
        let module = match &task.action {
            // A module whose name is a template is known to the run alone.
            Action::Module { .. } if is_template(&task.called) => None,
            Action::Module { span, late, .. } => {
                let found =
                    self.site.search(&task.called, around, &keywords.collections, &self.play.dir, true);
                self.module(found, &task.called, *span, *late)
            }
            _ => None,
        };
        let role = around.role.as_deref();
        let params = role.into_iter().flat_map(role_params);
        let vars = role.map(role_vars).unwrap_or_default();
        PlannedTask {
            task: task.clone(),
            around: Arc::new(around.clone()),
            module,
            search: Arc::from(self.search(around, &task.dir)),
            strong: around.include_vars.iter().cloned().chain(params).collect(),
            middle: keywords.vars.iter().cloned().chain(vars).collect(),
            weak: role.map(role_defaults).unwrap_or_default(),
            tags: if keywords.tags.is_empty() {
                BTreeSet::new()
            } else {
                tags::rendered(&keywords.tags, &self.scope(around))
            },
            keywords,
        }
    }

    fn import_tasks(&mut self, file: &Node, task: &Task, inside: &Around, place: Place, out: &mut Vec<Step>) {
        if let Some(entries) = self.imported(file, task, inside) {
            self.runs(&entries, inside, place, false, out);
            self.importing.pop();
        }
    }

    /// The entries of an imported file, which is then being imported.
    pub(super) fn imported(&mut self, file: &Node, task: &Task, inside: &Around) -> Option<Arc<[Entry]>> {
        let name = match self.scope(inside).text(file) {
            Ok(name) => name,
            Err(fault) => {
                let message = "the file of `import_tasks` cannot be known before the run";
                let help =
                    "an import is read before any host is asked; use `include_tasks` for names that need one";
                let text = fault.message;
                self.diagnostics.push(
                    Diagnostic::parse("muster::plan::import_name", message).at(file.span, text).help(help),
                );
                return None;
            }
        };
        let path = self.file(&name, &task.dir, inside, file.span)?;
        if self.importing.contains(&path) {
            let names = self.importing.iter().chain(std::iter::once(&path)).map(|p| p.display().to_string());
            let chain = names.collect::<Vec<_>>().join(" → ");
            let diagnostic =
                Diagnostic::parse("muster::plan::import_loop", format!("imports go round: {chain}"));
            self.diagnostics.push(diagnostic.at(file.span, "imports itself"));
            return None;
        }
        let entries = self.site.loader.tasks(&path, inside.handler, self.diagnostics)?;
        self.importing.push(path);
        Some(entries)
    }

    /// The file of tasks that a name means: beside the file that names it, in the role's `tasks`, beside the play.
    fn file(&mut self, name: &str, dir: &Path, around: &Around, span: Span) -> Option<PathBuf> {
        match find_tasks(name, dir, around, &self.play.dir, true) {
            Ok(path) => Some(path),
            Err(searched) => {
                let listed = searched.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
                let message = format!("no file of tasks is called `{name}`");
                let diagnostic =
                    Diagnostic::error(crate::diagnostic::Class::Error, "muster::plan::missing_file", message);
                self.diagnostics.push(diagnostic.at(span, "not found").help(format!("searched: {listed}")));
                None
            }
        }
    }

    /// Draws what an include brings: steps in a block of their own where the include stands.
    pub fn included(&mut self, entries: &[Entry], around: &Around, place: Place) -> Vec<Step> {
        let block = self.block(place, false);
        let mut steps = vec![];
        self.runs(entries, around, body(block), false, &mut steps);
        steps
    }

    /// A drawer for what includes bring into a drawing at run time.
    #[must_use]
    pub fn growing(
        site: &'a Site,
        play: &'a Play,
        play_layers: &'a [Layer],
        drawing: &'a mut Drawing,
        identities: &'a mut Vec<String>,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        let importing = vec![];
        Self { site, play, play_layers, drawing, diagnostics, importing, identities, growing: true }
    }
}

/// The file of tasks that a name means: beside the file that names it, in the role, beside the play. What is included
/// in a role while it runs is that of its `tasks` first.
///
/// # Errors
/// There is none: where it was looked for.
pub fn find_tasks(
    name: &str,
    dir: &Path,
    around: &Around,
    play_dir: &Path,
    import: bool,
) -> Result<PathBuf, Vec<PathBuf>> {
    let mut tried = vec![dir.join(name)];
    if let Some(role) = &around.role {
        let (role, part) = (&role.role.dir, if around.handler { "handlers" } else { "tasks" });
        tried.insert(usize::from(import), role.join(part).join(name));
        tried.push(role.join("tasks").join(name));
        tried.push(role.join(name));
        tried.push(play_dir.join(part).join(name));
    }
    tried.push(play_dir.join(name));
    tried.dedup();
    tried.iter().find(|path| path.is_file()).cloned().ok_or(tried)
}

pub(super) fn body(block: BlockId) -> Place {
    Place { block, part: Part::Body }
}

pub(super) fn step(place: Place, act: Act) -> Step {
    Step { place, hosts: None, gate: Gate::Open, act, role: None }
}
