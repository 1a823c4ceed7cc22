//! Which things `find` lists. The arguments become a [`Choice`] once; each thing is then taken or left by its name and
//! facts alone. [`Content`] does the same for what is in a file.

use super::{Args, Entry};
use crate::files::encoding::Encoding;
use crate::files::mode::{self, Current};
use crate::files::pattern::{Flags, Pattern, raised};
use muster_engine::module::Failure;
use serde_json::Value as Json;

/// What is asked, read.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    args: &'a Args,
    age: Option<i64>,
    size: Option<i64>,
    mode: Option<&'a str>,
    patterns: Vec<Pattern>,
    excludes: Vec<Pattern>,
    /// The host's clock, in seconds.
    pub now: f64,
    pub umask: u32,
}

impl<'a> Choice<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn of(args: &'a Args) -> Result<Self, Failure> {
        let mode = match args.mode.as_ref() {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) => Some(text.as_str()).filter(|text| !text.is_empty()),
            Some(other) => {
                let kind = match other {
                    Json::Number(number) if number.is_f64() => "float",
                    Json::Number(_) => "int",
                    Json::Bool(_) => "bool",
                    Json::Array(_) => "list",
                    _ => "dict",
                };
                return Err(Failure::new(format!(
                    "argument 'mode' is not a string and conversion is not allowed, value is of type {kind}"
                )));
            }
        };
        let amount = |text: &Option<String>, units: &[(char, i64)], key: &str| match text.as_deref() {
            None => Ok(None),
            Some(text) => number(text, units)
                .map(Some)
                .ok_or_else(|| Failure::new(format!("failed to process {key}")).with(key, text)),
        };
        let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
        let age = amount(&args.age, &units, "age")?;
        let units = [('b', 1), ('k', 1 << 10), ('m', 1 << 20), ('g', 1 << 30), ('t', 1 << 40)];
        let size = amount(&args.size, &units, "size")?;
        if let Some(limit) = args.limit.filter(|limit| *limit <= 0) {
            return Err(Failure::new(format!("limit cannot be {limit} (use None for unlimited)")));
        }
        let read = |texts: &[String]| -> Result<Vec<Pattern>, Failure> {
            let one = |text: &String| {
                let (text, flags) = match args.use_regex {
                    true => (text.clone(), Flags::default()),
                    false => (glob(text), Flags { dotall: true, ..Flags::default() }),
                };
                Pattern::text(&text, flags).map_err(raised)
            };
            texts.iter().map(one).collect()
        };
        Ok(Self {
            args,
            age,
            size,
            mode,
            patterns: read(&args.patterns)?,
            excludes: read(args.excludes.as_deref().unwrap_or(&[]))?,
            now: 0.0,
            umask: 0o022,
        })
    }

    /// Whether a thing is listed, apart from its content.
    ///
    /// # Errors
    /// The mode cannot be read, or a pattern gives up.
    pub fn takes(&self, entry: &Entry) -> Result<bool, String> {
        let Entry { path, stat } = entry;
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.starts_with('.') && !self.args.hidden {
            return Ok(false);
        }
        let of_kind = match self.args.file_type.as_str() {
            "any" => true,
            "directory" => stat.is_dir(),
            "link" => stat.is_link(),
            _ => stat.is_file(),
        };
        let stamp = match self.args.age_stamp.as_str() {
            "atime" => stat.atime,
            "ctime" => stat.ctime,
            _ => stat.mtime,
        };
        #[expect(clippy::cast_precision_loss, reason = "seconds of an age are few")]
        let old = self.age.is_none_or(|age| {
            let (passed, age) = (self.now - stamp, (age as f64, age.unsigned_abs() as f64));
            if age.0 >= 0.0 { passed >= age.1 } else { passed <= age.1 }
        });
        let large = !stat.is_file()
            || self.size.is_none_or(|size| match size >= 0 {
                true => stat.size >= size.unsigned_abs(),
                false => stat.size <= size.unsigned_abs(),
            });
        Ok(of_kind && self.named(name)? && old && large && self.permits(stat.bits())?)
    }

    fn named(&self, name: &str) -> Result<bool, String> {
        let one_of = |patterns: &[Pattern]| {
            for pattern in patterns {
                if begins(pattern, name)? {
                    return Ok(true);
                }
            }
            Ok::<bool, String>(false)
        };
        Ok((self.patterns.is_empty() || one_of(&self.patterns)?) && !one_of(&self.excludes)?)
    }

    fn permits(&self, bits: u32) -> Result<bool, String> {
        let Some(mode) = self.mode else { return Ok(true) };
        let nothing = Current { bits: 0, directory: false, umask: self.umask };
        let wanted = mode::apply(&Json::from(mode), nothing)?;
        Ok(if self.args.exact_mode { bits == wanted } else { bits & wanted != 0 })
    }
}

