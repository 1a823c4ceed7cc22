//! Loops: the items of `loop` and `with_*`, what names an item has, and the one result of many.

use super::attempt::Done;
use super::result::says;
use super::target::{flag, setting};
use crate::module::Map;
use crate::node::{Kind, Mapping, Node};
use crate::plan::PlannedTask;
use crate::playbook::{LoopControl, Loops};
use crate::template::{Expr, Fault, Scope, Value, Variable, lookup, to_json};
use indexmap::IndexMap;
use minijinja::value::ValueKind;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;

/// The items of a task's loop; nothing for a task without one.
///
/// # Errors
/// A template fails, a lookup fails, or `loop` gives no list.
pub fn of(task: &PlannedTask, scope: &Scope) -> Result<Option<Vec<Value>>, Fault> {
    let Some(repeat) = &task.task.repeat else { return Ok(None) };
    let wrong = |message: String| Fault::new(message, Some(repeat.items.span)).of(repeat.items.span);
    let list = |value: &Value| -> Result<Vec<Value>, Fault> {
        let items = value.try_iter().map_err(|error| wrong(error.to_string()))?;
        items.checked().collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))
    };
    let omits = matches!(&repeat.loops, Loops::With(name) if name.ends_with("first_found"));
    let rendered = match omits {
        true => scope.render(&known(&repeat.items, scope)),
        false => scope.render(&repeat.items),
    }?;
    if Scope::is_omit(&rendered) {
        return Err(wrong("A template was resolved to an Omit scalar.".into()));
    }
    match &repeat.loops {
        Loops::Loop => {
            if !matches!(rendered.kind(), ValueKind::Seq | ValueKind::Iterable) {
                let kind = python_type(&rendered);
                return Err(wrong(format!("The `loop` value must resolve to a 'list', not '{kind}'.")));
            }
            list(&rendered).map(Some)
        }
        Loops::With(name) => {
            let terms = match rendered.kind() {
                ValueKind::Seq | ValueKind::Iterable => list(&rendered)?,
                _ => vec![rendered],
            };
            let found = lookup(scope, name, terms.into(), folder(task.action()))?;
            list(&found).map(Some)
        }
    }
}

/// What is written, without the items and values that are undefined: `with_first_found` passes over them.
fn known(node: &Node, scope: &Scope) -> Node {
    let stays = |inner: &Node| !scope.render(inner).is_err_and(|fault| fault.undefined);
    let kind = match &node.kind {
        Kind::Seq(items) => Kind::Seq(items.iter().map(|item| known(item, scope)).filter(stays).collect()),
        Kind::Map(map) => {
            let pairs = map.iter().map(|(key, value)| (key.clone(), known(value, scope)));
            Kind::Map(Arc::new(Mapping(pairs.filter(|(_, value)| stays(value)).collect())))
        }
        other => other.clone(),
    };
    Node { span: node.span, kind }
}

/// Where `with_first_found` looks for what the task names.
fn folder(action: &str) -> &'static str {
    match action {
        template if template.contains("template") => "templates",
        var if var.contains("var") => "vars",
        _ => "files",
    }
}

/// What stands for an item that has no label.
pub fn plain(item: &Value) -> String {
    match item.as_str() {
        Some(text) => text.to_string(),
        None => crate::template::text_of(item).unwrap_or_default(),
    }
}

fn python_type(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::String => "str",
        ValueKind::Bool => "bool",
        ValueKind::None => "NoneType",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::Map => "dict",
        _ => "object",
    }
}

/// What is the same for every item of one loop on one host.
pub struct Frame<'a> {
    loop_var: Arc<str>,
    index_var: Option<Arc<str>>,
    control: Option<&'a LoopControl>,
    extended: bool,
    all_items: bool,
    /// Between items.
    pub pause: Option<Duration>,
}

impl<'a> Frame<'a> {
    /// `loop_control` for a host.
    ///
    /// # Errors
    /// A template of it fails.
    pub fn new(control: Option<&'a LoopControl>, scope: &Scope) -> Result<Self, Fault> {
        let name = |node: Option<&crate::node::Node>| node.map(|node| scope.text(node)).transpose();
        let yes = |keyword, otherwise| Ok::<_, Fault>(flag(keyword, scope)?.unwrap_or(otherwise));
        let pause = setting(control.and_then(|c| c.pause.as_ref()), scope, "float", |text| {
            text.trim().parse::<f64>().ok()
        })?;
        Ok(Self {
            loop_var: Arc::from(
                name(control.and_then(|c| c.loop_var.as_ref()))?.unwrap_or_else(|| "item".into()),
            ),
            index_var: name(control.and_then(|c| c.index_var.as_ref()))?.map(Arc::from),
            control,
            extended: yes(control.and_then(|c| c.extended.as_ref()), false)?,
            all_items: yes(control.and_then(|c| c.extended_allitems.as_ref()), true)?,
            pause: pause.filter(|p| *p > 0.0).map(Duration::from_secs_f64),
        })
    }

    /// What to say where the item's name is another variable's already.
    #[must_use]
    pub fn in_use(&self, scope: &Scope) -> Option<String> {
        let used = scope.has(&self.loop_var);
        used.then(|| {
            format!(
                "The loop variable '{}' is already in use. You should set the `loop_var` value in the `loop_control` \
                 option for the task to something else to avoid variable collisions and unexpected behavior.",
                self.loop_var
            )
        })
    }

