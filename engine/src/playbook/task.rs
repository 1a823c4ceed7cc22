//! Tasks and blocks as written. A task names one action and the keywords around it; handlers are tasks too.

use super::{Keywords, RoleUse, Setting};
use crate::node::Node;
use crate::source::Span;
use crate::template::Expr;
use std::path::Path;
use std::sync::Arc;

/// What may stand in a list of tasks.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A task (or an import or include).
    Task(Arc<Task>),
    /// A block.
    Block(Arc<Block>),
}

/// `block`, `rescue`, `always`.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where.
    pub span: Span,
    /// `name`.
    pub name: Option<Node>,
    /// Its keywords.
    pub keywords: Keywords,
    /// `block`.
    pub body: Vec<Entry>,
    /// `rescue`.
    pub rescue: Vec<Entry>,
    /// `always`.
    pub always: Vec<Entry>,
}

/// One task or handler.
#[derive(Clone, Debug)]
pub struct Task {
    /// Where.
    pub span: Span,
    /// `name`.
    pub name: Option<Node>,
    /// Its keywords.
    pub keywords: Keywords,
    /// The module or action as written.
    pub called: Arc<str>,
    /// What it asks for.
    pub action: Action,
    /// `loop`, `with_*`.
    pub repeat: Option<Loop>,
    /// `register`: a plain name.
    pub register: Option<Arc<str>>,
    /// `changed_when`; empty when not given.
    pub changed_when: Vec<Expr>,
    /// `failed_when`; empty when not given.
    pub failed_when: Vec<Expr>,
    /// `until`; empty when not given.
    pub until: Vec<Expr>,
    /// `retries`.
    pub retries: Option<Setting<i64>>,
    /// `delay`, in seconds.
    pub delay: Option<Setting<f64>>,
    /// `async`, in seconds.
    pub background: Option<Setting<i64>>,
    /// `poll`, in seconds.
    pub poll: Option<Setting<i64>>,
    /// `listen`: topics of a handler.
    pub listen: Vec<Node>,
    /// The directory of the file it is written in.
    pub dir: Arc<Path>,
}

impl Task {
    /// A task of the engine's own: a module with arguments, and nothing else.
    #[must_use]
    pub fn of_module(span: Span, name: Option<Node>, module: &str, named: Node, dir: Arc<Path>) -> Self {
        let args = Args { named, raw: None, spread: None, line: None };
        Self {
            span,
            name,
            keywords: Keywords::default(),
            called: Arc::from(module),
            action: Action::Module { span, args, late: false },
            repeat: None,
            register: None,
            changed_when: vec![],
            failed_when: vec![],
            until: vec![],
            retries: None,
            delay: None,
            background: None,
            poll: None,
            listen: vec![],
            dir,
        }
    }
}

/// What a task asks for.
#[derive(Clone, Debug)]
pub enum Action {
    /// A module.
    Module {
        /// The place of its name.
        span: Span,
        /// Its arguments.
        args: Args,
        /// Whether `action` or `local_action` names it, which Ansible looks for when the task runs.
        late: bool,
    },
    /// `import_tasks`.
    ImportTasks(Include),
    /// `include_tasks`.
    IncludeTasks(Include),
    /// `import_role`.
    ImportRole(Arc<RoleUse>),
    /// `include_role`.
    IncludeRole(Arc<RoleUse>),
    /// `meta`: its one word.
    Meta {
        /// The word: `flush_handlers`, `end_play`, ...
        word: Arc<str>,
        /// Its place.
        span: Span,
    },
}

/// Arguments of a module as written.
#[derive(Clone, Debug)]
pub struct Args {
    /// Named arguments: a mapping node (empty when there are none).
    pub named: Node,
    /// Free-form text left after the named ones (`command: ls -l`), a string node.
    pub raw: Option<Node>,
    /// A template that gives a mapping of further arguments (`args: "{{ more }}"`).
    pub spread: Option<Node>,
    /// The line on which arguments are written as `key=value`.
    pub line: Option<Span>,
}

/// A file of tasks to import or include.
#[derive(Clone, Debug)]
pub struct Include {
    /// The place of the action's name.
    pub span: Span,
    /// `file`, perhaps a template.
    pub file: Node,
    /// `apply`: keywords for what is included.
    pub apply: Option<Arc<Keywords>>,
}

/// Where a loop's items come from.
#[derive(Clone, Debug)]
pub enum Loops {
    /// `loop`.
    Loop,
    /// `with_<lookup>`.
    With(Arc<str>),
}

/// `loop` or `with_*`, with `loop_control`.
#[derive(Clone, Debug)]
pub struct Loop {
    /// Which of the two.
    pub loops: Loops,
    /// The items as written.
    pub items: Node,
    /// `loop_control`.
    pub control: LoopControl,
}

/// `loop_control`.
#[derive(Clone, Debug)]
pub struct LoopControl {
    /// `loop_var`; `item` unless given.
    pub loop_var: Option<Node>,
    /// `index_var`.
    pub index_var: Option<Node>,
    /// `label`.
    pub label: Option<Node>,
    /// `pause`, in seconds.
    pub pause: Option<Setting<f64>>,
    /// `extended`.
    pub extended: Option<Setting<bool>>,
    /// `extended_allitems`.
    pub extended_allitems: Option<Setting<bool>>,
    /// `break_when`.
    pub break_when: Vec<Expr>,
}