/// Whether a pattern matches at the beginning: the first match is the leftmost there is.
fn begins(pattern: &Pattern, text: &str) -> Result<bool, String> {
    let captures = pattern.captures(text)?;
    Ok(captures.and_then(|captures| captures.get(0)).is_some_and(|whole| whole.start() == 0))
}

fn number(text: &str, units: &[(char, i64)]) -> Option<i64> {
    let text = text.to_lowercase();
    let (digits, unit) = match text.chars().last().and_then(|c| units.iter().find(|(unit, _)| *unit == c)) {
        Some((unit, size)) => (text.strip_suffix(*unit)?, *size),
        None => (text.as_str(), 1),
    };
    (!digits.starts_with('+')).then(|| digits.parse::<i64>().ok()).flatten()?.checked_mul(unit)
}

/// A glob as a regular expression for a whole name.
fn glob(text: &str) -> String {
    let literal = |c: char| match c.is_ascii_punctuation() && c != '_' {
        true => format!("\\{c}"),
        false => c.to_string(),
    };
    let mut out = String::from(r"\A");
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or("");
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' => {
                let inner = rest.trim_start_matches('!');
                let skip = rest.len() - inner.len() + usize::from(inner.starts_with(']'));
                let Some(end) = rest.get(skip..).and_then(|r| r.find(']')).map(|at| at + skip) else {
                    out.push_str("\\[");
                    continue;
                };
                let set = rest.get(..end).unwrap_or("");
                let (not, set) = set.strip_prefix('!').map_or(("", set), |set| ("^", set));
                let set: String =
                    set.chars().map(|c| if c == '-' { c.to_string() } else { literal(c) }).collect();
                out.push_str(&format!("[{not}{set}]"));
                rest = rest.get(end + 1..).unwrap_or("");
            }
            c => out.push_str(&literal(c)),
        }
    }
    out + r"\Z"
}

/// What a file must hold.
#[derive(Debug)]
pub(super) struct Content {
    pattern: Pattern,
    whole: bool,
    encoding: Option<(String, Encoding)>,
}

impl Content {
    /// Reads the arguments.
    ///
    /// # Errors
    /// The pattern does not compile, or the encoding is none of those known here.
    pub fn of(pattern: &str, whole: bool, encoding: Option<&str>) -> Result<Self, Failure> {
        let encoding = encoding.map(|name| {
            let found = Encoding::named(name).ok_or_else(|| raised(format!("unknown encoding: {name}")))?;
            Ok::<_, Failure>((name.to_string(), found))
        });
        let pattern = Pattern::text(pattern, Flags::default()).map_err(raised)?;
        Ok(Self { pattern, whole, encoding: encoding.transpose()? })
    }

    /// Whether the bytes of a file hold it.
    ///
    /// # Errors
    /// They are not encoded as said.
    pub fn is_in(&self, bytes: &[u8], path: &str) -> Result<bool, String> {
        let (given, encoding) = match &self.encoding {
            Some((name, encoding)) => (Some(name.as_str()), *encoding),
            None => (None, Encoding::UTF_8),
        };
        let text = encoding.decode(bytes).ok_or_else(|| {
            let given = given.unwrap_or("None (default determined by the Python built-in function \"open\")");
            format!("Failed to read the file {path} due to an encoding error. current encoding: {given}")
        })?;
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        if self.whole {
            return self.pattern.matches(&text);
        }
        for line in text.split_inclusive('\n') {
            if begins(&self.pattern, line)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_mean_what_they_mean_to_python() {
        for (text, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.old", false),
            ("a?c", "abc", true),
            ("[!a]b", "cb", true),
            ("[!a]b", "ab", false),
            ("[a-c]x", "bx", true),
            ("[]]", "]", true),
            ("[x", "[x", true),
            ("a+b", "a+b", true),
        ] {
            let pattern = Pattern::text(&glob(text), Flags::default()).unwrap();
            assert_eq!(begins(&pattern, name).unwrap(), expected, "{text} {name}");
        }
    }

    #[test]
    fn ages_and_sizes_have_units() {
        let units = [('s', 1), ('m', 60)];
        assert_eq!(number("-2M", &units), Some(-120));
        assert_eq!(number("7", &units), Some(7));
        assert_eq!(number("7x", &units), None);
        assert_eq!(number("m", &units), None);
    }
}
