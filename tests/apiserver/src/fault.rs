//! Faults that a test puts in: answers that come late or say no, connections that are cut, checks of health that fail. A fault
//! holds for the requests it matches, as often as it says.

use std::time::Duration;

use crate::status::Failure;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The answer comes this much later.
    Delay(Duration),
    /// The answer is this refusal.
    Refuse(Failure),
    /// The connection is reset before an answer.
    Reset,
    /// The answer never comes; the connection stays open.
    Hang,
}

impl Fault {
    /// 429 with a Retry-After in seconds, as priority and fairness answers.
    #[must_use]
    pub fn too_many_requests(retry_after: u32) -> Self {
        let failure = Failure::new(429, "TooManyRequests", "Too many requests, please try again later.");
        Self::Refuse(failure.retry(retry_after))
    }

    /// 503 with a Retry-After in seconds, as a server that is going down answers.
    #[must_use]
    pub fn unavailable(retry_after: u32) -> Self {
        let message = "the server is currently unable to handle the request";
        Self::Refuse(Failure::new(503, "ServiceUnavailable", message).retry(retry_after))
    }
}

/// A fault and the requests it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Planted {
    /// What goes wrong.
    pub fault: Fault,
    /// The method, any where it is empty.
    pub method: String,
    /// A part of the path, any where it is empty.
    pub path: String,
    /// How many requests it is still for; none for all.
    pub times: Option<usize>,
}

impl Planted {
    /// A fault for every request.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self { fault, method: String::new(), path: String::new(), times: None }
    }

    /// The same for requests whose path has this part.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        method.clone_into(&mut self.method);
        path.clone_into(&mut self.path);
        self
    }

    /// The same for so many requests only.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        (self.method.is_empty() || self.method == method)
            && path.contains(&self.path)
            && self.times != Some(0)
    }
}

/// The fault for a request, which is counted.
pub fn next(planted: &mut [Planted], method: &str, path: &str) -> Option<Fault> {
    let found = planted.iter_mut().find(|planted| planted.matches(method, path))?;
    if let Some(times) = &mut found.times {
        *times -= 1;
    }
    Some(found.fault.clone())
}
