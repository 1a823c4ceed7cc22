//! The typed trait, erased once, so that a registry can hold every module.

use super::{Check, Context, Failure, Map, Module, Output, Reason, Side, Spec};
use futures_util::future::BoxFuture;
use serde_json::Value as Json;

/// A module whose types are its own business.
pub trait AnyModule: Send + Sync {
    /// The full name.
    fn name(&self) -> &str;

    /// What it takes.
    fn spec(&self) -> &Spec;

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

    fn run<'a>(&'a self, args: Map, cx: &'a Context) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let args = M::SPEC.convert(M::NAME, args).map_err(Failure::new)?;
            let invocation = (cx.verbosity > 2).then(|| M::SPEC.invocation(&args));
            let mut answer = typed(self, args, cx).await;
            if let Some(invocation) = invocation.filter(|_| M::SPEC.side != Side::Controller) {
                let result = match &mut answer {
                    Ok(output) => Some(&mut output.result),
                    Err(failure) if failure.reason == Reason::Unreachable => None,
                    Err(failure) => Some(&mut failure.result),
                };
                if let Some(result) = result {
                    result.entry("invocation").or_insert(invocation);
                }
            }
            answer
        })
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
