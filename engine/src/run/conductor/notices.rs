//! What the rules of a batch said meanwhile, told as events.

use super::super::batch::Notice;
use super::super::consult::Fatal;
use super::{Conductor, State};
use crate::event::{EventKind, Outcome, Status};
use crate::module::Map;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

impl Conductor {
    /// Tells what the rules said meanwhile.
    pub(super) async fn report(&mut self, index: usize) {
        let Some(State::Running(run)) = self.plays.get_mut(index) else { return };
        let notices = std::mem::take(&mut run.advisor.notices);
        let warnings = std::mem::take(&mut run.advisor.warnings);
        let fatal = run.advisor.fatal.take();
        if notices.is_empty() && warnings.is_empty() && fatal.is_none() {
            return;
        }
        let hosts = run.batch.hosts.clone();
        let host = |i: &usize| hosts.get(*i).cloned().unwrap_or_else(|| Arc::from(""));
        let numbers = self.numbers.clone();
        for notice in notices {
            match notice {
                Notice::Included { file, hosts, label } => {
                    let hosts = hosts.iter().map(host).collect();
                    self.tell(EventKind::Included { file, hosts, label }).await;
                }
                Notice::NotIncluded { step, hosts, include, reason } => {
                    let number = numbers.get(&(index, step)).copied().unwrap_or_default();
                    for host in hosts.iter().map(host) {
                        let mut result = Map::new();
                        result.insert("changed".into(), json!(false));
                        result.extend(include.iter().map(|name| ("include".to_string(), json!(name))));
                        result.insert("reason".into(), json!(reason));
                        let outcome =
                            Outcome { status: Status::Failed, ignored: false, rescued: false, result };
                        let (delegate, looped, took) = (None, false, Duration::ZERO);
                        let kind =
                            EventKind::UnitFinished { step: number, host, delegate, looped, outcome, took };
                        self.tell(kind).await;
                    }
                }
                Notice::Saved { handler } => self.tell(EventKind::HandlerSaved { handler }).await,
                Notice::Notified { host: i, handler } => {
                    self.tell(EventKind::HandlerNotified { host: host(&i), handler }).await;
                }
                Notice::Meta { step, host: i } => {
                    let name = host(&i);
                    Box::pin(self.tell_meta(index, step, &name, false)).await;
                }
                Notice::NoMoreHosts => self.tell(EventKind::NoMoreHosts).await,
            }
        }
        for (text, about) in warnings {
            self.tell(EventKind::Warning { text, about }).await;
        }
        if let Some(Fatal { said, exit }) = fatal {
            self.tell(EventKind::RunFailed { text: said }).await;
            self.fatal = Some(exit);
        }
    }
}
