//! One play under way: its batches in turn, the rules of the one that runs, and who may begin now.

use super::batch::{Batch, Begin};
use super::consult::{Advisor, Fatal};
use super::scene::Scene;
use super::standing::Standing;
use super::world::World;
use crate::event::StepInfo;
use crate::node::{Kind, Node};
use crate::plan::{Act, Chosen, PlannedPlay, PlannedTask, StepId};
use crate::playbook::{Play, Setting, Strategy};
use crate::template::{Scope, is_template};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// A play under way.
pub struct PlayRun {
    /// The batches to come.
    pub batches: VecDeque<Arc<[Arc<str>]>>,
    /// Every host of the play.
    pub all: Arc<[Arc<str>]>,
    /// The batch that runs.
    pub batch: Batch,
    /// Its advisor.
    pub advisor: Advisor,
    /// Steps as reports know them.
    pub infos: HashMap<StepId, Arc<StepInfo>>,
    /// Hosts that must wait for a `throttle` or for a pinned host.
    pub deferred: VecDeque<Begin>,
    /// Units that run, by step.
    pub running: HashMap<StepId, usize>,
    /// Whether a batch passed `max_fail_percentage`.
    pub broken: bool,
    /// Whether a host failed since the hosts still standing were last counted.
    pub fell: bool,
    begun: HashSet<usize>,
}

impl PlayRun {
    /// A play with its first batch.
    #[must_use]
    pub fn new(
        planned: &PlannedPlay,
        chosen: &Chosen,
        mut batches: VecDeque<Arc<[Arc<str>]>>,
        world: &Arc<World>,
        standing: &Standing,
    ) -> Option<Self> {
        let first = batches.pop_front()?;
        let (batch, advisor) = begin(planned, &chosen.listed, first, world, standing);
        Some(Self {
            batches,
            all: chosen.hosts.iter().cloned().collect(),
            batch,
            advisor,
            infos: HashMap::new(),
            deferred: VecDeque::new(),
            running: HashMap::new(),
            broken: false,
            fell: false,
            begun: HashSet::new(),
        })
    }

    /// Goes on with the next batch. False if there is none.
    pub fn next_batch(&mut self, planned: &PlannedPlay, world: &Arc<World>, standing: &Standing) -> bool {
        let Some(hosts) = self.batches.pop_front() else { return false };
        // Others may match by now.
        let listed = planned.select(&world.site, &world.inventory()).listed;
        let (batch, advisor) = begin(planned, &listed, hosts, world, standing);
        self.batch = batch;
        self.advisor = advisor;
        self.infos.clear();
        self.begun.clear();
        true
    }

    /// The play as written.
    #[must_use]
    pub fn play(&self) -> Arc<Play> {
        self.advisor.scene.play.clone()
    }

    /// The next host that may begin a step now.
    pub fn next(&mut self, forks: usize) -> Option<Begin> {
        for _ in 0..self.deferred.len() {
            let begin = self.deferred.pop_front()?;
            if self.may(begin, forks) {
                return Some(begin);
            }
            self.deferred.push_back(begin);
        }
        while let Some(begin) = self.batch.next(&mut self.advisor) {
            if self.may(begin, forks) {
                return Some(begin);
            }
            self.deferred.push_back(begin);
        }
        None
    }

    /// `throttle` and `host_pinned`: how many may be under way.
    fn may(&mut self, begin: Begin, forks: usize) -> bool {
        if let Some(limit) = self.throttle(begin)
            && limit > 0
            && self.running.get(&begin.step).copied().unwrap_or(0)
                >= usize::try_from(limit).unwrap_or(usize::MAX)
        {
            return false;
        }
        let strategy = self.play().strategy.unwrap_or(self.advisor.world.site.defaults.strategy);
        if strategy == Strategy::HostPinned && !self.begun.contains(&begin.host) {
            let under_way = self.begun.iter().filter(|host| !self.batch.is_host_through(**host)).count();
            if under_way >= forks {
                return false;
            }
            self.begun.insert(begin.host);
        }
        true
    }

