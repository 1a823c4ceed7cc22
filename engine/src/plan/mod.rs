//! The plan: each play a graph of steps joined by waits, with hosts chosen and order drawn. A playbook and a [`Site`]
//! come in, a [`Plan`] goes out, or everything that is wrong at once. After it nothing is looked up by name again but
//! what only the run can know.

mod argspec;
mod draw;
mod drawing;
mod facts;
mod layers;
mod place;
mod print;
mod roles;
mod site;
mod step;
mod tags;
mod undefined;
mod validate;

pub use draw::{Draw, find_tasks};
pub use drawing::{Drawing, Handler};
pub use layers::{Layers, role_defaults, role_params, role_vars};
pub use place::{Block, BlockId, Blocks, Frame, Part, Path, Place};
pub use print::Format;
pub use site::{Defaults, FactCache, Gathering, Selection, Site};
pub use step::{
    Act, Ancestor, Around, Gate, HandlerId, Meta, PlannedTask, RoleId, RoleInstance, RoleListing, Step,
    StepId, Wait,
};

use crate::diagnostic::{Class, Diagnostic, Diagnostics};
use crate::inventory::{Inventory, Pattern};
use crate::node::Node;
use crate::playbook::{Order, Play, Playbook, Setting};
use crate::template::{Layer, Surroundings, Vars, is_template, to_json};
use serde_json::Value as Json;
use std::path::PathBuf;
use std::sync::Arc;

/// A file of `vars_files`.
#[derive(Clone, Debug)]
pub enum VarsFile {
    /// Known before the run.
    Fixed(Layer),
    /// Named by something only a host knows: looked for per host.
    PerHost(Node),
}

impl VarsFile {
    /// A play's layers that are known before any host is, the strongest first: fixed files, then its variables.
    #[must_use]
    pub fn known(files: &[Self], vars: &[Layer]) -> Vec<Layer> {
        let fixed = files.iter().filter_map(|file| match file {
            Self::Fixed(layer) => Some(layer.clone()),
            Self::PerHost(_) => None,
        });
        fixed.chain(vars.iter().cloned()).collect()
    }
}

/// One play with everything static resolved.
#[derive(Debug)]
pub struct PlannedPlay {
    /// As written.
    pub play: Arc<Play>,
    /// Its name, rendered.
    pub name: String,
    /// Its stage, rendered.
    pub stage: Option<String>,
    /// `vars_files`, the strongest first.
    pub vars_files: Vec<VarsFile>,
    /// `vars` and what was prompted for, the strongest first.
    pub vars: Vec<Layer>,
    /// Its hosts as the inventory is before the run.
    pub hosts: Vec<Arc<str>>,
    /// Whether a task before it may add hosts, so that only the run can say whom its pattern misses.
    pub may_gain_hosts: bool,
    /// Its steps.
    pub drawing: Drawing,
    /// Identities of its roles, for roles included later.
    pub identities: Vec<String>,
    /// The plays it waits for, as indices.
    pub needs: Vec<usize>,
}

/// Plays in order.
#[derive(Debug)]
pub struct Plan {
    /// Everything besides the playbook.
    pub site: Arc<Site>,
    /// The playbooks as they were given, each with how many of the plays it brought.
    pub given: Vec<(PathBuf, usize)>,
    /// The plays.
    pub plays: Vec<PlannedPlay>,
}

impl Plan {
    /// Draws every play of a playbook.
    ///
    /// # Errors
    /// Everything that is wrong with it. With a plan come the warnings.
    pub fn build(site: Arc<Site>, playbook: &Playbook) -> Result<(Self, Diagnostics), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let mut plays = vec![];
        for play in &playbook.plays {
            let planned = PlannedPlay::build(&site, play, &plays, &mut diagnostics);
            plays.push(planned);
        }
        site.start_at(&plays, &mut diagnostics);
        undefined::check(&site, &plays, &mut diagnostics);
        diagnostics.0.dedup();
        if !site.defaults.stop_at_mistakes {
            diagnostics.forgive();
        }
        if diagnostics.has_errors() {
            Err(diagnostics)
        } else {
            Ok((Self { site, given: playbook.given.clone(), plays }, diagnostics))
        }
    }
}

