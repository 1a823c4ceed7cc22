//! What can be known to be wrong before any host is touched: modules nobody has, arguments nobody takes.

use super::draw::Draw;
use super::step::Around;
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::module::{AnyModule, Found, Nearby};
use crate::playbook::{Args, collection_of};
use crate::source::Span;
use std::sync::Arc;

/// How often a module's name may lead to another name.
const MOVES: usize = 10;

impl Draw<'_> {
    /// The module of a name: beside the playbook or in a role's `library`, built in, or installed.
    pub(super) fn module(
        &mut self,
        name: &str,
        span: Span,
        around: &Around,
        collections: &[String],
    ) -> Option<Arc<dyn AnyModule>> {
        let near = Nearby { playbook: self.play.dir.to_path_buf(), roles: self.site.loader.role_dirs() };
        let mut searched = vec![];
        for candidate in candidates(name, around, collections) {
            match self.named(candidate, &near) {
                Found::Module(module) => return Some(module),
                Found::Refused(why, help) => {
                    let diagnostic = Diagnostic::parse("muster::plan::module", why);
                    self.diagnostics.push(diagnostic.at(span, "cannot run").help(help));
                    return None;
                }
                Found::Moved(_) => {}
                Found::Nowhere(dirs) => searched.extend(dirs.into_iter().filter(|dir| !dir.is_empty())),
            }
        }
        searched.dedup();
        self.unknown(name, span, &searched);
        None
    }

    /// The module of one name, wherever that name leads.
    fn named(&self, mut name: String, near: &Nearby) -> Found {
        let mut searched = vec![];
        for _ in 0..MOVES {
            let legacy = name.strip_prefix("ansible.legacy.").map(str::to_string);
            let found = match &legacy {
                Some(short) => self.site.finder.beside(short, near),
                None => Found::Nowhere(vec![]),
            };
            match found {
                Found::Nowhere(dirs) => searched.extend(dirs),
                found => return found,
            }
            if let Some(module) = self.site.modules.get(legacy.as_deref().unwrap_or(&name)) {
                return Found::Module(module.clone());
            }
            let full = legacy.map_or_else(|| name.clone(), |short| format!("ansible.builtin.{short}"));
            match self.site.finder.installed(&full, near) {
                Found::Moved(next) => name = next,
                Found::Nowhere(dirs) => {
                    searched.extend(dirs);
                    break;
                }
                found => return found,
            }
        }
        Found::Nowhere(searched)
    }

    fn unknown(&mut self, name: &str, span: Span, searched: &[String]) {
        let known: Vec<&str> =
            self.site.modules.iter().map(|m| m.name().rsplit('.').next().unwrap_or_default()).collect();
        let message = format!("no module is called `{name}`");
        let diagnostic = Diagnostic::parse("muster::plan::unknown_module", message)
            .at(span, "not a module, and not a task keyword");
        let short = name.rsplit('.').next().unwrap_or(name);
        let help = match nearest(short, known) {
            Some(near) if near != short => format!("did you mean `{near}`?"),
            _ if searched.is_empty() => {
                "`muster doc -l` lists the modules; an executable in `library/` beside the playbook adds one"
                    .to_string()
            }
            _ => format!(
                "`muster doc -l` lists the modules that are built in; also searched: {}",
                searched.join(", ")
            ),
        };
        self.diagnostics.push(diagnostic.help(help));
    }
}

/// The full names that a name may mean, the first the likeliest.
fn candidates(name: &str, around: &Around, collections: &[String]) -> Vec<String> {
    if name.contains('.') {
        return vec![name.to_string()];
    }
    let own = around.role.as_ref().and_then(|role| collection_of(&role.role.dir));
    let own = own.map(|(_, collection)| collection);
    let collections = own.iter().chain(collections);
    let mut all: Vec<String> = collections.map(|collection| format!("{collection}.{name}")).collect();
    all.push(format!("ansible.legacy.{name}"));
    all
}

/// Checks arguments as written: unknown ones, missing ones, wrong types of what is no template.
pub fn arguments(module: &dyn AnyModule, args: &Args, diagnostics: &mut Diagnostics) {
    let spec = module.spec();
    if let (Some(raw), None) = (&args.raw, spec.free_form)
        && !spec.open
    {
        let message = format!("`{}` takes no free-form text", module.name());
        let diagnostic = Diagnostic::parse("muster::plan::free_form", message);
        diagnostics.push(diagnostic.at(raw.span, "not an argument").help("write `name: value` pairs"));
        return;
    }
    let mut found = Diagnostics::default();
    spec.check_written(module.name(), &args.named, &mut found);
    let free = args.raw.is_some();
    for diagnostic in found.0 {
        if !(free && diagnostic.code == "muster::module::missing") {
            diagnostics.push(diagnostic);
        }
    }
}
