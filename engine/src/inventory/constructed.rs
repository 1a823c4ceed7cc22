//! The `constructed` plugin: variables and groups made of the variables of the hosts read before. Its configuration
//! comes in; what it makes goes into an inventory. Expressions are compiled once and evaluated for each host.

use super::{Inventory, LoadOptions, Name, yaml};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::{Kind, Mapping, Node};
use crate::source::Span;
use crate::template::{Expr, Fault, Layer, Names, Scope, Surroundings, Value, Variable, text_of};
use minijinja::value::ValueKind;
use std::sync::Arc;

const KEYS: [&str; 9] = [
    "plugin",
    "strict",
    "compose",
    "groups",
    "keyed_groups",
    "use_extra_vars",
    "use_vars_plugins",
    "leading_separator",
    "cache",
];

/// What a host's names mean while groups are made of them.
#[derive(Debug)]
struct HostNames {
    host: Name,
    groups: Vec<Name>,
    layers: Vec<Layer>,
}

impl Names for HostNames {
    fn get(&self, name: &str) -> Option<Variable> {
        let known = |value| Some(Variable::Known(value));
        match name {
            "inventory_hostname" => known(Value::from(&*self.host)),
            "inventory_hostname_short" => known(Value::from(self.host.split('.').next().unwrap_or(""))),
            "group_names" => known(self.groups.iter().map(|group| Value::from(&**group)).collect()),
            _ => self.layers.iter().find_map(|layer| layer.get(name)).cloned(),
        }
    }

    fn names(&self) -> Vec<Arc<str>> {
        let magic = ["inventory_hostname", "inventory_hostname_short", "group_names"];
        let layers = self.layers.iter().flat_map(|layer| layer.0.keys().cloned());
        magic.into_iter().map(Arc::from).chain(layers).collect()
    }
}

/// One entry of `keyed_groups`.
struct Keyed<'a> {
    key: Expr,
    span: Span,
    prefix: &'a str,
    separator: &'a str,
    parent: Option<&'a Node>,
    default: Option<&'a str>,
    trailing: bool,
}

#[derive(Default)]
struct Config<'a> {
    strict: bool,
    files: bool,
    extra: bool,
    leading: bool,
    compose: Vec<(&'a str, Expr)>,
    groups: Vec<(&'a str, Expr)>,
    keyed: Vec<Keyed<'a>>,
}

/// Makes what a configuration says.
///
/// # Errors
/// The configuration is wrong, or with `strict` an expression fails for a host.
pub(super) fn read(
    inventory: &mut Inventory,
    root: &Mapping,
    options: &LoadOptions,
    warnings: &mut Diagnostics,
) -> Result<(), Vec<Diagnostic>> {
    let mut errors = vec![];
    let config = config(root, &mut errors, warnings);
    if !errors.is_empty() {
        return Err(errors);
    }
    let surroundings = Surroundings { secrets: options.secrets.clone(), ..Surroundings::default() };
    inventory.settle();
    let hosts: Vec<Name> = inventory.state.hosts.keys().cloned().collect();
    for host in &hosts {
        let extra = &options.extra;
        let mut maker = Maker { inventory, config: &config, around: &surroundings, extra, host };
        maker.make().map_err(|error| vec![error])?;
    }
    Ok(())
}

fn mistake(message: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::parse("muster::inventory::constructed", message).at(span, "")
}

fn config<'a>(root: &'a Mapping, errors: &mut Vec<Diagnostic>, warnings: &mut Diagnostics) -> Config<'a> {
    let mut config = Config { leading: true, ..Config::default() };
    for (key, value) in root.iter() {
        let name = key.as_str().unwrap_or("");
        let mut switch = |into: &mut bool| match truth(value) {
            Some(value) => *into = value,
            None => errors.push(mistake(
                format!("`{name}` must be true or false, not {}", value.describe()),
                value.span,
            )),
        };
        match name {
            "strict" => switch(&mut config.strict),
            "use_extra_vars" => switch(&mut config.extra),
            "use_vars_plugins" => switch(&mut config.files),
            "leading_separator" => switch(&mut config.leading),
            "compose" => config.compose = expressions(value, errors),
            "groups" => config.groups = expressions(value, errors),
            "keyed_groups" => {
                let entries = match &value.kind {
                    Kind::Seq(items) => items.iter().as_slice(),
                    Kind::Null => &[],
                    _ => {
                        errors.push(mistake("`keyed_groups` must be a list", value.span));
                        continue;
                    }
                };
                config.keyed = entries.iter().filter_map(|entry| keyed(entry, errors)).collect();
            }
            name if KEYS.contains(&name) => {}
            _ => {
                let near = crate::diagnostic::nearest(name, KEYS);
                let mut warning = Diagnostic::warning(
                    "muster::inventory::constructed",
                    format!("`{name}` is no option of `constructed`"),
                )
                .at(key.span, "");
                if let Some(near) = near {
                    warning = warning.help(format!("did you mean `{near}`?"));
                }
                warnings.push(warning);
            }
        }
    }
    config
}

