//! A unit's life, top to bottom: one task on one host. Names, loop, condition, delegation, arguments, attempts, what is
//! registered and learned. It reads shared snapshots and answers once; nothing outside changes before the answer.

use super::attempt::{Attempts, Done};
use super::batch::{Answer, Inclusion, Verdict};
use super::edit::Edit;
use super::items;
use super::lesson::Lesson;
use super::names::HostNames;
use super::pool::Pool;
use super::result;
use super::scene::Scene;
use super::target::flag;
use super::world::World;
use crate::event::{EventKind, Outcome, Status};
use crate::module::{Live, Map, SAID, Said};
use crate::node::{Mapping, Node};
use crate::plan::{Act, PlannedTask, find_tasks};
use crate::playbook::{Action, RoleUse, Setting, Task};
use crate::template::{Fault, Scope, Trail, Value, Variable, Vars, from_json, is_template, normal, to_json};
use indexmap::IndexMap;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// One task on one host.
pub struct Unit {
    /// The world.
    pub world: Arc<World>,
    /// The play.
    pub scene: Arc<Scene>,
    /// Connections.
    pub pool: Arc<Pool>,
    /// The host.
    pub host: Arc<str>,
    /// The task.
    pub task: Arc<PlannedTask>,
    /// What is done.
    pub act: Act,
    /// The step's number in reports.
    pub step: usize,
    /// Where events of items and attempts go.
    pub say: mpsc::UnboundedSender<EventKind>,
    /// What a person changed of it.
    pub edit: Edit,
}

/// What came of a unit.
#[derive(Debug)]
pub struct Finished {
    /// For the reports and the recap.
    pub outcome: Outcome,
    /// For the rules.
    pub answer: Answer,
    /// What is learned, in order.
    pub lessons: Vec<Lesson>,
    /// The name that its result has.
    pub register: Option<Arc<str>>,
    /// Whom it was delegated to.
    pub delegate: Option<Arc<str>>,
    /// Whether it was a loop.
    pub looped: bool,
    /// How long it took.
    pub took: std::time::Duration,
    /// Things the person should know.
    pub warnings: Vec<String>,
    /// The arguments of a task that ran once.
    pub args: Option<Map>,
    /// What a person had changed of it.
    pub edit: Edit,
}

impl Finished {
    /// What `add_host` and `group_by` said changed was so already.
    pub fn unchanged(&mut self, grown: &[bool]) {
        let items = self.outcome.result.get_mut("results").and_then(Json::as_array_mut).into_iter().flatten();
        let items = items.filter_map(Json::as_object_mut);
        let growing = items.filter(|item| item.contains_key("add_host") || item.contains_key("add_group"));
        for (item, grown) in growing.zip(grown) {
            item.insert("changed".into(), json!(*grown));
        }
        if self.answer.verdict == Verdict::Changed && !grown.contains(&true) {
            self.answer.verdict = Verdict::Ok;
            self.outcome.status = Status::Ok;
            self.outcome.result.insert("changed".into(), json!(false));
        }
    }

    /// What is registered once more, as the result is now.
    pub fn registered_again(&self) -> Vec<Lesson> {
        let registers =
            |lesson: &&Lesson| matches!(lesson, Lesson::Set(name, _) if Some(name) == self.register.as_ref());
        let value = || from_json(&Json::Object(result::registered(&self.outcome.result)));
        let again = |lesson: &Lesson| match lesson {
            Lesson::Set(name, _) => Some(Lesson::Set(name.clone(), value())),
            _ => None,
        };
        self.lessons.iter().filter(registers).filter_map(again).collect()
    }
}

/// Where a result says itself that nobody may see it.
const HIDDEN: &str = "_ansible_no_log";
/// Where a result says itself that its differences are to be shown.
const DIFFERS: &str = "_ansible_diff";
/// Where an include keeps what its task names, beside the file that this is.
const WRITTEN: &str = "_ansible_include_written";

