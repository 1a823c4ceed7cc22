//! The run: a plan comes in, one ordered stream of events goes out. One conductor owns all state and decides by the
//! rules of [`batch`]; units are tasks of their own that read shared snapshots and answer once.

mod attempt;
pub mod batch;
mod conductor;
mod consult;
mod hostvars;
mod items;
mod kept;
mod lesson;
mod magic;
mod meta;
mod names;
mod play;
mod pool;
mod result;
mod road;
mod scene;
mod standing;
mod target;
mod unit;
mod world;

use crate::connection::Connector;
use crate::event::Event;
use crate::plan::Plan;
use conductor::Conductor;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// How many events may wait for a slow report before the run waits for it.
const BACKLOG: usize = 4096;

/// A run under way.
#[derive(Debug)]
pub struct Run {
    events: mpsc::Receiver<Event>,
    cancel: watch::Sender<bool>,
}

impl Run {
    /// Starts a plan. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(plan: Plan, connectors: Vec<Arc<dyn Connector>>) -> Self {
        let (say, events) = mpsc::channel(BACKLOG);
        let (cancel, cancelled) = watch::channel(false);
        tokio::spawn(Conductor::new(plan, connectors, say, cancelled).run());
        Self { events, cancel }
    }

    /// The next event; nothing after the last.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Asks the run to stop: what runs is ended, the recap still comes.
    pub fn cancel(&self) {
        let _ = self.cancel.send(true);
    }

    /// A way to ask from elsewhere, for example from a signal handler.
    #[must_use]
    pub fn canceller(&self) -> watch::Sender<bool> {
        self.cancel.clone()
    }
}
