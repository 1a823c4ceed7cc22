//! Variables that nothing defines. A drawn plan comes in; a mistake for each task that is certain to fail because of
//! one goes out. In doubt it is silent: a playbook that Ansible runs is never refused, so one thing in the plan that may
//! define any name (a computed include, a module of one's own, ...) ends the search.

use super::draw::find_tasks;
use super::place::{Blocks, Place};
use super::site::Site;
use super::step::{Around, Gate, PlannedTask, Step};
use super::{PlannedPlay, VarsFile, role_defaults, role_params, role_vars};
use crate::diagnostic::{Class, Diagnostic, Diagnostics, Severity, nearest};
use crate::inventory::VarsDir;
use crate::module::Kind;
use crate::node::{Mapping, Node};
use crate::playbook::{Action, Args, Entry, Include, Keywords, Loop, Loops, RoleFrom, RoleUse, Task};
use crate::template::{Layer, Use, is_template, reads};
use regex::Regex;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Names that always mean something, or do so for reasons this search does not follow.
const SPECIAL: &[&str] = &[
    "environment",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "item",
    "lookup",
    "omit",
    "play_hosts",
    "playbook_dir",
    "q",
    "query",
    "role_name",
    "role_names",
    "role_path",
    "role_uuid",
    "vars",
    "now",
    "range",
    "dict",
    "namespace",
    "lipsum",
    "cycler",
    "joiner",
    "undef",
    "self",
    "loop",
    "caller",
    "varargs",
    "kwargs",
    "none",
    "None",
    "true",
    "false",
    "True",
    "False",
    "template_host",
    "template_path",
    "template_uid",
    "template_run_date",
    "template_fullpath",
    "template_mtime",
    "template_destpath",
];

/// A text that cannot be rendered without its variables: nothing but names, what is within them, and filters that
/// need a value.
static PLAIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let within = r"(?:\.\w+|\[\d+\]|\['[^'{}]*'\])*";
    let filters =
        r"(?:\s*\|\s*(?:lower|upper|trim|int|string|basename|dirname|quote|b64encode|to_json|length))*";
    let part = format!(r"\{{\{{-?\s*[A-Za-z_]\w*{within}{filters}\s*-?\}}\}}");
    Regex::new(&format!(r"^(?:[^{{]|\{{[^{{%#]|{part})*$")).ok()
});

/// Reports what no host can know.
pub fn check(site: &Site, plays: &[PlannedPlay], diagnostics: &mut Diagnostics) {
    let partial = !site.selection.tags.is_empty()
        || !site.selection.skip_tags.is_empty()
        || site.selection.start_at.is_some();
    if partial || diagnostics.has_errors() {
        return;
    }
    let mut known = Known { site, names: HashSet::new(), open: false, seen: HashSet::new() };
    for play in plays {
        known.play(play);
    }
    if known.open {
        return;
    }
    let dirs: Vec<VarsDir> = plays.iter().map(|play| beside(site, &play.play.dir)).collect();
    known.names.extend(site.inventory.all_names(&dirs));
    let mut told = HashSet::new();
    for play in plays.iter().filter(|play| !play.hosts.is_empty()) {
        for id in &play.drawing.order {
            let step = play.drawing.step(*id);
            let Some(task) = step.task() else { continue };
            let mut tell = |read: &Use, severity: Severity| {
                if known.is_unknown(&read.name) && told.insert(read.span) {
                    diagnostics.push(Diagnostic { severity, ..known.mistake(read) });
                }
            };
            // Tags are read before it is known whether the task runs, and no rescue helps.
            for read in task.keywords.tags.iter().flat_map(strict) {
                tell(&read, Severity::Error(Class::Error));
            }
            if is_certain(step, &play.drawing.blocks) {
                let reads = certain_reads(task);
                reads.iter().for_each(|read| tell(read, Severity::Error(Class::Undefined)));
            }
        }
    }
}

fn beside(site: &Site, dir: &Path) -> VarsDir {
    VarsDir::new(dir, site.loader.sources.clone(), site.loader.secrets.clone())
}

/// Whether a failure of this step to render cannot be avoided or answered.
fn is_certain(step: &Step, blocks: &Blocks) -> bool {
    let Some(task) = step.task() else { return false };
    let mut place = Some(step.place);
    let mut answered = false;
    while let Some(Place { block, .. }) = place {
        answered |= blocks.get(block).rescue;
        place = blocks.get(block).parent;
    }
    step.gate == Gate::Open
        && !answered
        && !task.around.handler
        && !task.may_be_meant_to_fail()
        && matches!(task.task.action, Action::Module { .. })
}

