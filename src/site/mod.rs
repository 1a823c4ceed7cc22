//! Everything a plan is made from: playbooks read, modules known, flags and settings as defaults. What a person gave
//! comes in; a [`Plan`] goes out, or everything that is wrong at once.

mod defaults;
mod prompts;

use crate::cli::Options;
use crate::exit::Exit;
use crate::given::{Given, Passwords};
use crate::session::Session;
use crate::terminal;
use muster_engine::diagnostic::{Class, Diagnostics};
use muster_engine::inventory::Pattern;
use muster_engine::module::Registry;
use muster_engine::plan::{Defaults, Plan, Selection, Site};
use muster_engine::playbook::{Loader, Playbook};
use muster_engine::template::{self, Layer, Scope};
use muster_modules::bridge::{Bridge, Ways};
use muster_modules::guests::{Guests, Places};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Playbooks that were read, and all that a plan needs besides.
pub struct Prepared {
    playbook: Playbook,
    site: Site,
    scope: Scope,
}

impl Prepared {
    /// Reads playbooks and passwords.
    ///
    /// # Errors
    /// What the worst mistake asks for.
    pub fn read(
        session: &Session,
        playbooks: &[PathBuf],
        given: Given,
        options: &Options,
    ) -> Result<Self, Exit> {
        Self::of(session, given, options, |loader, found| {
            let read = |path: &PathBuf| {
                // `playbook_dir` and included files are shown whole, wherever the run was started.
                let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                let named =
                    (!path.exists()).then(|| loader.named_playbook(&path.to_string_lossy())).flatten();
                (path.clone(), loader.playbook(&named.unwrap_or(whole), found))
            };
            playbooks.iter().map(read).collect()
        })
    }

    /// The same of a text that is no file; `path` is what it would be called.
    ///
    /// # Errors
    /// What the worst mistake asks for.
    pub fn of_text(
        session: &Session,
        path: &Path,
        text: String,
        given: Given,
        options: &Options,
    ) -> Result<Self, Exit> {
        Self::of(session, given, options, |loader, found| {
            vec![(path.to_path_buf(), loader.playbook_of_text(path, text, found))]
        })
    }

    fn of(
        session: &Session,
        given: Given,
        options: &Options,
        read: impl FnOnce(&Loader, &mut Diagnostics) -> Vec<(PathBuf, Playbook)>,
    ) -> Result<Self, Exit> {
        refused(session, options)?;
        let fact_cache = defaults::fact_cache(session)?;
        let scope = given.scope();
        let mut found = given.found.clone();
        let guests = guests(session);
        template::welcome(Box::new(guests.clone()));
        let loader = Loader::new(
            session.sources.clone(),
            given.secrets.clone(),
            scope.clone(),
            session.settings.roles_path.clone(),
            session.settings.collections_path.clone(),
        );
        let mut playbook = Playbook::default();
        for (path, read) in read(&loader, &mut found) {
            playbook.add(path, read);
        }
        if !defaults::stops_at_mistakes(session) {
            found.forgive();
        }
        let passwords = if found.has_errors() {
            Passwords::default()
        } else {
            session.weigh(&found)?;
            check_limit(session, &given, options)?;
            Passwords::read(session, &options.connect, &options.escalate)?
        };
        let bridge = bridge(session, guests);
        let site = Site {
            loader,
            inventory: given.inventory,
            inventory_sources: given.inputs,
            inventory_options: given.options,
            modules: modules(session, options, &bridge),
            finder: Box::new(bridge),
            selection: selection(session, options),
            defaults: Defaults { fact_cache, ..defaults::of(session, options, passwords) },
            extra: given.extra,
            prompted: Layer::default(),
        };
        if found.has_errors() {
            return Err(everything_wrong(session, found, site, &playbook));
        }
        Ok(Self { playbook, site, scope })
    }

    /// Each playbook with the number of its plays.
    #[must_use]
    pub fn playbooks(&self) -> Vec<(PathBuf, usize)> {
        self.playbook.given.clone()
    }

    /// With the answers to `vars_prompt`.
    ///
    /// # Errors
    /// A question cannot be asked.
    pub fn asked(mut self, session: &Session) -> Result<Self, Exit> {
        self.site.prompted =
            Arc::new(prompts::answers(session, &self.playbook, &self.site.extra, &self.scope)?);
        Ok(self)
    }

    /// The plan.
    ///
    /// # Errors
    /// What the worst mistake asks for.
    pub fn plan(self, session: &Session) -> Result<Plan, Exit> {
        match Plan::build(Arc::new(self.site), &self.playbook) {
            Ok((plan, warnings)) => session.weigh(&warnings).map(|()| plan),
            Err(found) => Err(session.weigh(&found).err().unwrap_or(Exit(crate::exit::ERROR))),
        }
    }
}

/// Says what is wrong with what was read and, as far as it can be drawn, with the plan: all at once.
fn everything_wrong(session: &Session, mut found: Diagnostics, site: Site, playbook: &Playbook) -> Exit {
    let more = match Plan::build(Arc::new(site), playbook) {
        Ok((_, warnings)) => warnings,
        Err(found) => found,
    };
    for one in more.0 {
        if !found.0.contains(&one) {
            found.push(one);
        }
    }
    session.weigh(&found).err().unwrap_or(Exit(crate::exit::ERROR))
}