impl Unit {
    /// Runs it to its end.
    pub async fn run(mut self) -> Finished {
        let began = Instant::now();
        self.name_module();
        let scope = self.scope();
        let mut finished = match items::of(&self.task, &scope) {
            Ok(None) => self.single(&scope, None).await,
            Ok(Some(items)) => self.repeated(&scope, items).await,
            // What is only undefined may be skipped by a condition; what is no list never is.
            Err(fault) if fault.undefined => self.single(&scope, Some(fault)).await,
            Err(fault) => self.loopless(&scope, &fault),
        };
        finished.took = began.elapsed();
        finished
    }

    /// What names mean for it.
    #[must_use]
    pub fn names(&self) -> HostNames {
        let (world, scene) = (self.world.clone(), self.scene.clone());
        HostNames::new(world, scene, self.host.clone(), Some(self.task.clone()))
    }

    /// A scope over them, with what a person changed in front.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let (scope, front) = (self.names().scope(), self.edit.front());
        if front.is_empty() { scope } else { scope.with(front) }
    }

    /// Settles which module a task means that names it with a template.
    fn name_module(&mut self) {
        let Action::Module { span, .. } = &self.task.task.action else { return };
        let called = &self.task.task.called;
        if self.task.module.is_some() || !is_template(called) {
            return;
        }
        let node = Node { span: *span, kind: crate::node::Kind::Str(called.clone()) };
        let Ok(meant) = self.scope().text(&node) else { return };
        let module = self.world.site.module(&meant, &self.task.around, &self.scene.play.dir);
        let task = Arc::new(Task { called: Arc::from(meant), ..(*self.task.task).clone() });
        self.task = Arc::new(PlannedTask { task, module, ..(*self.task).clone() });
    }

    async fn single(&self, scope: &Scope, loop_fault: Option<Fault>) -> Finished {
        let done = self.execute(scope, loop_fault, IndexMap::new()).await;
        let mut lessons = vec![];
        self.lessons(&done, &mut lessons);
        let inclusions = self.inclusions(&done, None, &IndexMap::new()).into_iter().collect();
        self.finished(done, lessons, inclusions, false)
    }

    /// A loop over what is no list, or that nobody can tell the end of.
    fn loopless(&self, scope: &Scope, fault: &Fault) -> Finished {
        let mut fault = fault.clone();
        fault.trail.bare = true;
        let mut done = Done { delegate: self.written(), ..Done::of(result::fault(&fault)) };
        done.result.shift_remove("changed");
        self.weigh(&mut done, scope);
        // Of a task that fails so early no keyword has been rendered, and text is as good as yes.
        done.ignore_errors |= matches!(self.task.keywords.ignore_errors, Some(Setting::Template { .. }));
        self.finished(done, vec![], vec![], false)
    }

    async fn repeated(&self, scope: &Scope, list: Vec<Value>) -> Finished {
        let control = self.task.task.repeat.as_ref().map(|repeat| &repeat.control);
        let frame = match items::Frame::new(control, scope) {
            Ok(frame) => frame,
            Err(fault) => return self.single(scope, Some(fault)).await,
        };
        let in_use = frame.in_use(scope);
        let mut all: Vec<Done> = vec![];
        let (mut lessons, mut inclusions) = (vec![], vec![]);
        let mut carried: IndexMap<Arc<str>, Variable> = IndexMap::new();
        for (index, item) in list.iter().enumerate() {
            if index > 0
                && let Some(pause) = frame.pause
            {
                tokio::time::sleep(pause).await;
            }
            let mut front = frame.front(index, &list);
            front.extend(carried.clone());
            let inner = scope.with(front.clone());
            let mut done = self.execute(&inner, None, front.clone()).await;
            carried.extend(self.taught(&done));
            if let Some(register) = &self.task.task.register {
                let value = from_json(&Json::Object(result::registered(&done.result)));
                carried.insert(register.clone(), Variable::Known(value));
            }
            carried.extend(self.facts_of(&done));
            let labelled = scope
                .with(front.iter().map(|(k, v)| (k.clone(), v.clone())).chain(carried.clone()).collect());
            let label = frame.label(item, &labelled);
            result::excuse(&mut done.result);
            frame.describe(&mut done.result, index, item, &list);
            let label = match label {
                Ok(label) => label,
                Err(fault) => {
                    done.result.insert("failed".into(), json!(true));
                    // What the item failed with is said; that it has no label is not.
                    let before = done.result.get("msg").filter(|_| done.result.contains_key(Trail::KEY));
                    let before = before.cloned().unwrap_or_else(|| json!(""));
                    done.result.insert(SAID.into(), before);
                    done.result.insert(
                        "msg".into(),
                        json!(format!("Failed to template loop_control.label: {}", fault.message)),
                    );
                    done.delegate = done.delegate.or_else(|| self.meant(scope));
                    // Of an item of `debug` nothing is left that could name it.
                    if self.is_debug() { "None".to_string() } else { items::plain(item) }
                }
            };
            self.lessons(&done, &mut lessons);
            let included = self.inclusions(&done, frame.names(item, &label).then(|| label.clone()), &front);
            if included.is_none() {
                self.say_item(&done, label);
            }
            inclusions.extend(included);
            let over = frame.is_over(&labelled);
            all.push(done);
            match over {
                Ok(true) => break,
                Ok(false) => {}
                Err(fault) => return self.loopless(scope, &fault),
            }
        }
        let mut finished = self.finished(items::summary(all), lessons, inclusions, true);
        finished.warnings.extend(in_use);
        finished
    }

    /// Variables that were read, as they are now. What cannot be rendered yet stays as it is written.
    fn rendered(&self, vars: &Mapping) -> Json {
        let scope = self.scope().with(Vars::written(vars).0);
        let now = |name: &str| scope.get(name).ok().flatten().and_then(|value| to_json(&value).ok());
        let all = vars.iter().map(|(name, written)| {
            let name = name.to_key();
            let value = now(&name).unwrap_or_else(|| written.to_json());
            (name, value)
        });
        Json::Object(all.collect())
    }

    /// Whom it was delegated to, where that is another host.
    fn elsewhere(&self, done: &Done) -> Option<Arc<str>> {
        done.delegate.clone().filter(|host| *host != self.host)
    }

    /// What an item taught the items after it.
    fn facts_of(&self, done: &Done) -> Vec<(Arc<str>, Variable)> {
        if !matches!(result::status(&done.result), Status::Ok | Status::Changed) || done.facts_for.is_some() {
            return vec![];
        }
        if let Some(vars) = &done.vars {
            return Vars::written(vars).0.into_iter().collect();
        }
        let facts = done.result.get("ansible_facts").and_then(Json::as_object).into_iter().flatten();
        facts.map(|(name, value)| (Arc::from(name.as_str()), Variable::Known(from_json(value)))).collect()
    }

    fn say_item(&self, done: &Done, label: String) {
        let status = result::status(&done.result);
        let ignored = match status {
            Status::Failed => done.ignore_errors,
            Status::Unreachable => done.ignore_unreachable,
            _ => false,
        };
        let outcome = Outcome {
            status,
            ignored,
            rescued: false,
            result: result::shown(&done.result, done.no_log, done.diff),
        };
        let label = if done.no_log { "(censored due to no_log)".to_string() } else { label };
        let _ = self.say.send(EventKind::ItemFinished {
            step: self.step,
            host: self.host.clone(),
            delegate: self.elsewhere(done),
            label,
            outcome,
        });
    }

    /// Where its module says what is going on.
    pub fn live(&self) -> Live {
        let (say, step, host) = (self.say.clone(), self.step, self.host.clone());
        Live::new(move |said| {
            let _ = say.send(match said {
                Said::Line(line) => EventKind::UnitOutput { step, host: host.clone(), line },
                Said::Warning(text) => EventKind::Warning { text, about: None },
            });
        })
    }

    /// What names mean for it where it is delegated to another host.
    fn delegated(&self, scope: &Scope, front: &IndexMap<Arc<str>, Variable>) -> Option<Scope> {
        let to = self.meant(scope)?;
        if to == self.host {
            return None;
        }
        let mut front = front.clone();
        self.edit.front().into_iter().for_each(|(name, value)| _ = front.entry(name).or_insert(value));
        Some(self.names().delegated(to).scope().with(front))
    }

    /// Whom it is delegated to; as it is written, where that cannot be rendered.
    fn meant(&self, scope: &Scope) -> Option<Arc<str>> {
        let to = self.task.keywords.delegate_to.as_ref()?;
        match scope.text(to) {
            Ok(name) => (!name.is_empty()).then(|| Arc::from(name)),
            Err(_) => self.written(),
        }
    }

    fn is_debug(&self) -> bool {
        self.task.action().rsplit('.').next() == Some("debug")
    }

    /// Whom it is delegated to, as it is written.
    fn written(&self) -> Option<Arc<str>> {
        self.task.keywords.delegate_to.as_ref().and_then(|to| to.as_str()).map(Arc::from)
    }

    /// What comes of a fault before its task ran.
    fn faulty(&self, scope: &Scope, fault: &Fault) -> Done {
        Done { delegate: self.meant(scope), ..Done::of(result::fault(fault)) }
    }

    /// One execution: condition, then what the act is.
    async fn execute(
        &self,
        scope: &Scope,
        loop_fault: Option<Fault>,
        front: IndexMap<Arc<str>, Variable>,
    ) -> Done {
        let delegated = self.delegated(scope, &front);
        let own = scope;
        let scope = delegated.as_ref().unwrap_or(own);
        // Whom it is delegated to matters before anything else.
        if let Some(Err(fault)) = self.task.keywords.delegate_to.as_ref().map(|to| own.render(to)) {
            let mut done = self.faulty(own, &fault);
            self.weigh(&mut done, own);
            return done;
        }
        for condition in &self.task.keywords.when {
            match scope.holds(condition) {
                Ok(true) => {}
                Ok(false) => {
                    let mut done = Done::of(result::skipped(condition));
                    self.weigh(&mut done, scope);
                    return done;
                }
                Err(fault) => {
                    let mut done = self.faulty(own, loop_fault.as_ref().unwrap_or(&fault));
                    self.weigh(&mut done, scope);
                    return done;
                }
            }
        }
        let mut done = match (loop_fault, &self.act) {
            (Some(fault), _) => self.faulty(own, &fault),
            (None, Act::Module(_) | Act::Facts(_)) => {
                let attempts = Attempts { unit: self, scope, front };
                attempts.run().await.unwrap_or_else(|fault| self.faulty(own, &fault))
            }
            (None, Act::IncludeTasks(task)) => {
                self.file(task, scope).unwrap_or_else(|fault| self.faulty(own, &fault))
            }
            (None, Act::IncludeRole(_, role)) => {
                self.role(role, scope).unwrap_or_else(|fault| self.faulty(own, &fault))
            }
            (None, _) => Done::of(Map::new()),
        };
        self.weigh(&mut done, scope);
        done
    }

    /// What the task ignores and hides.
    fn weigh(&self, done: &mut Done, scope: &Scope) {
        let keywords = &self.task.keywords;
        result::braced(&mut done.result, &keywords.when, scope);
        // What is no boolean but says something counts as yes; the task has failed for it anyway.
        let yes = |setting: Option<&_>| flag(setting, scope).unwrap_or(Some(true)).unwrap_or(false);
        done.ignore_errors = yes(keywords.ignore_errors.as_ref());
        done.ignore_unreachable = yes(keywords.ignore_unreachable.as_ref());
        // A `no_log` that cannot be evaluated hides: better too much than too little.
        done.no_log = flag(keywords.no_log.as_ref(), scope)
            .unwrap_or(Some(true))
            .unwrap_or(self.world.site.defaults.no_log)
            || result::says(&done.result, HIDDEN);
        done.diff |= result::says(&done.result, DIFFERS);
    }

    fn file(&self, task: &PlannedTask, scope: &Scope) -> Result<Done, Fault> {
        let Action::IncludeTasks(include) = &task.task.action else { return Ok(Done::of(Map::new())) };
        let name = scope.text(&include.file).map_err(|fault| {
            fault
                .within("Error while resolving value for '_raw_params'", include.file.span)
                .within("Finalization of task args for 'ansible.builtin.include_tasks' failed", include.span)
        })?;
        let path = match find_tasks(&name, &task.task.dir, &task.around, &self.scene.play.dir, false) {
            Ok(path) => path,
            Err(tried) => {
                let first = tried.first().cloned().unwrap_or_else(|| name.clone().into());
                normal(&first.display().to_string()).into()
            }
        };
        let mut result = Map::new();
        result.insert("include".into(), json!(path.display().to_string()));
        result.insert("include_args".into(), json!({}));
        result.insert(WRITTEN.into(), json!(name));
        Ok(Done::of(result))
    }

    fn role(&self, role: &RoleUse, scope: &Scope) -> Result<Done, Fault> {
        let mut result = Map::new();
        let name = scope.text(&role.name).map_err(|fault| {
            fault
                .within("Error while resolving value for 'name'", role.name.span)
                .within("Finalization of task args for 'ansible.builtin.include_role' failed", role.span)
        })?;
        result.insert("include".into(), json!(name));
        let from = [&role.tasks_from, &role.vars_from, &role.defaults_from, &role.handlers_from];
        let mut rendered = vec![];
        for node in from {
            let given = |node: &&Node| !scope.render(node).is_ok_and(|value| Scope::is_omit(&value));
            rendered.push(node.as_ref().filter(given).map(|node| scope.text(node)).transpose()?);
        }
        result.insert("include_args".into(), json!(rendered));
        Ok(Done::of(result))
    }

    /// What an include chose to include.
    fn inclusions(
        &self,
        done: &Done,
        label: Option<String>,
        front: &IndexMap<Arc<str>, Variable>,
    ) -> Option<Inclusion> {
        if !matches!(self.act, Act::IncludeTasks(_) | Act::IncludeRole(..))
            || result::status(&done.result) != Status::Ok
        {
            return None;
        }
        let file = done.result.get("include")?.as_str()?.to_string();
        let text = |i: usize| {
            done.result
                .get("include_args")
                .and_then(|args| args.get(i))
                .and_then(Json::as_str)
                .map(str::to_string)
        };
        let from = [text(0), text(1), text(2), text(3)];
        let mut known = vec![];
        for (name, variable) in front {
            if let Variable::Known(value) = variable {
                known.push(format!("{name}={}", to_json(value).unwrap_or_default()));
            }
        }
        let key = format!("{file}|{from:?}|{known:?}");
        let written = done.result.get(WRITTEN).and_then(Json::as_str).map(str::to_string);
        Some(Inclusion { file, key, vars: Arc::new(Vars(front.clone())), label, written, from })
    }

    /// The names that an item's result gives to the items after it: `set_fact` may collect in a loop.
    fn taught(&self, done: &Done) -> IndexMap<Arc<str>, Variable> {
        if done.facts_for.is_some() || self.is_debug() {
            return IndexMap::new();
        }
        if let Some(vars) = &done.vars {
            let named = |(key, node): &(Node, Node)| {
                Some((Arc::from(key.as_str()?), Variable::Written(node.clone())))
            };
            return vars.iter().filter_map(named).collect();
        }
        let facts = done.result.get("ansible_facts").and_then(Json::as_object);
        let known = |value: &Json| Variable::Known(from_json(value));
        facts.into_iter().flatten().map(|(name, value)| (Arc::from(name.as_str()), known(value))).collect()
    }

    /// What a result teaches.
    fn lessons(&self, done: &Done, lessons: &mut Vec<Lesson>) {
        if let Some(vars) = &done.vars {
            lessons.push(Lesson::Included(vars.clone()));
        }
        let good = matches!(result::status(&done.result), Status::Ok | Status::Changed);
        if !good {
            return;
        }
        if let Some(Json::Object(facts)) = done.result.get("ansible_facts")
            && done.vars.is_none()
            && !self.is_debug()
        {
            let set = self.task.action().rsplit('.').next() == Some("set_fact");
            let cacheable =
                done.result.get("_ansible_facts_cacheable").and_then(Json::as_bool).unwrap_or(false);
            match &done.facts_for {
                _ if set && !cacheable => {}
                Some(host) => lessons.push(Lesson::FactsOf(host.clone(), facts.clone())),
                None => {
                    let mut facts = facts.clone();
                    if matches!(self.act, Act::Facts(_)) {
                        facts.insert("_ansible_facts_gathered".into(), json!(true));
                    }
                    lessons.push(Lesson::Facts(facts));
                }
            }
            if set {
                let each = facts.iter().map(|(name, value)| match &done.facts_for {
                    Some(host) => Lesson::SetOf(host.clone(), Arc::from(name.as_str()), from_json(value)),
                    None => Lesson::Set(Arc::from(name.as_str()), from_json(value)),
                });
                lessons.extend(each);
            }
        }
        if let Some(Json::Object(host)) = done.result.get("add_host") {
            lessons.push(Lesson::AddHost(host.clone()));
        }
        if done.result.contains_key("add_group") {
            lessons.push(Lesson::AddGroup(done.result.clone()));
        }
        if let Some(Json::Object(stats)) = done.result.get("ansible_stats") {
            lessons.push(Lesson::Stats(stats.clone()));
        }
    }

    fn finished(
        &self,
        mut done: Done,
        mut lessons: Vec<Lesson>,
        inclusions: Vec<Inclusion>,
        looped: bool,
    ) -> Finished {
        let mut warnings = vec![];
        if !done.result.contains_key("results") {
            result::excuse(&mut done.result);
        }
        if let Some(Json::Array(list)) = done.result.shift_remove("warnings") {
            warnings.extend(list.iter().filter_map(Json::as_str).map(str::to_string));
            done.result.insert("warnings".into(), Json::Array(list));
        }
        if let Some(register) = &self.task.task.register {
            let mut result = result::registered(&done.result);
            if let Some(vars) = &done.vars {
                result.insert("ansible_facts".into(), self.rendered(vars));
            }
            lessons.push(Lesson::Set(register.clone(), from_json(&Json::Object(result))));
        }
        let status = result::status(&done.result);
        let verdict = match status {
            Status::Ok => Verdict::Ok,
            Status::Changed => Verdict::Changed,
            Status::Skipped => Verdict::Skipped,
            Status::Failed => Verdict::Failed { ignored: done.ignore_errors },
            Status::Unreachable => Verdict::Unreachable { ignored: done.ignore_unreachable },
        };
        let ignored =
            matches!(verdict, Verdict::Failed { ignored: true } | Verdict::Unreachable { ignored: true });
        let delegate = self.elsewhere(&done);
        let answer = Answer { verdict, notify: done.notify, inclusions, ignores_errors: done.ignore_errors };
        let outcome = Outcome {
            status,
            ignored,
            rescued: false,
            result: result::shown(&done.result, done.no_log, done.diff),
        };
        let register = self.task.task.register.clone();
        Finished {
            outcome,
            answer,
            lessons,
            register,
            delegate,
            looped,
            took: std::time::Duration::ZERO,
            warnings,
            args: done.args.filter(|_| !looped && !done.no_log),
            edit: self.edit.clone(),
        }
    }
}
