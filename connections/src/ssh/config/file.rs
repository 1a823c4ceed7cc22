//! Reading ssh_config: `Host`, `Match` and `Include` decide which lines count, and the first value of a keyword
//! wins (`IdentityFile` and `CertificateFile` add up). Comes in: a file's text and what is asked for; goes out: the
//! values by keyword.

use super::words::{expand, keyword, matches, matches_list, split};
use super::{Me, Query};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const DEPTH: usize = 16;

/// Values by keyword in lower case, each occurrence as its words.
#[derive(Debug, Default)]
pub(crate) struct Values {
    found: HashMap<String, Vec<Vec<String>>>,
}

impl Values {
    /// The words of the first occurrence.
    pub(crate) fn words(&self, key: &str) -> Option<&[String]> {
        self.found.get(key)?.first().map(Vec::as_slice)
    }

    /// The first word of the first occurrence.
    pub(crate) fn word(&self, key: &str) -> Option<&str> {
        self.words(key)?.first().map(String::as_str)
    }

    /// The first words of all occurrences.
    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.found.get(key).into_iter().flatten().filter_map(|words| words.first()).map(String::as_str)
    }

    /// All words of all occurrences.
    pub(crate) fn every(&self, key: &str) -> impl Iterator<Item = &str> {
        self.found.get(key).into_iter().flatten().flatten().map(String::as_str)
    }

    /// Adds an occurrence. Of ProxyJump and ProxyCommand the first one named wins.
    pub(crate) fn add(&mut self, key: &str, words: Vec<String>) {
        let rival = match key {
            "proxyjump" => "proxycommand",
            "proxycommand" => "proxyjump",
            _ => "",
        };
        if self.found.contains_key(rival) {
            return;
        }
        let all = self.found.entry(key.to_owned()).or_default();
        let gathers = matches!(key, "identityfile" | "certificatefile" | "sendenv");
        if all.is_empty() || (gathers && !all.contains(&words)) {
            all.push(words);
        }
    }

    /// Sets a value whatever was there.
    pub(crate) fn set(&mut self, key: &str, word: String) {
        self.found.insert(key.to_owned(), vec![vec![word]]);
    }

    /// Every keyword with its words.
    pub(crate) fn into_pairs(self) -> impl Iterator<Item = (String, Vec<String>)> {
        self.found.into_iter().flat_map(|(key, all)| all.into_iter().map(move |words| (key.clone(), words)))
    }

    /// Takes one `keyword value` line, as `-o` has it.
    pub(crate) fn option(&mut self, text: &str) -> Result<(), String> {
        let Some((key, rest)) = keyword(text) else { return Err(format!("`-o {text}` sets nothing")) };
        let words =
            value_words(&key, rest).ok_or_else(|| format!("`-o {text}` has a quote without an end"))?;
        if words.is_empty() {
            return Err(format!("`-o {text}` has no value"));
        }
        self.add(&key, words);
        Ok(())
    }
}

fn value_words(key: &str, rest: &str) -> Option<Vec<String>> {
    if matches!(key, "proxycommand" | "localcommand" | "remotecommand" | "knownhostscommand") {
        return Some(if rest.is_empty() { Vec::new() } else { vec![rest.to_owned()] });
    }
    split(rest)
}

/// One reading of the files.
pub(crate) struct Reader<'a> {
    /// Who asks.
    pub me: &'a Me,
    /// For what.
    pub query: &'a Query<'a>,
    /// What was found.
    pub values: &'a mut Values,
    /// This is the second reading, for `Match final`.
    pub last: bool,
    /// Some `Match final` asks for a second reading.
    pub again: bool,
}