impl Plan {
    /// Why a person has to be at the terminal: some task would be asked about.
    #[must_use]
    pub fn wants_a_person(&self) -> Option<Diagnostic> {
        let defaults = &self.site.defaults;
        let error = |message: &str| Diagnostic::error(Class::Error, "muster::plan::debugger", message);
        let help = "run it at a terminal, or do without: `debugger: never`";
        let everywhere =
            defaults.debugger.then(|| error("`enable_task_debugger` needs a terminal").help(help));
        let of_play = |play: &PlannedPlay| {
            if defaults.debugs(&play.play) {
                return Some(error("`strategy: debug` needs a terminal").at(play.play.span, "").help(help));
            }
            let steps = play.drawing.order.iter().filter_map(|id| play.drawing.step(*id).task());
            let handlers = play.drawing.handlers.iter().map(|handler| &handler.task);
            let mut tasks = steps.chain(handlers);
            let task = tasks.find(|task| task.keywords.debugger.as_ref().is_some_and(Setting::asks))?;
            Some(
                error("`debugger` needs a terminal")
                    .at(task.task.span, "this task would be asked about")
                    .help(help),
            )
        };
        everywhere.or_else(|| self.plays.iter().find_map(of_play))
    }
}

impl Site {
    fn start_at(&self, plays: &[PlannedPlay], diagnostics: &mut Diagnostics) {
        let Some(start) = &self.selection.start_at else { return };
        let names = || plays.iter().flat_map(|play| play.drawing.names());
        if names().any(|name| matches_start(start, &name)) || diagnostics.has_errors() {
            return;
        }
        let all: Vec<String> = names().collect();
        let near = crate::diagnostic::nearest(start, all.iter().map(String::as_str));
        let diagnostic =
            Diagnostic::error(Class::Error, "muster::plan::start_at", format!("no task is called `{start}`"));
        let help =
            near.map_or("`--list-tasks` shows their names".into(), |near| format!("did you mean `{near}`?"));
        diagnostics.push(diagnostic.help(help));
    }
}

/// Whether `--start-at-task` means a task: its name, with or without the role's, or a pattern of it.
#[must_use]
pub fn matches_start(start: &str, name: &str) -> bool {
    let short = name.split_once(" : ").map_or(name, |(_, short)| short);
    let glob = globset::Glob::new(start).ok().map(|glob| glob.compile_matcher());
    [name, short].into_iter().any(|n| n == start || glob.as_ref().is_some_and(|glob| glob.is_match(n)))
}

impl Drawing {
    /// Whether one of its tasks may add hosts, or put them into groups: an include may bring anything.
    fn may_add_hosts(&self) -> bool {
        self.order.iter().any(|id| match &self.step(*id).act {
            Act::IncludeTasks(_) | Act::IncludeRole(..) | Act::Meta(_, Meta::RefreshInventory) => true,
            Act::Module(task) => {
                let short = task.action().rsplit('.').next().unwrap_or_default();
                matches!(short, "add_host" | "group_by") || is_template(short)
            }
            _ => false,
        })
    }

    /// The names of its tasks as written, with their roles'.
    fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.order.iter().filter_map(|id| {
            let task = self.step(*id).task()?;
            let name = task.task.name.as_ref()?.as_str()?;
            Some(match &task.around.role {
                Some(role) => format!("{} : {name}", role.role.name),
                None => name.to_string(),
            })
        })
    }
}

