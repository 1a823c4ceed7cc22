//! Which arguments a module takes, as data: checked and converted with Ansible's rules and messages, and the source
//! of `muster doc`. Arguments as rendered come in, arguments of the declared types with defaults go out.

use super::Map;
use crate::diagnostic::Diagnostics;
use crate::node::Node;

/// The type of an option, as Ansible's argument specs name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text; numbers and booleans become text.
    Str,
    /// A boolean, or one of the words for one.
    Bool,
    /// An integer, or the text of one.
    Int,
    /// A float, or the text of one.
    Float,
    /// A list; text is split at commas, another scalar becomes a list of one.
    List,
    /// A mapping; text is JSON or `k=v` pairs.
    Dict,
    /// A path: text with `~` and `$VAR` of the target kept for the target to expand.
    Path,
    /// Anything, as it is.
    Raw,
    /// JSON text; collections become their JSON.
    Json,
    /// Bytes: a number with a unit.
    Bytes,
    /// A bare expression (or list of them) that the module evaluates itself: never rendered before.
    Expr,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// Whether it must be given.
    pub required: bool,
    /// Its default, as YAML text.
    pub default: Option<&'static str>,
    /// The values it may have.
    pub choices: &'static [&'static str],
    /// The type of a list's elements.
    pub elements: Option<Kind>,
    /// The options of a mapping (or of each mapping of a list).
    pub options: &'static [Opt],
    /// What counts where nothing else says so, the host included: what a call is told with. As YAML text.
    pub usual: Option<&'static str>,
    /// Whether its value is a secret.
    pub no_log: bool,
    /// One or two sentences.
    pub doc: &'static str,
}

impl Opt {
    /// An option of a type.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            aliases: &[],
            required: false,
            default: None,
            choices: &[],
            elements: None,
            options: &[],
            usual: None,
            no_log: false,
            doc,
        }
    }

    /// With other names.
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// That must be given.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// With a default, as YAML text.
    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// With the values it may have.
    #[must_use]
    pub const fn choices(mut self, choices: &'static [&'static str]) -> Self {
        self.choices = choices;
        self
    }

    /// With the type of a list's elements.
    #[must_use]
    pub const fn elements(mut self, kind: Kind) -> Self {
        self.elements = Some(kind);
        self
    }

    /// With the options of a mapping.
    #[must_use]
    pub const fn options(mut self, options: &'static [Opt]) -> Self {
        self.options = options;
        self
    }

    /// With what counts where neither the task nor the host says anything, as YAML text.
    #[must_use]
    pub const fn usual(mut self, usual: &'static str) -> Self {
        self.usual = Some(usual);
        self
    }

    /// Whose value is a secret.
    #[must_use]
    pub const fn no_log(mut self) -> Self {
        self.no_log = true;
        self
    }
}

/// Where Ansible does a module's work, which its messages and results tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// On the host.
    #[default]
    Host,
    /// On the controller first, then on the host: it is an action that fails.
    Both,
    /// On the controller: it tells nothing of how it was called.
    Controller,
}

/// What a module says in another way than most when its arguments are wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manners {
    /// It calls itself by its short name.
    pub short: bool,
    /// It looks for options it does not know before anything else, and names no others.
    pub names_first: bool,
    /// What it says when something is missing.
    pub missing: Option<&'static str>,
    /// An option of its kin's that it does not have, which it tells before anything else and without naming those it has.
    pub lacks: Option<&'static str>,
    /// The module that does its work on the host, and what that one takes, where an action calls it: what it says of
    /// options that nobody takes.
    pub works: Option<(&'static str, &'static [&'static str])>,
    /// Where it answers by itself, it tells its arguments as they were given, but for what these are.
    pub given: Option<&'static [&'static str]>,
    /// What Ansible calls it with that no task can give: names, and values as YAML text.
    pub told: &'static [(&'static str, &'static str)],
}

impl Manners {
    /// As most modules speak.
    pub const USUAL: Self = Self {
        short: false,
        names_first: false,
        missing: None,
        lacks: None,
        works: None,
        given: None,
        told: &[],
    };
}

