//! `ansible.builtin.apt_key`, refused by name: `apt-key` is gone from Debian and Ubuntu, and a key it adds is trusted for
//! every archive. The answer says what to write in its place.

use muster_engine::module::{Check, Context, Failure, Map, Module, Output, Spec};
use std::convert::Infallible;

/// `ansible.builtin.apt_key`.
pub(super) struct AptKey;

impl Module for AptKey {
    const NAME: &'static str = "ansible.builtin.apt_key";
    const SPEC: Spec =
        Spec::new("Refused: keys of archives are files that a source names with `signed-by`.", &[]).open();
    type Args = Map;
    type Change = Infallible;

    async fn check(&self, _args: &Map, _cx: &Context) -> Result<Check<Infallible>, Failure> {
        Err(Failure::new(
            "`apt_key` is not supported: apt-key is removed from Debian and Ubuntu. Put the key in /etc/apt/keyrings/NAME.asc (`get_url` or `copy`) and name it in the source: `deb [signed-by=/etc/apt/keyrings/NAME.asc] URL SUITE COMPONENT`",
        ))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}
