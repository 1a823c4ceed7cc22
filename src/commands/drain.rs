//! `muster drain` and `muster uncordon`: the shipped playbooks of those names, told what the flags say. Their screen is kubectl's:
//! what they say while they work and what stopped them, without banners, unless more is asked for with `-v`.

use super::check;
use crate::cli::{Drain, Options, Uncordon};
use crate::exit::Exit;
use crate::report::Shape;
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
    play(session, "uncordon", asked.cluster.variables(&asked.node), &asked.options)
}

fn play(session: &Session, name: &str, vars: Map<String, Json>, options: &Options) -> Result<Exit, Exit> {
    let mut options = options.clone();
    options.site.extra_vars.push(Json::Object(vars).to_string());
    let shape = if options.show.verbose == 0 { Some(Shape::Spoken) } else { None };
    check::shaped(session, name, &options, shape)
}
