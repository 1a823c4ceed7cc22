//! Nodes as values that are rendered when they are touched. A [`Core`] and a [`Node`] come in, values go out; maps and
//! lists are objects over the shared node, and a nested template is rendered once per scope. Only written text is ever
//! rendered. Lazy values hold their scope weakly: they live no longer than the evaluation.

use super::compile::compile;
use super::owned::owned;
use super::rewrite::Mode;
use super::{Fault, Names, Surroundings, Value, Variable, fault, is_template, place, vault};
use crate::node::{Kind, Mapping, Node};
use minijinja::value::{Enumerator, Object, ObjectRepr};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// What a scope is made of, with what was rendered so far.
pub struct Core {
    pub names: Arc<dyn Names>,
    pub around: Surroundings,
    memo: Mutex<HashMap<Arc<str>, Value>>,
    me: Weak<Core>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.names.fmt(f)
    }
}

/// Deepest chain of variables that are templates of one another.
const DEEPEST: usize = 150;
/// Deepest collection inside of collections: more than can be written, so that only one that holds itself gets there.
const INNERMOST: usize = 220;

const ENDLESS: &str = "Recursive loop detected in template: maximum recursion depth exceeded";

thread_local! {
    /// The scopes being evaluated, innermost last.
    static CURRENT: RefCell<Vec<Arc<Core>>> = const { RefCell::new(vec![]) };
    /// The texts being rendered, each with its scope, by address.
    static RENDERING: RefCell<Vec<(usize, usize)>> = const { RefCell::new(vec![]) };
}

/// Drops the last entry, also when a filter panics.
struct Leave<T: 'static>(&'static std::thread::LocalKey<RefCell<Vec<T>>>);

impl<T> Drop for Leave<T> {
    fn drop(&mut self) {
        self.0.with_borrow_mut(|stack| drop(stack.pop()));
    }
}

/// The scope that is being evaluated on this thread.
pub fn current() -> Option<Arc<Core>> {
    CURRENT.with_borrow(|stack| stack.last().cloned())
}

impl Core {
    pub fn new(names: Arc<dyn Names>, around: Surroundings) -> Arc<Self> {
        Arc::new_cyclic(|me| Self { names, around, memo: Mutex::default(), me: me.clone() })
    }

    /// Does something as this scope: filters and lookups find it with [`current`].
    pub fn current<T>(self: &Arc<Self>, act: impl FnOnce() -> T) -> T {
        CURRENT.with_borrow_mut(|stack| stack.push(self.clone()));
        let _leave = Leave(&CURRENT);
        act()
    }

    /// A variable as a value, rendered when touched.
    pub fn variable(self: &Arc<Self>, name: &str) -> Option<Value> {
        if let Some(value) = self.memo.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(value.clone());
        }
        match self.names.get(name)? {
            Variable::Known(value) => Some(value),
            Variable::Written(node) => {
                let value = self.value(&node);
                if is_costly(&node) && !value.is_undefined() {
                    let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
                    memo.insert(name.into(), value.clone());
                }
                Some(value)
            }
        }
    }

    /// A node as a value: text is rendered now, what is inside of collections when it is touched.
    pub fn value(self: &Arc<Self>, node: &Node) -> Value {
        match &node.kind {
            Kind::Str(text) if is_template(text) => {
                self.render(node, text).unwrap_or_else(|fault| match fault.undefined {
                    // As undefined as what it lacks: `default` and `is defined` may ask.
                    true => {
                        fault::remember_fault(fault);
                        Value::UNDEFINED
                    }
                    false => Value::from(minijinja::Error::from(fault)),
                })
            }
            Kind::Vault(text) => match vault::decrypt(&self.around, text) {
                Ok(plain) => self.value(&Node { span: node.span, kind: Kind::Str(plain.into()) }),
                Err(message) => {
                    let fault = Fault::new(message, Some(node.span));
                    Value::from(minijinja::Error::from(fault))
                }
            },
            Kind::Seq(items) => Value::from_object(List {
                items: items.clone(),
                core: self.me.clone(),
                memo: Memo::default(),
                depth: 0,
            }),
            Kind::Map(map) => Value::from_object(Map {
                map: map.clone(),
                core: self.me.clone(),
                memo: Memo::default(),
                depth: 0,
                index: Arc::default(),
            }),
            _ => constant(node),
        }
    }

    /// Renders a template; its value may be undefined.
    pub fn render(self: &Arc<Self>, node: &Node, text: &Arc<str>) -> Result<Value, Fault> {
        let fail = |message: String| Fault::new(message, Some(node.span));
        let entry = (Arc::as_ptr(self).addr(), text.as_ptr().addr());
        let looped = RENDERING.with_borrow_mut(|stack| {
            let looped = stack.len() >= DEEPEST || stack.contains(&entry);
            if !looped {
                stack.push(entry);
            }
            looped
        });
        if looped {
            return Err(fail(ENDLESS.into()));
        }
        let _leave = Leave(&RENDERING);
        let compiled = compile(text, Mode::Playbook).map_err(|broken| {
            Fault::new(broken.told(), Some(place::span(node, broken.at.clone()))).of(node.span)
        })?;
        compiled.eval(self).map_err(|error| {
            let at = compiled.locate(&error);
            fault::of(&error, self, &compiled, Some(place::span(node, at))).of(node.span)
        })
    }
}

