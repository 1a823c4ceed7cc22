//! Arguments as they stand in a playbook, checked before anything runs. A mapping of nodes comes in; what is certainly
//! wrong, each with its place, goes out. What a template may still change is left to the run.

use super::convert::{chosen, find, typed};
use super::{Kind, Opt, Spec};
use crate::diagnostic::{Class, Diagnostic, Diagnostics, nearest};
use crate::node::{self, Mapping, Node};

/// The key that free text stands under once it is split.
const RAW: &str = "_raw_params";

/// Whether a value is the same at every run: no template, nothing encrypted, however deep.
fn is_certain(node: &Node) -> bool {
    match &node.kind {
        node::Kind::Str(text) => !["{{", "{%", "{#"].iter().any(|open| text.contains(open)),
        node::Kind::Vault(_) => false,
        node::Kind::Unsafe(inner) => is_certain(inner),
        node::Kind::Seq(items) => items.iter().all(is_certain),
        node::Kind::Map(map) => map.iter().all(|(key, value)| is_certain(key) && is_certain(value)),
        _ => true,
    }
}

/// Looks through the arguments of one module.
struct Look<'a> {
    module: &'a str,
    found: &'a mut Diagnostics,
}

pub(super) fn check(spec: &Spec, module: &str, args: &Node, found: &mut Diagnostics) {
    let Some(map) = args.as_map() else { return };
    let mut look = Look { module, found };
    look.options(spec.options, spec.open, spec.free_form, args, map, &[]);
    look.rules(spec, args, map);
}

