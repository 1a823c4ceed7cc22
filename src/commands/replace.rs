//! `muster replace`: a shipped playbook, told by flags what it would else be told by variables.

use super::check;
use crate::cli::Replace;
use crate::exit::Exit;
use crate::session::Session;
use serde_json::Value as Json;

/// Runs the playbook that replaces what was named.
pub fn run(session: &Session, asked: &Replace) -> Result<Exit, Exit> {
    let (playbook, vars, options) = asked.asked();
    let mut options = options.clone();
    // Before what `-e` says: whoever writes both means the variable.
    options.site.extra_vars.insert(0, Json::Object(vars).to_string());
    check::run(session, playbook, &options)
}