/// A text rendered in the scope that is being evaluated, which must define what it reads.
pub fn rendered(text: &str) -> Result<Value, minijinja::Error> {
    let core = current().ok_or_else(|| fault::error("no scope"))?;
    let compiled = compile(&Arc::from(text), Mode::Playbook).map_err(|broken| fault::error(broken.told()))?;
    let told = |error| minijinja::Error::from(fault::of(&error, &core, &compiled, None));
    let value = compiled.eval(&core).map_err(told)?;
    match compiled.undefined_error(&core).filter(|_| value.is_undefined()) {
        Some(error) => Err(told(error)),
        None => Ok(value),
    }
}

/// Whether making a value of the node costs more than keeping it.
fn is_costly(node: &Node) -> bool {
    match &node.kind {
        Kind::Str(text) => is_template(text),
        Kind::Vault(_) | Kind::Seq(_) | Kind::Map(_) => true,
        _ => false,
    }
}

/// Whether a text in the node is rendered when it is touched.
pub fn holds_template(node: &Node) -> bool {
    match &node.kind {
        Kind::Str(text) => is_template(text),
        Kind::Vault(_) => true,
        Kind::Seq(items) => items.iter().any(holds_template),
        Kind::Map(map) => map.iter().any(|(_, value)| holds_template(value)),
        _ => false,
    }
}

/// A node as it stands: no text in it is rendered.
pub fn constant(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::from(()),
        Kind::Bool(value) => Value::from(*value),
        Kind::Int(value) => Value::from(*value),
        Kind::BigInt(digits) => {
            digits.parse::<i128>().map_or_else(|_| Value::from(digits.clone()), Value::from)
        }
        Kind::Float(value) => Value::from(*value),
        Kind::Str(text) | Kind::Date(text) | Kind::Vault(text) => text_value(text),
        Kind::Unsafe(inner) => constant(inner),
        Kind::Seq(items) => items.iter().map(constant).collect(),
        Kind::Map(map) => Value::from_pairs(map.iter().map(|(key, value)| (constant(key), constant(value)))),
    }
}

/// Short text is kept in the value itself, long text is shared.
fn text_value(text: &Arc<str>) -> Value {
    if text.len() <= 22 { Value::from(text.as_ref()) } else { Value::from(text.clone()) }
}

/// The names of a scope, as the root of an evaluation.
#[derive(Debug)]
pub struct Root {
    core: Arc<Core>,
    /// Where methods change things: copies of the variables that were read, which may change.
    own: Option<Mutex<HashMap<String, Value>>>,
}

impl Root {
    pub fn value(core: &Arc<Core>) -> Value {
        Value::from_object(Self { core: core.clone(), own: None })
    }