impl Look<'_> {
    fn options(
        &mut self,
        options: &[Opt],
        open: bool,
        free_form: Option<&str>,
        args: &Node,
        map: &Mapping,
        path: &[&str],
    ) {
        for (key, value) in map.iter() {
            let name = key.to_key();
            match find(options, &name) {
                Some(option) => self.value(option, value, path),
                None if open || !is_certain(key) || (name == RAW && path.is_empty()) => {}
                None => self.unknown(options, key, &name, path),
            }
        }
        let given = |option: &Opt| {
            let written =
                std::iter::once(&option.name).chain(option.aliases).any(|name| map.get(name).is_some());
            written || (free_form == Some(option.name) && map.get(RAW).is_some())
        };
        let missing: Vec<&str> =
            options.iter().filter(|option| option.required && !given(option)).map(|o| o.name).collect();
        if !missing.is_empty() && map.iter().all(|(key, _)| is_certain(key)) {
            let place =
                if path.is_empty() { String::new() } else { format!(" found in {}", path.join(" -> ")) };
            let message = format!("missing required arguments: {}{place}", missing.join(", "));
            let name = missing.first().copied().unwrap_or("");
            self.found.push(
                Diagnostic::error(Class::Undefined, "muster::module::missing", message)
                    .at(args.span, format!("arguments of `{}`", self.module))
                    .help(format!("add `{name}:`; `muster doc {}` shows what it takes", self.module)),
            );
        }
    }

    fn unknown(&mut self, options: &[Opt], key: &Node, name: &str, path: &[&str]) {
        let full = path.iter().copied().chain([name]).collect::<Vec<_>>().join(".");
        let message = format!("Unsupported parameters for ({}) module: {full}", self.module);
        let names = || options.iter().flat_map(|option| std::iter::once(&option.name).chain(option.aliases));
        let help = match nearest(name, names().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let mut all: Vec<&str> = options.iter().map(|option| option.name).collect();
                all.sort_unstable();
                format!("supported parameters include: {}", all.join(", "))
            }
        };
        self.found.push(
            Diagnostic::error(Class::Undefined, "muster::module::unsupported", message)
                .at(key.span, "no such parameter")
                .help(help),
        );
    }

    fn value(&mut self, option: &Opt, value: &Node, path: &[&str]) {
        if !option.options.is_empty() {
            let path: Vec<&str> = path.iter().copied().chain([option.name]).collect();
            for item in value.as_seq().unwrap_or(std::slice::from_ref(value)) {
                if let Some(map) = item.as_map() {
                    self.options(option.options, false, None, item, map, &path);
                }
            }
        }
        let untyped = matches!(option.kind, Kind::Expr | Kind::Raw);
        let given = !value.is_null() || option.required || option.default.is_some();
        if untyped || !given || !is_certain(value) {
            return;
        }
        let converted = typed(option, value.to_json(), path);
        if let Err(message) = converted.and_then(|mut value| chosen(option, &mut value, path)) {
            let near = value.as_str().and_then(|word| nearest(word, option.choices.iter().copied()));
            let mut diagnostic =
                Diagnostic::error(Class::Undefined, "muster::module::argument", message).at(value.span, "");
            if let Some(near) = near {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            self.found.push(diagnostic);
        }
    }

    /// Rules between options. A value with a template may turn out to be `omit`, so it counts for no quarrel.
    fn rules(&mut self, spec: &Spec, args: &Node, map: &Mapping) {
        let entry = |name: &str| {
            let option = find(spec.options, name);
            let names = option.map_or(&[][..], |option| option.aliases);
            std::iter::once(&name).chain(names).find_map(|name| map.entry(name))
        };
        let free = |name: &&str| spec.free_form == Some(name) && map.get(RAW).is_some();
        for group in spec.exclusive {
            let mut given =
                group.iter().filter_map(|name| entry(name)).filter(|(_, value)| is_certain(value));
            if let (Some((first, _)), Some((second, _))) = (given.next(), given.next()) {
                let message = format!("parameters are mutually exclusive: {}", group.join("|"));
                self.found.push(
                    Diagnostic::error(Class::Undefined, "muster::module::exclusive", message)
                        .at(second.span, "this excludes the other")
                        .at(first.span, "the other"),
                );
            }
        }
        let certain_keys = map.iter().all(|(key, _)| is_certain(key));
        for group in spec.one_of {
            let defaulted = |name: &&str| find(spec.options, name).is_some_and(|o| o.default.is_some());
            if certain_keys
                && !group.iter().any(|name| entry(name).is_some() || free(name) || defaulted(name))
            {
                let message = format!("one of the following is required: {}", group.join(", "));
                self.found.push(
                    Diagnostic::error(Class::Undefined, "muster::module::missing", message)
                        .at(args.span, format!("arguments of `{}`", self.module)),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::convert::tests::SPEC;
    use super::*;
    use crate::node::{Limits, parse};
    use crate::source::Sources;

    fn found(text: &str) -> Vec<String> {
        let sources = Sources::default();
        let id = sources.add("t.yml", text);
        let nodes = parse(&sources, id, Limits::default(), &mut Diagnostics::default()).unwrap();
        let mut found = Diagnostics::default();
        SPEC.check_written("copy", &nodes[0], &mut found);
        let line = |d: &Diagnostic| {
            let place = sources.place(d.labels[0].span);
            format!("{}:{} {} [{}]", place.line, place.column, d.message, d.help.as_deref().unwrap_or(""))
        };
        found.0.iter().map(line).collect()
    }

    #[test]
    fn what_is_certainly_wrong_is_found_at_its_place() {
        let table = [
            (
                "name: x\npath: /p\nstat: absent\n",
                "3:1 Unsupported parameters for (copy) module: stat [did you mean `state`?]",
            ),
            (
                "path: /p\n",
                "1:1 missing required arguments: name [add `name:`; `muster doc copy` shows what it takes]",
            ),
            (
                "name: x\npath: /p\nstate: absnt\n",
                "3:8 value of state must be one of: absent, present, got: absnt [did you mean `absent`?]",
            ),
            (
                "name: x\npath: /p\ncount: many\n",
                "3:8 argument 'count' is of type str and we were unable to convert to int: \"'many'\" cannot be converted to an int []",
            ),
            ("name: x\nsrc: a\ncontent: b\n", "2:1 parameters are mutually exclusive: content|src []"),
            ("name: x\n", "1:1 one of the following is required: content, src, path []"),
            (
                "name: x\npath: /p\nopts: {a: 1, bbb: 2}\n",
                "3:14 Unsupported parameters for (copy) module: opts.bbb [did you mean `bb`?]",
            ),
            (
                "name: x\npath: /p\nrules:\n  - port: 80\n  - proto: udp\n",
                "5:5 missing required arguments: port found in rules [add `port:`; `muster doc copy` shows what it takes]",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(found(text), [expected], "{text}");
        }
    }

    #[test]
    fn what_a_template_may_change_is_left_alone() {
        let text = "pkg: x\npath: '{{ p }}'\nstate: '{{ s }}'\ncount: !vault |\n  x\nports: [1, '{{ q }}']\nsrc: a\ncontent: '{{ omit }}'\nopts: '{{ o }}'\nforce: null\n";
        let found = found(text);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains("to bool"), "a default makes null a value: {found:#?}");
    }
}
