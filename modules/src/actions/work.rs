//! Modules that an action plugin has run: those that are built in and those that are not, on its task's host or on this
//! machine. A name, arguments and circumstances come in, a result goes out as the plugin expects it.

use super::answer::{Refusal, escalation, is_here, text};
use indexmap::IndexMap;
use muster_engine::connection::{Connection, ConnectionError, Target};
use muster_engine::module::{AnyModule, Context, Failure, Jobs, Map, Opens, Output, Reason, Side, Spec};
use muster_engine::template::{Scope, Variable, from_json};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;

/// A module by its name, whatever plugin stands before it.
///
/// # Errors
/// There is none.
pub(super) async fn module(asked: &Json, cx: &Context) -> Result<Json, Refusal> {
    let mut args = args(asked);
    let name = called(text(asked, "name"), &mut args);
    on_the_host(&name, &mut args);
    let missing = || Refusal::Refused(format!("The module {name} was not found in configured module paths"));
    let module = cx.errand.module(&name).ok_or_else(missing)?;
    if asked.get("forgiving") == Some(&json!(true)) {
        args.retain(|key, _| takes(module.spec(), key));
    }
    let cx = circumstances(asked, cx)?;
    let seconds = asked.get("background").and_then(Json::as_u64).unwrap_or(0);
    if seconds == 0 {
        return Ok(json!({"result": done(run(module.as_ref(), args, &cx).await)?}));
    }
    let (jobs, place) = (cx.jobs.clone(), Jobs::place(&cx).await);
    let host = (!cx.no_log).then(|| cx.clone());
    let work = async move { run(module.as_ref(), args, &cx).await };
    let id = jobs.begin(Duration::from_secs(seconds), place.clone(), host, work).await;
    let mut result = Jobs::about(&id, &place, false);
    result.insert("changed".into(), json!(true));
    Ok(json!({"result": result}))
}

/// What is built in under the name of an action.
///
/// # Errors
/// There is nothing.
pub(super) async fn action(asked: &Json, cx: &Context) -> Result<Json, Refusal> {
    let mut args = args(asked);
    let name = called(text(asked, "name"), &mut args);
    let missing = || Refusal::Refused(format!("the handler '{name}' was not found"));
    let module = built_in(&name, cx).ok_or_else(missing)?;
    let cx = circumstances(asked, cx)?;
    let result = done(run(module.as_ref(), args, &cx).await)?;
    Ok(json!({"result": result, "of_host": module.spec().side == Side::Host}))
}

/// What is built in under a name.
pub(super) fn built_in(name: &str, cx: &Context) -> Option<Arc<dyn AnyModule>> {
    cx.errand.module(name).filter(|module| module.is_built_in())
}

fn args(asked: &Json) -> Map {
    asked.get("args").and_then(Json::as_object).cloned().unwrap_or_default()
}

fn takes(spec: &Spec, key: &str) -> bool {
    spec.open || spec.option(key).is_some()
}

/// A name without what says that it is ansible-core's.
fn short(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(name)
}

/// The name under which a module is known here: a command for a shell is `shell`.
fn called(name: &str, args: &mut Map) -> String {
    let shell = args.shift_remove("_uses_shell").is_some_and(|shell| shell == json!(true));
    match shell && short(name) == "command" {
        true => name.replace("command", "shell"),
        false => name.to_string(),
    }
}

/// A module finds its files on the host, and knows nothing of words that are an action's own affair.
fn on_the_host(name: &str, args: &mut Map) {
    if matches!(short(name), "copy" | "unarchive" | "assemble") {
        args.insert("remote_src".into(), json!(true));
    }
    if matches!(short(name), "copy" | "file") {
        args.shift_remove("_original_basename");
    }
}

/// The context of a module that an action plugin has run.
fn circumstances(asked: &Json, cx: &Context) -> Result<Context, Refusal> {
    let flag = |key: &str| asked.get(key) == Some(&json!(true));
    let environment = asked.get("environment").and_then(Json::as_object).into_iter().flatten();
    let text = |value: &Json| muster_engine::module::python_str(value);
    let variables = asked.get("variables").and_then(Json::as_object).into_iter().flatten();
    let known =
        |(name, value): (&String, &Json)| (Arc::from(name.as_str()), Variable::Known(from_json(value)));
    let front: IndexMap<Arc<str>, Variable> = variables.map(known).collect();
    let before = |scope: &Scope| if front.is_empty() { scope.clone() } else { scope.with(front.clone()) };
    let mut inner = Context {
        escalation: escalation(asked, cx)?,
        check_mode: flag("check_mode"),
        diff: flag("diff"),
        no_log: cx.no_log || flag("no_log"),
        environment: environment.map(|(name, value)| (name.clone(), text(value))).collect(),
        scope: before(&cx.scope),
        there: before(&cx.there),
        ..cx.clone()
    };
    if is_here(asked) {
        let target = Target { shell: cx.road.target().shell.clone(), ..Target::local("localhost") };
        inner.road = Arc::new(Here { road: cx.road.clone(), target });
        if !front.contains_key("ansible_python_interpreter") {
            let any = IndexMap::from([(
                Arc::from("ansible_python_interpreter"),
                Variable::Known("auto_silent".into()),
            )]);
            inner.there = inner.there.with(any);
        }
    }
    Ok(inner)
}

/// The way to this machine, for a module of a task that goes elsewhere.
struct Here {
    road: Arc<dyn Opens>,
    target: Target,
}

type Opened<'a> = futures_util::future::BoxFuture<'a, Result<Arc<dyn Connection>, ConnectionError>>;

impl Opens for Here {
    fn target(&self) -> &Target {
        &self.target
    }

    fn open(&self) -> Opened<'_> {
        self.road.local()
    }

    fn reset(&self) {}

    fn local(&self) -> Opened<'_> {
        self.road.local()
    }
}

async fn run(module: &dyn AnyModule, mut args: Map, cx: &Context) -> Result<Output, Failure> {
    if let (Some(option), Some(raw)) = (module.spec().free_form, args.shift_remove("_raw_params"))
        && !raw.is_null()
    {
        args.insert(option.into(), raw);
    }
    module.run(args, cx).await
}

/// What came of a module, as a plugin sees it.
fn done(answer: Result<Output, Failure>) -> Result<Map, Refusal> {
    Ok(match answer {
        Ok(Output { mut result, vars }) => {
            if let Some(vars) = vars {
                let facts = vars.iter().map(|(name, value)| (name.to_key(), value.to_json()));
                result.insert("ansible_facts".into(), Json::Object(facts.collect()));
            }
            result
        }
        Err(failure) if failure.reason == Reason::Unreachable => return Err(failure.into()),
        Err(Failure { reason, mut result }) => {
            if reason == Reason::Failed {
                result.insert("failed".into(), json!(true));
            }
            result
        }
    })
}
