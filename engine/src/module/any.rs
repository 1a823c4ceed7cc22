//! The typed trait, erased once, so that a registry can hold every module.

use super::{CALLED, Check, Context, Failure, Map, Module, Output, Reason, Side, Spec};
use futures_util::future::BoxFuture;
use serde_json::Value as Json;

/// A module whose types are its own business.
pub trait AnyModule: Send + Sync {
    /// The full name.
    fn name(&self) -> &str;

    /// What it takes.
    fn spec(&self) -> &Spec;

    /// Whether it is built in.
    fn is_built_in(&self) -> bool {
        false
    }

    /// Whether it minds itself what of its work goes on in the background.
    fn minds_background(&self) -> bool {
        false
    }

    /// Whether one host's run of it is every host's.
    fn speaks_for_all(&self) -> bool {
        matches!(self.name(), "ansible.builtin.pause" | "ansible.builtin.add_host")
    }

    /// Converts the arguments, looks, and unless in check mode makes the change.
    fn run<'a>(&'a self, args: Map, cx: &'a Context) -> BoxFuture<'a, Result<Output, Failure>>;
}

impl<M: Module> AnyModule for M {
    fn name(&self) -> &str {
        M::NAME
    }

    fn spec(&self) -> &Spec {
        const { &M::SPEC }
    }

    fn is_built_in(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, args: Map, cx: &'a Context) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let remote = M::SPEC.side != Side::Controller;
            let given = (cx.invocation && remote).then(|| args.clone());
            let manners = M::SPEC.manners;
            let untold = |given: &Map| manners.given.map(|hidden| as_given(given, hidden));
            let args = M::SPEC.convert(M::NAME, args).map_err(|message| {
                // What an action looks at itself is wrong before a module is asked, and told of its own arguments, if of any.
                let own = manners.missing == Some(message.as_str());
                let told = given.as_ref().and_then(|given| match own {
                    true => untold(given),
                    false => Some(M::SPEC.refusal(given)),
                });
                let failure = Failure::new(message);
                let failure = if M::SPEC.side != Side::Host || own { failure.raised() } else { failure };
                told.into_iter().fold(failure, |failure, told| failure.with("invocation", told))
            })?;
            let invocation =
                given.map(|given| untold(&given).unwrap_or_else(|| M::SPEC.invocation(&given, &args)));
            let mut answer = typed(self, args, cx).await;
            let result = match &mut answer {
                Ok(output) => &mut output.result,
                Err(failure) if failure.reason == Reason::Unreachable => return answer,
                Err(failure) => {
                    if remote {
                        // A failed module says why behind what else it has to tell.
                        put_last(&mut failure.result, &["msg"]);
                    }
                    &mut failure.result
                }
            };
            let called = result.shift_remove(CALLED);
            if let Some(mut invocation) = invocation {
                if let (Some(Json::Object(called)), Some(args)) =
                    (called, invocation.get_mut("module_args").and_then(Json::as_object_mut))
                {
                    args.extend(called);
                }
                result.entry("invocation").or_insert(invocation);
            }
            // A module that was not called as one says so.
            if result.get("invocation").is_some_and(Json::is_null) {
                result.shift_remove("invocation");
            }
            if remote {
                // The lines of what a program printed are added to what a module answered.
                put_last(result, &["stdout_lines", "stderr_lines"]);
            }
            answer
        })
    }
}

/// Arguments as a task gave them, told twice, as an action of Ansible's does that calls no module.
fn as_given(given: &Map, hidden: &[&str]) -> Json {
    let (mut told, mut module) = (given.clone(), given.clone());
    for name in hidden {
        if let Some(value) = told.get_mut(*name) {
            *value = format!("CENSORED: {name} is a no_log parameter").into();
        }
        if let Some(value) = module.get_mut(*name).filter(|value| !value.is_null()) {
            *value = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER".into();
        }
    }
    told.insert("module_args".into(), Json::Object(module));
    Json::Object(told)
}

/// Puts keys that are there behind all others.
fn put_last(result: &mut Map, keys: &[&str]) {
    for key in keys {
        if let Some(value) = result.shift_remove(*key) {
            result.insert((*key).into(), value);
        }
    }
}

async fn typed<M: Module>(module: &M, args: Map, cx: &Context) -> Result<Output, Failure> {
    let args: M::Args = serde_json::from_value(Json::Object(args))
        .map_err(|error| Failure::new(format!("invalid arguments: {error}")))?;
    match module.check(&args, cx).await? {
        Check::Done(output) => Ok(output),
        Check::Would { mut foreseen, .. } if cx.check_mode => {
            foreseen.result.entry("changed").or_insert(Json::Bool(true));
            Ok(foreseen)
        }
        Check::Would { change, foreseen } => {
            let mut output = module.apply(change, cx).await?;
            for key in ["diff", "warnings"] {
                if let Some(said) = foreseen.result.get(key) {
                    output.result.entry(key).or_insert_with(|| said.clone());
                }
            }
            Ok(output)
        }
    }
}