/// What a task reads in any case: its loop, or without one its arguments.
fn certain_reads(task: &PlannedTask) -> Vec<Use> {
    let Action::Module { args, .. } = &task.task.action else { return vec![] };
    if let Some(Loop { loops, items, .. }) = &task.task.repeat {
        let plain = match loops {
            Loops::Loop => true,
            Loops::With(lookup) => matches!(&**lookup, "items" | "list" | "dict"),
        };
        return if plain { strict(items) } else { vec![] };
    }
    let Some(module) = &task.module else { return vec![] };
    let Args { named, raw, spread: None, .. } = args else { return vec![] };
    let quiet = named.as_map().is_some_and(|map| map.get("verbosity").is_some());
    if quiet || module.name().ends_with(".validate_argument_spec") {
        return vec![];
    }
    let rendered = |key: &str| module.spec().option(key).is_none_or(|option| option.kind != Kind::Expr);
    let pairs = named.as_map().into_iter().flat_map(Mapping::iter);
    let values = pairs.filter(|(key, _)| key.as_str().is_some_and(rendered)).map(|(_, value)| value);
    values.chain(raw.as_ref()).flat_map(strict).collect()
}

/// The unguarded reads of every plain text of a tree.
fn strict(node: &Node) -> Vec<Use> {
    if let Some(items) = node.as_seq() {
        return items.iter().flat_map(strict).collect();
    }
    if let Some(map) = node.as_map() {
        return map.iter().flat_map(|(_, value)| strict(value)).collect();
    }
    let plain = |text: &str| PLAIN.as_ref().is_some_and(|regex| regex.is_match(text));
    if !node.as_str().is_some_and(plain) {
        return vec![];
    }
    reads(node).into_iter().filter(|read| !read.guarded).collect()
}

/// Every name that something in the plan may define.
struct Known<'a> {
    site: &'a Site,
    names: HashSet<Arc<str>>,
    /// Something may define any name.
    open: bool,
    seen: HashSet<PathBuf>,
}

