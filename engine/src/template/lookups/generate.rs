//! Lookups that make things up: number sequences and passwords.

use super::{Request, Table};
use crate::template::arguments::{is_list, items};
use crate::template::filters::crypt;
use crate::template::filters::paths::expanduser;
use crate::template::filters::random::Twister;
use crate::template::{Value, fault, python};
use minijinja::Error;
use rand::Rng;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

pub const TABLE: Table = &[("sequence", sequence), ("password", password)];

/// An option that is a whole number.
fn number(name: &str, text: &str) -> Result<i64, Error> {
    text.trim().parse().map_err(|_| {
        fault::error(format!(
            "Config '{name}' for 'sequence' lookup plugin from 'Direct' has an invalid value: Invalid value provided for 'integer': '{text}'"
        ))
    })
}

#[derive(Clone, Default)]
struct Series {
    start: Option<i64>,
    end: Option<i64>,
    count: Option<i64>,
    stride: Option<i64>,
    format: Option<String>,
}

impl Series {
    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "start" => self.start = Some(number(name, value)?),
            "end" => self.end = Some(number(name, value)?),
            "count" => self.count = Some(number(name, value)?),
            "stride" => self.stride = Some(number(name, value)?),
            "format" => self.format = Some(value.into()),
            other => {
                return Err(fault::error(format!("unrecognized arguments to with_sequence: ['{other}']")));
            }
        }
        Ok(())
    }

    /// `5`, `5-8`, `2-10/2`, `4:host%02d`.
    fn short(&self, term: &str) -> Result<Option<Self>, Error> {
        let (term, format) = term.split_once(':').map_or((term, None), |(term, format)| (term, Some(format)));
        let (term, stride) = term.split_once('/').map_or((term, None), |(term, stride)| (term, Some(stride)));
        let (start, end) = term.split_once('-').map_or((None, term), |(start, end)| (Some(start), end));
        let written = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, 'x' | 'X'))
        };
        if !written(end) || ![start, stride].into_iter().flatten().all(written) {
            return Ok(None);
        }
        let mut series = self.clone();
        let told = [("start", start), ("end", Some(end)), ("stride", stride), ("format", format)];
        for (name, value) in told {
            value.map_or(Ok(()), |value| series.set(name, value))?;
        }
        Ok(Some(series))
    }
}

fn sequence(request: &Request) -> Result<Vec<Value>, Error> {
    let mut out = vec![];
    let mut common = Series::default();
    for (name, value) in request.options.pairs() {
        common.set(&name, &python::text(&value)?)?;
    }
    for term in request.texts()? {
        let series = match common.short(term.trim())? {
            Some(series) => series,
            None => {
                let mut series = common.clone();
                for word in shlex::split(&term).unwrap_or_default() {
                    let (name, value) = word.split_once('=').ok_or_else(|| {
                        fault::error(format!("unknown error parsing with_sequence arguments: {term:?}"))
                    })?;
                    series.set(name, value)?;
                }
                series
            }
        };
        out.extend(numbers(&series)?);
    }
    if request.terms.is_empty() && !request.options.pairs().is_empty() {
        out.extend(numbers(&common)?);
    }
    Ok(out)
}

fn numbers(series: &Series) -> Result<Vec<Value>, Error> {
    let start = series.start.unwrap_or(1);
    let stride = series.stride.unwrap_or(1);
    let end = match (series.end, series.count) {
        (Some(_), Some(_)) => return Err(fault::error("can't specify both count and end in with_sequence")),
        (None, None) => return Err(fault::error("must specify count or end in with_sequence")),
        (Some(end), None) => end,
        (None, Some(0)) => return Ok(vec![]),
        (None, Some(count)) => start.saturating_add(count.saturating_mul(stride)).saturating_sub(1),
    };
    if stride > 0 && end < start {
        return Err(fault::error("to count backwards make stride negative"));
    }
    if stride < 0 && end > start {
        return Err(fault::error("to count forward don't make stride negative"));
    }
    if stride == 0 {
        return Ok(vec![]);
    }
    let format = series.format.as_deref().unwrap_or("%d");
    if format.matches('%').count() != 1 {
        return Err(fault::error(format!("bad formatting string: {format}")));
    }
    let all = std::iter::successors(Some(start), |last| last.checked_add(stride));
    let within = all.take_while(|number| if stride > 0 { *number <= end } else { *number >= end });
    let written = |number: i64| {
        let text = python::printf(format, &Value::from(number));
        text.map(Value::from)
            .map_err(|_| fault::error(format!("problem formatting {number} with '{format}'")))
    };
    within.map(written).collect()
}

