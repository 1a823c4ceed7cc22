//! What whole-run tests share: a site made from a playbook and an inventory, run by the engine with a local connection
//! and one nobody answers, and its events.

use muster_connections::Options;
use muster_engine::connection::{Connection, ConnectionError, Connector, Target, Trouble};
use muster_engine::diagnostic::Diagnostics;
use muster_engine::event::Event;
use muster_engine::inventory::{Inventory, LoadOptions};
use muster_engine::plan::{Defaults, Plan, Selection, Site};
use muster_engine::playbook::Loader;
use muster_engine::run::Run;
use muster_engine::source::Sources;
use muster_engine::template::{Layer, Scope, Surroundings, Vars};
use std::path::Path;
use std::sync::Arc;

/// A road on which nobody answers: `ansible_connection: ssh` in the cases.
struct Nobody;

impl Connector for Nobody {
    fn name(&self) -> &'static str {
        "ssh"
    }

    fn connect<'a>(
        &'a self,
        target: &'a Target,
    ) -> futures::BoxFuture<'a, Result<Arc<dyn Connection>, ConnectionError>> {
        let message = format!("nobody answers at {}", target.address);
        Box::pin(async { Err(ConnectionError::new(Trouble::Unreachable, message)) })
    }
}

mod futures {
    pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
}

/// Everything besides the playbook, from an inventory file.
pub fn site(inventory: &Path, defaults: Defaults) -> Arc<Site> {
    let mut diagnostics = Diagnostics::default();
    let site = site_of(inventory, defaults, &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    site
}

/// The same; what is wrong with the inventory is in the bag.
pub fn site_of(inventory: &Path, defaults: Defaults, diagnostics: &mut Diagnostics) -> Arc<Site> {
    let sources = Arc::new(Sources::default());
    let extra: Layer = Arc::new(Vars::default());
    let names = muster_engine::plan::Layers::new(vec![extra.clone()]);
    let scope = Scope::new(Arc::new(names), Surroundings::default());
    let loader = Loader::new(sources.clone(), Arc::default(), scope, vec![], vec![]);
    let inputs = vec![inventory.display().to_string()];
    let options = LoadOptions::default();
    let inventory = Inventory::load(&sources, &inputs, &options, diagnostics);
    Arc::new(Site {
        loader,
        inventory,
        inventory_sources: inputs,
        inventory_options: options,
        modules: muster_modules::builtin(),
        finder: Box::new(muster_engine::module::Nothing),
        selection: Selection::default(),
        defaults,
        extra,
        prompted: Arc::default(),
    })
}

/// The plan of a playbook.
pub fn plan(site: &Arc<Site>, playbook: &Path) -> Result<Plan, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let playbook = site.loader.playbook(playbook, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    Plan::build(site.clone(), &playbook).map(|(plan, _)| plan)
}

/// All events of a run.
pub async fn events(plan: Plan) -> Vec<Event> {
    let mut connectors = muster_connections::builtin(Options::default());
    connectors.retain(|connector| connector.name() != "ssh");
    connectors.push(Arc::new(Nobody));
    let mut run = Run::start(plan, connectors);
    let mut events = vec![];
    while let Some(event) = run.next_event().await {
        events.push(event);
    }
    events
}
