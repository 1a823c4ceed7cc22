//! The lines of a crontab. A job is the line after its name in a comment of Ansible's; a variable is a line that begins
//! with its name. Text comes in, changed lines and text go out; nothing here touches a host.

use super::Args;
use muster_engine::module::Failure;

const MARK: &str = "#Ansible: ";

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    lines: Vec<String>,
    /// The text as it was, without what `crontab -l` puts before it.
    pub existing: String,
}

impl Table {
    /// Reads a text; a user's table may begin with lines that are not its own.
    pub fn parse(text: &str, file: bool) -> Self {
        let mut table = Self { lines: vec![], existing: text.to_string() };
        for (at, line) in text.lines().enumerate() {
            if !file && at <= 2 && is_header(line) {
                table.existing = table.existing.replacen(&format!("{line}\n"), "", 1);
            } else {
                table.lines.push(line.to_string());
            }
        }
        table
    }

    /// Whether there is nothing but white space in it.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.trim().is_empty())
    }

    /// The text.
    pub fn render(&self) -> String {
        joined(&self.lines)
    }

    /// A text as it would be written unchanged.
    pub fn render_of(&self, text: &str) -> String {
        joined(&Self::parse(text, false).lines)
    }

    /// The names of all jobs.
    pub fn jobs(&self) -> Vec<String> {
        self.lines
            .iter()
            .filter_map(|line| line.strip_prefix(MARK))
            .map(|name| name.replace(MARK, ""))
            .collect()
    }

    /// The names of all variables.
    pub fn variables(&self) -> Vec<String> {
        let name = |line: &String| {
            let word = line.split(char::is_whitespace).next().unwrap_or("");
            word.get(1..)
                .is_some_and(|rest| rest.contains('='))
                .then(|| line.split('=').next().unwrap_or("").to_string())
        };
        self.lines.iter().filter_map(name).collect()
    }

    /// Makes the change that is asked for, and says whether it was one.
    pub fn change(&mut self, args: &Args) -> Result<bool, Failure> {
        let present = args.state == "present";
        if args.env {
            return self.variable(args, present);
        }
        if !present {
            let found = self.find(&args.name, None).is_some();
            if found {
                self.replace(&args.name, None);
            }
            return Ok(found);
        }
        let job = line(args);
        match self.find(&args.name, Some(&job)) {
            None => {
                self.lines.extend([format!("{MARK}{}", args.name), job]);
                Ok(true)
            }
            Some((now, renamed)) if renamed || now != job => {
                self.replace(&args.name, Some(&job));
                Ok(true)
            }
            Some(_) => Ok(false),
        }
    }

    fn variable(&mut self, args: &Args, present: bool) -> Result<bool, Failure> {
        let declared = |lines: &[String], name: &str| {
            let start = format!("{name}=");
            lines.iter().position(|line| line.starts_with(&start))
        };
        let declaration = format!("{}=\"{}\"", args.name, args.job.as_deref().unwrap_or("None"));
        let start = format!("{}=", args.name);
        let Some(now) = declared(&self.lines, &args.name) else {
            if !present {
                return Ok(false);
            }
            let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
            let at = match (given(&args.insertafter), given(&args.insertbefore)) {
                (None, None) => Some(0),
                (Some(name), _) => declared(&self.lines, &name).map(|at| at + 1),
                (None, Some(name)) => declared(&self.lines, &name),
            };
            let Some(at) = at else {
                let other =
                    args.insertafter.as_ref().or(args.insertbefore.as_ref()).map_or("", String::as_str);
                return Err(Failure::new(format!("Variable named '{other}' not found.")));
            };
            self.lines.insert(at, declaration);
            return Ok(true);
        };
        if !present {
            self.lines.retain(|line| !line.starts_with(&start));
            return Ok(true);
        }
        if self.lines.get(now) == Some(&declaration) {
            return Ok(false);
        }
        let all = self.lines.iter_mut().filter(|line| line.starts_with(&start));
        all.for_each(|line| line.clone_from(&declaration));
        Ok(true)
    }

    /// The line of the job with that name; or of one that reads the same, which then gets the name.
    fn find(&mut self, name: &str, job: Option<&str>) -> Option<(String, bool)> {
        let mut named: Option<String> = None;
        for line in &self.lines {
            match named.take() {
                Some(found) if found == name => return Some((line.clone(), false)),
                Some(_) => {}
                None => named = line.strip_prefix(MARK).map(|rest| rest.replace(MARK, "")),
            }
        }
        let at = self.lines.iter().position(|line| Some(line.as_str()) == job)?;
        // What is before the first line is the last one, as for a list that ends where it begins.
        let before = at.checked_sub(1).or(self.lines.len().checked_sub(1))?;
        let above = self.lines.get(before).cloned().unwrap_or_default();
        let found = self.lines.get(at).cloned()?;
        if !above.starts_with(MARK) {
            self.lines.insert(at, format!("{MARK}{name}"));
            return Some((found, true));
        }
        if !name.is_empty() && above == format!("{MARK}None") {
            *self.lines.get_mut(before)? = format!("{MARK}{name}");
            return Some((found, true));
        }
        None
    }

    /// Puts another line (or none) in the place of every job with that name.
    fn replace(&mut self, name: &str, job: Option<&str>) {
        let comment = format!("{MARK}{name}");
        let mut lines = std::mem::take(&mut self.lines).into_iter();
        while let Some(line) = lines.next() {
            if line != comment {
                self.lines.push(line);
            } else if lines.next().is_some() {
                self.lines.extend(job.map(|job| [line, job.to_string()]).into_iter().flatten());
            }
        }
    }
}

fn joined(lines: &[String]) -> String {
    let text = lines.join("\n");
    match text.trim_end_matches(['\r', '\n']) {
        _ if text.is_empty() => String::new(),
        text => format!("{text}\n"),
    }
}

/// What some programs put before the table they print.
fn is_header(line: &str) -> bool {
    line.starts_with("# DO NOT EDIT THIS FILE - edit the master and reinstall")
        || (line.starts_with("# (/tmp/") && line.contains("installed on") && line.contains(')'))
        || (line.starts_with("# (") && line.contains("version") && line.contains(')'))
}

/// The job's line.
fn line(args: &Args) -> String {
    let mut words = vec![];
    match &args.special_time {
        Some(time) => words.push(format!("@{time}")),
        None => {
            words.extend([&args.minute, &args.hour, &args.day, &args.month, &args.weekday].map(String::clone))
        }
    }
    if args.cron_file.is_some() {
        words.extend(args.user.clone());
    }
    words.push(args.job.as_deref().unwrap_or("").trim_matches(['\r', '\n']).to_string());
    format!("{}{}", if args.disabled { "#" } else { "" }, words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_crontab_adds_are_not_the_tables() {
        let text = "# DO NOT EDIT THIS FILE - edit the master and reinstall.\n# (/tmp/x installed on Mon)\n# (Cron version 1)\nA=1\n";
        let table = Table::parse(text, false);
        assert_eq!((table.render(), table.existing.as_str()), ("A=1\n".into(), "A=1\n"));
        assert_eq!(Table::parse(text, true).render(), text);
    }
}
