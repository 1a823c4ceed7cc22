//! Every keyword, where it may stand and what it takes. The readers ask it before they take a key, messages find
//! their "did you mean" in it, and the reference is printed from it: a keyword that is not here does not exist.

/// Where a keyword may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A play.
    Play,
    /// An `import_playbook`.
    Import,
    /// An entry of `roles` or `dependencies`.
    Role,
    /// A block.
    Block,
    /// A task.
    Task,
    /// A handler.
    Handler,
}

impl Place {
    /// As Ansible's messages call it: `Play`, `Task`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Play => "Play",
            Self::Import => "PlaybookInclude",
            Self::Role => "Role",
            Self::Block => "Block",
            Self::Task => "Task",
            Self::Handler => "Handler",
        }
    }

    /// In a sentence, as many: `plays`, `tasks`.
    #[must_use]
    pub fn many(self) -> &'static str {
        match self {
            Self::Play => "plays",
            Self::Import => "playbook imports",
            Self::Role => "roles",
            Self::Block => "blocks",
            Self::Task => "tasks",
            Self::Handler => "handlers",
        }
    }
}

/// What a keyword takes. Except for lists of tasks and roles, a template may stand in its stead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// `true` or `false`, or a word for one of them.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A number, with or without `%`.
    Percentage,
    /// Text.
    Text,
    /// Text or a list of texts.
    Words,
    /// A list; one thing stands for a list of one.
    List,
    /// A mapping.
    Mapping,
    /// An expression or a list of expressions that must all hold.
    Conditions,
    /// A list of tasks.
    Tasks,
    /// A list of roles.
    Roles,
    /// Text or a mapping.
    Action,
}

/// One keyword.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    /// As it is written; `with_*` stands for a family.
    pub name: &'static str,
    /// Where it may stand.
    pub places: &'static [Place],
    /// What it takes.
    pub takes: Takes,
    /// One line about it.
    pub doc: &'static str,
}

impl Keyword {
    /// Whether it may stand there.
    #[must_use]
    pub fn stands(&self, place: Place) -> bool {
        self.places.contains(&place)
    }

    /// Where it may stand, in a sentence: `blocks, tasks and handlers`.
    #[must_use]
    pub fn where_it_stands(&self) -> String {
        let places: Vec<&str> = self.places.iter().map(|place| place.many()).collect();
        match places.as_slice() {
            [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            places => places.concat(),
        }
    }
}

/// All keywords, by name.
#[must_use]
pub fn keywords() -> &'static [Keyword] {
    KEYWORDS
}

/// The keyword of that name.
#[must_use]
pub fn keyword(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

/// The names of the keywords that may stand there.
pub(super) fn names(place: Place) -> impl Iterator<Item = &'static str> {
    KEYWORDS.iter().filter(move |keyword| keyword.stands(place)).map(|keyword| keyword.name)
}

const fn row(name: &'static str, places: &'static [Place], takes: Takes, doc: &'static str) -> Keyword {
    Keyword { name, places, takes, doc }
}

use Place::{Block, Handler, Import, Play, Role, Task};
use Takes::{
    Action, Boolean, Conditions, Integer, List, Mapping, Number, Percentage, Roles, Tasks, Text, Words,
};

const EVERYWHERE: &[Place] = &[Play, Role, Block, Task, Handler];
const NAMED: &[Place] = &[Play, Import, Role, Block, Task, Handler];
const WITHIN: &[Place] = &[Role, Block, Task, Handler];
const WITHIN_IMPORT: &[Place] = &[Import, Role, Block, Task, Handler];
const WORK: &[Place] = &[Block, Task, Handler];
const TASK: &[Place] = &[Task, Handler];

