//! Running a module once or until it will do: delegation, escalation and arguments are settled, then each attempt runs
//! it and weighs its result by `failed_when`, `changed_when` and `until`.

use super::hostvars::Variables;
use super::names::HostNames;
use super::pool::Road;
use super::result::{self, registered, says};
use super::target::{Sight, flag, number, setting};
use super::unit::Unit;
use crate::connection::{Escalation, Target};
use crate::event::EventKind;
use crate::module::{AnyModule, Context, EXHAUSTED, Failure, Jobs, Kind, Live, Map, Output, Reason};
use crate::node::Mapping;
use crate::plan::PlannedTask;
use crate::playbook::{Action, Args};
use crate::source::Span;
use crate::template::{Expr, Fault, Scope, Value, Variable, from_json, is_template, text_of, to_json};
use indexmap::IndexMap;
use minijinja::value::ValueKind;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;

/// What came of one execution.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// The result.
    pub result: Map,
    /// Whom it was delegated to.
    pub delegate: Option<Arc<str>>,
    /// The host that its facts are for, where that is another one.
    pub facts_for: Option<Arc<str>>,
    /// Variables as a person wrote them (`include_vars`).
    pub vars: Option<Arc<Mapping>>,
    /// Handlers to notify if something changed.
    pub notify: Vec<String>,
    /// `ignore_errors`.
    pub ignore_errors: bool,
    /// `ignore_unreachable`.
    pub ignore_unreachable: bool,
    /// `no_log`.
    pub no_log: bool,
    /// Whether differences are to be shown.
    pub diff: bool,
}

/// Whether Ansible runs an action on the controller, from where it cannot go to the background.
fn is_attended(module: &str) -> bool {
    const ATTENDED: [&str; 21] = [
        "add_host",
        "assemble",
        "assert",
        "async_status",
        "copy",
        "debug",
        "fail",
        "fetch",
        "gather_facts",
        "group_by",
        "include_vars",
        "pause",
        "raw",
        "reboot",
        "script",
        "set_fact",
        "set_stats",
        "template",
        "unarchive",
        "validate_argument_spec",
        "wait_for_connection",
    ];
    module.strip_prefix("ansible.builtin.").is_some_and(|name| ATTENDED.contains(&name))
}

/// Whether a module gathers the facts that `environment` may speak of.
fn gathers_facts(module: &str) -> bool {
    matches!(module.rsplit('.').next(), Some("setup" | "gather_facts"))
}

impl Done {
    /// A result that says itself how it went, and nothing besides.
    #[must_use]
    pub fn of(result: Map) -> Self {
        Self { result, ..Self::default() }
    }
}

/// Where a result says whom it was delegated to.
pub const DELEGATED: &str = "_ansible_delegated_vars";

/// The longest `timeout`.
const MOST_SECONDS: i64 = 100_000_000;

/// One execution of a module, attempts included.
pub struct Attempts<'a> {
    /// The unit.
    pub unit: &'a Unit,
    /// Names of the host, the loop's item in front.
    pub scope: &'a Scope,
    /// The item's names alone.
    pub front: IndexMap<Arc<str>, Variable>,
}

/// The name of a variable that a template made.
fn variable_name(value: &Value) -> Result<String, Fault> {
    let kind = match value.kind() {
        ValueKind::String => return Ok(value.as_str().unwrap_or("").to_string()),
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::Bool => "bool",
        ValueKind::None => "NoneType",
        ValueKind::Map => "dict",
        _ => "list",
    };
    let text = text_of(value).map_err(|error| Fault::new(error.to_string(), None))?;
    let message = format!("Invalid variable name '{text}' of type '{kind}'.");
    Err(Fault::new(message, None))
}

