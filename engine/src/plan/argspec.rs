//! `meta/argument_specs.yml` as a task: a role with a spec for its entry point begins with a step that checks what it
//! was given, named and tagged as Ansible's.

use super::step::{Around, RoleInstance};
use crate::node::{Kind, Mapping, Node};
use crate::playbook::{Argspec, Keywords, Task};
use std::sync::Arc;

/// The task that checks a role's arguments; nothing if its spec has no options.
#[must_use]
pub fn validation(argspec: &Argspec, role: &RoleInstance, _around: &Around) -> Option<Task> {
    let span = argspec.options.span;
    let node = |kind: Kind| Node { span, kind };
    let text = |text: String| node(Kind::Str(Arc::from(text)));
    let options = argspec.options.as_map()?;
    let provided = options.iter().filter_map(|(key, _)| {
        let name = key.as_str()?;
        Some((key.clone(), text(format!("{{{{ {name} | default(omit) }}}}"))))
    });
    let provided = node(Kind::Map(Arc::new(Mapping(provided.collect()))));
    let spec = node(Kind::Unsafe(Arc::new(argspec.options.clone())));
    let context = [
        ("type", "role".to_string()),
        ("name", role.role.short_name().to_string()),
        ("argument_spec_name", argspec.entry.to_string()),
        ("path", role.role.dir.display().to_string()),
    ];
    let context = context.into_iter().map(|(key, value)| (text(key.into()), text(value))).collect();
    let named = Mapping(vec![
        (text("argument_spec".into()), spec),
        (text("provided_arguments".into()), provided),
        (text("validate_args_context".into()), node(Kind::Map(Arc::new(Mapping(context))))),
    ]);
    let description = argspec.short_description.as_ref().map(|text| format!(" - {text}")).unwrap_or_default();
    let name = text(format!("Validating arguments against arg spec '{}'{description}", argspec.entry));
    let (named, dir) = (node(Kind::Map(Arc::new(named))), Arc::from(role.role.dir.as_path()));
    let task = Task::of_module(span, Some(name), "ansible.builtin.validate_argument_spec", named, dir);
    let keywords = Keywords { tags: vec![text("always".into())], ..Keywords::default() };
    Some(Task { keywords, ..task })
}
