//! Variables that take the name of a keyword or of a function: legal, and worth a warning. What a task taught and the task
//! come in, warnings with the place of each name go out.

use super::super::lesson::Lesson;
use crate::node::Mapping;
use crate::plan::PlannedTask;
use crate::playbook::{Action, is_reserved, reserved};
use crate::source::Span;
use std::sync::Arc;

/// A warning for each such name; that of `register` was told when the task was read.
pub(super) fn warnings(lessons: &[Lesson], task: Option<&Arc<PlannedTask>>) -> Vec<(String, Option<Span>)> {
    let written = task.map(|task| &task.task);
    let args = written.and_then(|task| match &task.action {
        Action::Module { args, .. } => args.named.as_map(),
        _ => None,
    });
    let registered = written.and_then(|task| task.register.as_deref());
    let place = |map: &Mapping, name: &str| map.entry(name).map(|(key, _)| key.span);
    let mut found = vec![];
    for lesson in lessons {
        for name in
            lesson.names().iter().filter(|name| is_reserved(name) && registered != Some(name.as_str()))
        {
            let at = match lesson {
                Lesson::Included(map) => place(map, name),
                _ => args.and_then(|args| place(args, name)),
            };
            found.push((reserved(name), at));
        }
    }
    found
}
