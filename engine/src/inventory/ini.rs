//! Inventories in INI. Text comes in; hosts, groups and variables go into an inventory. Every line that is wrong gives
//! one diagnostic with its place, and reading goes on.

use super::{Inventory, address, python, yaml};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{SourceId, Sources, Span};
use crate::template::Variable;
use indexmap::IndexMap;
use std::sync::{Arc, LazyLock};

/// What the lines below a heading are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Hosts,
    Children,
    Vars,
}

struct Reader<'a> {
    inventory: &'a mut Inventory,
    warnings: &'a mut Diagnostics,
    errors: Vec<Diagnostic>,
    group: String,
    section: Section,
    /// Groups that were spoken of before they were declared, and where.
    pending: IndexMap<String, (Section, String, Span)>,
}

/// Reads a source.
///
/// # Errors
/// Every line that is wrong.
pub(super) fn read(
    inventory: &mut Inventory,
    sources: &Sources,
    source: SourceId,
    warnings: &mut Diagnostics,
) -> Result<(), Vec<Diagnostic>> {
    let text = sources.get(source).text.clone();
    let mut reader = Reader {
        inventory,
        warnings,
        errors: vec![],
        group: "ungrouped".into(),
        section: Section::Hosts,
        pending: IndexMap::new(),
    };
    let mut at = 0_usize;
    for raw in text.split('\n') {
        let line = raw.trim();
        let start = at + (raw.len() - raw.trim_start().len());
        at += raw.len() + 1;
        let offset = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
        let span = Span { source, start: offset(start), end: offset(start + line.len()) };
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Err(message) = reader.line(line, span) {
            reader.errors.push(mistake(message, span));
        }
    }
    reader.finish();
    reader.errors.sort_by_key(|error| error.labels.first().map(|label| label.span.start));
    if reader.errors.is_empty() { Ok(()) } else { Err(reader.errors) }
}

fn mistake(message: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::parse("muster::inventory::ini", message).at(span, "")
}