impl Attempts<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// Something that is settled before the module runs cannot be rendered.
    pub async fn run(self) -> Result<Done, Fault> {
        let delegate = self.delegate()?;
        let sees = self.scope.with(self.delegated(delegate.as_ref()));
        let (unit, task, scope) = (self.unit, &*self.unit.task, &sees);
        let front = self.front.clone();
        let this = Attempts { unit, scope, front };
        this.run_for(delegate, task, scope).await
    }

    /// `ansible_delegated_vars`: the names of the host that it is delegated to.
    fn delegated(&self, delegate: Option<&Arc<str>>) -> IndexMap<Arc<str>, Variable> {
        let Some(host) = delegate else { return IndexMap::new() };
        let (world, scene) = (self.unit.world.clone(), self.unit.scene.clone());
        let names = HostNames::new(world, scene, host.clone(), None);
        let vars = Value::from_object(Variables::new(names));
        let all = Value::from_pairs([(&**host, vars)]);
        IndexMap::from([(Arc::from("ansible_delegated_vars"), Variable::Known(all))])
    }

    async fn run_for(
        &self,
        delegate: Option<Arc<str>>,
        task: &PlannedTask,
        scope: &Scope,
    ) -> Result<Done, Fault> {
        let unit = self.unit;
        let keywords = &task.keywords;
        let there = match &delegate {
            Some(host) => {
                let (world, scene) = (unit.world.clone(), unit.scene.clone());
                HostNames::new(world, scene, host.clone(), Some(unit.task.clone()))
                    .scope()
                    .with(self.front.clone())
            }
            None => scope.clone(),
        };
        let defaults = &unit.world.site.defaults;
        let host = delegate.as_ref().unwrap_or(&unit.host);
        let sight = Sight { scope: &there, host, keywords, defaults };
        let (target, escalation) = (sight.target()?, sight.escalation()?);
        for setting in [&keywords.ignore_errors, &keywords.ignore_unreachable] {
            flag(setting.as_ref(), scope)?;
        }
        let timeout = number(keywords.timeout.as_ref(), scope)?.or(defaults.task_timeout);
        if let Some(seconds) = timeout.filter(|seconds| !(0..=MOST_SECONDS).contains(seconds)) {
            let message = format!("Timeout {seconds} is invalid, it must be between 0 and {MOST_SECONDS}.");
            return Err(Fault::new(message, None));
        }
        let timeout = timeout.filter(|seconds| *seconds > 0);
        let module = self.module()?;
        let environment = sight.environment(scope, gathers_facts(module.name()))?;
        let args = self.arguments(module.as_ref())?;
        let cx = self.context(target, escalation, environment, there.clone())?;
        let facts_for = match flag(keywords.delegate_facts.as_ref(), scope)? {
            Some(true) => delegate.clone(),
            _ => None,
        };
        let background = number(task.task.background.as_ref(), scope)?.filter(|seconds| *seconds > 0);
        if background.is_some() && is_attended(module.name()) {
            let message = format!("This action ({}) does not support async.", self.unit.task.action());
            let mut done = Done { delegate, ..Done::default() };
            self.settle(&mut done, Err(Failure::new(message)), None);
            return Ok(done);
        }
        if let Some(seconds) = background
            && number(task.task.poll.as_ref(), scope)?.unwrap_or(defaults.poll_interval) == 0
            && !cx.check_mode
        {
            let limit = Duration::from_secs(seconds.unsigned_abs());
            let id = unit.world.jobs.begin(limit, async move { module.run(args, &cx).await });
            let mut done = Done { delegate, ..Done::of(Jobs::about(&id, false)) };
            done.result.insert("changed".into(), json!(true));
            done.result.insert("failed".into(), json!(false));
            done.notify = self.notified(&done.result)?;
            return Ok(done);
        }
        let limit = Limit { timeout, background };
        let attempts = match number(task.task.retries.as_ref(), scope)? {
            Some(retries) => retries.max(0) + 1,
            None if !task.task.until.is_empty() => 4,
            None => 1,
        };
        let delay =
            setting(task.task.delay.as_ref(), scope, "float", |text| text.trim().parse::<f64>().ok())?;
        let delay = Duration::from_secs_f64(delay.map_or(5.0, |delay| if delay < 0.0 { 1.0 } else { delay }));
        let mut done = Done { delegate, facts_for, diff: cx.diff, ..Done::default() };
        for attempt in 1..=attempts {
            let output = limit.run(module.as_ref(), args.clone(), &cx).await;
            let output = output.map_err(|failure| self.as_written(module.name(), failure));
            self.settle(&mut done, output, (attempts > 1).then_some(attempt));
            if attempts == 1 || says(&done.result, "unreachable") {
                break;
            }
            let after = self.after(&done.result);
            let enough = if task.task.until.is_empty() {
                !says(&done.result, "failed")
            } else {
                holds_all(&after, &task.task.until)?
            };
            if enough {
                break;
            }
            if attempt == attempts {
                done.result.insert("attempts".into(), json!(attempts - 1));
                let failed = done.result.insert("failed".into(), json!(true));
                if failed != Some(json!(true)) {
                    done.result.insert(EXHAUSTED.into(), json!(true));
                }
                break;
            }
            let mut shown = result::shown(&done.result, cx.no_log, cx.diff);
            shown.insert("retries".into(), json!(attempts));
            let _ = unit.say.send(EventKind::UnitRetrying {
                step: unit.step,
                host: unit.host.clone(),
                delegate: done.delegate.clone(),
                left: attempts - attempt,
                result: shown,
            });
            tokio::time::sleep(delay).await;
        }
        if let (Some(host), Ok(Some(address))) = (&done.delegate, there.get("ansible_host"))
            && address.as_str().is_some_and(|address| *address != **host)
        {
            let about = json!({"ansible_delegated_host": **host, "ansible_host": address.as_str()});
            done.result.insert(DELEGATED.into(), about);
        }
        done.notify = self.notified(&done.result)?;
        Ok(done)
    }

    fn delegate(&self) -> Result<Option<Arc<str>>, Fault> {
        let Some(node) = &self.unit.task.keywords.delegate_to else { return Ok(None) };
        let value = self.scope.render(node)?;
        let text = to_json(&value).ok().and_then(|json| json.as_str().map(str::to_string));
        Ok(text.filter(|text| !text.is_empty() && !Scope::is_omit(&value)).map(Arc::from))
    }

    fn module(&self) -> Result<Arc<dyn AnyModule>, Fault> {
        let missing = || {
            let message = format!(
                "couldn't resolve module/action '{}'. This often indicates a misspelling, missing collection, or \
                 incorrect module path.",
                self.unit.task.action()
            );
            Fault::new(message, None)
        };
        self.unit.task.module.clone().ok_or_else(missing)
    }

    /// The arguments, rendered, with `module_defaults` under them.
    fn arguments(&self, module: &dyn AnyModule) -> Result<Map, Fault> {
        let Action::Module { args, span, .. } = &self.unit.task.task.action else { return Ok(Map::new()) };
        let mut all = self.defaults(module)?;
        let spec = module.spec();
        let name = module.name();
        let finalize = |key: &str, at: Span, fault: Fault| {
            fault
                .within(format!("Error while resolving value for '{key}'"), at)
                .within(format!("Finalization of task args for '{name}' failed"), *span)
        };
        let Args { named, raw, spread } = args;
        if let Some(spread) = spread {
            let value = self.scope.render(spread).map_err(|fault| finalize("args", spread.span, fault))?;
            let given = if Scope::is_omit(&value) { Json::Null } else { to_json(&value)? };
            let kind = match given {
                Json::Object(more) => {
                    all.extend(more);
                    None
                }
                Json::Null => None,
                Json::String(_) => Some("str"),
                Json::Array(_) => Some("list"),
                Json::Number(_) => Some("int"),
                Json::Bool(_) => Some("bool"),
            };
            if let Some(kind) = kind {
                let lead = format!("Finalization of task args for '{name}' failed:");
                let message = format!("{lead} Task args must resolve to a 'dict' not '{kind}'.");
                return Err(Fault::new(message, Some(spread.span)));
            }
        }
        if raw.is_some() && spec.free_form.is_none() && !spec.open {
            let message = format!("Action '{name}' does not support raw params.");
            return Err(Fault::new(message, None));
        }
        if let (Some(raw), Some(option)) = (raw, spec.free_form) {
            let text = self.scope.text(raw).map_err(|fault| finalize(option, raw.span, fault))?;
            all.insert(option.to_string(), Json::String(text));
        }
        // In the order of their names: the first that fails is the one that is told.
        let mut named: Vec<_> = named.as_map().into_iter().flat_map(Mapping::iter).collect();
        named.sort_by_key(|(key, _)| key.as_str());
        for (key, node) in named {
            let key = match key.as_str() {
                Some(text) if spec.open && is_template(text) => variable_name(&self.scope.render(key)?)?,
                Some(text) => text.to_string(),
                None => key.to_json().to_string(),
            };
            if spec.option(&key).is_some_and(|option| option.kind == Kind::Expr) {
                let omitted = node.as_str().is_some_and(is_template)
                    && self.scope.render(node).is_ok_and(|value| Scope::is_omit(&value));
                if omitted {
                    all.remove(&key);
                } else {
                    all.insert(key, node.to_json());
                }
                continue;
            }
            let value = self.scope.render(node).map_err(|fault| finalize(&key, node.span, fault))?;
            if Scope::is_omit(&value) {
                all.remove(&key);
            } else {
                let json = to_json(&value).map_err(|fault| finalize(&key, node.span, fault))?;
                all.insert(key, json);
            }
        }
        Ok(all)
    }

    /// A failure that calls the module as the task does.
    fn as_written(&self, full: &str, mut failure: Failure) -> Failure {
        let lead = |name: &str| format!("Unsupported parameters for ({name}) module");
        if let Some(Json::String(message)) = failure.result.get_mut("msg")
            && let Some(rest) = message.strip_prefix(&lead(full))
        {
            *message = format!("{}{rest}", lead(self.unit.task.action()));
        }
        failure
    }

    fn defaults(&self, module: &dyn AnyModule) -> Result<Map, Fault> {
        let mut all = Map::new();
        let full = module.name();
        let short = full.rsplit('.').next().unwrap_or(full);
        for node in &self.unit.task.keywords.module_defaults {
            let Some(map) = node.as_map() else { continue };
            for (key, node) in map.iter() {
                let Some(key) = key.as_str() else { continue };
                let meant = match key.strip_prefix("group/") {
                    Some(group) => {
                        let unit = self.unit;
                        let members = unit.world.site.loader.action_group(group, &unit.scene.play.dir);
                        members.iter().any(|member| member == full)
                    }
                    None => key == full || key == short || key.strip_prefix("ansible.legacy.") == Some(short),
                };
                if meant && let Json::Object(more) = to_json(&self.scope.render(node)?)? {
                    all.extend(more);
                }
            }
        }
        Ok(all)
    }

    fn context(
        &self,
        target: Target,
        escalation: Option<Escalation>,
        environment: Vec<(String, String)>,
        there: Scope,
    ) -> Result<Context, Fault> {
        let (unit, keywords) = (self.unit, &self.unit.task.keywords);
        let defaults = &unit.world.site.defaults;
        let written = match &unit.task.task.action {
            Action::Module { args, .. } => args.named.clone(),
            _ => crate::node::Node { span: unit.task.task.span, kind: crate::node::Kind::Null },
        };
        let no_log =
            flag(keywords.no_log.as_ref(), self.scope).unwrap_or(Some(true)).unwrap_or(defaults.no_log);
        Ok(Context {
            host: unit.host.clone(),
            road: Arc::new(Road { pool: unit.pool.clone(), target }),
            escalation,
            environment,
            timeout: None,
            check_mode: flag(keywords.check_mode.as_ref(), self.scope)?.unwrap_or(defaults.check_mode),
            diff: flag(keywords.diff.as_ref(), self.scope)?.unwrap_or(defaults.diff),
            no_log,
            verbosity: defaults.verbosity,
            scope: self.scope.clone(),
            there,
            written,
            playbook_dir: unit.scene.play.dir.to_path_buf(),
            jobs: unit.world.jobs.clone(),
            live: if no_log { Live::default() } else { unit.live() },
        })
    }

    /// Weighs an answer.
    fn settle(&self, done: &mut Done, output: Result<Output, Failure>, attempt: Option<i64>) {
        let task = &self.unit.task.task;
        let mut result = match output {
            Ok(mut output) => {
                // What was read is told as it was written: templates in it belong to the variables, not to the result.
                if let Some(vars) = &output.vars {
                    let facts = vars.iter().map(|(name, value)| (name.to_key(), value.to_json()));
                    output.result.insert("ansible_facts".into(), Json::Object(facts.collect()));
                }
                done.vars = output.vars;
                output.result
            }
            Err(failure) => {
                let mut result = failure.result;
                let key = if failure.reason == Reason::Unreachable { "unreachable" } else { "failed" };
                result.insert(key.into(), json!(true));
                done.vars = None;
                result
            }
        };
        if says(&result, "unreachable") {
            result.entry("changed").or_insert(json!(false));
            done.result = result;
            return;
        }
        if !result.contains_key("failed") {
            let rc = result.get("rc").is_some_and(|rc| rc.as_i64().is_some_and(|rc| rc != 0));
            result.insert("failed".into(), json!(rc));
        }
        if let Some(attempt) = attempt {
            result.insert("attempts".into(), json!(attempt));
        }
        result.entry("changed").or_insert(json!(false));
        if !result.contains_key("skipped") {
            let mut judge = |what: &str, conditions: &[Expr]| -> Result<(), (String, Fault)> {
                if conditions.is_empty() {
                    return Ok(());
                }
                let scope = self.after(&result);
                let holds = holds_all(&scope, conditions).map_err(|fault| (what.to_string(), fault))?;
                result.insert(what.to_string(), json!(holds));
                if what == "failed" {
                    result.insert("failed_when_result".into(), json!(holds));
                }
                Ok(())
            };
            let judged =
                judge("changed", &task.changed_when).and_then(|()| judge("failed", &task.failed_when));
            if let Err((what, fault)) = judged {
                result.insert("failed".into(), json!(true));
                result.insert(format!("{what}_when_result"), json!(fault.message));
            }
        }
        done.result = result;
    }

    /// Names after a result: what it registers and the facts it gives are known.
    fn after(&self, result: &Map) -> Scope {
        let mut front = self.front.clone();
        if let Some(Json::Object(facts)) = result.get("ansible_facts") {
            let known = |value: &Json| Variable::Known(from_json(value));
            front.extend(facts.iter().map(|(name, value)| (Arc::from(name.as_str()), known(value))));
        }
        if let Some(register) = &self.unit.task.task.register {
            let value = from_json(&Json::Object(registered(result)));
            front.insert(register.clone(), Variable::Known(value));
        }
        self.scope.with(front)
    }

    /// Handlers a changed result notifies, rendered.
    fn notified(&self, result: &Map) -> Result<Vec<String>, Fault> {
        let nodes = &self.unit.task.keywords.notify;
        if nodes.is_empty() || !says(result, "changed") {
            return Ok(vec![]);
        }
        let scope = self.after(result);
        let mut names = vec![];
        for node in nodes {
            match to_json(&scope.render(node)?)? {
                Json::Array(list) => names.extend(list.iter().filter_map(Json::as_str).map(str::to_string)),
                Json::String(name) => names.push(name),
                Json::Null => {}
                other => names.push(other.to_string()),
            }
        }
        Ok(names)
    }
}