    /// What a task means to do once cannot be done once where hosts do not wait for each other.
    pub fn weigh_alone(&mut self, task: &PlannedTask) {
        const MODULES: [&str; 2] = ["ansible.builtin.add_host", "ansible.builtin.pause"];
        if task.module.as_ref().is_some_and(|module| MODULES.contains(&module.name())) {
            self.advisor.fatal.get_or_insert_with(|| {
                Fatal::from(format!(
                    "The '{}' module bypasses the host loop, which is currently not supported in the free strategy and \
                     would instead execute for every host in the inventory list.",
                    task.action()
                ))
            });
        }
        let mut warn = |setting: &Option<Setting<bool>>, text: &str| {
            if setting.as_ref().is_some_and(|setting| !matches!(setting, Setting::Fixed(false))) {
                self.advisor.warnings.push((text.to_string(), None));
            }
        };
        warn(
            &task.keywords.run_once,
            "Using run_once with the free strategy is not currently supported. This task will still be executed for \
             every host in the inventory list.",
        );
        warn(
            &task.keywords.any_errors_fatal,
            "Using any_errors_fatal with the free strategy is not supported, as tasks are executed independently on \
             each host",
        );
    }

    /// `throttle`, for the host that begins. One that is no number ends the run.
    fn throttle(&mut self, begin: Begin) -> Option<i64> {
        let task = self.batch.drawing.step(begin.step).task()?.clone();
        match task.keywords.throttle.as_ref()? {
            Setting::Fixed(limit) => Some(*limit),
            Setting::Template { node, .. } => {
                let host = self.batch.hosts.get(begin.host)?.clone();
                let scene = self.advisor.scene.clone();
                let names =
                    super::names::HostNames::new(self.advisor.world.clone(), scene, host, Some(task.clone()));
                let lead = "Failed to convert the throttle value to an integer";
                let limit = match names.scope().text(node) {
                    Ok(text) => text
                        .trim()
                        .parse::<i64>()
                        .map_err(|_| format!("{lead}: invalid literal for int() with base 10: '{text}'")),
                    Err(fault) => Err(format!("{lead}: {}", fault.message)),
                };
                limit.map_err(|said| _ = self.advisor.fatal.get_or_insert(Fatal::from(said))).ok()
            }
        }
    }

    /// Whether the batch has nothing left to do.
    #[must_use]
    pub fn is_batch_through(&self) -> bool {
        self.deferred.is_empty() && self.batch.is_through()
    }

    /// A step as reports know it; its name is rendered for the first host that takes it.
    pub fn info(
        &mut self,
        id: StepId,
        (play, number): (usize, usize),
        world: &World,
        scope: impl FnOnce() -> Scope,
    ) -> Arc<StepInfo> {
        if let Some(info) = self.infos.get(&id) {
            return info.clone();
        }
        let scope = &scope();
        let step = self.batch.drawing.step(id);
        let task = step.task();
        let handler =
            matches!(step.gate, crate::plan::Gate::Notified { .. } | crate::plan::Gate::During { .. });
        let check = task.and_then(|task| task.keywords.check_mode.as_ref());
        let check_mode =
            super::target::flag(check, scope).ok().flatten().unwrap_or(world.site.defaults.check_mode);
        // Nobody wrote the task that gathers facts but the play.
        let written = match &step.act {
            Act::Facts(_) => Some(self.play().span),
            _ => task.map(|task| task.task.span),
        };
        let place = written.map(|span| world.site.loader.sources.place(span));
        let place = place.map(|place| format!("{}:{}", place.path.display(), place.line)).unwrap_or_default();
        let action = task.map(|task| action(task, scope)).unwrap_or_default();
        let info = Arc::new(StepInfo {
            play,
            step: number,
            name: task.map(|task| title(task, &step.act, scope)).unwrap_or_default(),
            handler,
            side: world.site.modules.get(&action).map(|module| module.spec().side).unwrap_or_default(),
            action,
            place,
            origin: task.filter(|_| !matches!(step.act, Act::Facts(_))).map(|task| task.task.span),
            check_mode,
            no_log: task.is_some_and(|task| task.keywords.no_log.is_some()),
        });
        self.infos.insert(id, info.clone());
        info
    }
}

