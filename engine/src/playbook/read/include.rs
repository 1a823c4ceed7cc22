//! `import_tasks`, `include_tasks`, `import_role` and `include_role`: their options, and the keywords they take.

use super::action::Request;
use super::entry::Draft;
use super::{Field, Reader, plain_name};
use crate::diagnostic::{Diagnostic, nearest};
use crate::node::{Mapping, Node};
use crate::playbook::table::{self, Place};
use crate::playbook::{Action, Include, Keywords, RoleUse};
use std::sync::Arc;

/// Keywords that an include takes for itself; all others go under `apply`.
const INCLUDE_KEYWORDS: &[&str] = &[
    "action",
    "args",
    "collections",
    "debugger",
    "ignore_errors",
    "loop",
    "loop_control",
    "name",
    "no_log",
    "register",
    "run_once",
    "tags",
    "timeout",
    "vars",
    "when",
];

/// Keywords that say how one task runs: nothing inherits them, so an import has no use for them.
const OWN_KEYWORDS: &[&str] =
    &["async", "changed_when", "delay", "failed_when", "listen", "poll", "register", "retries", "until"];

const ROLE_OPTIONS: &[&str] = &[
    "name",
    "role",
    "tasks_from",
    "vars_from",
    "defaults_from",
    "handlers_from",
    "apply",
    "public",
    "allow_duplicates",
    "rolespec_validate",
];

