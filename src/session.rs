//! One call of the program: its settings, the texts it read, and the way to speak of what is wrong with them.

use crate::cli::Color;
use crate::exit::Exit;
use crate::report::{diagnostic, harmless, snippet};
use crate::settings::{Duplicates, Settings, World};
use crate::terminal;
use muster_engine::diagnostic::{Class, Diagnostic, Diagnostics, Severity};
use muster_engine::source::{Sources, Span};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

/// One call of the program.
pub struct Session {
    /// What is set.
    pub settings: Settings,
    /// Every text read so far.
    pub sources: Arc<Sources>,
    /// Whether the program was called ansible-playbook.
    pub as_ansible: bool,
    color: Color,
}

impl Session {
    /// Reads the settings and says what is wrong with them.
    ///
    /// # Errors
    /// A setting cannot be understood.
    pub fn open(color: Color, as_ansible: bool) -> Result<Self, Exit> {
        let dir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        let home = std::env::home_dir();
        let text = |(name, _): (std::ffi::OsString, _)| name.into_string().ok();
        let names: Vec<String> = std::env::vars_os().filter_map(text).collect();
        let env = |name: &str| std::env::var(name).ok();
        let world = World { env: &env, names: &names, dir: &dir, home: home.as_deref() };
        let (settings, found) = Settings::load(&world);
        let session = Self { settings, sources: Arc::default(), as_ansible, color };
        session.weigh(&found)?;
        Ok(session)
    }

    /// Whether stdout is painted.
    #[must_use]
    pub fn is_painted(&self) -> bool {
        terminal::has_colour(self.color, std::io::stdout().is_terminal(), &self.settings)
    }

    /// Says all of it on stderr: errors and places as snippets, plain warnings as Ansible's.
    pub fn say(&self, diagnostics: &Diagnostics) {
        let painted = terminal::has_colour(self.color, std::io::stderr().is_terminal(), &self.settings);
        for one in &diagnostics.0 {
            let bare = one.labels.is_empty() && one.path.is_none() && one.help.is_none();
            if bare && one.severity == Severity::Warning {
                anstream::eprintln!("[WARNING]: {}", harmless(&one.message));
                continue;
            }
            if let Some(span) = self.bare_place(one)
                && let Some(place) = snippet(&self.sources, span)
            {
                anstream::eprintln!("[WARNING]: {}\nOrigin: {}\n", harmless(&one.message), harmless(&place));
                continue;
            }
            let one = Diagnostics(vec![one.clone()]);
            eprintln!("{}\n", diagnostic::rendered(&one, &self.sources, painted));
        }
    }

    /// The place of a warning that says as much as Ansible's does, and is shown as Ansible shows it.
    fn bare_place(&self, one: &Diagnostic) -> Option<Span> {
        let bare = self.as_ansible && one.severity == Severity::Warning && one.help.is_none();
        match one.labels.as_slice() {
            [label] if bare && label.text.is_empty() => Some(label.span),
            _ => None,
        }
    }

    /// Says all of it; goes on only if there are no errors.
    ///
    /// # Errors
    /// The exit code that the worst of them asks for.
    pub fn weigh(&self, diagnostics: &Diagnostics) -> Result<(), Exit> {
        let diagnostics = self.duplicates_weighed(diagnostics);
        self.say(&diagnostics);
        if diagnostics.has_errors() { Err(Exit::of_diagnostics(&diagnostics)) } else { Ok(()) }
    }

    /// With keys that a mapping has twice as `duplicate_dict_key` wants them.
    fn duplicates_weighed(&self, diagnostics: &Diagnostics) -> Diagnostics {
        let twice = |one: &Diagnostic| one.code == "muster::node::duplicate";
        let mut all = diagnostics.clone();
        match self.settings.duplicate_dict_key {
            Duplicates::Warn => {}
            Duplicates::Ignore => all.0.retain(|one| !twice(one)),
            Duplicates::Error => {
                for one in all.0.iter_mut().filter(|one| twice(one)) {
                    one.severity = Severity::Error(Class::Parse);
                    one.help = Some("give each key once".into());
                }
            }
        }
        all
    }

    /// Says one error.
    pub fn stop(&self, class: Class, code: &'static str, message: impl Into<String>, help: &str) -> Exit {
        let error = Diagnostic::error(class, code, message);
        let error = if help.is_empty() { error } else { error.help(help) };
        let all = Diagnostics(vec![error]);
        self.say(&all);
        Exit::of_diagnostics(&all)
    }
}