/// The letters that `chars` names.
fn letters(chars: &str) -> Vec<char> {
    let lower: String = ('a'..='z').collect();
    let mut out = vec![];
    for part in chars.replace(",,", "\u{0}").split(',') {
        match part {
            "ascii_letters" => out.extend(lower.chars().chain('A'..='Z')),
            "ascii_lowercase" => out.extend(lower.chars()),
            "ascii_uppercase" => out.extend('A'..='Z'),
            "digits" => out.extend('0'..='9'),
            "hexdigits" => out.extend("0123456789abcdefABCDEF".chars()),
            "octdigits" => out.extend('0'..='7'),
            "punctuation" => out.extend("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".chars()),
            part => out.extend(part.replace('\u{0}', ",").chars()),
        }
    }
    out.dedup();
    out
}

fn password(request: &Request) -> Result<Vec<Value>, Error> {
    let make = |term: &String| {
        let mut words = term.split_whitespace();
        let path = words.next().unwrap_or("").to_string();
        let own: Vec<(&str, &str)> = words.filter_map(|word| word.split_once('=')).collect();
        const NAMES: [&str; 5] = ["length", "encrypt", "chars", "ident", "seed"];
        let unknown: Vec<&str> = own.iter().map(|(name, _)| *name).filter(|n| !NAMES.contains(n)).collect();
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            return Err(fault::error(format!("Unrecognized parameter(s) given to password lookup: {names}")));
        }
        let get = |name: &str| {
            let own = own.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
            own.map_or_else(|| request.option(name), |value| Ok(Some(value)))
        };
        let length = get("length")?
            .map_or(Ok(20), |text| text.parse().map_err(|_| fault::error("length must be a number")))?;
        let chars = match request.options.named("chars").filter(is_list) {
            Some(list) => {
                letters(&items(&list)?.iter().map(python::text).collect::<Result<Vec<_>, _>>()?.join(","))
            }
            None => letters(&get("chars")?.unwrap_or_else(|| "ascii_letters,digits,.,,:,-,_".into())),
        };
        let seed = get("seed")?;
        let (encrypt, ident) = (get("encrypt")?.filter(|kind| !kind.is_empty()), get("ident")?);
        one(&path, length, &chars, seed.as_deref(), encrypt.as_deref(), ident.as_deref())
    };
    request.texts()?.iter().map(make).collect()
}

/// The password of a file, made up and kept there if it is new.
fn one(
    path: &str,
    length: usize,
    chars: &[char],
    seed: Option<&str>,
    encrypt: Option<&str>,
    ident: Option<&str>,
) -> Result<Value, Error> {
    let path = PathBuf::from(expanduser(path));
    let unusable = |error: std::io::Error| fault::error(format!("{}: {error}", path.display()));
    let kept = if path.as_os_str() == "/dev/null" || !path.exists() {
        None
    } else {
        Some(std::fs::read_to_string(&path).map_err(unusable)?)
    };
    let kept = kept.as_deref().map(|text| text.trim_end_matches('\n'));
    let (known, salt) = match kept.and_then(|text| text.split_once(" salt=")) {
        Some((known, salt)) => (Some(known.to_string()), salt.split(' ').next().map(String::from)),
        None => (kept.map(String::from), None),
    };
    let new = known.is_none();
    let word = known.unwrap_or_else(|| {
        let mut twister = seed.map(|seed| Twister::new(&Value::from(seed)));
        let mut draw = || {
            let limit = chars.len().max(1);
            match &mut twister {
                Some(twister) => usize::try_from(twister.below(limit as u64)).unwrap_or(0),
                None => rand::rng().random_range(0..limit),
            }
        };
        (0..length).filter_map(|_| chars.get(draw()).copied()).collect()
    });
    let salted = match (encrypt, salt.clone()) {
        (None, _) => None,
        (Some(_), Some(salt)) => Some(salt),
        (Some(kind), None) => Some(crypt::random_text(crypt::salt_size(kind))),
    };
    if path.as_os_str() != "/dev/null" && (new || (salted.is_some() && salt.is_none())) {
        if let Some(dir) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
        }
        let line = salted.as_ref().map_or_else(|| word.clone(), |salt| format!("{word} salt={salt}"));
        keep(&path, &(line + "\n")).map_err(unusable)?;
    }
    match encrypt {
        Some(kind) => {
            let recipe = crypt::Recipe { kind, salt: salted.as_deref(), ident, ..Default::default() };
            crypt::hash(&word, &recipe).map(Value::from).map_err(fault::error)
        }
        None => Ok(Value::from(word)),
    }
}

/// Writes a file that only its owner can read.
fn keep(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
