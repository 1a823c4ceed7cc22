//! The lookup in INI and properties files, as Python's `configparser` reads them. A key and a file come in; the value
//! goes out, with `%(name)s` filled in.

use super::files::{find, read_in};
use super::tables::{setting, settings};
use super::{Request, Table};
use crate::template::filters::regex::{Flags, regex};
use crate::template::{Value, fault, python};
use indexmap::IndexMap;
use minijinja::Error;
use minijinja::value::ValueKind;

pub const TABLE: Table = &[("ini", ini)];

/// The section whose settings every other has.
const DEFAULT: &str = "DEFAULT";
/// How deep values may name others.
const DEPTH: usize = 10;

const OPTIONS: [&str; 10] = [
    "section",
    "file",
    "type",
    "re",
    "default",
    "case_sensitive",
    "encoding",
    "allow_no_value",
    "allow_none",
    "interpolation",
];

/// The settings of a section: those without `=` have no value.
type Section = IndexMap<String, Option<String>>;

fn ini(request: &Request) -> Result<Vec<Value>, Error> {
    let mut out = vec![];
    for term in &request.terms {
        let term = if term.kind() == ValueKind::Map { String::new() } else { python::text(term)? };
        let (key, own) = settings(&term, &OPTIONS);
        if let Some((name, _)) = key.split_once('=').filter(|(name, _)| !name.contains(' ')) {
            return Err(fault::error(format!("'{name}' is not a valid option.")));
        }
        if key.is_empty() && !own.is_empty() {
            let lead = "No key to look up was provided as first term within string inline options";
            return Err(fault::error(format!("{lead}: {term}")));
        }
        let get = |name: &str, otherwise: &str| setting(request, &own, name, otherwise);
        let is = |name: &str, otherwise: bool| match own.iter().find(|(known, _)| known == name) {
            Some((_, value)) => matches!(value.to_lowercase().as_str(), "true" | "yes" | "on" | "1"),
            None => request.is(name, otherwise),
        };
        let properties = get("type", "ini")? == "properties";
        let (name, encoding) = (get("file", "ansible.ini")?, get("encoding", "utf-8")?);
        let file = find(request, "files", &name).ok_or_else(|| fault::error("Invalid filename None."))?;
        let file = file.display().to_string();
        let text = read_in(request, "files", &file, "Unable to access the file", &encoding)?;
        let text = if properties { format!("[java_properties]\n{text}") } else { text };
        let shown = name.rsplit('/').next().unwrap_or(&name);
        let parser = Parser {
            exact: is("case_sensitive", false),
            bare: is("allow_no_value", is("allow_none", false)),
            filled: is("interpolation", true),
        };
        let sections = parser.read(&text, shown)?;
        let wanted = if properties { "java_properties".into() } else { get("section", "global")? };
        if !sections.contains_key(&wanted) {
            return Err(fault::error(format!("No section '{wanted}' in '{shown}'.")));
        }
        let all = parser.all(&sections, &wanted);
        if is("re", false) {
            let pattern = regex(&format!("^(?:{key})"), Flags::default())?;
            for name in all.keys().filter(|name| pattern.is_match(name).unwrap_or(false)) {
                out.extend(parser.value(&all, &wanted, name, DEPTH)?.map(Value::from));
            }
            continue;
        }
        let key = parser.name(&key);
        if all.contains_key(&key) {
            out.extend(parser.value(&all, &wanted, &key, DEPTH)?.map(Value::from));
            continue;
        }
        let own = own.iter().find(|(name, _)| name == "default").map(|(_, v)| Value::from(v.as_str()));
        let otherwise = own.or_else(|| request.options.named("default"));
        out.extend(otherwise.or(Some(Value::from(""))).filter(|value| !value.is_none()));
    }
    Ok(out)
}

struct Parser {
    /// Whether the case of names counts.
    exact: bool,
    /// Whether a setting needs no value.
    bare: bool,
    /// Whether values name others.
    filled: bool,
}