/// What a module takes.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// One sentence: what the module does.
    pub doc: &'static str,
    /// Its options.
    pub options: &'static [Opt],
    /// The option that free-form text (`command: ls -l`) becomes; without one only `k=v` text is taken.
    pub free_form: Option<&'static str>,
    /// Whether unknown options are passed through (`set_fact`, `add_host`, executables).
    pub open: bool,
    /// Options of which at most one may be given.
    pub exclusive: &'static [&'static [&'static str]],
    /// Options of which one must be given.
    pub one_of: &'static [&'static [&'static str]],
    /// Options that go together.
    pub together: &'static [&'static [&'static str]],
    /// `(option, value, needed)`: what must be given when an option has a value.
    pub required_if: &'static [(&'static str, &'static str, &'static [&'static str])],
    /// Example tasks as YAML, planned in a test.
    pub examples: &'static str,
    /// Other full names of the module.
    pub also: &'static [&'static str],
    /// Where Ansible does its work.
    pub side: Side,
    /// How it speaks of wrong arguments.
    pub manners: Manners,
}

impl Spec {
    /// A module's description and options.
    #[must_use]
    pub const fn new(doc: &'static str, options: &'static [Opt]) -> Self {
        Self {
            doc,
            options,
            free_form: None,
            open: false,
            exclusive: &[],
            one_of: &[],
            together: &[],
            required_if: &[],
            examples: "",
            also: &[],
            side: Side::Host,
            manners: Manners::USUAL,
        }
    }

    /// With the option that free-form text becomes.
    #[must_use]
    pub const fn free_form(mut self, option: &'static str) -> Self {
        self.free_form = Some(option);
        self
    }

    /// That passes unknown options through.
    #[must_use]
    pub const fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// With options that exclude each other.
    #[must_use]
    pub const fn exclusive(mut self, groups: &'static [&'static [&'static str]]) -> Self {
        self.exclusive = groups;
        self
    }

    /// With options of which one must be given.
    #[must_use]
    pub const fn one_of(mut self, groups: &'static [&'static [&'static str]]) -> Self {
        self.one_of = groups;
        self
    }

    /// With options that go together.
    #[must_use]
    pub const fn together(mut self, groups: &'static [&'static [&'static str]]) -> Self {
        self.together = groups;
        self
    }

    /// With options needed when another has a value.
    #[must_use]
    pub const fn required_if(
        mut self,
        rules: &'static [(&'static str, &'static str, &'static [&'static str])],
    ) -> Self {
        self.required_if = rules;
        self
    }

    /// With example tasks.
    #[must_use]
    pub const fn examples(mut self, yaml: &'static str) -> Self {
        self.examples = yaml;
        self
    }

    /// With other full names.
    #[must_use]
    pub const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    /// Done elsewhere than on the host.
    #[must_use]
    pub const fn side(mut self, side: Side) -> Self {
        self.side = side;
        self
    }

    /// With words of its own for wrong arguments.
    #[must_use]
    pub const fn manners(mut self, manners: Manners) -> Self {
        self.manners = manners;
        self
    }

    /// The option of that name or alias.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&'static Opt> {
        self.options.iter().find(|o| o.name == name || o.aliases.contains(&name))
    }

    /// Checks rendered arguments and gives them under their first names, of their types, with defaults. An option
    /// that is not given and has no default is absent.
    ///
    /// # Errors
    /// The message Ansible gives: unsupported, missing, mutually exclusive, wrong type, not a choice.
    pub fn convert(&self, module: &str, args: Map) -> Result<Map, String> {
        super::convert::convert(self, module, args)
    }

    /// How a module was called: every option, secrets hidden, and the other names under which some were given.
    #[must_use]
    pub fn invocation(&self, given: &Map, args: &Map) -> serde_json::Value {
        let mut shown = args.clone();
        for (name, value) in given.iter().filter(|(name, _)| !args.contains_key(*name)) {
            match self.option(name) {
                Some(option) if option.name == name => {}
                Some(option) if option.no_log => {}
                Some(_) => _ = shown.insert(name.clone(), value.clone()),
                None => {}
            }
        }
        for (name, value) in self.manners.told {
            shown.insert((*name).into(), super::convert::yaml(value));
        }
        for option in self.options {
            if let (None, Some(usual)) = (shown.get(option.name), option.usual) {
                shown.insert(option.name.into(), super::convert::yaml(usual));
            }
        }
        for option in self.options {
            shown.entry(option.name).or_insert(serde_json::Value::Null);
        }
        hide(self.options, &mut shown);
        for name in self.manners.given.unwrap_or_default() {
            if let Some(value) = shown.get_mut(*name).filter(|value| !value.is_null()) {
                *value = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER".into();
            }
        }
        serde_json::json!({ "module_args": shown })
    }

    /// How a module was called that takes no such arguments: what it knows of them, as they were given.
    #[must_use]
    pub fn refusal(&self, given: &Map) -> serde_json::Value {
        let mut args = given.clone();
        args.retain(|name, _| self.option(name).is_some());
        super::convert::rename(self.options, &mut args);
        super::convert::default(self.options, &mut args);
        self.invocation(given, &args)
    }

    /// Reports what is certainly wrong with arguments as written: unknown and missing options, values without a
    /// template that have the wrong type or are no choice, options that exclude each other.
    pub fn check_written(&self, module: &str, args: &Node, diagnostics: &mut Diagnostics) {
        super::written::check(self, module, args, diagnostics);
    }
}

/// Puts a word in the place of every secret, however deep.
fn hide(options: &[Opt], args: &mut Map) {
    use serde_json::Value;
    for option in options {
        let Some(value) = args.get_mut(option.name).filter(|value| !value.is_null()) else { continue };
        match value {
            value if option.no_log => *value = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER".into(),
            Value::Object(map) => hide(option.options, map),
            Value::Array(items) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(|map| hide(option.options, map));
            }
            _ => {}
        }
    }
}
