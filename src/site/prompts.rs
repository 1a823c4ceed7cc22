//! `vars_prompt`: questions of the plays, asked before anything runs. A variable that `-e` gives is not asked for, and
//! where there is no terminal the default is the answer.

use crate::exit::Exit;
use crate::report::harmless;
use crate::session::Session;
use crate::terminal;
use muster_engine::diagnostic::{Class, Diagnostic, Diagnostics};
use muster_engine::node::{Kind, Node};
use muster_engine::playbook::{Play, Playbook, Prompt};
use muster_engine::template::{Layer, Scope, Variable, Vars};
use std::io::{self, IsTerminal};
use std::sync::Arc;

/// The answers to every play's questions; of two questions for one variable only the first is asked.
pub fn answers(session: &Session, playbook: &Playbook, extra: &Layer, scope: &Scope) -> Result<Vars, Exit> {
    let mut vars = Vars::default();
    for play in &playbook.plays {
        for prompt in &play.vars_prompt {
            if extra.get(&prompt.name).is_some() || vars.get(&prompt.name).is_some() {
                continue;
            }
            let answer = answer(session, play, prompt, scope)?;
            vars.0.insert(prompt.name.clone(), answer);
        }
    }
    Ok(vars)
}

fn answer(session: &Session, play: &Play, prompt: &Prompt, scope: &Scope) -> Result<Variable, Exit> {
    let text = |node: &Option<Node>| node.as_ref().and_then(|node| scope.text(node).ok());
    let default = text(&prompt.default);
    let question = match (text(&prompt.text), &default) {
        (Some(text), Some(default)) => format!("{text} [{default}]: "),
        (Some(text), None) => format!("{text}: "),
        (None, _) => format!("input for {}: ", prompt.name),
    };
    let typed = if io::stdin().is_terminal() {
        ask(&harmless(&question), prompt).map_err(|error| {
            let message = format!("cannot ask for `{}`: {error}", prompt.name);
            let help = format!("give it on the command line: -e {}=...", prompt.name);
            session.stop(Class::Usage, "muster::prompt::nobody", message, &help)
        })?
    } else {
        let message = "Not prompting as we are not in interactive mode";
        session.say(&Diagnostics(vec![Diagnostic::warning("muster::prompt::nobody", message)]));
        String::new()
    };
    let typed = match (typed.is_empty(), default) {
        (true, Some(default)) => default,
        // Nobody was asked and nothing was meant: as Ansible, nothing is what the variable holds.
        (true, None) if !io::stdin().is_terminal() => {
            return Ok(Variable::Written(Node { span: play.span, kind: Kind::Null }));
        }
        _ => typed,
    };
    let kind = Kind::Str(encrypted(session, prompt, typed, play, scope)?.into());
    let node = Node { span: play.span, kind };
    let node = if prompt.raw { Node { span: play.span, kind: Kind::Unsafe(Arc::new(node)) } } else { node };
    Ok(Variable::Written(node))
}

fn ask(question: &str, prompt: &Prompt) -> io::Result<String> {
    let once = |question: &str| match prompt.private {
        true => terminal::ask_secret(question).map(|secret| secret.reveal().to_string()),
        false => terminal::ask(question),
    };
    loop {
        let typed = once(question)?;
        if !prompt.confirm || once(&format!("confirm {question}"))? == typed {
            return Ok(typed);
        }
        eprintln!("***** VALUES ENTERED DO NOT MATCH ****");
    }
}

/// The answer as its hash, if that is what the play wants.
fn encrypted(
    session: &Session,
    prompt: &Prompt,
    typed: String,
    play: &Play,
    scope: &Scope,
) -> Result<String, Exit> {
    let Some(scheme) = &prompt.encrypt else { return Ok(typed) };
    let node = |kind| Node { span: play.span, kind };
    let secret = node(Kind::Unsafe(Arc::new(node(Kind::Str(typed.into())))));
    let front = [("muster_prompted", secret), ("muster_scheme", node(Kind::Str(scheme.clone())))];
    let front = front.map(|(name, node)| (Arc::from(name), Variable::Written(node)));
    let filter = node(Kind::Str("{{ muster_prompted | password_hash(muster_scheme) }}".into()));
    scope.with(front.into_iter().collect()).text(&filter).map_err(|fault| {
        let message = format!("`{}` cannot be encrypted with `{scheme}`: {}", prompt.name, fault.message);
        session.stop(Class::Parse, "muster::prompt::encrypt", message, "")
    })
}
