//! The `version` test: Python's loose and strict versions, SemVer and PEP 440. Two texts and an operator come in.

use super::Table;
use crate::template::arguments::Args;
use crate::template::{Value, fault, python};
use minijinja::Error;
use std::cmp::Ordering;

pub const TABLE: Table = &[
    ("version", |_, value, args| version(value, args)),
    ("version_compare", |_, value, args| version(value, args)),
];

fn version(value: &Value, args: &Args) -> Result<bool, Error> {
    let left = python::text(value)?;
    let right = args.need_text(0, "version")?;
    let operator = args.text(1, "operator")?.unwrap_or_else(|| "eq".into());
    let kind = args.text(3, "version_type")?;
    let strict = args.get(2, "strict").filter(|strict| !strict.is_none());
    if left.is_empty() {
        return Err(fault::error("Input version value cannot be empty"));
    }
    if right.is_empty() {
        return Err(fault::error("Version parameter to compare against cannot be empty"));
    }
    let holds: fn(Ordering) -> bool = match operator.as_str() {
        "==" | "=" | "eq" => Ordering::is_eq,
        "<" | "lt" => Ordering::is_lt,
        "<=" | "le" => Ordering::is_le,
        ">" | "gt" => Ordering::is_gt,
        ">=" | "ge" => Ordering::is_ge,
        "!=" | "<>" | "ne" => Ordering::is_ne,
        other => {
            return Err(fault::error(format!(
                "Invalid operator type ({other}). Must be one of '==', '=', 'eq', '<', 'lt', '<=', 'le', '>', 'gt', '>=', 'ge', '!=', '<>', 'ne'"
            )));
        }
    };
    if kind.is_some() && strict.is_some() {
        return Err(fault::error("Cannot specify both 'strict' and 'version_type'"));
    }
    let kind = match (kind.as_deref(), strict) {
        (Some(kind), _) => kind.to_string(),
        (None, Some(strict)) if strict.is_true() => "strict".into(),
        _ => "loose".into(),
    };
    let order = match kind.as_str() {
        "loose" => loose(&left, &right)?,
        "strict" => strict_key(&left)?.cmp(&strict_key(&right)?),
        "semver" | "semantic" => semver(&left, &right)?,
        "pep440" => pep440(&left)?.cmp(&pep440(&right)?),
        other => {
            return Err(fault::error(format!(
                "Invalid version type ({other}). Must be one of loose, strict, semver, semantic, pep440"
            )));
        }
    };
    Ok(holds(order))
}

#[derive(PartialEq, Eq, Debug)]
enum Part {
    Number(u64),
    Word(String),
}

/// Runs of digits and of letters; dots separate, other signs are parts of their own.
fn loose_parts(text: &str) -> Vec<Part> {
    let mut parts = vec![];
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let class = |c: char| match c {
            '.' => 0,
            c if c.is_ascii_digit() => 1,
            c if c.is_ascii_lowercase() => 2,
            _ => 3,
        };
        let end = rest.find(|c| class(c) != class(first)).unwrap_or(rest.len());
        let (run, tail) = rest.split_at(end);
        match class(first) {
            0 => {}
            1 => parts.push(Part::Number(run.parse().unwrap_or(u64::MAX))),
            _ => parts.push(Part::Word(run.into())),
        }
        rest = tail;
    }
    parts
}

fn loose(left: &str, right: &str) -> Result<Ordering, Error> {
    let (a, b) = (loose_parts(left), loose_parts(right));
    for (x, y) in a.iter().zip(&b) {
        let order = match (x, y) {
            (Part::Number(x), Part::Number(y)) => x.cmp(y),
            (Part::Word(x), Part::Word(y)) => x.cmp(y),
            (Part::Number(_), Part::Word(_)) => return Err(mixed("int", "str")),
            (Part::Word(_), Part::Number(_)) => return Err(mixed("str", "int")),
        };
        if order != Ordering::Equal {
            return Ok(order);
        }
    }
    Ok(a.len().cmp(&b.len()))
}

