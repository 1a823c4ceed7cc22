//! `muster plan`: what would run, in which order, on which hosts. Nothing is run.

use super::print;
use crate::cli::{Plan, PlanFormat};
use crate::exit::Exit;
use crate::given::Given;
use crate::session::Session;
use crate::site::Prepared;
use muster_engine::plan::Format;

/// Prints the plan.
pub fn run(session: &Session, asked: &Plan) -> Result<Exit, Exit> {
    let given = Given::read(session, &asked.options.site)?;
    let plan = Prepared::read(session, &asked.playbooks, given, &asked.options)?.plan(session)?;
    Ok(print(&plan.print(match asked.format {
        PlanFormat::Text => Format::Text,
        PlanFormat::Dot => Format::Dot,
        PlanFormat::Mermaid => Format::Mermaid,
        PlanFormat::Json => Format::Json,
    })))
}
