//! The task debugger, as ansible-core's: a person looks at a task that ended, changes its arguments and variables, and
//! has it run again. Lines come in, words and decisions go out. Expressions are the templates', not Python's.

use super::attempt::Attempts;
use super::edit::Edit;
use super::hostvars::Variables;
use super::unit::Unit;
use crate::module::Map;
use crate::node::{Kind, Node};
use crate::playbook::Action;
use crate::template::{Expr, Fault, Scope, Value, Variable, from_json, pretty, repr, to_json};
use indexmap::IndexMap;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// A task that ended on a host, and what became of it.
pub struct Debugger {
    unit: Unit,
    title: String,
    result: Json,
    last: String,
}

/// What comes of a line.
pub enum Turn {
    /// The next question, with something to show before.
    Ask(String),
    /// The task runs again.
    Redo(Edit),
    /// The result stands.
    Continue,
    /// The run ends.
    Quit,
}

/// The commands and what they do.
const COMMANDS: [(&[&str], &str); 7] = [
    (&["EOF", "q", "quit"], "Ends the run."),
    (&["c", "continue"], "Goes on: the result stands."),
    (&["h", "help"], "Lists the commands, or says what one does."),
    (&["p", "pprint"], "Shows what an expression gives: task, task.args, task_vars, host, result."),
    (&["r", "redo"], "Runs the task again, as it is now."),
    (&["u", "update_task"], "Renders the task's arguments again, with the variables as they are now."),
    (&["task.args[KEY] = VALUE", "task_vars[NAME] = VALUE", "del task.args[KEY]"], "Changes the task."),
];

/// A statement that changes something, taken apart.
struct Change<'a> {
    of_args: bool,
    keys: Vec<&'a str>,
    /// The new value; none for `del`.
    value: Option<&'a str>,
}

impl Debugger {
    /// Looks at a unit that ended with a result; `title` is `TASK: name`.
    #[must_use]
    pub fn new(mut unit: Unit, title: String, result: &Map, rendered: Option<Map>) -> Self {
        unit.edit.rendered = rendered.or(unit.edit.rendered);
        Self { unit, title, result: Json::Object(result.clone()), last: String::new() }
    }

    /// What stands before each line.
    #[must_use]
    pub fn prompt(&self) -> String {
        format!("[{}] {} (debug)> ", self.unit.host, self.title)
    }

    /// Takes a line; none is the end of them. An empty one is the one before once more.
    pub fn hear(&mut self, line: Option<&str>) -> Turn {
        let line = match line {
            None => return Turn::Quit,
            Some(line) if line.trim().is_empty() => self.last.clone(),
            Some(line) => line.trim().to_string(),
        };
        self.last.clone_from(&line);
        let word = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(line.len());
        let (word, rest) = line.split_at(word);
        let said = match word {
            "EOF" | "q" | "quit" => return Turn::Quit,
            "c" | "continue" => return Turn::Continue,
            "r" | "redo" => return Turn::Redo(self.unit.edit.clone()),
            "h" | "help" => help(rest.trim()),
            "p" | "pprint" => self.shown(rest.trim(), |value| pretty(value).unwrap_or_else(|_| repr(value))),
            "u" | "update_task" => self.update(),
            "" if line.starts_with('?') => help(line.trim_start_matches('?').trim()),
            "" if line.is_empty() => String::new(),
            _ => self.statement(&line),
        };
        Turn::Ask(said)
    }

    fn shown(&self, text: &str, print: impl Fn(&Value) -> String) -> String {
        match text {
            "task" => return format!("{}\n", self.title),
            "host" => return format!("{}\n", self.unit.host),
            "result" => return format!("{}\n", print(&from_json(&self.result))),
            _ => {}
        }
        match self.evaluate(text) {
            Ok(value) => format!("{}\n", print(&value)),
            Err(said) => said,
        }
    }

