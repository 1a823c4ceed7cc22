//! What a person gave besides playbooks: passwords, inventory, extra variables. Flags and settings come in, typed
//! values go out, and everything that is wrong with them is said at once.

mod extra;
mod passwords;

pub use passwords::{Passwords, Purpose, vault_passwords};

use crate::cli::Site;
use crate::exit::Exit;
use crate::session::Session;
use muster_engine::diagnostic::{Class, Diagnostic, Diagnostics, Severity};
use muster_engine::inventory::{Format, GroupNames, Inventory, LoadOptions};
use muster_engine::template::{Layer, Scope, Surroundings};
use muster_engine::vault::Secrets;
use std::path::Path;
use std::sync::Arc;

/// What a person gave.
pub struct Given {
    /// Vault passwords.
    pub secrets: Arc<Secrets>,
    /// Hosts and groups.
    pub inventory: Inventory,
    /// The inventory's sources, as given.
    pub inputs: Vec<String>,
    /// How they are read.
    pub options: LoadOptions,
    /// `-e`.
    pub extra: Layer,
    /// What is wrong with all of that, not yet said.
    pub found: Diagnostics,
}

impl Given {
    /// Asks for passwords and reads the inventory and extra variables.
    ///
    /// # Errors
    /// A password cannot be had. Mistakes are kept, to be said with those of the playbooks.
    pub fn read(session: &Session, site: &Site) -> Result<Self, Exit> {
        let secrets = passwords::vault(session, &site.vault)?;
        let mut found = Diagnostics::default();
        let extra = Arc::new(extra::read(session, &site.extra_vars, &secrets, &mut found));
        let inputs = inputs(session, site);
        let options = LoadOptions {
            secrets: secrets.clone(),
            ignored_extensions: session.settings.inventory_ignore.clone(),
            // A name that is misspelt must not become a run on no host; Ansible only warns.
            unparsed_is_failed: !session.as_ansible || session.settings.any_unparsed_is_failed,
            script_stderr: session.settings.script_stderr,
            enabled: session.settings.enable_plugins.iter().filter_map(|name| Format::named(name)).collect(),
            // `control-plane` is the name of a group everywhere but in a variable.
            group_names: match session.settings.force_valid_group_names {
                GroupNames::Warned if !session.as_ansible => GroupNames::Kept,
                set => set,
            },
            python: Some(crate::python::own(session)),
            plugins: crate::python::ansible_inventory(session),
            extra: extra.clone(),
        };
        let inventory = Inventory::load(&session.sources, &inputs, &options, &mut found);
        let nothing = |one: &&mut Diagnostic| one.code == "muster::inventory::nothing";
        if session.settings.unparsed_is_failed
            && let Some(one) = found.0.iter_mut().find(nothing)
        {
            one.severity = Severity::Error(Class::Error);
        }
        if !session.settings.unparsed_warning {
            found
                .0
                .retain(|one| one.code != "muster::inventory::nothing" || one.severity != Severity::Warning);
        }
        if inventory.is_empty() && !found.has_errors() && session.settings.localhost_warning {
            let empty = "provided hosts list is empty, only localhost is available. Note that the implicit localhost \
                         does not match 'all'";
            found.push(Diagnostic::warning("muster::inventory::empty", empty));
        }
        Ok(Self { secrets, inventory, inputs, options, extra, found })
    }

    /// The same for what shows the inventory or names this machine: that nothing else is known is no surprise then.
    #[must_use]
    pub fn without_others(mut self) -> Self {
        self.found.0.retain(|one| one.code != "muster::inventory::empty");
        self
    }

    /// The same for what needs no inventory: that none was given is nothing to be warned of.
    #[must_use]
    pub fn without_need(mut self) -> Self {
        let none = ["muster::inventory::nothing", "muster::inventory::empty"];
        let given = !self.inputs.is_empty();
        self.found.0.retain(|one| given || one.severity != Severity::Warning || !none.contains(&one.code));
        self
    }

    /// The same, with what is wrong said now.
    ///
    /// # Errors
    /// What the worst mistake asks for.
    pub fn weighed(mut self, session: &Session) -> Result<Self, Exit> {
        session.weigh(&std::mem::take(&mut self.found))?;
        Ok(self)
    }

    /// What names mean when there is only `-e`.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let around = Surroundings { secrets: self.secrets.clone(), ..Surroundings::default() };
        Scope::new(Arc::new(extra::Known(self.extra.clone())), around)
    }
}

/// The inventory's sources: flags, or settings; a default that does not exist counts as none.
fn inputs(session: &Session, site: &Site) -> Vec<String> {
    if !site.inventory.is_empty() {
        return site.inventory.clone();
    }
    let set = session.settings.inventory.iter().map(|text| text.0.clone());
    set.filter(|input| input != "/etc/ansible/hosts" || Path::new(input).exists()).collect()
}