const KEYWORDS: &[Keyword] = &[
    row("action", TASK, Action, "The module and its arguments in one text, or a mapping with `module`."),
    row("always", &[Block], Tasks, "Tasks that run after the others, whatever happened to them."),
    row("any_errors_fatal", EVERYWHERE, Boolean, "A failure of one host ends the play for all of them."),
    row("args", TASK, Mapping, "Further arguments of the module."),
    row("async", TASK, Integer, "Seconds the task may take in the background."),
    row("become", EVERYWHERE, Boolean, "Act as another user, root unless `become_user` says otherwise."),
    row("become_exe", EVERYWHERE, Text, "The program that changes the user."),
    row("become_flags", EVERYWHERE, Text, "Flags for the program that changes the user."),
    row("become_method", EVERYWHERE, Text, "How to change the user: `sudo`, `su`."),
    row("become_user", EVERYWHERE, Text, "The user to become."),
    row("block", &[Block], Tasks, "Tasks that share keywords and a rescue."),
    row("changed_when", TASK, Conditions, "Says whether the task changed anything, in the module's stead."),
    row(
        "check_mode",
        EVERYWHERE,
        Boolean,
        "Only find out what would change, or change it even under `--check`.",
    ),
    row("collections", EVERYWHERE, Words, "Collections searched for names without a prefix."),
    row("connection", EVERYWHERE, Text, "How hosts are reached: `ssh`, `local`."),
    row(
        "debugger",
        EVERYWHERE,
        Text,
        "When a person at the terminal is asked about the task: `always`, `on_failed`, `on_unreachable`, `on_skipped`, `never`.",
    ),
    row("delay", TASK, Number, "Seconds between two tries of `until`."),
    row(
        "delegate_facts",
        WITHIN,
        Boolean,
        "Facts that are found belong to the host the task is delegated to.",
    ),
    row("delegate_to", WITHIN, Text, "The host that does the task in this one's stead."),
    row("diff", EVERYWHERE, Boolean, "Show what changes within files."),
    row("environment", EVERYWHERE, List, "Environment variables of what the task starts."),
    row("fact_path", &[Play], Text, "A directory on the hosts with facts of their own."),
    row("failed_when", TASK, Conditions, "Says whether the task failed, in the module's stead."),
    row("force_handlers", &[Play], Boolean, "Run the handlers of hosts that failed, too."),
    row("gather_facts", &[Play], Boolean, "Find out about the hosts before the first task."),
    row("gather_subset", &[Play], Words, "Which facts to gather."),
    row("gather_timeout", &[Play], Integer, "Seconds that gathering may take."),
    row(
        "handlers",
        &[Play],
        Tasks,
        "Tasks that run once at the end of a section if something notified them.",
    ),
    row("hosts", &[Play], Words, "The pattern of the hosts the play is for."),
    row("ignore_errors", EVERYWHERE, Boolean, "Go on with a host when the task fails on it."),
    row("ignore_unreachable", EVERYWHERE, Boolean, "Go on with a host when it could not be reached."),
    row("import_playbook", &[Import], Text, "A playbook whose plays stand here."),
    row("listen", &[Handler], Words, "Topics that a `notify` may name beside the handler's own name."),
    row("local_action", TASK, Action, "As `action`, delegated to `localhost`."),
    row("loop", TASK, List, "Do the task once for each item."),
    row("loop_control", TASK, Mapping, "The names, the labels and the pauses of a loop."),
    row("max_fail_percentage", &[Play], Percentage, "How many of a batch may fail before the play ends."),
    row("module_defaults", EVERYWHERE, List, "Arguments that modules get unless a task gives them."),
    row("name", NAMED, Text, "What it is called, in output and by `notify`."),
    row("needs", &[Play], Words, "Plays or stages this one waits for; without it, all before it."),
    row("no_log", EVERYWHERE, Boolean, "Keep arguments and results out of all output."),
    row("notify", WORK, Words, "Handlers, or their topics, to run if something changed."),
    row(
        "order",
        &[Play],
        Text,
        "The order of the hosts: `inventory`, `sorted`, `shuffle`, or one turned round.",
    ),
    row("poll", TASK, Integer, "Seconds between two looks at an `async` task; 0 does not wait for it."),
    row("port", EVERYWHERE, Integer, "The port that hosts are reached at."),
    row("post_tasks", &[Play], Tasks, "Tasks that run after `tasks` and their handlers."),
    row("pre_tasks", &[Play], Tasks, "Tasks that run before the roles."),
    row("register", TASK, Text, "The variable that keeps the result."),
    row("remote_user", EVERYWHERE, Text, "The user to log in as."),
    row("rescue", &[Block], Tasks, "Tasks that run if one of the block fails."),
    row("retries", TASK, Integer, "How often `until` is tried again."),
    row("role", &[Role], Text, "The role's name."),
    row("roles", &[Play], Roles, "Roles that run before `tasks`."),
    row("run_once", EVERYWHERE, Boolean, "One host does it for all of them."),
    row("serial", &[Play], List, "How many hosts are taken through the play at a time."),
    row(
        "show",
        &[Play],
        Text,
        "What is shown: `tasks` as they end, only what its checks found, `findings`, or only what it says, `messages`.",
    ),
    row("stage", &[Play], Text, "The heading the play stands under."),
    row(
        "strategy",
        &[Play],
        Text,
        "How hosts wait for each other: `linear`, `free`, `host_pinned`, `debug`.",
    ),
    row("tags", NAMED, Words, "Words by which `--tags` and `--skip-tags` choose."),
    row("tasks", &[Play], Tasks, "What the play does."),
    row("throttle", EVERYWHERE, Integer, "How many hosts may do it at the same time."),
    row("timeout", EVERYWHERE, Integer, "Seconds a task may take."),
    row("until", TASK, Conditions, "Try again until this holds."),
    row("user", &[Play], Text, "Old name of `remote_user`."),
    row("vars", NAMED, Mapping, "Variables."),
    row("vars_files", &[Play], List, "Files of variables; of a list within the list the first that exists."),
    row("vars_prompt", &[Play], List, "Variables that are asked for when the run begins."),
    row("when", WITHIN_IMPORT, Conditions, "Only do it where this holds."),
    row("with_*", TASK, List, "Do the task once for each item that a lookup gives."),
];
