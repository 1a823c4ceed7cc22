//! Open connections: one per target for the whole run, opened by whoever asks first while others wait for it.

use crate::connection::{Connection, ConnectionError, Connector, Target, Trouble};
use crate::module::Opens;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long the end of a run waits for targets that do not answer.
const PATIENCE: Duration = Duration::from_secs(5);

type Slot = Arc<OnceCell<Arc<dyn Connection>>>;

/// Every open connection of a run.
pub struct Pool {
    connectors: Vec<Arc<dyn Connector>>,
    slots: Mutex<HashMap<Target, Slot>>,
}

impl Pool {
    /// A pool that opens with these connectors.
    #[must_use]
    pub fn new(connectors: Vec<Arc<dyn Connector>>) -> Self {
        Self { connectors, slots: Mutex::default() }
    }

    fn slot(&self, target: &Target) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(target.clone()).or_default();
        if slot.get().is_some_and(|connection| !connection.is_open()) {
            *slot = Slot::default();
        }
        slot.clone()
    }

    async fn open(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectionError> {
        let named =
            |c: &&Arc<dyn Connector>| c.name() == &*target.kind || c.aliases().contains(&&*target.kind);
        let Some(connector) = self.connectors.iter().find(named) else {
            let known = self.connectors.iter().map(|c| c.name()).collect::<Vec<_>>().join(", ");
            let message = format!("the connection plugin '{}' was not found", target.kind);
            return Err(
                ConnectionError::new(Trouble::Unsupported, message).hint(format!("there are: {known}"))
            );
        };
        let slot = self.slot(target);
        slot.get_or_try_init(|| connector.connect(target)).await.cloned()
    }

    /// Waits, not for ever, until what was broken off has been ended on every target.
    pub async fn settled(&self) {
        let open = || -> Vec<Arc<dyn Connection>> {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.values().filter_map(|slot| slot.get().cloned()).collect()
        };
        let connections = open();
        let all = futures_util::future::join_all(connections.iter().map(|connection| connection.settled()));
        let _ = tokio::time::timeout(PATIENCE, all).await;
    }

    /// Forgets every connection to a host.
    pub fn forget_host(&self, host: &str) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).retain(|target, _| &*target.host != host);
    }

    fn forget(&self, target: &Target) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(target);
    }
}

/// The way to one target through the pool.
pub struct Road {
    /// The pool.
    pub pool: Arc<Pool>,
    /// Where to.
    pub target: Target,
}

impl Opens for Road {
    fn target(&self) -> &Target {
        &self.target
    }

    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Connection>, ConnectionError>> {
        Box::pin(self.pool.open(&self.target))
    }

    fn reset(&self) {
        self.pool.forget(&self.target);
    }

    fn local(&self) -> BoxFuture<'_, Result<Arc<dyn Connection>, ConnectionError>> {
        Box::pin(async {
            let here = Target::local("localhost");
            self.pool.open(&here).await
        })
    }
}