/// How roads are opened: a key's passphrase is asked for where a person is there to answer.
#[must_use]
pub fn connections() -> muster_connections::Options {
    let prompter = io::stdin().is_terminal().then(|| Arc::new(terminal::Person) as Arc<_>);
    muster_connections::Options { prompter, ..muster_connections::Options::default() }
}

/// Flags that mean something to Ansible and cannot mean anything here.
fn refused(session: &Session, options: &Options) -> Result<(), Exit> {
    let refusals = [
        (
            options.connect.sftp_extra_args.is_some(),
            "--sftp-extra-args",
            "files travel through the ssh session itself; --ssh-common-args says how it is made",
        ),
        (
            options.connect.scp_extra_args.is_some(),
            "--scp-extra-args",
            "files travel through the ssh session itself; --ssh-common-args says how it is made",
        ),
        (
            options.select.step && !io::stdin().is_terminal(),
            "--step without a terminal",
            "it asks before each task; --start-at-task and --tags run a part, --check --diff shows what would happen",
        ),
    ];
    for (given, name, help) in refusals {
        if given {
            let message = format!("`{name}` is not supported");
            return Err(session.stop(Class::Usage, "muster::cli::unsupported", message, help));
        }
    }
    Ok(())
}

/// A limit that names nothing must not become a run on nothing.
fn check_limit(session: &Session, given: &Given, options: &Options) -> Result<(), Exit> {
    let Some(limit) = &options.site.limit else { return Ok(()) };
    let chosen = Pattern::limit(limit).and_then(|pattern| given.inventory.select(&pattern));
    let message = match chosen {
        Ok(chosen) if !chosen.hosts.is_empty() => return Ok(()),
        Ok(_) => "Specified inventory, host pattern and/or --limit leaves us with no hosts to target.".into(),
        Err(bad) => bad.message,
    };
    let names = given.inventory.hosts().chain(given.inventory.group_list()).map(|name| &**name);
    let help = match muster_engine::diagnostic::nearest(limit, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`muster inventory --graph` shows hosts and groups".into(),
    };
    Err(session.stop(Class::Error, "muster::inventory::limit", message, &help))
}

/// What finds the modules that are not built in.
fn bridge(session: &Session, guests: Guests) -> Bridge {
    let settings = &session.settings;
    let events = ["error", "warning", "deprecated", "deprecated_value"].map(String::from);
    let asked = &settings.display_traceback;
    let tracebacks = match asked.iter().any(|event| event == "always") {
        true => events.to_vec(),
        false => events.into_iter().filter(|event| asked.contains(event)).collect(),
    };
    Bridge::new(Ways {
        collections: settings.collections_path.clone(),
        module_utils: settings.module_utils.clone(),
        core: settings.ansible_core.clone(),
        packages: crate::python::packages(),
        python: settings.interpreter_python.clone(),
        remote_tmp: settings.remote_tmp.clone(),
        syslog_facility: settings.syslog_facility.clone(),
        no_target_syslog: settings.no_target_syslog,
        open_files: settings.python_module_rlimit_nofile,
        tracebacks,
        actions: settings.action_plugins.clone(),
    })
    .with_actions(guests)
}

/// What runs the site's own filters, tests, lookups and action plugins.
fn guests(session: &Session) -> Guests {
    let settings = &session.settings;
    Guests::new(Places {
        filters: settings.filter_plugins.clone(),
        tests: settings.test_plugins.clone(),
        lookups: settings.lookup_plugins.clone(),
        collections: settings.collections_path.clone(),
        roles: settings.roles_path.clone(),
        core: settings.ansible_core.clone(),
        packages: crate::python::packages(),
    })
}

/// All modules: built in, and those of `-M` and `library`.
fn modules(session: &Session, options: &Options, bridge: &Bridge) -> Registry {
    let flags = options.module_path.iter().flat_map(|paths| paths.split(':')).map(PathBuf::from);
    let dirs: Vec<PathBuf> = flags.chain(session.settings.library.iter().cloned()).collect();
    let own = bridge.library(&dirs);
    own.into_iter().fold(muster_modules::builtin(), Registry::with_any)
}

fn selection(session: &Session, options: &Options) -> Selection {
    let split = |given: &[String], set: &[String]| -> Vec<String> {
        let given = if given.is_empty() { set } else { given };
        let tags = given.iter().flat_map(|tags| tags.split(',')).map(str::trim);
        tags.filter(|tag| !tag.is_empty()).map(String::from).collect()
    };
    let mut tags = split(&options.select.tags, &session.settings.run_tags);
    if options.select.list_tags && tags.is_empty() {
        tags = ["all", "never"].map(String::from).to_vec();
    }
    Selection {
        limit: options.site.limit.clone(),
        tags,
        skip_tags: split(&options.select.skip_tags, &session.settings.skip_tags),
        start_at: options.select.start_at_task.clone(),
    }
}