fn truth(node: &Node) -> Option<bool> {
    match &node.kind {
        Kind::Bool(value) => Some(*value),
        Kind::Int(0) => Some(false),
        Kind::Int(1) => Some(true),
        Kind::Str(text) => match &*text.to_ascii_lowercase() {
            "yes" | "true" | "on" | "y" | "t" | "1" => Some(true),
            "no" | "false" | "off" | "n" | "f" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn expressions<'a>(node: &'a Node, errors: &mut Vec<Diagnostic>) -> Vec<(&'a str, Expr)> {
    let Some(map) = node.as_map() else {
        if !node.is_null() {
            errors
                .push(mistake(format!("expected names and expressions, not {}", node.describe()), node.span));
        }
        return vec![];
    };
    let mut pairs = vec![];
    for (key, value) in map.iter() {
        match (key.as_str(), Expr::parse(value)) {
            (Some(name), Ok(expr)) => pairs.push((name, expr)),
            (None, _) => {
                errors.push(mistake(format!("a name must be a string, not {}", key.describe()), key.span))
            }
            (_, Err(error)) => errors.push(error),
        }
    }
    pairs
}

fn keyed<'a>(node: &'a Node, errors: &mut Vec<Diagnostic>) -> Option<Keyed<'a>> {
    let Some(map) = node.as_map() else {
        errors.push(mistake("an entry of `keyed_groups` must be a mapping with a `key`", node.span));
        return None;
    };
    let Some(key) = map.get("key") else {
        errors.push(mistake("an entry of `keyed_groups` needs a `key`", node.span));
        return None;
    };
    let text = |name: &str| map.get(name).and_then(Node::as_str);
    if text("default_value").is_some() && map.get("trailing_separator").is_some() {
        errors.push(mistake(
            "parameters are mutually exclusive for keyed groups: default_value|trailing_separator",
            node.span,
        ));
    }
    let key = Expr::parse(key).map_err(|error| errors.push(error)).ok()?;
    Some(Keyed {
        key,
        span: node.span,
        prefix: text("prefix").unwrap_or(""),
        separator: text("separator").unwrap_or("_"),
        parent: map.get("parent_group").filter(|node| !node.is_null()),
        default: text("default_value"),
        trailing: map.get("trailing_separator").and_then(truth).unwrap_or(true),
    })
}

struct Maker<'a> {
    inventory: &'a mut Inventory,
    config: &'a Config<'a>,
    around: &'a Surroundings,
    extra: &'a Layer,
    host: &'a Name,
}

