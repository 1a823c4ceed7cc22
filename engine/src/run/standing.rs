//! What goes on from batch to batch and from play to play: who failed, who was lost, and the exit code so far
//! (the checkpoint of `docs/design/plan-and-run.md`).

use super::batch::Batch;
use std::collections::HashSet;
use std::sync::Arc;

/// Failed hosts, lost hosts, and what the run would exit with now.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Hosts that failed.
    pub failed: HashSet<Arc<str>>,
    /// Hosts that could not be reached.
    pub unreachable: HashSet<Arc<str>>,
    /// The exit code of the last batch.
    pub exit: u8,
}

/// What follows from a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next batch, or the next play.
    GoOn,
    /// No further batch of this play.
    Over,
    /// Nothing further.
    Stop,
}

impl Standing {
    /// Takes stock of a batch that is through.
    pub fn record(&mut self, batch: &Batch) -> Next {
        let before = self.failed.len() + self.unreachable.len();
        let failed_earlier = !self.failed.is_empty();
        let mut lost_any = false;
        for (i, host) in batch.hosts.iter().enumerate() {
            let (state, lost) = (batch.state(i), batch.is_lost(i));
            lost_any |= lost;
            let marks = [(lost || state.doomed, &mut self.failed), (!state.reachable, &mut self.unreachable)];
            for (marked, set) in marks {
                if marked {
                    set.insert(host.clone());
                } else {
                    set.remove(host);
                }
            }
        }
        let newly = (self.failed.len() + self.unreachable.len()).saturating_sub(before);
        self.exit = if batch.endings.broken {
            2
        } else if !self.unreachable.is_empty() {
            4
        } else if lost_any || failed_earlier {
            2
        } else {
            0
        };
        if batch.endings.play {
            Next::Over
        } else if newly == batch.hosts.len() {
            Next::Stop
        } else {
            Next::GoOn
        }
    }
}
