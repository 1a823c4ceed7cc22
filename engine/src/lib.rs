//! The engine of muster: the language, the plan and the run.
//! `Sources → Node → Playbook (+ Inventory) → Plan → Run ⇒ Event… → Recap`: each station is a folder, each arrow one
//! function, and each folder imports only stations to its left. No ssh, no kube, no argv, no terminal here.

pub mod certificate;
pub mod connection;
pub mod diagnostic;
pub mod event;
pub mod inventory;
pub mod module;
pub mod node;
pub mod plan;
pub mod playbook;
pub mod recap;
pub mod run;
pub mod secret;
pub mod source;
pub mod template;
pub mod vault;