impl Reader<'_> {
    /// Reads a file; one that is not there is empty.
    pub(crate) fn file(&mut self, path: &Path, required: bool) -> Result<(), String> {
        self.included(path, 0, true, required).map(drop)
    }

    fn included(&mut self, path: &Path, depth: usize, may_match: bool, required: bool) -> Result<(), String> {
        if depth > DEPTH {
            return Err(format!("{}: includes are nested deeper than {DEPTH}", path.display()));
        }
        let text = match std::fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if required => return Err(format!("cannot read {}: {error}", path.display())),
            Err(_) => return Ok(()),
        };
        let mut active = may_match;
        for (number, line) in text.lines().enumerate() {
            let at = |message: String| format!("{}:{}: {message}", path.display(), number + 1);
            let Some((key, rest)) = keyword(line) else { continue };
            let words = value_words(&key, rest).ok_or_else(|| at("a quote does not end".to_owned()))?;
            match key.as_str() {
                "host" => active = may_match && self.host(&words),
                "match" => {
                    active = self.matched(&words).map_err(at)? && may_match;
                }
                "include" => {
                    for word in &words {
                        for file in self.files(word, path) {
                            self.included(&file, depth + 1, active, false)?;
                        }
                    }
                }
                _ if active => {
                    if words.is_empty() {
                        return Err(at(format!("`{key}` has no value")));
                    }
                    self.values.add(&key, words);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn files(&self, pattern: &str, from: &Path) -> Vec<PathBuf> {
        let path = super::words::tilde(pattern, &self.me.home);
        let path = if path.is_absolute() {
            path
        } else if from.starts_with("/etc/ssh") {
            Path::new("/etc/ssh").join(path)
        } else {
            self.me.home.join(".ssh").join(path)
        };
        glob(&path)
    }

    fn host(&self, patterns: &[String]) -> bool {
        let mut found = false;
        for pattern in patterns {
            match pattern.strip_prefix('!') {
                Some(negated) if matches(self.query.host, negated) => return false,
                Some(_) => {}
                None => found |= matches(self.query.host, pattern),
            }
        }
        found
    }

    fn matched(&mut self, words: &[String]) -> Result<bool, String> {
        let mut result = true;
        let mut words = words.iter();
        let mut any = false;
        while let Some(word) = words.next() {
            any = true;
            let (word, negated) = word.strip_prefix('!').map_or((word.as_str(), false), |rest| (rest, true));
            let (name, inline) = word.split_once('=').map_or((word, None), |(a, b)| (a, Some(b)));
            let name = name.to_ascii_lowercase();
            let holds = match name.as_str() {
                "all" => true,
                "final" | "canonical" => {
                    self.again |= name == "final";
                    self.last
                }
                _ => {
                    let argument = inline.or_else(|| words.next().map(String::as_str));
                    let argument = argument.ok_or_else(|| format!("`Match {name}` has no value"))?;
                    self.criterion(&name, argument, result)?
                }
            };
            result &= holds != negated;
        }
        if any { Ok(result) } else { Err("`Match` says nothing".to_owned()) }
    }

    fn criterion(&self, name: &str, argument: &str, so_far: bool) -> Result<bool, String> {
        let user = || self.values.word("user").unwrap_or(&self.me.user).to_owned();
        Ok(match name {
            "host" => names_match(&self.current_host(), argument),
            "originalhost" => names_match(self.query.host, argument),
            "user" => matches_list(&user(), argument),
            "localuser" => matches_list(&self.me.user, argument),
            "exec" => so_far && self.succeeds(argument)?,
            "localnetwork" | "tagged" | "command" | "version" | "sessiontype" => false,
            other => return Err(format!("`Match {other}` is not known")),
        })
    }

    /// The host name as far as it is known by now.
    fn current_host(&self) -> String {
        match self.values.word("hostname") {
            Some(name) if self.last => name.to_owned(),
            Some(name) => {
                let tokens = [('h', self.query.host.to_owned())].into();
                expand(name, &tokens).unwrap_or_else(|_| name.to_owned())
            }
            None => self.query.host.to_owned(),
        }
    }

    fn succeeds(&self, command: &str) -> Result<bool, String> {
        let host = self.current_host();
        let port = self.values.word("port").unwrap_or("22");
        let user = self.values.word("user").unwrap_or(&self.me.user);
        let tokens = self.me.tokens(self.query.host, &host, port, user, None);
        let command = expand(command, &tokens)?;
        let status = std::process::Command::new("/bin/sh")
            .args(["-c", &command])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        Ok(status.is_ok_and(|status| status.success()))
    }
}

/// Host names in `Match`, unlike those in `Host`, are compared without regard to case.
fn names_match(name: &str, list: &str) -> bool {
    matches_list(&name.to_ascii_lowercase(), &list.to_ascii_lowercase())
}

/// The files that match a path with wildcards, sorted.
fn glob(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in path.components().skip(1) {
        let part = part.as_os_str().to_string_lossy().into_owned();
        if !part.contains(['*', '?', '[']) {
            found = found.into_iter().map(|dir| dir.join(&part)).filter(|path| path.exists()).collect();
            continue;
        }
        let Ok(pattern) = globset::GlobBuilder::new(&part).literal_separator(true).build() else {
            return Vec::new();
        };
        let pattern = pattern.compile_matcher();
        found = found
            .into_iter()
            .filter_map(|dir| std::fs::read_dir(dir).ok())
            .flatten()
            .flatten()
            .filter(|entry| {
                let name = entry.file_name();
                pattern.is_match(&name) && (part.starts_with('.') || !name.to_string_lossy().starts_with('.'))
            })
            .map(|entry| entry.path())
            .collect();
        found.sort();
    }
    found
}