    fn scope(&self) -> Scope {
        let task = &self.unit.task.task;
        let about = json!({
            "name": task.name.as_ref().and_then(Node::as_str),
            "action": self.unit.task.action(),
            "args": self.args(),
            "register": task.register.as_deref(),
        });
        let result = json!({"_result": self.result, "_return_data": self.result});
        let names = self.unit.names();
        let variables = Variables::changed(names, self.unit.edit.front());
        let known = |name: &str, value: Value| (Arc::from(name), Variable::Known(value));
        self.unit.scope().with(IndexMap::from([
            known("task", from_json(&about)),
            known("task_vars", Value::from_object(variables)),
            known("host", from_json(&json!({"name": *self.unit.host}))),
            known("result", from_json(&result)),
        ]))
    }

    fn evaluate(&self, text: &str) -> Result<Value, String> {
        let node = Node { span: self.unit.task.task.span, kind: Kind::Str(text.into()) };
        let expr = Expr::parse(&node).map_err(|found| format!("***SyntaxError: {}\n", found.message))?;
        self.scope().eval(&expr).map_err(|fault| complaint(&fault))
    }

    /// The arguments as they are now: rendered, or as written.
    fn args(&self) -> Map {
        let edit = &self.unit.edit;
        let mut args = edit.rendered.clone().unwrap_or_else(|| match &self.unit.task.task.action {
            Action::Module { args, .. } => {
                let named = args.named.to_json().as_object().cloned().unwrap_or_default();
                let raw = args.raw.as_ref().map(|raw| ("_raw_params".to_string(), raw.to_json()));
                named.into_iter().chain(raw).collect()
            }
            _ => Map::new(),
        });
        edit.apply(&mut args);
        args
    }

    fn update(&mut self) -> String {
        self.unit.edit = self.unit.edit.written_again();
        let scope = self.unit.scope();
        let attempts = Attempts { unit: &self.unit, scope: &scope, front: IndexMap::new() };
        match attempts.rendered() {
            Ok(args) => {
                self.unit.edit.rendered = Some(args);
                String::new()
            }
            Err(fault) => complaint(&fault),
        }
    }

    fn statement(&mut self, line: &str) -> String {
        let Some(change) = Change::read(line) else {
            return self.shown(line, repr);
        };
        self.change(&change).err().unwrap_or_default()
    }

    fn change(&mut self, change: &Change<'_>) -> Result<(), String> {
        let value = match change.value {
            Some(text) => Some(to_json(&self.evaluate(text)?).map_err(|fault| complaint(&fault))?),
            None => None,
        };
        let keys = change.keys.iter().map(|key| {
            let key = to_json(&self.evaluate(key)?).map_err(|fault| complaint(&fault))?;
            Ok(key)
        });
        let keys: Vec<Json> = keys.collect::<Result<_, String>>()?;
        let Some((first, inner)) = keys.split_first() else {
            return match value {
                Some(Json::Object(all)) if change.of_args => {
                    self.unit.edit.set_args(all);
                    Ok(())
                }
                _ => Err("***TypeError: only `task.args` takes a whole mapping\n".into()),
            };
        };
        let name = first.as_str().ok_or_else(|| format!("***KeyError:KeyError({first})\n"))?;
        let known = if change.of_args {
            self.args().get(name).cloned()
        } else {
            self.unit.scope().get(name).ok().flatten().and_then(|value| to_json(&value).ok())
        };
        let value = match inner.split_last() {
            None if value.is_none() && known.is_none() => return Err(no_key(first)),
            None => value,
            Some((last, path)) => {
                let mut whole = known.ok_or_else(|| no_key(first))?;
                let mut slot = &mut whole;
                for key in path {
                    slot = within(slot, key).ok_or_else(|| no_key(key))?;
                }
                put(slot, last, value)?;
                Some(whole)
            }
        };
        match (change.of_args, value) {
            (true, value) => self.unit.edit.set_arg(name, value),
            (false, Some(value)) => self.unit.edit.set_var(name, value),
            (false, None) => return Err("***TypeError: a variable cannot be taken away\n".into()),
        }
        Ok(())
    }
}