impl PlannedPlay {
    fn build(site: &Site, play: &Arc<Play>, before: &[Self], diagnostics: &mut Diagnostics) -> Self {
        let vars: Vec<Layer> =
            std::iter::once(site.prompted.clone()).chain(play.keywords.vars.iter().cloned()).collect();
        let vars_files = vars_files(site, play, &vars, diagnostics);
        let layers = VarsFile::known(&vars_files, &vars);
        let mut identities = vec![];
        let drawing = Draw::play(site, play, &layers, &mut identities, diagnostics);
        let names = Layers::around(&site.extra, play, &layers, &Around::default());
        let scope = names.with_groups(&site.inventory).scope(Surroundings {
            search: Arc::from([play.dir.to_path_buf()]),
            secrets: site.loader.secrets.clone(),
            ..Surroundings::default()
        });
        let text = |node: &Node| scope.text(node).ok();
        let chosen = match pattern(play, &scope) {
            Ok(pattern) => Chosen::by(&pattern, site, &site.inventory, play),
            Err(message) => {
                let diagnostic = Diagnostic::parse("muster::plan::hosts", message);
                diagnostics.push(diagnostic.at(play.hosts.span, "the play's hosts"));
                Chosen::default()
            }
        };
        let may_gain_hosts = before.iter().any(|play| play.drawing.may_add_hosts());
        for message in chosen.warnings.into_iter().filter(|_| !may_gain_hosts) {
            diagnostics
                .push(Diagnostic::warning("muster::plan::pattern", message).at(play.hosts.span, "no host"));
        }
        let shown = pattern(play, &scope).unwrap_or_default();
        Self {
            name: play.name.as_ref().and_then(text).filter(|name| !name.is_empty()).unwrap_or(shown),
            stage: play.stage.as_ref().and_then(text),
            needs: needs(play, before, diagnostics),
            play: play.clone(),
            vars_files,
            vars,
            hosts: chosen.hosts,
            may_gain_hosts,
            drawing,
            identities,
        }
    }

    /// The play's hosts in an inventory that may have grown.
    #[must_use]
    pub fn select(&self, site: &Site, inventory: &Inventory) -> Chosen {
        let layers = VarsFile::known(&self.vars_files, &self.vars);
        let names = Layers::around(&site.extra, &self.play, &layers, &Around::default());
        let scope = names.with_groups(inventory).scope(Surroundings::default());
        pattern(&self.play, &scope)
            .map(|pattern| Chosen::by(&pattern, site, inventory, &self.play))
            .unwrap_or_default()
    }

    /// `serial`: how many hosts each batch has (rule D5).
    #[must_use]
    pub fn batches(&self, hosts: &[Arc<str>], site: &Site) -> Vec<Vec<Arc<str>>> {
        let scope = Layers::around(&site.extra, &self.play, &self.vars, &Around::default())
            .scope(Surroundings::default());
        let size = |node: &Node| -> Option<usize> {
            let text = scope.text(node).ok()?;
            let of_all = |percent: &str| {
                let percent: f64 = percent.trim().parse().ok()?;
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of a count of hosts"
                )]
                Some((percent / 100.0 * hosts.len() as f64).max(0.0) as usize)
            };
            match text.strip_suffix('%') {
                Some(percent) => of_all(percent).map(|n| n.max(1)),
                None => text.trim().parse().ok(),
            }
        };
        let sizes: Vec<usize> = self.play.serial.iter().filter_map(size).collect();
        let mut batches = vec![];
        let mut rest = hosts;
        let mut sizes = sizes.iter().copied();
        let mut last = 0;
        while !rest.is_empty() {
            last = sizes.next().unwrap_or(last);
            let take = if last == 0 { rest.len() } else { last.min(rest.len()) };
            let (batch, others) = rest.split_at(take);
            batches.push(batch.to_vec());
            rest = others;
        }
        batches
    }
}

/// The play's pattern as text: several are joined with commas.
fn pattern(play: &Play, scope: &crate::template::Scope) -> Result<String, String> {
    let value = scope.render(&play.hosts).map_err(|fault| fault.message)?;
    let json = to_json(&value).map_err(|fault| fault.message)?;
    let text = |json: &Json| match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    Ok(match &json {
        Json::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => text(other),
    })
}

/// The hosts that a play's pattern names.
#[derive(Debug, Default)]
pub struct Chosen {
    /// In the play's order.
    pub hosts: Vec<Arc<str>>,
    /// In the pattern's: `ansible_play_hosts_all`.
    pub listed: Vec<Arc<str>>,
    /// What Ansible warns of: names that nobody has.
    pub warnings: Vec<String>,
}

