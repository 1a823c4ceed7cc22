//! `muster drain` and `muster uncordon`: the shipped playbooks of those names, told what the flags say. Their plays speak for
//! themselves, so that the screen is kubectl's; no inventory is needed, for this machine's kubeconfig will do.

use super::check;
use super::run::Inventory;
use crate::cli::{Drain, Options, Uncordon};
use crate::exit::Exit;
use crate::session::Session;
use muster_engine::diagnostic::{Diagnostic, Diagnostics};
use serde_json::{Map, Value as Json};

/// Drains a node.
pub fn drain(session: &Session, asked: &Drain) -> Result<Exit, Exit> {
    if asked.delete_local_data {
        let text = "--delete-local-data is the old name of --delete-emptydir-data; both are taken";
        session.say(&Diagnostics(vec![Diagnostic::warning("muster::drain::renamed", text)]));
    }
    play(session, "drain", asked.variables(), &asked.options)
}

/// Lets pods come to a node again.
pub fn uncordon(session: &Session, asked: &Uncordon) -> Result<Exit, Exit> {
    play(session, "uncordon", asked.nodes.variables(&asked.cluster), &asked.options)
}

fn play(session: &Session, name: &str, vars: Map<String, Json>, options: &Options) -> Result<Exit, Exit> {
    let mut options = options.clone();
    options.site.extra_vars.push(Json::Object(vars).to_string());
    check::play(session, name, &options, Inventory::Spared)
}
