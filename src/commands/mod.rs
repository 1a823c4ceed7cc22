//! The verbs, one file each: an invocation comes in, an exit code goes out.

mod adhoc;
mod check;
mod completion;
mod doc;
mod drain;
mod inventory;
mod listing;
mod plan;
mod playbooks;
mod replace;
mod retry;
mod run;
mod unpacked;
mod vault;

use crate::cli::{Color, Invocation, Verb};
use crate::exit::Exit;
use crate::session::Session;

/// Does what was asked for.
#[must_use]
pub fn run(invocation: Invocation) -> Exit {
    dispatch(invocation).unwrap_or_else(|exit| exit)
}

fn dispatch(invocation: Invocation) -> Result<Exit, Exit> {
    let open = |color| Session::open(color, invocation.as_ansible);
    match invocation.verb {
        Verb::Run(asked) => {
            let session = open(asked.options.show.color)?;
            match asked.playbooks.as_slice() {
                [one] if playbooks::is_shipped(one) => {
                    check::run(&session, &one.to_string_lossy(), &asked.options)
                }
                all => run::run(&session, all, &asked.options),
            }
        }
        Verb::AdHoc(asked) => adhoc::run(&open(asked.show.color)?, &asked),
        Verb::Drain(asked) => drain::drain(&open(asked.options.show.color)?, &asked),
        Verb::Uncordon(asked) => drain::uncordon(&open(asked.options.show.color)?, &asked),
        Verb::Check(asked) => check::run(&open(asked.options.show.color)?, &asked.name, &asked.options),
        Verb::Replace(asked) => replace::run(&open(asked.asked().2.show.color)?, &asked),
        Verb::Plan(asked) => plan::run(&open(asked.options.show.color)?, &asked),
        Verb::Inventory(asked) => inventory::run(&open(Color::Auto)?, &asked),
        Verb::Vault(asked) => vault::run(&open(Color::Auto)?, &asked),
        Verb::Doc(asked) => doc::run(&open(Color::Auto)?, &asked),
        Verb::Playbooks(asked) => playbooks::run(&open(Color::Auto)?, &asked.action),
        Verb::Completion { shell } => completion::run(shell),
    }
}

/// Writes a text to stdout; a reader that went away wants no more of it.
fn print(text: &str) -> Exit {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Exit(crate::exit::OK),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit(crate::exit::OK),
        Err(_) => Exit(crate::exit::ERROR),
    }
}