/// What Ansible says in the place of where a module was when its time was over.
const TRACEBACK: &str = "Configure `DISPLAY_TRACEBACK` to see a traceback on timeout errors.";

/// How long a module may run: `timeout`, and `async` with a `poll`.
struct Limit {
    timeout: Option<i64>,
    background: Option<i64>,
}

impl Limit {
    async fn run(&self, module: &dyn AnyModule, args: Map, cx: &Context) -> Result<Output, Failure> {
        let limit = self.timeout.into_iter().chain(self.background).min();
        let Some(seconds) = limit else { return module.run(args, cx).await };
        let over =
            tokio::time::timeout(Duration::from_secs(seconds.unsigned_abs()), module.run(args, cx)).await;
        match (over, self.background) {
            (Ok(Ok(mut output)), Some(_)) => {
                output.result.extend(Jobs::about(&Jobs::new_id(), true));
                Ok(output)
            }
            (Ok(Err(mut failure)), Some(_)) if failure.reason == Reason::Failed => {
                failure.result.extend(Jobs::about(&Jobs::new_id(), true));
                Err(failure)
            }
            (Ok(answer), _) => answer,
            (Err(_), Some(limit)) if self.timeout.is_none_or(|timeout| limit <= timeout) => {
                let message = format!("async task did not complete within the requested time - {limit}s");
                Err(Failure::new(message)
                    .with("async_result", Json::Object(Jobs::about(&Jobs::new_id(), false)))
                    .with("changed", false))
            }
            (Err(_), _) => Err(Failure::new(format!("Task failed: Timed out after {seconds} second(s)."))
                .with("timedout", json!({"frame": TRACEBACK, "period": seconds}))),
        }
    }
}

/// Whether every condition holds.
fn holds_all(scope: &Scope, conditions: &[Expr]) -> Result<bool, Fault> {
    for condition in conditions {
        if !scope.holds(condition)? {
            return Ok(false);
        }
    }
    Ok(true)
}