/// A name that cannot be rendered as a whole, as `Install {{ item }}` cannot before its loop: each part of it that fails
/// says so in its place.
fn in_pieces(name: &Node, scope: &Scope) -> String {
    let mut rest = name.as_str().unwrap_or_default();
    let (mut out, mut errors) = (String::new(), 0);
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((inside, behind)) = after.split_once("}}") else { break };
        let piece = Node { span: name.span, kind: Kind::Str(format!("{{{{{inside}}}}}").into()) };
        match scope.text(&piece) {
            Ok(text) => out.push_str(&text),
            Err(fault) => {
                errors += 1;
                out.push_str(&format!("<< error {errors} - {} >>", fault.message));
            }
        }
        rest = behind;
    }
    out + rest
}

/// The module, which may be named by a template.
fn action(task: &PlannedTask, scope: &Scope) -> String {
    let written = task.action();
    let node = Node { span: task.task.span, kind: Kind::Str(written.into()) };
    if is_template(written) { scope.text(&node).unwrap_or_default() } else { written.to_string() }
}

fn title(task: &PlannedTask, act: &Act, scope: &Scope) -> String {
    let name = match &task.task.name {
        // Nobody renders the name of a `meta`.
        Some(node) if matches!(act, Act::Meta(..) | Act::Flush(_)) => node.as_str().unwrap_or("").to_string(),
        Some(node) => scope.text(node).unwrap_or_else(|_| in_pieces(node, scope)),
        None => String::new(),
    };
    let named = !name.is_empty();
    let name = if named { name } else { task.action().to_string() };
    match (&task.around.role, act) {
        (_, Act::IncludeRole(..)) if named => name,
        (_, Act::IncludeRole(_, role)) => {
            let role =
                scope.text(&role.name).unwrap_or_else(|_| role.name.as_str().unwrap_or_default().to_string());
            format!("{name} : {role}")
        }
        (Some(role), Act::Module(_) | Act::IncludeTasks(_) | Act::Meta(..) | Act::Flush(_)) => {
            format!("{} : {name}", role.role.name)
        }
        _ => name,
    }
}

fn begin(
    planned: &PlannedPlay,
    listed: &[Arc<str>],
    hosts: Arc<[Arc<str>]>,
    world: &Arc<World>,
    standing: &Standing,
) -> (Batch, Advisor) {
    let scene = Arc::new(Scene::new(planned, Arc::from(listed), hosts.clone()));
    let up = |host: &&Arc<str>| !standing.failed.contains(*host) && !standing.unreachable.contains(*host);
    scene.set_standing(scene.all().iter().filter(up).cloned().collect());
    let limit = match &planned.play.max_fail_percentage {
        Some(Setting::Fixed(percentage)) => Some(*percentage),
        Some(Setting::Template { node, .. }) => {
            let first = hosts.first().cloned().unwrap_or_else(|| Arc::from("localhost"));
            let names = super::names::HostNames::new(world.clone(), scene.clone(), first, None);
            names.scope().text(node).ok().and_then(|text| text.trim().trim_end_matches('%').parse().ok())
        }
        None => None,
    };
    let batch = Batch::new(
        planned.drawing.clone(),
        hosts.to_vec(),
        limit,
        |host| standing.failed.contains(host),
        |host| standing.unreachable.contains(host),
    );
    let advisor = Advisor {
        world: world.clone(),
        scene,
        identities: planned.identities.clone(),
        handler_names: vec![],
        notices: vec![],
        warnings: vec![],
        fatal: None,
    };
    (batch, advisor)
}
