//! What a run asks the person at the terminal: whether to take a step, what to do about a task. The conductor sends
//! questions and waits; whoever shows the events asks them and gives the answers back.

use tokio::sync::oneshot;

/// A question to the person at the terminal. One that is dropped has no answer.
#[derive(Debug)]
pub struct Question {
    /// What to show before it: what came of the answer before.
    pub said: String,
    /// The question.
    pub prompt: String,
    /// Whether a heading says afterwards what was asked.
    pub headed: bool,
    answer: oneshot::Sender<Option<String>>,
}

impl Question {
    /// A question, and where its answer comes.
    #[must_use]
    pub fn new(said: String, prompt: String, headed: bool) -> (Self, oneshot::Receiver<Option<String>>) {
        let (answer, told) = oneshot::channel();
        (Self { said, prompt, headed, answer }, told)
    }

    /// Gives the line that was typed; nothing if there will be no more.
    pub fn answer(self, line: Option<String>) {
        // A run that was asked to stop waits for no answer.
        let _ = self.answer.send(line);
    }
}