    /// The same for a text in which methods change what they are called on.
    pub fn changing(core: &Arc<Core>, changes: bool) -> Value {
        Value::from_object(Self { core: core.clone(), own: changes.then(Mutex::default) })
    }

    fn get(&self, name: &str) -> Option<Value> {
        let Some(own) = &self.own else { return self.core.variable(name) };
        if let Some(known) = own.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(known.clone());
        }
        let value = self.core.variable(name)?;
        // These are as large as the inventory, and nobody changes them.
        if matches!(name, "hostvars" | "vars" | "groups" | "ansible_facts") {
            return Some(value);
        }
        let value = owned(value.clone()).unwrap_or(value);
        own.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), value.clone());
        Some(value)
    }
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.get(key)
    }
}

/// Children that were rendered, by their place.
type Memo = Arc<Mutex<HashMap<usize, Value>>>;

/// The child of a collection that lies `depth` collections deep.
fn child(core: &Weak<Core>, memo: &Memo, depth: usize, index: usize, node: &Node) -> Value {
    let Some(core) = core.upgrade() else {
        return Value::from(fault::error("a variable outlived the task that rendered it"));
    };
    if !is_costly(node) {
        return core.value(node);
    }
    if let Some(value) = memo.lock().unwrap_or_else(PoisonError::into_inner).get(&index) {
        return sunk(value.clone(), depth + 1);
    }
    let value = sunk(core.value(node), depth + 1);
    // An undefined value is looked at again, so that an error can name what was undefined.
    if !value.is_undefined() {
        memo.lock().unwrap_or_else(PoisonError::into_inner).insert(index, value.clone());
    }
    value
}

/// The same collection, `depth` collections deep: one that holds itself would be walked for ever.
fn sunk(value: Value, depth: usize) -> Value {
    let list = value.downcast_object_ref::<List>().filter(|list| list.depth != depth);
    let map = value.downcast_object_ref::<Map>().filter(|map| map.depth != depth);
    match (list, map) {
        (None, None) => value,
        _ if depth > INNERMOST => Value::from(fault::error(ENDLESS)),
        (Some(list), _) => Value::from_object(List { depth, ..list.clone() }),
        (_, Some(map)) => Value::from_object(Map { depth, ..map.clone() }),
    }
}

/// A list whose items are rendered when touched.
#[derive(Clone)]
pub struct List {
    items: Arc<[Node]>,
    core: Weak<Core>,
    memo: Memo,
    depth: usize,
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "list of {}", self.items.len())
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = key.as_usize()?;
        Some(child(&self.core, &self.memo, self.depth, index, self.items.get(index)?))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.items.len())
    }
}

/// A mapping whose values are rendered when touched; its keys never are.
#[derive(Clone)]
pub struct Map {
    map: Arc<Mapping>,
    core: Weak<Core>,
    memo: Memo,
    depth: usize,
    index: Arc<OnceLock<HashMap<Value, usize>>>,
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dict of {}", self.map.0.len())
    }
}

/// From this many entries on a mapping keeps an index.
const LARGE: usize = 12;

impl Map {
    fn find(&self, key: &Value) -> Option<usize> {
        if self.map.0.len() < LARGE {
            if let Some(name) = key.as_str() {
                return self.map.iter().position(|(node, _)| node.as_str() == Some(name));
            }
            return self.map.iter().position(|(node, _)| constant(node) == *key);
        }
        let keys = || self.map.iter().enumerate().map(|(i, (node, _))| (constant(node), i)).collect();
        self.index.get_or_init(keys).get(key).copied()
    }

    fn at(&self, index: usize) -> Option<Value> {
        let (_, node) = self.map.0.get(index)?;
        Some(child(&self.core, &self.memo, self.depth, index, node))
    }
}

impl Object for Map {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.at(self.find(key)?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if self.map.0.len() < LARGE {
            return self.at(self.map.iter().position(|(node, _)| node.as_str() == Some(key))?);
        }
        self.get_value(&Value::from(key))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.map.iter().map(|(key, _)| constant(key)).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.map.0.len())
    }
}
