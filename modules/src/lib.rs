//! The works: what a task can ask for. [`builtin`] gives every module; each is one file or folder, grouped by what
//! it is about. Modules know the engine's interfaces and nothing of plays, ssh or the terminal.

mod actions;
pub mod bridge;
pub mod command;
pub mod etcd;
pub mod files;
pub mod flow;
pub mod guests;
pub mod kube;
pub mod net;
mod operator;
mod options;
pub mod packages;
pub mod system;
mod tool;

use muster_engine::module::Registry;

/// Every module that is built in.
#[must_use]
pub fn builtin() -> Registry {
    let registry = command::add(Registry::default());
    let clusters = kube::Clusters::default();
    let registry = etcd::add(registry, &clusters);
    let registry = files::register(registry);
    let registry = flow::add(registry);
    let registry = kube::add(registry, &clusters);
    let registry = net::add(registry);
    let registry = packages::add(registry);
    system::add(registry)
}