impl<'a> Change<'a> {
    /// `task.args['a'][0] = VALUE`, `task_vars['a'] = VALUE`, `del task.args['a']`.
    fn read(line: &'a str) -> Option<Self> {
        let (deletes, text) = match line.strip_prefix("del ") {
            Some(text) => (true, text.trim_start()),
            None => (false, line),
        };
        let (of_args, mut text) = match text.strip_prefix("task.args") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("task_vars")?),
        };
        let mut keys = vec![];
        loop {
            text = text.trim_start();
            let Some(inside) = text.strip_prefix('[') else { break };
            let end = closing(inside)?;
            keys.push(inside.get(..end)?.trim());
            text = inside.get(end + 1..)?;
        }
        if deletes {
            return (text.is_empty() && !keys.is_empty()).then_some(Self { of_args, keys, value: None });
        }
        let value = text.strip_prefix('=').filter(|rest| !rest.starts_with('='))?;
        Some(Self { of_args, keys, value: Some(value.trim()) })
    }
}

/// Where the bracket that was opened before a text closes.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[' | '(' | '{') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']' | ')' | '}') => depth = depth.checked_sub(1)?,
            (None, _) => {}
        }
    }
    None
}

fn no_key(key: &Json) -> String {
    format!("***KeyError:KeyError({})\n", repr(&from_json(key)))
}

/// The index that a number of Python's means in a list.
fn index(key: &Json, len: usize) -> Option<usize> {
    let at = key.as_i64()?;
    let back = usize::try_from(at.unsigned_abs()).ok()?;
    if at < 0 { len.checked_sub(back) } else { Some(back).filter(|at| *at < len) }
}

fn within<'a>(value: &'a mut Json, key: &Json) -> Option<&'a mut Json> {
    match value {
        Json::Object(map) => map.get_mut(key.as_str()?),
        Json::Array(list) => index(key, list.len()).and_then(|at| list.get_mut(at)),
        _ => None,
    }
}

fn put(slot: &mut Json, key: &Json, value: Option<Json>) -> Result<(), String> {
    match (slot, key.as_str(), value) {
        (Json::Object(map), Some(key), Some(value)) => _ = map.insert(key.to_string(), value),
        (Json::Object(map), Some(name), None) => _ = map.shift_remove(name).ok_or_else(|| no_key(key))?,
        (Json::Array(list), _, value) => {
            let at = index(key, list.len()).ok_or_else(|| no_key(key))?;
            list.splice(at..=at, value);
        }
        _ => return Err(no_key(key)),
    }
    Ok(())
}

fn complaint(fault: &Fault) -> String {
    let name = fault.message.strip_suffix("' is undefined").and_then(|rest| rest.strip_prefix('\''));
    match name.filter(|name| fault.undefined && !name.contains(['\'', ' '])) {
        Some(name) => format!("***NameError:NameError(\"name '{name}' is not defined\")\n"),
        None => format!("***{}\n", fault.message),
    }
}

fn help(of: &str) -> String {
    if of.is_empty() {
        let words: Vec<&str> = COMMANDS.iter().take(6).flat_map(|(words, _)| words.iter().copied()).collect();
        let mut words: Vec<&str> = words;
        words.sort_unstable();
        let head = "Documented commands (type help <topic>):";
        let rule = "=".repeat(head.len());
        let (change, _) = COMMANDS.last().copied().unwrap_or_default();
        return format!("\n{head}\n{rule}\n{}\n\nStatements: {}\n\n", words.join("  "), change.join(", "));
    }
    match COMMANDS.iter().find(|(words, _)| words.contains(&of)) {
        Some((_, does)) => format!("{does}\n"),
        None => format!("*** No help on {of}\n"),
    }
}