impl Reader<'_> {
    /// `import_tasks` or `include_tasks`.
    pub(super) fn include(
        &mut self,
        request: &Request,
        map: &Mapping,
        draft: &Draft,
        place: Place,
    ) -> Option<Action> {
        let import = plain_name(&request.name) == "import_tasks";
        self.include_keywords(request, map, draft, import, place);
        let options: &[&str] = if import { &["file"] } else { &["file", "apply"] };
        self.options(request, options);
        let named = request.named();
        let raw = request.args.raw.as_ref();
        let written = raw.filter(|raw| raw.as_str().is_some_and(|text| !text.is_empty()));
        let apply = match named.entry("apply") {
            Some((key, value)) if !import => self.apply(Field { name: "apply", key, value }),
            _ => None,
        };
        let Some(file) = written.or_else(|| named.get("file")).filter(|file| !file.is_null()) else {
            let message = format!("No file specified for {}", request.name);
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::include", message)
                    .at(request.span, "which file?")
                    .help(format!("write `{}: file.yml`", request.name)),
            );
            return None;
        };
        let key = &Node { span: request.span, kind: crate::node::Kind::Null };
        let file = self.words(Field { name: "file", key, value: file })?;
        let include = Include { span: request.span, file, apply };
        Some(if import { Action::ImportTasks(include) } else { Action::IncludeTasks(include) })
    }

    /// `import_role` or `include_role`.
    pub(super) fn include_role(
        &mut self,
        request: &Request,
        map: &Mapping,
        draft: &Draft,
        place: Place,
    ) -> Option<Action> {
        let import = plain_name(&request.name) == "import_role";
        if place == Place::Handler {
            let message = format!("Using '{}' as a handler is not supported.", request.name);
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::include", message)
                    .at(request.span, "")
                    .help("handlers may come from a file: `include_tasks`"),
            );
        }
        self.include_keywords(request, map, draft, import, place);
        let options: Vec<&str> =
            ROLE_OPTIONS.iter().copied().filter(|option| !(import && *option == "apply")).collect();
        self.options(request, &options);
        let named = request.named();
        let field = |name| named.entry(name).map(|(key, value)| Field { name, key, value });
        let boolean = |reader: &mut Self, name| {
            field(name).and_then(|field| reader.boolean(field, crate::diagnostic::Class::Parse))
        };
        let mut role = RoleUse {
            span: request.span,
            name: Node { span: request.span, kind: crate::node::Kind::Null },
            params: Arc::default(),
            keywords: Keywords::default(),
            tasks_from: field("tasks_from").and_then(|field| self.from(field)),
            vars_from: field("vars_from").and_then(|field| self.from(field)),
            defaults_from: field("defaults_from").and_then(|field| self.from(field)),
            handlers_from: field("handlers_from").and_then(|field| self.from(field)),
            public: boolean(self, "public"),
            allow_duplicates: boolean(self, "allow_duplicates"),
            rolespec_validate: boolean(self, "rolespec_validate"),
            apply: field("apply").filter(|_| !import).and_then(|field| self.apply(field)),
        };
        let name = field("name").or_else(|| field("role")).filter(|field| !field.value.is_null());
        let Some(name) = name else {
            let message = format!("`name` is a required field for `{}`", request.name);
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::include", message)
                    .at(request.span, "which role?")
                    .help(format!("write `{}: {{name: role}}`", request.name)),
            );
            return None;
        };
        role.name = self.words(name)?;
        let role = Arc::new(role);
        Some(if import { Action::ImportRole(role) } else { Action::IncludeRole(role) })
    }

    /// A file name within a role.
    fn from(&mut self, field: Field<'_>) -> Option<Node> {
        if field.value.as_str().is_none() {
            let message =
                format!("Expected a string for {} but got {} instead", field.name, field.value.describe());
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::include", message)
                    .at(field.value.span, "not a file name"),
            );
            return None;
        }
        self.words(field)
    }

    /// Reports arguments that the include does not know.
    fn options(&mut self, request: &Request, known: &[&str]) {
        for (key, _) in request.named().iter() {
            let name = key.as_str().unwrap_or_default();
            if known.contains(&name) {
                continue;
            }
            let message =
                format!("Invalid options for {}: {}", request.name, self.show(key).trim_matches('`'));
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if name == "apply" => {
                    format!("what is imported takes on the keywords of the `{}` itself", request.name)
                }
                None if table::keyword(name).is_some_and(|known| known.stands(Place::Task)) => {
                    format!(
                        "`{name}` is a keyword of the task: write it beside `{}`, not under it",
                        request.name
                    )
                }
                None => format!("it takes `{}`; variables go under `vars`", known.join("`, `")),
            };
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::include", message)
                    .at(key.span, "not an option")
                    .help(help),
            );
        }
        if let (Some(raw), "import_role" | "include_role") = (&request.args.raw, plain_name(&request.name)) {
            let message = format!("Invalid options for {}: _raw_params", request.name);
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::include", message)
                    .at(raw.span, "not an option")
                    .help(format!("write `{}: {{name: role}}`", request.name)),
            );
        }
        if let Some(spread) = &request.args.spread {
            let message = format!("the options of `{}` cannot be a template", request.name);
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::include", message)
                    .at(spread.span, "")
                    .help("write them out; their values may be templates"),
            );
        }
    }

    /// Reports keywords that the include refuses, or has no use for.
    fn include_keywords(
        &mut self,
        request: &Request,
        map: &Mapping,
        draft: &Draft,
        import: bool,
        place: Place,
    ) {
        let name = plain_name(&request.name);
        if import && let Some(span) = draft.repeat.key {
            let message = format!("you cannot use loops on `{}` statements", request.name);
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::include", message)
                    .at(span, "a loop")
                    .help(format!("use `{}` instead", name.replace("import", "include"))),
            );
        }
        let kind = if name.ends_with("role") { "IncludeRole" } else { "TaskInclude" };
        for (key, _) in map.iter() {
            let Some(word) = key.as_str() else { continue };
            let known = table::keyword(word).is_some_and(|keyword| keyword.stands(place));
            if !known || word == "local_action" {
                continue;
            }
            let listens = word == "listen" && place == Place::Handler;
            if !import && !INCLUDE_KEYWORDS.contains(&word) && !listens {
                let applies = table::keyword(word).is_some_and(|keyword| keyword.stands(Place::Block));
                let help = if applies {
                    format!(
                        "write it under `apply` for the tasks that are included: `apply: {{{word}: ...}}`"
                    )
                } else {
                    format!("an include takes `{}`", INCLUDE_KEYWORDS.join("`, `"))
                };
                self.diagnostics.push(
                    Diagnostic::parse(
                        "muster::playbook::keyword",
                        format!("'{word}' is not a valid attribute for a {kind}"),
                    )
                    .at(key.span, format!("not a keyword of `{name}`"))
                    .help(help),
                );
            } else if import && OWN_KEYWORDS.contains(&word) && !listens {
                self.diagnostics.push(
                    Diagnostic::warning(
                        "muster::playbook::include",
                        format!("`{word}` has no effect on `{name}`"),
                    )
                    .at(key.span, "the tasks that are imported do not take it on")
                    .help("write it on those tasks"),
                );
            }
        }
    }

    /// `apply`: keywords of a block around what is included.
    fn apply(&mut self, field: Field<'_>) -> Option<Arc<Keywords>> {
        if field.value.is_null() {
            return None;
        }
        let message = format!("expected a dict for apply but got {} instead", field.value.describe());
        let map = self.mapping(field.value, &message)?;
        let mut keywords = Keywords::default();
        for field in self.fields(map, Place::Block) {
            let known = table::keyword(field.name).is_some_and(|keyword| keyword.stands(Place::Block));
            let own = matches!(field.name, "name" | "block" | "rescue" | "always");
            if !known || (own && field.name != "name") {
                self.misplaced(field, Place::Block);
            } else if !own {
                self.shared(&mut keywords, field, "Block");
            }
        }
        Some(Arc::new(keywords))
    }
}