impl Chosen {
    fn by(pattern: &str, site: &Site, inventory: &Inventory, play: &Play) -> Self {
        // A template that gives no name means nobody; only a pattern of exclusions begins with all.
        if pattern.is_empty() {
            return Self::default();
        }
        let pattern = Pattern::parse(pattern);
        let limit = site.selection.limit.as_deref().and_then(|limit| Pattern::limit(limit).ok());
        let selection = match &limit {
            Some(limit) => inventory.select_within(&pattern, limit),
            None => inventory.select(&pattern),
        };
        let selection = match selection {
            Ok(selection) => selection,
            Err(bad) => return Self { warnings: vec![bad.message], ..Self::default() },
        };
        let mut hosts = selection.hosts.clone();
        match play.order {
            Order::Inventory => {}
            Order::ReverseInventory => hosts.reverse(),
            Order::Sorted => hosts.sort(),
            Order::ReverseSorted => hosts.sort_by(|a, b| b.cmp(a)),
            Order::Shuffle => rand::seq::SliceRandom::shuffle(hosts.as_mut_slice(), &mut rand::rng()),
        }
        Self { hosts, warnings: selection.warnings().collect(), listed: selection.hosts }
    }
}

/// Which earlier plays a play waits for: all of them, or those that `needs` names.
fn needs(play: &Play, before: &[PlannedPlay], diagnostics: &mut Diagnostics) -> Vec<usize> {
    let Some(needs) = &play.needs else { return (0..before.len()).collect() };
    let mut indices = vec![];
    for need in needs {
        let is = |p: &PlannedPlay| p.name == *need.value || p.stage.as_deref() == Some(&need.value);
        let found: Vec<usize> = before.iter().enumerate().filter(|(_, p)| is(p)).map(|(i, _)| i).collect();
        if found.is_empty() {
            let known =
                before.iter().flat_map(|p| std::iter::once(p.name.as_str()).chain(p.stage.as_deref()));
            let near = crate::diagnostic::nearest(&need.value, known);
            let message = format!("no play or stage before this one is called `{}`", need.value);
            let mut diagnostic =
                Diagnostic::parse("muster::plan::needs", message).at(need.span, "needed here");
            if let Some(near) = near {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            diagnostics.push(diagnostic);
        }
        indices.extend(found);
    }
    indices
}

/// `vars_files`: the first of each list of alternatives that is there, the last entry the strongest.
fn vars_files(site: &Site, play: &Play, vars: &[Layer], diagnostics: &mut Diagnostics) -> Vec<VarsFile> {
    let scope = Layers::around(&site.extra, play, vars, &Around::default()).scope(Surroundings {
        search: Arc::from([play.dir.to_path_buf()]),
        secrets: site.loader.secrets.clone(),
        ..Surroundings::default()
    });
    let mut files = vec![];
    for entry in &play.vars_files {
        let alternatives = entry.as_seq().unwrap_or_else(|| std::slice::from_ref(entry));
        let names: Result<Vec<String>, _> = alternatives.iter().map(|node| scope.text(node)).collect();
        let Ok(names) = names else {
            files.push(VarsFile::PerHost(entry.clone()));
            continue;
        };
        let candidates =
            names.iter().flat_map(|name| [play.dir.join("vars").join(name), play.dir.join(name)]);
        match candidates.into_iter().find(|path| path.is_file()) {
            Some(path) => {
                let layer = site.loader.vars(&path, diagnostics);
                files.push(VarsFile::Fixed(layer.unwrap_or_else(|| Arc::new(Vars::default()))));
            }
            None => {
                let message = format!("Could not find file on the Ansible Controller: {}", names.join(", "));
                // Ansible goes on without it.
                let diagnostic = Diagnostic::warning("muster::plan::vars_file", message);
                diagnostics.push(diagnostic.at(entry.span, "not found"));
            }
        }
    }
    files.reverse();
    files
}