impl Known<'_> {
    fn is_unknown(&self, name: &str) -> bool {
        !(self.names.contains(name) || SPECIAL.contains(&name) || name.starts_with("ansible_"))
    }

    fn mistake(&self, read: &Use) -> Diagnostic {
        let names = self.names.iter().map(|name| &**name);
        let help = match nearest(&read.name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "define it in the inventory, under `vars` or with `-e`; or write `| default(...)`".into(),
        };
        Diagnostic::error(
            Class::Undefined,
            "muster::plan::undefined",
            format!("'{}' is undefined", read.name),
        )
        .at(read.span, "nothing in the inventory, the playbook or its roles defines it")
        .help(help)
    }

    fn layer(&mut self, layer: &Layer) {
        self.names.extend(layer.0.keys().cloned());
    }

    fn play(&mut self, play: &PlannedPlay) {
        self.layer(&self.site.extra.clone());
        self.names.extend(play.play.vars_prompt.iter().map(|prompt| prompt.name.clone()));
        play.vars.iter().for_each(|layer| self.layer(layer));
        for file in &play.vars_files {
            match file {
                VarsFile::Fixed(layer) => self.layer(layer),
                VarsFile::PerHost(_) => self.open = true,
            }
        }
        for role in &play.drawing.public {
            let layers = role_params(role).chain(role_vars(role)).chain(role_defaults(role));
            layers.for_each(|layer| self.layer(&layer));
        }
        let steps = play.drawing.order.iter().filter_map(|id| play.drawing.step(*id).task());
        let handlers = play.drawing.handlers.iter().map(|handler| &handler.task);
        for planned in steps.chain(handlers) {
            let layers = planned.strong.iter().chain(&planned.middle).chain(&planned.weak);
            layers.chain(&planned.around.include_vars).for_each(|layer| self.layer(layer));
            self.task(&planned.task, &planned.around, &play.play.dir);
        }
    }

    fn task(&mut self, task: &Task, around: &Around, play_dir: &Path) {
        self.keywords(&task.keywords);
        self.names.extend(task.register.clone());
        if let Some(repeat) = &task.repeat {
            for name in [&repeat.control.loop_var, &repeat.control.index_var].into_iter().flatten() {
                self.name(name);
            }
        }
        match &task.action {
            Action::Module { args, .. } => self.module(&task.called, args, task, around, play_dir),
            Action::IncludeTasks(include) | Action::ImportTasks(include) => {
                self.include(include, task, around, play_dir);
            }
            Action::IncludeRole(role) | Action::ImportRole(role) => self.role(role, around, play_dir),
            Action::Meta { word, .. } => {
                self.open |= word.starts_with("end_") || &**word == "refresh_inventory";
            }
        }
    }

    fn keywords(&mut self, keywords: &Keywords) {
        keywords.vars.iter().for_each(|layer| self.layer(layer));
    }

    fn name(&mut self, node: &Node) {
        match node.as_str().filter(|text| !is_template(text)) {
            Some(text) => {
                self.names.insert(Arc::from(text));
            }
            None => self.open = true,
        }
    }

    fn module(&mut self, name: &str, args: &Args, task: &Task, around: &Around, play_dir: &Path) {
        let short = name.rsplit('.').next().unwrap_or(name);
        // Modules of a site's own have no collection, and may answer with any fact.
        self.open |= self.site.modules.get(name).is_none_or(|module| !module.name().contains('.'));
        let named = || args.named.as_map().into_iter().flat_map(Mapping::iter);
        match short {
            "set_fact" => {
                self.open |= args.spread.is_some() || args.raw.is_some();
                named().for_each(|(key, _)| self.name(key));
            }
            "include_vars" => self.include_vars(args, task, around, play_dir),
            "setup" | "gather_facts" => {}
            _ if matches!(short, "add_host" | "group_by" | "getent") || short.contains("facts") => {
                self.open = true
            }
            _ => {}
        }
    }

    fn include_vars(&mut self, args: &Args, task: &Task, around: &Around, play_dir: &Path) {
        let given = |key: &str| args.named.as_map().and_then(|map| map.get(key));
        if let Some(name) = given("name") {
            return self.name(name);
        }
        let file =
            given("file").or(args.raw.as_ref()).and_then(Node::as_str).filter(|file| !is_template(file));
        let Some(file) = file.filter(|_| args.spread.is_none()) else { return self.open = true };
        let role = around.role.as_ref().map(|role| role.role.dir.clone());
        let dirs = role.into_iter().chain([task.dir.to_path_buf(), play_dir.to_path_buf()]);
        let path =
            dirs.flat_map(|dir| [dir.join("vars").join(file), dir.join(file)]).find(|path| path.is_file());
        let read = path.and_then(|path| self.site.loader.vars(&path, &mut Diagnostics::default()));
        match read {
            Some(layer) => self.layer(&layer),
            None => self.open = true,
        }
    }

    fn include(&mut self, include: &Include, task: &Task, around: &Around, play_dir: &Path) {
        if let Some(apply) = &include.apply {
            self.keywords(apply);
        }
        let name = include.file.as_str().filter(|name| !is_template(name));
        let import = matches!(task.action, Action::ImportTasks(_));
        let path = name.and_then(|name| find_tasks(name, &task.dir, around, play_dir, import).ok());
        let Some(path) = path else { return self.open = true };
        if !self.seen.insert(path.clone()) {
            return;
        }
        match self.site.loader.tasks(&path, around.handler, &mut Diagnostics::default()) {
            Some(entries) => self.entries(&entries, around, play_dir),
            None => self.open = true,
        }
    }

    fn role(&mut self, role: &RoleUse, around: &Around, play_dir: &Path) {
        let from = [&role.tasks_from, &role.vars_from, &role.defaults_from, &role.handlers_from];
        let name = role.name.as_str().filter(|name| !is_template(name));
        let Some(name) = name.filter(|_| from.iter().all(|from| from.is_none())) else {
            return self.open = true;
        };
        if let Some(apply) = &role.apply {
            self.keywords(apply);
        }
        let within = around.role.as_ref().map(|role| role.role.dir.clone());
        let mut found = Diagnostics::default();
        let loader = &self.site.loader;
        let loaded =
            loader.role(name, &RoleFrom::default(), play_dir, within.as_deref(), role.name.span, &mut found);
        let Some(loaded) = loaded else { return self.open = true };
        self.layer(&role.params);
        self.layer(&loaded.vars);
        self.layer(&loaded.defaults);
        if !self.seen.insert(loaded.dir.clone()) {
            return;
        }
        // Its own includes are looked for beside its files; those of roles it depends on stay unknown.
        self.open |= !loaded.dependencies.is_empty();
        self.entries(&loaded.tasks, around, play_dir);
        self.entries(&loaded.handlers, around, play_dir);
    }

    fn entries(&mut self, entries: &[Entry], around: &Around, play_dir: &Path) {
        for entry in entries {
            match entry {
                Entry::Task(task) => self.task(task, around, play_dir),
                Entry::Block(block) => {
                    self.keywords(&block.keywords);
                    [&block.body, &block.rescue, &block.always]
                        .into_iter()
                        .for_each(|part| self.entries(part, around, play_dir));
                }
            }
        }
    }
}
