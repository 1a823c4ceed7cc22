//! Running a module once or until it will do: delegation, escalation and arguments are settled, then each attempt runs
//! it and weighs its result by `failed_when`, `changed_when` and `until`.

use super::background::{Limit, is_attended, left_behind};
use super::errand::TaskErrand;
use super::hostvars::Variables;
use super::names::HostNames;
use super::pool::Road;
use super::result::{self, NO_TRACEBACK, braced, registered, says};
use super::target::{Sight, flag, number, setting};
use super::unit::Unit;
use crate::connection::{Escalation, Target};
use crate::event::EventKind;
use crate::module::{
    AnyModule, Context, Failure, JUDGED, Jobs, Kind, Live, Map, Output, PASSED_OVER, Reason, SAID, Side,
    defaults_of, is_called,
};
use crate::node::Mapping;
use crate::plan::PlannedTask;
use crate::playbook::{Action, Args};
use crate::source::Span;
use crate::template::{
    Expr, Fault, Scope, Value, Variable, from_json, is_template, is_whole_template, text_of, to_json,
};
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
    /// The arguments, rendered, where a person may be asked about the task.
    pub args: Option<Map>,
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
        let target = sight.target()?;
        let escalation = sight.escalation(&target)?;
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
        let errand = TaskErrand::new(unit, scope.clone(), delegate.clone());
        let cx = self.context(target, escalation, environment, there.clone(), errand)?;
        let facts_for = match flag(keywords.delegate_facts.as_ref(), scope)? {
            Some(true) => delegate.clone(),
            _ => None,
        };
        let background = number(task.task.background.as_ref(), scope)?.filter(|seconds| *seconds > 0);
        let minds = module.minds_background();
        if background.is_some() && !minds && is_attended(module.name()) {
            let message = format!("This action ({}) does not support async.", self.unit.task.action());
            let mut done = Done { delegate, ..Done::default() };
            self.settle(&mut done, Err(Failure::new(message)), None);
            return Ok(done);
        }
        let poll = number(task.task.poll.as_ref(), scope)?.unwrap_or(defaults.poll_interval);
        if let Some(seconds) = background
            && poll == 0
            && !cx.check_mode
            && !minds
        {
            let limit = Duration::from_secs(seconds.unsigned_abs());
            let place = Jobs::place(&cx).await;
            let host = (!cx.no_log).then(|| cx.clone());
            let work = async move { module.run(args, &cx).await };
            let id = unit.world.jobs.begin(limit, place.clone(), host, work).await;
            let mut done = Done { delegate, ..Done::default() };
            done.result.insert("failed".into(), json!(false));
            done.result.extend(Jobs::about(&id, &place, false));
            done.result.insert("changed".into(), json!(true));
            done.notify = self.notified(&done.result)?;
            return Ok(done);
        }
        let limit = Limit { timeout, background: background.filter(|_| !minds) };
        let left = background.filter(|_| minds && poll > 0);
        let attempts = match number(task.task.retries.as_ref(), scope)? {
            Some(retries) => retries.max(0) + 1,
            None if !task.task.until.is_empty() => 4,
            None => 1,
        };
        let delay =
            setting(task.task.delay.as_ref(), scope, "float", |text| text.trim().parse::<f64>().ok())?;
        let delay = Duration::from_secs_f64(delay.map_or(5.0, |delay| if delay < 0.0 { 1.0 } else { delay }));
        let shown = defaults.asks(&unit.scene.play, &unit.task.keywords).then(|| args.clone());
        let mut done = Done { delegate, facts_for, diff: cx.diff, args: shown, ..Done::default() };
        for attempt in 1..=attempts {
            let output = limit.run(module.as_ref(), args.clone(), &cx).await;
            let output = output.map_err(|failure| self.as_written(module.name(), failure));
            let output = match left {
                Some(seconds) => left_behind(output, &unit.world.jobs, seconds).await,
                None => output,
            };
            let raised = output.as_ref().is_err_and(Failure::is_raised);
            self.settle(&mut done, output, (attempts > 1 && !raised).then_some(attempt));
            if attempts == 1 || raised || says(&done.result, "unreachable") {
                break;
            }
            let after = self.after(&done.result);
            let enough = if task.task.until.is_empty() {
                !says(&done.result, "failed")
            } else {
                braced(&mut done.result, &task.task.until, &after);
                holds_all(&after, &task.task.until)?
            };
            if enough {
                break;
            }
            if attempt == attempts {
                done.result.insert("attempts".into(), json!(attempts - 1));
                let failed = done.result.insert("failed".into(), json!(true));
                if failed != Some(json!(true)) {
                    done.result.insert(JUDGED.into(), json!(true));
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
        if says(&done.result, "failed") {
            done.result.entry("msg").or_insert_with(|| json!("Task failed: Action failed: Unknown error."));
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
            let message = format!("Cannot resolve '{}' to an action or module.", self.unit.task.action());
            let place = match &self.unit.task.task.action {
                Action::Module { span, .. } => Some(*span),
                _ => None,
            };
            Fault::new(message, place)
        };
        self.unit.task.module.clone().ok_or_else(missing)
    }

    /// The arguments, rendered.
    ///
    /// # Errors
    /// There is no such module, or a template fails.
    pub fn rendered(&self) -> Result<Map, Fault> {
        self.arguments(self.module()?.as_ref())
    }

    /// The arguments, rendered, with `module_defaults` under them.
    fn arguments(&self, module: &dyn AnyModule) -> Result<Map, Fault> {
        let Action::Module { args, span, .. } = &self.unit.task.task.action else { return Ok(Map::new()) };
        let edit = &self.unit.edit;
        if let Some(rendered) = &edit.rendered {
            let mut all = rendered.clone();
            edit.apply(&mut all);
            return Ok(all);
        }
        let mut all = self.defaults(module)?;
        let spec = module.spec();
        let name = module.name();
        let Args { named, raw, spread, line } = args;
        // What is written as `key=value` is one text to Ansible: it tells where that begins.
        let finalize = |key: &str, at: Span, fault: Fault| {
            fault
                .within(format!("Error while resolving value for '{key}'"), at)
                .on_line(*line)
                .within(format!("Finalization of task args for '{name}' failed"), *span)
        };
        let texts = raw.iter().filter(|raw| raw.as_str().is_none_or(|text| !text.trim().is_empty()));
        let raw = texts.clone().next().filter(|_| spec.free_form.is_some());
        // A template in the place of free text gives arguments of a module that takes no text.
        let given = texts.filter(|_| raw.is_none()).map(|text| (text, "_raw_params"));
        for (spread, key) in spread.iter().map(|spread| (spread, "args")).chain(given) {
            if key != "args" && !spread.as_str().is_some_and(is_whole_template) {
                let message = format!("Action '{name}' does not support raw params.");
                return Err(Fault::new(message, None));
            }
            let value = self.scope.render(spread).map_err(|fault| finalize(key, spread.span, fault))?;
            let given = if Scope::is_omit(&value) { Json::Null } else { to_json(&value)? };
            let kind = match given {
                Json::Object(more) => {
                    all.extend(more);
                    None
                }
                Json::Null => None,
                given if spec.open && spec.free_form.is_some() => {
                    all.extend(spec.free_form.map(|option| (option.to_string(), given)));
                    None
                }
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
        if let (Some(raw), Some(option)) = (raw, spec.free_form)
            && !edit.has_arg(option)
        {
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
            if edit.has_arg(&key) {
                continue;
            }
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
        edit.apply(&mut all);
        Ok(all)
    }

    /// A failure that calls the module as the task does.
    fn as_written(&self, full: &str, mut failure: Failure) -> Failure {
        let lead = |name: &str| format!("Unsupported parameters for ({name}) module");
        for key in ["msg", SAID] {
            if let Some(Json::String(words)) = failure.result.get_mut(key) {
                *words = words.replacen(&lead(full), &lead(self.unit.task.action()), 1);
            }
        }
        failure
    }

    fn defaults(&self, module: &dyn AnyModule) -> Result<Map, Fault> {
        let (unit, full) = (self.unit, module.name());
        defaults_of(&unit.task.keywords.module_defaults, self.scope, |key| match key.strip_prefix("group/") {
            Some(group) => {
                let members = unit.world.site.loader.action_group(group, &unit.scene.play.dir);
                members.iter().any(|member| member == full)
            }
            None => is_called(full, key),
        })
    }

    fn context(
        &self,
        target: Target,
        escalation: Option<Escalation>,
        environment: Vec<(String, String)>,
        there: Scope,
        errand: TaskErrand,
    ) -> Result<Context, Fault> {
        let (unit, keywords) = (self.unit, &self.unit.task.keywords);
        let defaults = &unit.world.site.defaults;
        let written = match &unit.task.task.action {
            Action::Module { args, .. } => args.named.clone(),
            _ => crate::node::Node { span: unit.task.task.span, kind: crate::node::Kind::Null },
        };
        let no_log = flag(keywords.no_log.as_ref(), self.scope)?.unwrap_or(defaults.no_log);
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
            invocation: defaults.verbosity > 2
                || (unit.task.task.repeat.is_some() && unit.task.task.register.is_some()),
            scope: self.scope.clone(),
            there,
            written,
            module_defaults: keywords.module_defaults.clone(),
            playbook_dir: unit.scene.play.dir.to_path_buf(),
            jobs: unit.world.jobs.clone(),
            live: if no_log { Live::default() } else { unit.live() },
            errand: Arc::new(errand),
        })
    }

    /// Weighs an answer.
    fn settle(&self, done: &mut Done, output: Result<Output, Failure>, attempt: Option<i64>) {
        let task = &self.unit.task.task;
        let raised = output.as_ref().is_err_and(Failure::is_raised);
        let of_host = self.unit.task.module.as_ref().is_some_and(|module| module.spec().side == Side::Host);
        let broke = output.is_err() && of_host;
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
            Err(Failure { reason: Reason::Raised, mut result }) => {
                result.entry("changed").or_insert(json!(false));
                *done = Done { result, vars: None, ..std::mem::take(done) };
                return;
            }
            Err(failure) => {
                let mut result = failure.result;
                let key = if failure.reason == Reason::Unreachable { "unreachable" } else { "failed" };
                // That it failed stands before why.
                let at = result.keys().position(|key| key == "msg").unwrap_or(result.len());
                result.shift_insert(at, key.into(), json!(true));
                done.vars = None;
                result
            }
        };
        if says(&result, "unreachable") {
            result.entry("changed").or_insert(json!(false));
            done.result = result;
            return;
        }
        if result.shift_remove(PASSED_OVER).is_none() && !result.contains_key("failed") {
            let rc = result.get("rc").is_some_and(|rc| rc.as_i64().is_some_and(|rc| rc != 0));
            result.insert("failed".into(), json!(rc));
        }
        let well = !says(&result, "failed");
        if let Some(attempt) = attempt {
            result.insert("attempts".into(), json!(attempt));
        }
        result.entry("changed").or_insert(json!(false));
        if !raised && !result.contains_key("skipped") {
            let mut judge = |what: &str, conditions: &[Expr]| -> Result<(), (String, Fault)> {
                if conditions.is_empty() {
                    return Ok(());
                }
                let scope = self.after(&result);
                let holds = holds_all(&scope, conditions).map_err(|fault| (what.to_string(), fault))?;
                braced(&mut result, conditions, &scope);
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
            match (well, says(&result, "failed")) {
                (true, true) => _ = result.insert(JUDGED.into(), json!(true)),
                (false, false) => pardon(&mut result, broke),
                _ => {}
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
        // What lets the inventory grow is known to have changed it only when it is too late to notify.
        let grows = result.contains_key("add_host") || result.contains_key("add_group");
        if nodes.is_empty() || grows || !says(result, "changed") {
            return Ok(vec![]);
        }
        let scope = self.after(result);
        let mut names = vec![];
        for node in nodes {
            let failed = |fault: Fault| fault.within("Error processing keyword 'notify'", node.span);
            let value = scope.render(node).map_err(failed)?;
            if Scope::is_omit(&value) {
                continue;
            }
            match to_json(&value)? {
                Json::Array(list) => names.extend(list.iter().filter_map(Json::as_str).map(str::to_string)),
                Json::String(name) => names.push(name),
                Json::Null => {}
                other => names.push(other.to_string()),
            }
        }
        Ok(names)
    }
}

/// What a failure that `failed_when` took back says of itself: `broke` is one that a module had on its host.
fn pardon(result: &mut Map, broke: bool) {
    let words = result.get("msg").and_then(Json::as_str).unwrap_or("");
    // Such words are the report's, of a failure that says nothing itself.
    if words.starts_with("Task failed: ") {
        result.shift_remove("msg");
    }
    let traceback = result.shift_remove("exception");
    let traceback = traceback.or_else(|| (broke && !result.contains_key(SAID)).then(|| json!(NO_TRACEBACK)));
    result.extend(traceback.map(|text| ("failed_when_suppressed_exception".into(), text)));
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