impl Reader<'_> {
    fn line(&mut self, line: &str, span: Span) -> Result<(), String> {
        static HEADING: LazyLock<Option<regex::Regex>> =
            LazyLock::new(|| regex::Regex::new(r"^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$").ok());
        let heading = HEADING.as_ref().and_then(|heading| heading.captures(line));
        if let Some(parts) = heading {
            let name = parts.get(1).map_or("", |name| name.as_str());
            return self.heading(name, parts.get(2).map(|kind| kind.as_str()), span);
        }
        if line.starts_with('[') && line.ends_with(']') {
            return Err(format!(
                "Invalid section entry: '{line}'. Please make sure that there are no spaces in the section entry, and \
                 that there are no other invalid characters"
            ));
        }
        match self.section {
            Section::Hosts => self.host(line, span),
            Section::Vars => self.var(line, span),
            Section::Children => self.child(line, span),
        }
    }

    fn heading(&mut self, name: &str, kind: Option<&str>, span: Span) -> Result<(), String> {
        self.group = name.to_owned();
        self.section = match kind {
            None | Some("hosts") => Section::Hosts,
            Some("children") => Section::Children,
            Some("vars") => Section::Vars,
            Some(kind) => {
                // What follows belongs nowhere; to read it as hosts does least harm.
                self.section = Section::Hosts;
                self.inventory.put_group(name, Some(span));
                return Err(format!("Section [{name}:{kind}] has unknown type: {kind}"));
            }
        };
        if self.section == Section::Vars {
            if self.inventory.group(name).is_none() {
                self.pending.entry(name.to_owned()).or_insert((Section::Vars, String::new(), span));
            }
            // Variables may come first: the group is there, and must be declared before the file ends.
            self.inventory.put_group(name, Some(span));
        } else {
            self.inventory.put_group(name, Some(span));
            self.pending.shift_remove(name);
        }
        Ok(())
    }

    fn host(&mut self, line: &str, span: Span) -> Result<(), String> {
        let words = words(line).map_err(|why| format!("Error parsing host definition '{line}': {why}"))?;
        let Some((pattern, assignments)) = words.split_first() else { return Ok(()) };
        if pattern.trim() == "---" {
            return Err(
                "Invalid host pattern '---' supplied, '---' is normally a sign this is a YAML file.".into()
            );
        }
        if pattern.ends_with(':') {
            return Err(format!(
                "Invalid host pattern '{pattern}' supplied, ending in ':' is not allowed, this character is reserved \
                 to provide a port."
            ));
        }
        let (names, port) = address::expand(pattern)?;
        let mut vars = vec![];
        for word in assignments {
            let (key, text) = word
                .split_once('=')
                .ok_or_else(|| format!("Expected key=value host variable assignment, got: {word}"))?;
            let at = line.find(&**word).map_or(span, |at| span.part(at, word.len()));
            yaml::check_name(key, at, self.warnings);
            let key: Arc<str> = Arc::from(key);
            vars.push((key, Variable::Written(python::value(text, at))));
        }
        for name in &names {
            yaml::put_host(self.inventory, &self.group, name, port, span);
            for (key, value) in &vars {
                self.inventory.set_host_var(name, key.clone(), value.clone());
            }
        }
        Ok(())
    }

    fn var(&mut self, line: &str, span: Span) -> Result<(), String> {
        let (key, text) = line.split_once('=').ok_or_else(|| format!("Expected key=value, got: {line}"))?;
        let (key, text) = (key.trim(), text.trim());
        yaml::check_name(key, span, self.warnings);
        let at = line.find('=').and_then(|equals| {
            let after = line.get(equals + 1..)?;
            let blank = after.len() - after.trim_start().len();
            Some(span.part(equals + 1 + blank, text.len()))
        });
        let value = python::value(text, at.unwrap_or(span));
        self.inventory.set_group_var(&self.group, Arc::from(key), value)
    }

    fn child(&mut self, line: &str, span: Span) -> Result<(), String> {
        let name = line.split_once('#').map_or(line, |(name, _)| name).trim_end();
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || matches!(c, ':' | ']')) {
            return Err(format!("Expected group name, got: {line}"));
        }
        if self.inventory.put_group(name, Some(span)) {
            let parent = self.group.clone();
            self.pending.entry(name.to_owned()).or_insert((Section::Children, parent, span));
        }
        self.inventory.put_child(&self.group, name).map(|_| ())
    }

    fn finish(&mut self) {
        for (name, (section, parent, span)) in std::mem::take(&mut self.pending) {
            let message = match section {
                Section::Vars => format!("Section [{name}:vars] not valid for undefined group '{name}'."),
                _ => format!("Section [{parent}:children] includes undefined group '{name}'."),
            };
            let groups = self.inventory.group_list().map(|group| &**group).filter(|group| *group != name);
            let near = crate::diagnostic::nearest(&name, groups);
            let help = match near {
                Some(near) => format!("did you mean `{near}`? otherwise declare it with a line `[{name}]`"),
                None => format!("declare it with a line `[{name}]`"),
            };
            self.errors.push(mistake(message, span).help(help));
        }
    }
}

/// Splits a line as a shell does, up to a `#` that no quote holds.
fn words(line: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word) = (vec![], None::<String>);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '#' => break,
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().push(chars.next().ok_or("No escaped character")?),
            '\'' | '"' => quoted(c, &mut chars, word.get_or_insert_default())?,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The rest of a quoted part; between double quotes a backslash escapes itself and the quote.
fn quoted(quote: char, chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    loop {
        match chars.next().ok_or("No closing quotation")? {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => {
                let next = chars.next().ok_or("No escaped character")?;
                if !matches!(next, '\\' | '"') {
                    word.push('\\');
                }
                word.push(next);
            }
            c => word.push(c),
        }
    }
}
