//! What a task can ask for. A module's [`Spec`] says which arguments it takes; rendered arguments and a [`Context`]
//! come in, an [`Output`] or a [`Failure`] goes out. Modules know nothing of plays, tasks or other hosts.

mod any;
mod context;
mod convert;
mod errand;
mod finder;
mod jobs;
mod live;
mod output;
mod python;
mod registry;
mod spec;
mod types;
mod written;

pub use any::AnyModule;
pub use context::{Context, Opens};
pub(crate) use context::{defaults_of, is_called};
pub use errand::{About, Errand, Nobodys};
pub use finder::{Finder, Found, Nearby, Nothing};
pub use jobs::Jobs;
pub use live::{Live, Said};
pub use output::{
    CALLED, CAUSE, Failure, JUDGED, NEVER_VERBOSE, Output, PASSED_OVER, Reason, SAID, VERBOSE, braces_go,
};
pub use python::{ascii as ascii_json, str as python_str, type_name as python_type};
pub use registry::Registry;
pub use spec::{Kind, Manners, Opt, Side, Spec};

use serde::de::DeserializeOwned;
use std::future::Future;

/// A JSON object in the order of its keys: arguments and results.
pub type Map = serde_json::Map<String, serde_json::Value>;

/// What looking found.
#[derive(Debug)]
pub enum Check<C> {
    /// The host is already so, or there was only something to read: this is the answer.
    Done(Output),
    /// A change is needed. In check mode `foreseen` is the answer; else `change` goes to [`Module::apply`], whose
    /// output gets `foreseen`'s `diff`.
    Would {
        /// What `apply` must know.
        change: C,
        /// The answer in check mode, `changed: true` unless it says otherwise.
        foreseen: Output,
    },
}

/// One kind of work a task can ask for: `command`, `copy`, `wait_ssh`.
///
/// A module works in two halves: `check` looks and never changes anything, `apply` makes the change that `check`
/// found needed. Check mode is the engine stopping after the first half, so no module carries a flag for it.
/// Arguments are rendered and `when` is settled before; retries, `changed_when`, `failed_when` and `register` come
/// after. Cancelling is dropping the future.
pub trait Module: Send + Sync + 'static {
    /// The full name: `ansible.builtin.copy`. The last part is the short name.
    const NAME: &'static str;
    /// What it takes: checked, converted and documented from here.
    const SPEC: Spec;
    /// The arguments after [`Spec::convert`]: one field per option, defaults filled in.
    type Args: DeserializeOwned + Send + Sync;
    /// What `apply` must know; `std::convert::Infallible` for a module that only reads.
    type Change: Send;

    /// Finds whether the host is already as `args` ask.
    fn check(
        &self,
        args: &Self::Args,
        cx: &Context,
    ) -> impl Future<Output = Result<Check<Self::Change>, Failure>> + Send;

    /// Makes the change; called at most once after a `check`, never in check mode.
    fn apply(
        &self,
        change: Self::Change,
        cx: &Context,
    ) -> impl Future<Output = Result<Output, Failure>> + Send;
}
