//! The rules by themselves: no tasks, no time, answers scripted per step and host.

use super::{Answer, Batch, Consult, Inclusion, Notice, Verdict};
use crate::plan::{Act, Block, Blocks, Drawing, Gate, HandlerId, Part, Place, Step, StepId, Wait};
use fixedbitset::FixedBitSet;
use std::sync::Arc;

/// Nobody to ask: flags are off, there are no handlers and no files.
#[derive(Default)]
struct Nobody(Vec<Notice>);

impl Consult for Nobody {
    fn run_once(&mut self, _: &Step, _: usize) -> bool {
        false
    }

    fn any_errors_fatal(&mut self, _: &Step, _: usize) -> bool {
        false
    }

    fn handlers(&mut self, _: &Drawing, _: &str) -> Vec<HandlerId> {
        vec![]
    }

    fn grow(
        &mut self,
        _: &mut Drawing,
        _: StepId,
        _: &Inclusion,
        _: &FixedBitSet,
    ) -> Result<Vec<Step>, Option<String>> {
        Ok(vec![])
    }

    fn missing_handler(&mut self, _: &str) {}

    fn say(&mut self, notice: Notice) {
        self.0.push(notice);
    }
}

/// A step that must be answered from outside: a flush with a condition never is here, so gathering stands in for it.
fn step(place: Place, task: &Arc<crate::plan::PlannedTask>) -> Step {
    Step { place, hosts: None, gate: Gate::Open, act: Act::Facts(task.clone()), role: None }
}

fn task() -> Arc<crate::plan::PlannedTask> {
    let sources = crate::source::Sources::default();
    let id = sources.add("t", "x");
    let span = crate::source::Span { source: id, start: 0, end: 1 };
    let node = crate::node::Node { span, kind: crate::node::Kind::Null };
    let dir = Arc::from(std::path::Path::new("."));
    let written = crate::playbook::Task::of_module(span, None, "debug", node, dir);
    Arc::new(crate::plan::PlannedTask {
        task: Arc::new(written),
        around: Arc::default(),
        keywords: crate::playbook::Keywords::default(),
        module: None,
        search: Arc::from([]),
        strong: vec![],
        middle: vec![],
        weak: vec![],
        tags: std::collections::BTreeSet::new(),
    })
}

fn batch(drawing: Drawing, hosts: usize, limit: Option<f64>) -> Batch {
    let names = (0..hosts).map(|i| Arc::from(format!("h{i}"))).collect();
    Batch::new(drawing, names, limit, |_| false, |_| false)
}

/// Runs to the end; gives `step:host` in the order of beginning.
fn walk(batch: &mut Batch, verdict: impl Fn(usize, usize) -> Verdict) -> Vec<String> {
    let mut nobody = Nobody::default();
    let mut seen = vec![];
    loop {
        let mut begun = vec![];
        while let Some(begin) = batch.next(&mut nobody) {
            begun.push(begin);
        }
        if begun.is_empty() {
            assert!(batch.is_through());
            return seen;
        }
        // The last to begin answers first: order of answers must not matter.
        seen.extend(begun.iter().map(|begin| format!("{}:{}", begin.step.index(), begin.host)));
        for begin in begun.into_iter().rev() {
            let verdict = verdict(begin.step.index(), begin.host);
            batch.answer(begin.step, begin.host, Answer::new(verdict), &mut nobody);
        }
    }
}

const FAILED: Verdict = Verdict::Failed { ignored: false };

#[test]
fn under_linear_nobody_takes_the_next_step_before_all_are_through() {
    let mut drawing = Drawing::new(Wait::AllHosts);
    let task = task();
    (0..2).for_each(|_| {
        drawing.push(step(Blocks::ROOT, &task));
    });
    let seen = walk(&mut batch(drawing, 3, None), |_, _| Verdict::Ok);
    assert_eq!(seen, ["0:0", "0:1", "0:2", "1:0", "1:1", "1:2"]);
}

#[test]
fn under_free_a_host_goes_on_alone() {
    let mut drawing = Drawing::new(Wait::SameHost);
    let task = task();
    (0..2).for_each(|_| {
        drawing.push(step(Blocks::ROOT, &task));
    });
    let mut batch = batch(drawing, 2, None);
    let mut nobody = Nobody::default();
    let first = batch.next(&mut nobody).unwrap();
    assert!(batch.next(&mut nobody).is_some());
    batch.answer(first.step, first.host, Answer::new(Verdict::Ok), &mut nobody);
    let second = batch.next(&mut nobody).unwrap();
    assert_eq!((second.step.index(), second.host), (1, first.host));
}

#[test]
fn a_failed_host_is_rescued_and_the_others_skip_the_rescue() {
    let mut drawing = Drawing::new(Wait::AllHosts);
    let task = task();
    let parent = Some(Blocks::ROOT);
    let block = drawing.blocks.add(Block { parent, rescue: true, always: true, outermost: true });
    for part in [Part::Body, Part::Rescue, Part::Always] {
        drawing.push(step(Place { block, part }, &task));
    }
    drawing.push(step(Blocks::ROOT, &task));
    let mut batch = batch(drawing, 2, None);
    let fails = |step, host| if (step, host) == (0, 1) { FAILED } else { Verdict::Ok };
    assert_eq!(walk(&mut batch, fails), ["0:0", "0:1", "1:1", "2:0", "2:1", "3:0", "3:1"]);
    assert!(!batch.is_lost(1) && !batch.state(1).doomed);
}

#[test]
fn a_lost_host_holds_nobody_up() {
    let mut drawing = Drawing::new(Wait::AllHosts);
    let task = task();
    (0..3).for_each(|_| {
        drawing.push(step(Blocks::ROOT, &task));
    });
    let mut batch = batch(drawing, 3, None);
    let verdict = |step, host| match (step, host) {
        (0, 1) => FAILED,
        (1, 2) => Verdict::Unreachable { ignored: false },
        _ => Verdict::Ok,
    };
    assert_eq!(walk(&mut batch, verdict), ["0:0", "0:1", "0:2", "1:0", "1:2", "2:0"]);
    assert!(batch.is_lost(1) && batch.state(1).doomed && !batch.state(2).reachable);
}

#[test]
fn max_fail_percentage_stops_the_play_for_all() {
    let mut drawing = Drawing::new(Wait::AllHosts);
    let task = task();
    (0..2).for_each(|_| {
        drawing.push(step(Blocks::ROOT, &task));
    });
    let mut batch = batch(drawing, 4, Some(25.0));
    let fails = |step, host| if step == 0 && host < 2 { FAILED } else { Verdict::Ok };
    assert_eq!(walk(&mut batch, fails).len(), 4);
    assert!(batch.endings.broken);
}
