//! The run: a plan comes in, one ordered stream of events goes out. One conductor owns all state and decides by the
//! rules of [`batch`]; units are tasks of their own that read shared snapshots and answer once.

mod attempt;
mod background;
pub mod batch;
mod conductor;
mod consult;
mod debugger;
mod edit;
mod errand;
mod hostvars;
mod items;
mod kept;
mod lesson;
mod magic;
mod meta;
mod names;
mod play;
mod pool;
mod question;
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
pub use question::Question;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// How many events may wait for a slow report before the run waits for it.
const BACKLOG: usize = 4096;

/// What comes of a run.
#[derive(Debug)]
pub enum Happening {
    /// Something happened.
    Event(Box<Event>),
    /// A person is asked; nothing happens until there is an answer.
    Question(Question),
}

/// A run under way.
#[derive(Debug)]
pub struct Run {
    events: mpsc::Receiver<Event>,
    questions: mpsc::Receiver<Question>,
    cancel: watch::Sender<bool>,
}

impl Run {
    /// Starts a plan. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(plan: Plan, connectors: Vec<Arc<dyn Connector>>) -> Self {
        let (say, events) = mpsc::channel(BACKLOG);
        let (ask, questions) = mpsc::channel(1);
        let (cancel, cancelled) = watch::channel(false);
        tokio::spawn(Conductor::new(plan, connectors, say, ask, cancelled).run());
        Self { events, questions, cancel }
    }

    /// The next event; nothing after the last.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The next thing to show or to ask, in their order; nothing after the last event.
    pub async fn next(&mut self) -> Option<Happening> {
        tokio::select! {
            biased;
            event = self.events.recv() => event.map(|event| Happening::Event(Box::new(event))),
            Some(question) = self.questions.recv() => Some(Happening::Question(question)),
        }
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
