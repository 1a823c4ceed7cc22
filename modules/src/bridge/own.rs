//! One module that is not built in, as a task runs it: a program or a script that travels with its arguments, or a
//! Python module that travels in a zip with all that it imports. Arguments are never words of a command: they are a file
//! of the user's own (0600) or standard input, and gone when the module ends.

use super::interpreter::{Interpreter, variable};
use super::pack::{Sources, pack};
use super::style::{self, EVERYTHING, MARK, Style};
use super::tree::Tree;
use super::{House, answer, arguments};
use crate::command::{Sent, words};
use futures_util::future::BoxFuture;
use muster_engine::connection::Command;
use muster_engine::module::{AnyModule, Context, Failure, Map, Output, Spec};
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

const SPEC: Spec = Spec::new("A module that is not built in.", &[]).open();
/// What starts a Python module on the target.
const LAUNCHER: &str = include_str!("launcher.py");

/// A module that is not built in.
pub(super) struct Own {
    /// The name it has among modules.
    pub name: String,
    /// The name it is told it was called by.
    pub called: String,
    /// Its file.
    pub path: PathBuf,
    /// Where it finds `module_utils`, besides in collections and ansible-core.
    pub utils: Vec<PathBuf>,
    /// Where it finds collections.
    pub collections: Vec<PathBuf>,
    /// What is said of it whenever it runs.
    pub notice: Option<Json>,
    /// What all modules share.
    pub house: Arc<House>,
}

impl AnyModule for Own {
    fn name(&self) -> &str {
        &self.name
    }

    fn spec(&self) -> &Spec {
        &SPEC
    }

    fn run<'a>(&'a self, args: Map, cx: &'a Context) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let bytes = std::fs::read(&self.path)
                .map_err(|error| Failure::new(format!("could not read {}: {error}", self.path.display())))?;
            let style = Style::of(&bytes);
            let words = match (style, style::shebang(&bytes)) {
                (Style::Binary, _) => None,
                (Style::Python, None) => Some(vec!["/usr/bin/python".to_string()]),
                (_, Some(words)) => Some(words),
                (_, None) => {
                    return Err(Failure::new(format!(
                        "Task failed: module ({}) is missing interpreter line",
                        self.called
                    )));
                }
            };
            let interpreter = match words {
                Some(words) => Some(self.house.discovered.interpreter(&words, &self.house.ways, cx).await?),
                None => None,
            };
            let command = self.command(style, &bytes, interpreter.as_ref(), args, cx).await?;
            let completed = cx.exec(command).await?;
            let program = interpreter.as_ref().map(|interpreter| interpreter.line.as_str());
            let found = answer::result(&completed, program);
            let (mut result, failed) = match found {
                Ok(result) => (result, None),
                Err(failure) => (failure.result, Some(failure.reason)),
            };
            self.remark(&mut result, interpreter);
            match failed {
                Some(reason) => Err(Failure { reason, result }),
                None => Ok(Output { result, vars: None }),
            }
        })
    }
}

impl Own {
    /// The command that runs it, with everything it needs as standard input.
    async fn command(
        &self,
        style: Style,
        bytes: &[u8],
        interpreter: Option<&Interpreter>,
        args: Map,
        cx: &Context,
    ) -> Result<Command, Failure> {
        let ways = &self.house.ways;
        let line = interpreter.map_or("", |interpreter| interpreter.line.as_str());
        if style == Style::Python {
            let tree = self.house.tree().ok_or_else(|| Failure::new(self.house.treeless(&self.path)))?;
            let knows = self.house.known_arguments(tree);
            let args = arguments::full(self, ways, |name| knows(name), &tree.version, args, cx);
            return self.python(bytes, line, &args, tree, cx).await;
        }
        let version = self.house.tree().map_or("2.19.0", |tree| &tree.version);
        let args = arguments::full(self, ways, |_| true, version, args, cx);
        let whole = || Json::Object(args.clone()).to_string();
        let (bytes, given) = match style {
            Style::Within => (String::from_utf8_lossy(bytes).replace(MARK, &whole()).into_bytes(), None),
            Style::Pairs => (bytes.to_vec(), Some(arguments::pairs(&args))),
            _ => (bytes.to_vec(), Some(whole())),
        };
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or("module");
        let script = match &given {
            Some(_) => format!("{line} \"$f\" \"$d/arguments\""),
            None => format!("{line} \"$f\""),
        };
        let beside = given.map(|given| ("arguments", given.into_bytes()));
        Ok(Sent { name, bytes, beside }.command(&script))
    }