impl Maker<'_> {
    fn scope(&self) -> Scope {
        let mut layers = self.inventory.layers(self.host, &[]);
        if !self.config.files {
            layers = self.inventory.inline_layers(self.host);
        }
        if self.config.extra {
            layers.insert(0, self.extra.clone());
        }
        let names =
            HostNames { host: self.host.clone(), groups: self.inventory.group_names(self.host), layers };
        Scope::new(Arc::new(names), self.around.clone())
    }

    /// The value, or nothing if it fails and that is allowed.
    fn lenient<T>(&self, what: &str, span: Span, result: Result<T, Fault>) -> Result<Option<T>, Diagnostic> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(_) if !self.config.strict => Ok(None),
            Err(fault) => {
                Err(mistake(format!("{what} for host {}: {fault}", self.host), fault.span.unwrap_or(span)))
            }
        }
    }

    fn make(&mut self) -> Result<(), Diagnostic> {
        let scope = self.scope();
        for (name, expr) in &self.config.compose {
            let what = format!("Could not set {name}");
            if let Some(value) = self.lenient(&what, expr.span, scope.eval(expr))? {
                self.inventory.set_host_var(self.host, Arc::from(*name), Variable::Known(value));
            }
        }
        let scope = self.scope();
        for (name, expr) in &self.config.groups {
            let what = format!("Could not add host to group {name}");
            if self.lenient(&what, expr.span, scope.holds(expr))? == Some(true) {
                let name = safe(name);
                self.inventory.put_group(&name, Some(expr.span));
                self.inventory.join(&name, self.host);
            }
        }
        for keyed in &self.config.keyed {
            self.key(keyed, &scope)?;
        }
        Ok(())
    }

    fn key(&mut self, keyed: &Keyed<'_>, scope: &Scope) -> Result<(), Diagnostic> {
        let Some(value) = self.lenient("Could not generate group", keyed.span, scope.eval(&keyed.key))?
        else {
            return Ok(());
        };
        if !(value.is_true() || is_nothing(&value) && keyed.default.is_some()) {
            let empty = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map);
            return match self.config.strict && !empty {
                true => Err(mistake(
                    format!("No key or key resulted empty for host {}, invalid entry", self.host),
                    keyed.span,
                )),
                false => Ok(()),
            };
        }
        let bare = names(&value, keyed).ok_or_else(|| {
            let found = value.kind();
            let message = format!(
                "Invalid group name format, expected a string or a list of them or dictionary, got: {found}"
            );
            mistake(message, keyed.span)
        })?;
        let leading = !keyed.prefix.is_empty() || self.config.leading;
        for bare in bare {
            let separator = if leading { keyed.separator } else { "" };
            let name = safe(&format!("{}{separator}{bare}", keyed.prefix));
            self.inventory.put_group(&name, Some(keyed.span));
            self.inventory.join(&name, self.host);
            let Some(parent) = keyed.parent else { continue };
            let what = format!("Could not generate parent group for group {name}");
            if let Some(parent) = self.lenient(&what, parent.span, scope.text(parent))? {
                let parent = safe(&parent);
                self.inventory.put_group(&parent, Some(keyed.span));
                self.inventory.put_child(&parent, &name).map_err(|message| mistake(message, keyed.span))?;
            }
        }
        Ok(())
    }
}

/// What a default stands in for.
fn is_nothing(value: &Value) -> bool {
    value.is_none() || value.as_str() == Some("")
}

/// The names in a key: a text is one, a list several, a mapping one for each pair.
fn names(value: &Value, keyed: &Keyed<'_>) -> Option<Vec<String>> {
    let named = |value: &Value| match keyed.default {
        Some(default) if is_nothing(value) => default.to_owned(),
        _ => text_of(value).unwrap_or_default(),
    };
    if is_nothing(value) || value.as_str().is_some() {
        return Some(vec![named(value)]);
    }
    match value.kind() {
        ValueKind::Map => {
            let pair = |key: Value| {
                let inner = value.get_item(&key).unwrap_or_default();
                let name = text_of(&key).unwrap_or_default();
                match (is_nothing(&inner), keyed.default) {
                    (true, None) if !keyed.trailing => name,
                    _ => format!("{name}{}{}", keyed.separator, named(&inner)),
                }
            };
            Some(value.try_iter().ok()?.map(pair).collect())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            Some(value.try_iter().ok()?.map(|item| named(&item)).collect())
        }
        _ => None,
    }
}

/// A group's name with everything but letters, digits and underscores replaced.
fn safe(name: &str) -> String {
    let letter = |(at, c): (usize, char)| {
        let fits = c == '_' || c.is_alphanumeric() && !(at == 0 && c.is_numeric());
        if fits { c } else { '_' }
    };
    name.chars().enumerate().map(letter).collect()
}

/// The plugin a document configures, by its short name.
pub(super) fn plugin(root: &Node) -> Option<(String, Span)> {
    let (key, value) = root.as_map()?.entry("plugin")?;
    let name = yaml::text(value).into_owned();
    let short = name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy."));
    Some((short.unwrap_or(&name).to_owned(), if value.is_null() { key.span } else { value.span }))
}
