//! The lines of an INI file with an option set, or without it. The text and what is wanted come in; the new text and the
//! message go out. Lines that are not about the option stay as they are.

use muster_engine::module::Failure;
use regex::Regex;

/// What is wanted of one section.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub section: Option<String>,
    /// Options that the section must have, with one of these values (any, where there are none).
    pub having: Vec<(String, Vec<String>)>,
    pub option: Option<String>,
    pub values: Vec<String>,
    pub present: bool,
    pub exclusive: bool,
    pub no_extra_spaces: bool,
    pub ignore_spaces: bool,
    pub allow_no_value: bool,
    pub modify_inactive_option: bool,
}

/// What became of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edited {
    pub text: String,
    pub changed: bool,
    pub message: &'static str,
}

/// How an option is found in a line.
#[derive(Debug)]
struct Finder {
    any: Regex,
    active: Regex,
}

impl Finder {
    fn new(option: &str) -> Result<Self, Failure> {
        let regex = |mark: &str| {
            Regex::new(&format!(r"^[ \t]*({mark})[ \t]*{}[ \t]*(?:=|$)[ \t]*(.*)", regex::escape(option)))
                .map_err(|why| Failure::new(format!("option {option} cannot be looked for: {why}")))
        };
        Ok(Self { any: regex("[#;]?")?, active: regex("")? })
    }

    /// The value in a line, and whether the line is commented out.
    fn find<'a>(&self, line: &'a str, active: bool) -> Option<(&'a str, bool)> {
        let regex = if active { &self.active } else { &self.any };
        let found = regex.captures(line.strip_suffix('\n').unwrap_or(line))?;
        let part = |at: usize| found.get(at).map_or("", |part| part.as_str());
        Some((part(2), !part(1).is_empty()))
    }
}

/// The lines of one section while they are edited.
struct Section<'a> {
    wanted: &'a Wanted,
    finder: Option<Finder>,
    lines: Vec<(String, bool)>,
    values: Vec<String>,
    changed: bool,
    message: &'static str,
    /// The option stands there without a value, as wanted.
    bare: bool,
}

impl Section<'_> {
    /// The value that a line gives the option.
    fn value(&self, at: usize) -> Option<String> {
        let (line, _) = self.lines.get(at)?;
        let found = self.finder.as_ref()?.find(line, !self.wanted.modify_inactive_option);
        found.map(|(value, _)| value.to_string())
    }

    /// Puts a line for the option in place of another; it then is settled.
    fn settle(&mut self, at: usize, new: String) {
        let (Some((line, done)), Some(finder)) = (self.lines.get_mut(at), &self.finder) else { return };
        let differs = match finder.find(line, false) {
            Some((old, false)) if self.wanted.ignore_spaces => {
                finder.find(&new, false).is_none_or(|(value, _)| value != old)
            }
            _ => *line != new,
        };
        *done = true;
        if differs {
            *line = new;
            (self.changed, self.message) = (true, "option changed");
        }
    }

    fn present(&mut self) {
        let Some(option) = self.wanted.option.clone() else { return };
        for at in 0..self.lines.len() {
            let Some(value) = self.value(at) else { continue };
            if let Some(found) = self.values.iter().position(|wanted| *wanted == value) {
                self.values.remove(found);
                let bare = value.is_empty() && self.wanted.allow_no_value;
                self.bare |= bare;
                let new = if bare { format!("{option}\n") } else { self.wanted.line(&option, &value) };
                self.settle(at, new);
            } else if self.values.is_empty() && self.wanted.allow_no_value {
                self.settle(at, format!("{option}\n"));
                self.bare = true;
                break;
            }
        }
        if self.wanted.exclusive && !self.wanted.allow_no_value {
            self.replace_others(&option);
        }
        self.insert(&option);
    }

    /// Other lines of the option get the values that are left; what is left of those lines goes.
    fn replace_others(&mut self, option: &str) {
        let open = |section: &Self, at: usize| {
            section.lines.get(at).is_some_and(|(_, done)| !done) && section.value(at).is_some()
        };
        for at in 0..self.lines.len() {
            if self.values.is_empty() {
                break;
            }
            if open(self, at) {
                let value = self.values.remove(0);
                self.settle(at, self.wanted.line(option, &value));
            }
        }
        for at in (1..self.lines.len()).rev() {
            if open(self, at) {
                self.lines.remove(at);
                (self.changed, self.message) = (true, "option changed");
            }
        }
    }

    /// What is still missing goes behind the last line that says something.
    fn insert(&mut self, option: &str) {
        let says = |(line, _): &(String, bool)| {
            let line = line.trim_end_matches('\n').trim_start_matches([' ', '\t']);
            !line.is_empty() && !line.starts_with(['#', ';'])
        };
        let Some(last) = self.lines.iter().rposition(says) else { return };
        let new: Vec<String> = match self.values.is_empty() {
            false => self.values.iter().map(|value| self.wanted.line(option, value)).collect(),
            true if self.wanted.allow_no_value && !self.bare => vec![format!("{option}\n")],
            true => return,
        };
        let at = last + 1;
        self.lines.splice(at..at, new.into_iter().map(|line| (line, true)));
        (self.changed, self.message) = (true, "option added");
    }

    fn absent(&mut self) {
        let before = self.lines.len();
        let Some(finder) = &self.finder else {
            if before > 0 {
                self.lines.clear();
                (self.changed, self.message) = (true, "section removed");
            }
            return;
        };
        let (exclusive, values) = (self.wanted.exclusive, &self.values);
        self.lines.retain(|(line, _)| match finder.find(line, true) {
            Some((value, _)) => !exclusive && !values.iter().any(|wanted| wanted == value),
            None => true,
        });
        if self.lines.len() != before {
            (self.changed, self.message) = (true, "option changed");
        }
    }
}

