//! Asking the person at the terminal. The face says how; a connector without a prompter never asks.

use futures_util::future::BoxFuture;
use muster_engine::connection::Secret;

/// Asks for secrets.
pub trait Prompter: Send + Sync {
    /// Shows a question and gives the answer, which is not shown; none when nobody answers.
    fn secret<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Option<Secret>>;
}