    async fn python(
        &self,
        bytes: &[u8],
        line: &str,
        args: &Map,
        tree: &Tree,
        cx: &Context,
    ) -> Result<Command, Failure> {
        let module = self.dotted(tree);
        let zip =
            self.packed(&module, bytes, tree).map_err(|why| Failure::new(format!("Task failed: {why}")))?;
        let params = json!({ "ANSIBLE_MODULE_ARGS": args }).to_string();
        let files = variable(cx, "ansible_python_module_rlimit_nofile")?
            .and_then(|text| text.parse().ok())
            .unwrap_or(self.house.ways.open_files);
        let name = self.called.rsplit('.').next().unwrap_or(&self.called);
        let head = json!({
            "module": module,
            "name": name,
            "params": params.len(),
            "files": files,
            "tmp": self.house.ways.remote_tmp,
        });
        let mut input = format!("{head}\n{params}").into_bytes();
        input.extend_from_slice(&zip);
        Ok(Command::new(format!("{line} -c {}", words::quote(LAUNCHER))).stdin(input))
    }

    /// The name under which Python imports it: that of its place in a collection or in ansible-core.
    fn dotted(&self, tree: &Tree) -> String {
        let stem = self.path.with_extension("");
        if let Ok(relative) = stem.strip_prefix(tree.package.join("modules")) {
            return format!("ansible.modules.{}", relative.display().to_string().replace('/', "."));
        }
        let parts: Vec<&str> = stem.iter().filter_map(|part| part.to_str()).collect();
        let at = parts.iter().rposition(|part| *part == "ansible_collections");
        let inside = at.and_then(|at| parts.get(at..)).filter(|parts| {
            parts.get(3) == Some(&"plugins")
                && parts.get(4) == Some(&"modules")
                && parts.iter().all(|p| !p.contains('.'))
        });
        match inside {
            Some(parts) => parts.join("."),
            None => format!("ansible.legacy.{}", stem.file_name().unwrap_or_default().to_string_lossy()),
        }
    }

    fn packed(&self, module: &str, bytes: &[u8], tree: &Tree) -> Result<Arc<[u8]>, String> {
        let known = || self.house.packed.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self.path.clone(), self.utils.clone());
        if let Some(zip) = known().get(&key) {
            return Ok(zip.clone());
        }
        let text =
            String::from_utf8_lossy(bytes).replace(EVERYTHING, "from ansible.module_utils.basic import *");
        let mut collections = self.collections.clone();
        collections.push(tree.collections());
        let sources =
            Sources { utils: &self.utils, collections: &collections, tree, routing: &self.house.routing };
        let zip: Arc<[u8]> = pack(module, &text, &sources)?.into();
        known().insert(key, zip.clone());
        Ok(zip)
    }

    /// Puts what was found on the way into a result.
    fn remark(&self, result: &mut Map, interpreter: Option<Interpreter>) {
        let mut push = |key: &str, said: Json| {
            let list = result.entry(key).or_insert_with(|| json!([]));
            if let Json::Array(list) = list {
                list.insert(0, said);
            }
        };
        if let Some(notice) = &self.notice {
            push("deprecations", notice.clone());
        }
        let Some(Interpreter { fact, warning, .. }) = interpreter else { return };
        if let Some(warning) = warning {
            push("warnings", warning.into());
        }
        if let Some(fact) = fact {
            let facts = result.entry("ansible_facts").or_insert_with(|| json!({}));
            if let Json::Object(facts) = facts {
                facts.insert("discovered_interpreter_python".into(), fact.into());
            }
        }
    }
}
