//! How a fault came about: what was being done around it, outermost first, and where each was written. Faults collect
//! it on their way out; a report shows it as Ansible shows chains of causes.

use super::Fault;
use crate::source::Span;
use serde_json::{Value as Json, json};

/// Where something is that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// In a file that was read as YAML.
    Written(Span),
    /// In a template file.
    File(String, Option<usize>),
    /// Nowhere: the value itself is shown.
    Value(String),
    /// Where what is around it is.
    Around,
}

/// What stands around a fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// Where the value is written whose template failed.
    pub origin: Option<Spot>,
    /// What was being done, innermost first.
    around: Vec<(String, Option<Spot>)>,
    /// The message before anything was put around it.
    inner: Option<String>,
    /// Whether it is told as it is, and not as the failure of its task.
    pub bare: bool,
}

impl Trail {
    /// Where a result says, for reports, what led to its fault.
    pub const KEY: &str = "_ansible_trail";
}

/// What is said of a text that nobody wrote as an expression or a template.
pub const UNTRUSTED: &str = "Encountered untrusted template or expression.";

impl Fault {
    /// A fault; `span` is where.
    #[must_use]
    pub fn new(message: impl Into<String>, span: Option<Span>) -> Self {
        Self { message: message.into(), span, undefined: false, trail: Box::default() }
    }

    /// The fault of a text that was to be evaluated although nobody wrote it as an expression or a template.
    #[must_use]
    pub fn untrusted(origin: Spot) -> Self {
        Self::new(UNTRUSTED, None).at(origin)
    }

    /// The same, of a value that is written there, unless that is known.
    #[must_use]
    pub fn of(mut self, origin: Span) -> Self {
        self.trail.origin.get_or_insert(Spot::Written(origin));
        self
    }

    /// The same, of a value that is there, unless that is known.
    #[must_use]
    pub fn at(mut self, origin: Spot) -> Self {
        self.trail.origin.get_or_insert(origin);
        self
    }

    /// The same while something else was being done: `said` is a sentence without its full stop.
    #[must_use]
    pub fn while_at(mut self, said: impl Into<String>, spot: Option<Spot>) -> Self {
        let said = said.into();
        let whole = format!("{said}: {}", self.message);
        self.trail.inner.get_or_insert(std::mem::replace(&mut self.message, whole));
        self.trail.around.push((said, spot));
        self
    }

    /// The same while something that is written there was being done.
    #[must_use]
    pub fn within(self, said: impl Into<String>, span: Span) -> Self {
        self.while_at(said, Some(Spot::Written(span)))
    }

    /// The same with each place on a line of arguments shown as that line.
    #[must_use]
    pub fn on_line(mut self, line: Option<Span>) -> Self {
        let Some(line) = line else { return self };
        let within =
            |span: &Span| span.source == line.source && line.start <= span.start && span.end <= line.end;
        let around = self.trail.around.iter_mut().filter_map(|(_, spot)| spot.as_mut());
        for spot in around.chain(self.trail.origin.as_mut()) {
            if let Spot::Written(span) = spot
                && within(span)
            {
                *span = line;
            }
        }
        self
    }

    /// All of it for a report: what was being done from outside to inside, then the message itself.
    #[must_use]
    pub fn causes(&self) -> Json {
        let spot = |spot: &Option<Spot>| match spot {
            Some(Spot::Written(span)) => json!({"span": span}),
            Some(Spot::File(path, line)) => json!({"file": path, "line": line}),
            Some(Spot::Value(text)) => json!({"value": text}),
            Some(Spot::Around) => Json::Null,
            None => match self.span {
                Some(span) => json!({"span": span}),
                None => Json::Null,
            },
        };
        let around = self.trail.around.iter().rev().map(|(said, at)| json!([said, spot(at)]));
        let message = self.trail.inner.as_ref().unwrap_or(&self.message);
        around.chain([json!([message, spot(&self.trail.origin)])]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    #[test]
    fn what_was_being_done_is_told_from_outside_to_inside() {
        let source = Sources::default().add("a.yml", "0123456789");
        let at = |start| Span { source, start, end: start + 1 };
        let fault = Fault::new("'x' is undefined", Some(at(3))).of(at(2)).of(at(9));
        let fault =
            fault.within("Error while resolving value for 'msg'", at(1)).within("Finalization failed", at(0));
        assert_eq!(
            fault.message,
            "Finalization failed: Error while resolving value for 'msg': 'x' is undefined"
        );
        let span = |start| json!({"span": at(start)});
        let whole = json!([
            ["Finalization failed", span(0)],
            ["Error while resolving value for 'msg'", span(1)],
            ["'x' is undefined", span(2)],
        ]);
        assert_eq!(fault.causes(), whole);
    }

    #[test]
    fn a_message_without_a_place_of_its_own_has_none() {
        assert_eq!(Fault::new("no", None).causes(), json!([["no", null]]));
        let file = Fault::new("no", None).at(Spot::File("/t.j2".into(), Some(2)));
        assert_eq!(file.causes(), json!([["no", {"file": "/t.j2", "line": 2}]]));
    }
}