    /// The names an item brings.
    #[must_use]
    pub fn front(&self, index: usize, list: &[Value]) -> IndexMap<Arc<str>, Variable> {
        let mut front = IndexMap::new();
        let mut add = |name: &str, value: Value| front.insert(Arc::from(name), Variable::Known(value));
        add("ansible_loop_var", Value::from(&*self.loop_var));
        add(&self.loop_var, list.get(index).cloned().unwrap_or_default());
        if let Some(name) = &self.index_var {
            add("ansible_index_var", Value::from(&**name));
            add(name, Value::from(index));
        }
        if self.extended {
            add("ansible_loop", self.extended(index, list));
        }
        front
    }

    fn extended(&self, index: usize, list: &[Value]) -> Value {
        let length = list.len();
        let mut pairs = vec![
            ("index", Value::from(index + 1)),
            ("index0", Value::from(index)),
            ("first", Value::from(index == 0)),
            ("last", Value::from(index + 1 == length)),
            ("length", Value::from(length)),
            ("revindex", Value::from(length - index)),
            ("revindex0", Value::from(length - index - 1)),
        ];
        if self.all_items {
            pairs.push(("allitems", Value::from(list.to_vec())));
        }
        pairs.extend(list.get(index + 1).map(|next| ("nextitem", next.clone())));
        if index > 0 {
            pairs.extend(list.get(index - 1).map(|before| ("previtem", before.clone())));
        }
        Value::from_pairs(pairs)
    }

    /// The item as reports show it.
    ///
    /// # Errors
    /// The label's template fails.
    pub fn label(&self, item: &Value, scope: &Scope) -> Result<String, Fault> {
        match self.control.and_then(|control| control.label.as_ref()) {
            Some(label) => scope.text(label),
            None => Ok(plain(item)),
        }
    }

    /// Whether a label names its item where a file is included: one that Python takes for false does not.
    #[must_use]
    pub fn names(&self, item: &Value, label: &str) -> bool {
        match self.control.and_then(|control| control.label.as_ref()) {
            Some(_) => !label.is_empty(),
            None => item.is_true(),
        }
    }

    /// Adds what an item's result says of its item.
    pub fn describe(&self, result: &mut Map, index: usize, item: &Value, list: &[Value]) {
        result.insert(self.loop_var.to_string(), to_json(item).unwrap_or_default());
        result.insert("ansible_loop_var".into(), json!(*self.loop_var));
        if let Some(name) = &self.index_var {
            result.insert(name.to_string(), json!(index));
            result.insert("ansible_index_var".into(), json!(**name));
        }
        if self.extended {
            result.insert("ansible_loop".into(), to_json(&self.extended(index, list)).unwrap_or_default());
        }
    }

    /// `break_when`.
    ///
    /// # Errors
    /// A condition cannot be evaluated.
    pub fn is_over(&self, scope: &Scope) -> Result<bool, Fault> {
        let conditions: &[Expr] = self.control.map_or(&[], |control| &control.break_when);
        for condition in conditions {
            if !scope.holds(condition)? {
                return Ok(false);
            }
        }
        Ok(!conditions.is_empty())
    }
}

/// The one result of many items.
#[must_use]
pub fn summary(all: Vec<Done>) -> Done {
    if all.is_empty() {
        let mut result = Map::new();
        result.insert("changed".into(), json!(false));
        result.insert("results".into(), json!([]));
        result.insert("skipped".into(), json!(true));
        result.insert("skipped_reason".into(), json!("No items in the list"));
        return Done::of(result);
    }
    let any = |key: &str| all.iter().any(|done| says(&done.result, key));
    let skipped = all.iter().all(|done| says(&done.result, "skipped"));
    let (changed, failed, unreachable) = (any("changed"), any("failed"), any("unreachable"));
    let failing = || all.iter().filter(|done| says(&done.result, "failed"));
    let mut summary = Done::of(Map::new());
    summary.ignore_errors = failed && failing().all(|done| done.ignore_errors);
    summary.ignore_unreachable =
        all.iter().filter(|done| says(&done.result, "unreachable")).all(|done| done.ignore_unreachable);
    summary.no_log = all.iter().any(|done| done.no_log);
    summary.delegate = all.iter().rev().find_map(|done| done.delegate.clone());
    let mut notify: Vec<String> = vec![];
    for done in &all {
        notify.extend(done.notify.iter().filter(|name| !notify.contains(name)).cloned().collect::<Vec<_>>());
    }
    summary.notify = notify;
    let mut warnings = vec![];
    let mut results = vec![];
    for mut done in all {
        if let Some(Json::Array(list)) = done.result.shift_remove("warnings") {
            warnings.extend(list);
        }
        results.push(Json::Object(done.result));
    }
    let message = match (failed, skipped) {
        (_, true) => "All items skipped",
        (true, false) => "One or more items failed",
        (false, false) => "All items completed",
    };
    let result = &mut summary.result;
    result.insert("changed".into(), json!(changed));
    if failed {
        result.insert("failed".into(), json!(true));
    }
    if unreachable {
        result.insert("unreachable".into(), json!(true));
    }
    result.insert("msg".into(), json!(message));
    result.insert("results".into(), Json::Array(results));
    result.insert("skipped".into(), json!(skipped));
    if !warnings.is_empty() {
        result.insert("warnings".into(), Json::Array(warnings));
    }
    summary
}
