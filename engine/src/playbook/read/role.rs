//! Entries of `roles` and `dependencies`: a role's name, its keywords, and the rest as its parameters.

use super::{Field, Reader, values};
use crate::diagnostic::{Class, Diagnostic, nearest};
use crate::node::{Kind, Mapping, Node};
use crate::playbook::table::{self, Place};
use crate::playbook::{Keywords, RoleUse, reserved};
use crate::template::Vars;
use std::sync::Arc;

/// Where a list of roles stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::playbook) enum Requirement {
    /// `roles` of a play.
    Play,
    /// `dependencies` of a role's `meta`, which may also name what galaxy installed: `src: galaxy.role,version,name`.
    Dependency,
}

impl Reader<'_> {
    /// A list of roles.
    pub(in crate::playbook) fn roles(&mut self, list: &Node, requirement: Requirement) -> Vec<Arc<RoleUse>> {
        if list.is_null() {
            return vec![];
        }
        let Some(items) = list.as_seq() else {
            let message = match requirement {
                Requirement::Play => "a malformed role declaration was encountered",
                Requirement::Dependency => "expected role dependencies to be a list",
            };
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::role", message)
                    .at(list.span, format!("this is {}", list.describe()))
                    .help("write a list, each role after `- `"),
            );
            return vec![];
        };
        items.iter().filter_map(|item| self.role_use(item, requirement)).map(Arc::new).collect()
    }

    fn role_use(&mut self, node: &Node, requirement: Requirement) -> Option<RoleUse> {
        let mut role = RoleUse {
            span: node.span,
            name: node.clone(),
            params: Arc::default(),
            keywords: Keywords::default(),
            tasks_from: None,
            vars_from: None,
            defaults_from: None,
            handlers_from: None,
            public: None,
            allow_duplicates: None,
            rolespec_validate: None,
            apply: None,
        };
        match &node.kind {
            Kind::Str(text) if text.contains(',') && !super::is_template(text) => {
                let message = format!("invalid old style role requirement: {text}");
                self.diagnostics.push(
                    Diagnostic::error(Class::Error, "muster::playbook::role", message)
                        .at(node.span, "a comma in the name of a role")
                        .help("write the name alone; versions belong in `requirements.yml`"),
                );
                return None;
            }
            Kind::Str(_) => self.syntax(node),
            Kind::Map(map) => {
                role.name = self.role_name(node, map, requirement)?;
                self.role_keywords(&mut role, map, requirement);
            }
            _ => {
                self.diagnostics.push(
                    Diagnostic::parse("muster::playbook::role", "invalid role definition")
                        .at(node.span, format!("this is {}", node.describe()))
                        .help("write the role's name, or a mapping with `role: name`"),
                );
                return None;
            }
        }
        Some(role)
    }

    fn role_name(&mut self, node: &Node, map: &Mapping, requirement: Requirement) -> Option<Node> {
        if let Some(name) = map.get("role").or_else(|| map.get("name")) {
            let number = matches!(name.kind, Kind::Int(_));
            if number || name.as_str().is_some_and(|text| !text.is_empty()) {
                self.syntax(name);
                let text = values::text(name).unwrap_or_default();
                return Some(if number {
                    Node { span: name.span, kind: Kind::Str(text.into()) }
                } else {
                    name.clone()
                });
            }
        } else if let (Requirement::Dependency, Some(src)) = (requirement, map.get("src"))
            && let Some(text) = src.as_str()
        {
            let name = galaxy_name(text);
            let start = text.rfind(name).unwrap_or(0);
            return Some(self.part_node(src, start, name));
        }
        self.diagnostics.push(
            Diagnostic::error(
                Class::Error,
                "muster::playbook::role",
                "role definitions must contain a role name",
            )
            .at(node.span, "which role?")
            .help("write `role: name`"),
        );
        None
    }

    fn role_keywords(&mut self, role: &mut RoleUse, map: &Mapping, requirement: Requirement) {
        let mut params = vec![];
        for field in self.fields(map, Place::Role) {
            match field.name {
                "role" | "name" => {}
                "src" | "scm" | "version"
                    if requirement == Requirement::Dependency && map.get("src").is_some() => {}
                name if table::keyword(name).is_some_and(|keyword| keyword.stands(Place::Role)) => {
                    self.shared(&mut role.keywords, field, "Role");
                }
                _ => {
                    self.role_parameter(field);
                    params.push((field.key.clone(), field.value.clone()));
                }
            }
        }
        let params = Mapping(params);
        reserved::warn_all(&params, self.diagnostics);
        role.params = Arc::new(Vars::written(&params));
    }

    /// A parameter is any key that is no keyword, so a slip of the fingers is one, too: that deserves a word.
    fn role_parameter(&mut self, field: Field<'_>) {
        self.syntax(field.value);
        let name = field.name;
        let from = matches!(name, "tasks_from" | "vars_from" | "defaults_from" | "handlers_from");
        let same_length = |known: &&str| known.len() == name.len() && name.len() > 3;
        let help = match nearest(name, table::names(Place::Role)).filter(same_length) {
            Some(near) => format!("did you mean `{near}`?"),
            None if from => format!("to choose a file of the role, use `import_role` with `{name}`"),
            None => return,
        };
        self.diagnostics.push(
            Diagnostic::warning(
                "muster::playbook::role",
                format!("`{name}` is no keyword of roles; the role gets it as a variable"),
            )
            .at(field.key.span, "")
            .help(help),
        );
    }
}

/// The name a role is installed under: `git+https://host/path/name.git,v1` is `name`; a third part names it outright.
fn galaxy_name(src: &str) -> &str {
    let mut parts = src.split(',').map(str::trim);
    let url = parts.next().unwrap_or(src);
    if let Some(name) = parts.nth(1).filter(|name| !name.is_empty()) {
        return name;
    }
    if !url.contains("://") && !url.contains('@') {
        return url;
    }
    let last = url.rsplit('/').next().unwrap_or(url);
    last.strip_suffix(".git").or_else(|| last.strip_suffix(".tar.gz")).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::galaxy_name;

    #[test]
    fn galaxy_sources_name_roles() {
        let cases = [
            ("geerlingguy.ntp", "geerlingguy.ntp"),
            ("https://example.com/path/ansible-role-x.git", "ansible-role-x"),
            ("git+https://example.com/a/b.git,v1", "b"),
            ("https://example.com/b.tar.gz,,bee", "bee"),
        ];
        for (src, name) in cases {
            assert_eq!(galaxy_name(src), name, "{src}");
        }
    }
}