fn mixed(left: &str, right: &str) -> Error {
    fault::error(format!(
        "Version comparison failed: '<' not supported between instances of '{left}' and '{right}'"
    ))
}

/// `1.2.3a4`: two or three numbers, and at most one of `a` or `b` with a number.
fn strict_key(text: &str) -> Result<(Vec<u64>, char, u64), Error> {
    let refuse = || fault::error(format!("Version comparison failed: invalid version number '{text}'"));
    let cut = text.find(['a', 'b']).unwrap_or(text.len());
    let (numbers, tail) = text.split_at(cut);
    let mut numbers =
        numbers.split('.').map(|n| n.parse().map_err(|_| refuse())).collect::<Result<Vec<u64>, Error>>()?;
    if !(2..=3).contains(&numbers.len()) {
        return Err(refuse());
    }
    numbers.resize(3, 0);
    let mut letters = tail.chars();
    match letters.next() {
        // A release comes after its pre-releases.
        None => Ok((numbers, 'z', 0)),
        Some(letter) => Ok((numbers, letter, letters.as_str().parse().map_err(|_| refuse())?)),
    }
}

fn semver(left: &str, right: &str) -> Result<Ordering, Error> {
    type Key = (Vec<u64>, Option<Vec<Result<u64, String>>>);
    fn key(text: &str) -> Result<Key, Error> {
        let refuse = || fault::error(format!("Version comparison failed: invalid semantic version '{text}'"));
        let text = text.split_once('+').map_or(text, |(text, _)| text);
        let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
        let numbers =
            core.split('.').map(|n| n.parse().map_err(|_| refuse())).collect::<Result<Vec<u64>, Error>>()?;
        if numbers.len() != 3 {
            return Err(refuse());
        }
        let part = |part: &str| part.parse().map_err(|_| part.to_string());
        Ok((numbers, pre.map(|pre| pre.split('.').map(part).collect())))
    }
    let ((a, pre_a), (b, pre_b)) = (key(left)?, key(right)?);
    Ok(a.cmp(&b).then_with(|| match (pre_a, pre_b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => a.cmp(&b), // numbers come before words
    }))
}

/// Epoch, release, pre-release, post-release and development release, in the order of PEP 440.
type Release = (u64, Vec<u64>, (u8, u64), u64, u64, String);

fn pep440(text: &str) -> Result<Release, Error> {
    let refuse = || fault::error(format!("Version comparison failed: Invalid version: '{text}'"));
    let pattern = r"(?i)^\s*v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?(\d*))?(?:-(\d+)|[-_.]?(?:post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$";
    let regex = regex::Regex::new(pattern).map_err(|_| refuse())?;
    let found = regex.captures(text).ok_or_else(refuse)?;
    let get = |i: usize| found.get(i).map(|group| group.as_str());
    let number = |i: usize| get(i).map(|digits| digits.parse().unwrap_or(0));
    let mut release: Vec<u64> = get(2).unwrap_or("").split('.').map(|n| n.parse().unwrap_or(0)).collect();
    while release.last() == Some(&0) {
        release.pop();
    }
    let post = number(5).or(number(6)).map(|number: u64| number + 1);
    let dev = get(7).map(|_| number(8).unwrap_or(0));
    let pre = match get(3).map(str::to_lowercase).as_deref() {
        Some("a" | "alpha") => (1, number(4).unwrap_or(0)),
        Some("b" | "beta") => (2, number(4).unwrap_or(0)),
        Some(_) => (3, number(4).unwrap_or(0)),
        None if dev.is_some() && post.is_none() => (0, 0),
        None => (4, 0),
    };
    let local = get(9).unwrap_or("").to_lowercase();
    Ok((number(1).unwrap_or(0), release, pre, post.unwrap_or(0), dev.unwrap_or(u64::MAX), local))
}