impl Parser {
    fn name(&self, name: &str) -> String {
        if self.exact { name.trim().to_owned() } else { name.trim().to_lowercase() }
    }

    fn read(&self, text: &str, file: &str) -> Result<IndexMap<String, Section>, Error> {
        let mut sections: IndexMap<String, Section> = IndexMap::new();
        let (mut inside, mut last): (Option<String>, Option<String>) = (None, None);
        let mut refused = String::new();
        for (at, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                continue;
            }
            let refuse = |refused: &mut String| {
                let shown = python::repr(&Value::from(format!("{line}\n")));
                refused.push_str(&format!("\n\t[line {:>2}]: {shown}", at + 1));
            };
            if line.starts_with([' ', '\t'])
                && let (Some(section), Some(name)) = (&inside, &last)
                && let Some(value) = sections.get_mut(section).and_then(|section| section.get_mut(name))
            {
                let value = value.get_or_insert_default();
                value.push_str(&format!("\n{trimmed}"));
                continue;
            }
            if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) {
                sections.entry(name.0.to_owned()).or_default();
                (inside, last) = (Some(name.0.to_owned()), None);
                continue;
            }
            let Some(section) = inside.as_ref() else {
                let shown = python::repr(&Value::from(format!("{line}\n")));
                return Err(fault::error(format!(
                    "File contains no section headers.\nfile: '<???>', line: {}\n{shown}",
                    at + 1
                )));
            };
            let (name, value) = match trimmed.split_once(['=', ':']) {
                Some((name, value)) => (name, Some(value.trim().to_owned())),
                None if self.bare => (trimmed, None),
                None => {
                    refuse(&mut refused);
                    continue;
                }
            };
            let name = self.name(name);
            let settings = sections.entry(section.clone()).or_default();
            if settings.insert(name.clone(), value).is_some() {
                let (place, section) =
                    (format!("[line {:>2}]", at + 1), python::repr(&Value::from(&**section)));
                return Err(fault::error(format!(
                    "Duplicate option in '{file}': While reading from '<???>' {place}: option '{name}' in section {section} already exists"
                )));
            }
            last = Some(name);
        }
        if refused.is_empty() {
            return Ok(sections);
        }
        Err(fault::error(format!("Source contains parsing errors: '<???>'{refused}")))
    }

    /// The settings of a section, with those that all have.
    fn all(&self, sections: &IndexMap<String, Section>, wanted: &str) -> Section {
        let mut all = sections.get(DEFAULT).cloned().unwrap_or_default();
        all.extend(sections.get(wanted).cloned().unwrap_or_default());
        all
    }

    fn value(&self, all: &Section, section: &str, name: &str, depth: usize) -> Result<Option<String>, Error> {
        let Some(Some(text)) = all.get(name) else { return Ok(None) };
        if !self.filled || !text.contains('%') {
            return Ok(Some(text.clone()));
        }
        let wrong = |why: String| Err(fault::error(why));
        let Some(depth) = depth.checked_sub(1) else {
            return wrong(format!(
                "Recursion limit exceeded in value substitution: option '{name}' in section '{section}' contains an interpolation key which cannot be substituted in {DEPTH} steps. Raw value: '{text}'"
            ));
        };
        let (mut out, mut rest) = (String::new(), text.as_str());
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                out.push('%');
                rest = after;
            } else if let Some(inner) = after.strip_prefix('(') {
                let Some((other, after)) = inner.split_once(")s") else {
                    return wrong(format!("bad interpolation variable reference '%{after}'"));
                };
                let known = self.name(other);
                if !all.contains_key(&known) {
                    return wrong(format!(
                        "Bad value substitution: option '{name}' in section '{section}' contains an interpolation key '{known}' which is not a valid option name. Raw value: '{text}'"
                    ));
                }
                out.push_str(&self.value(all, section, &known, depth)?.unwrap_or_default());
                rest = after;
            } else {
                return wrong(format!("'%' must be followed by '%' or '(', found: '%{after}'"));
            }
        }
        out.push_str(rest);
        Ok(Some(out))
    }
}