impl Wanted {
    fn line(&self, option: &str, value: &str) -> String {
        let between = if self.no_extra_spaces { "=" } else { " = " };
        format!("{option}{between}{value}\n")
    }

    /// The text as it is to be.
    ///
    /// # Errors
    /// A name cannot be looked for.
    pub(super) fn edit(&self, text: &str) -> Result<Edited, Failure> {
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_string).collect();
        if lines.is_empty() {
            lines.push("\n".into());
        }
        let mut changed = false;
        if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
            last.push('\n');
            changed = true;
        }
        let mut values: Vec<String> = vec![];
        for value in &self.values {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        let found = self.place(&lines)?;
        let (from, to) = found.unwrap_or((0, 0));
        let finder = self.option.as_deref().map(Finder::new).transpose()?;
        let own = lines.get(from..to).unwrap_or_default();
        // The lines before the first section have no header of their own, but the first line is never taken away.
        let headless = self.section.as_deref().unwrap_or("").is_empty() && found.is_some();
        let header = headless.then(|| ("[]".to_string(), false));
        let mut section = Section {
            wanted: self,
            finder,
            lines: header.into_iter().chain(own.iter().map(|line| (line.clone(), false))).collect(),
            values,
            changed,
            message: "OK",
            bare: false,
        };
        if self.present {
            section.present()
        } else {
            section.absent()
        }
        let (mut changed, mut message, mut values) = (section.changed, section.message, section.values);
        let new = section.lines.into_iter().skip(usize::from(headless)).map(|(line, _)| line);
        lines.splice(from..to, new.collect::<Vec<_>>());
        if found.is_none() && self.present {
            message = self.append(&mut lines, &mut values);
            changed = true;
        }
        Ok(Edited { text: lines.concat(), changed, message })
    }

    /// A new section at the end.
    fn append(&self, lines: &mut Vec<String>, values: &mut Vec<String>) -> &'static str {
        lines.push(format!("[{}]\n", self.section.as_deref().unwrap_or("")));
        for (option, having) in &self.having {
            if Some(option) != self.option.as_ref() {
                lines.extend(having.iter().map(|value| self.line(option, value)));
                if having.is_empty() && self.allow_no_value {
                    lines.push(format!("{option}\n"));
                }
            } else if !self.exclusive {
                let more: Vec<String> =
                    having.iter().filter(|value| !values.contains(value)).cloned().collect();
                values.extend(more);
            }
        }
        match &self.option {
            Some(option) if !values.is_empty() => {
                lines.extend(values.iter().map(|value| self.line(option, value)));
            }
            Some(option) if self.allow_no_value => lines.push(format!("{option}\n")),
            _ => return "only section added",
        }
        "section and option added"
    }

    /// Where the section is: from its header to before the next one. Without a section, all before the first one.
    fn place(&self, lines: &[String]) -> Result<Option<(usize, usize)>, Failure> {
        let ends = |from: usize| {
            let more = lines.get(from..).unwrap_or_default();
            more.iter().position(|line| line.starts_with('[')).map_or(lines.len(), |at| from + at)
        };
        let Some(name) = self.section.as_deref().filter(|name| !name.is_empty()) else {
            let end = ends(0);
            return Ok(self.has(lines.get(..end).unwrap_or_default())?.then_some((0, end)));
        };
        let header = Regex::new(&format!(r"^\[\s*{}\s*\]", regex::escape(name.trim())))
            .map_err(|why| Failure::new(format!("section {name} cannot be looked for: {why}")))?;
        for (at, line) in lines.iter().enumerate() {
            if header.is_match(line) {
                let end = ends(at + 1);
                if self.has(lines.get(at..end).unwrap_or_default())? {
                    return Ok(Some((at, end)));
                }
            }
        }
        Ok(None)
    }

    /// Whether the lines of a section have what it must have.
    fn has(&self, lines: &[String]) -> Result<bool, Failure> {
        for (option, values) in &self.having {
            let finder = Finder::new(option)?;
            let mut found = lines.iter().filter_map(|line| finder.find(line, false));
            if !found.any(|(value, _)| values.is_empty() || values.iter().any(|wanted| wanted == value)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(section: &str, option: &str, values: &[&str]) -> Wanted {
        Wanted {
            section: Some(section.to_string()).filter(|name| !name.is_empty()),
            option: Some(option.to_string()).filter(|name| !name.is_empty()),
            values: values.iter().map(|value| value.to_string()).collect(),
            present: true,
            exclusive: true,
            modify_inactive_option: true,
            ..Wanted::default()
        }
    }

    fn edited(wanted: &Wanted, text: &str) -> (String, &'static str) {
        let edited = wanted.edit(text).unwrap();
        (edited.text, edited.message)
    }

    #[test]
    fn an_option_is_changed_where_it_stands_or_added_at_the_end_of_its_section() {
        let text = "[a]\nx=1\n\n[b]\nx = 1\n";
        assert_eq!(
            edited(&wanted("a", "x", &["2"]), text),
            ("[a]\nx = 2\n\n[b]\nx = 1\n".into(), "option changed")
        );
        assert_eq!(
            edited(&wanted("a", "y", &["2"]), text),
            ("[a]\nx=1\ny = 2\n\n[b]\nx = 1\n".into(), "option added")
        );
        assert_eq!(
            edited(&wanted("c", "y", &["2"]), text),
            (format!("{text}[c]\ny = 2\n"), "section and option added")
        );
        assert!(!wanted("b", "x", &["1"]).edit(text).unwrap().changed);
    }

    #[test]
    fn a_commented_option_is_taken_unless_it_may_not_be() {
        let text = "[a]\n#x=1\n";
        assert_eq!(edited(&wanted("a", "x", &["2"]), text).0, "[a]\nx = 2\n");
        let active = Wanted { modify_inactive_option: false, ..wanted("a", "x", &["2"]) };
        assert_eq!(edited(&active, text).0, "[a]\nx = 2\n#x=1\n");
    }

    #[test]
    fn several_values_are_several_lines() {
        let text = "[a]\nx = 1\nx = 2\nx = 3\n";
        assert_eq!(edited(&wanted("a", "x", &["2", "4"]), text).0, "[a]\nx = 4\nx = 2\n");
        let more = Wanted { exclusive: false, ..wanted("a", "x", &["2", "4"]) };
        assert_eq!(edited(&more, text).0, format!("{text}x = 4\n"));
        let gone = Wanted { present: false, ..more };
        assert_eq!(edited(&gone, text).0, "[a]\nx = 1\nx = 3\n");
    }

    #[test]
    fn lines_before_the_first_section_are_one_too() {
        assert_eq!(edited(&wanted("", "x", &["1"]), "").0, "x = 1\n\n");
        assert_eq!(edited(&wanted("", "x", &["1"]), "y=1\n[a]\nx=2\n").0, "y=1\nx = 1\n[a]\nx=2\n");
    }

    #[test]
    fn a_section_goes_whole() {
        let gone = Wanted { present: false, ..wanted("a", "", &[]) };
        assert_eq!(edited(&gone, "[a]\nx=1\n[b]\n"), ("[b]\n".into(), "section removed"));
    }

    #[test]
    fn sections_of_one_name_are_told_apart_by_what_they_have() {
        let text = "[peer]\nkey = a\nip = 1\n[peer]\nkey = b\nip = 2\n";
        let peer = Wanted { having: vec![("key".into(), vec!["b".into()])], ..wanted("peer", "ip", &["3"]) };
        assert_eq!(edited(&peer, text).0, "[peer]\nkey = a\nip = 1\n[peer]\nkey = b\nip = 3\n");
        let new = Wanted { having: vec![("key".into(), vec!["c".into()])], ..peer };
        assert_eq!(edited(&new, text).0, format!("{text}[peer]\nkey = c\nip = 3\n"));
    }
}
