//! Host names as sources write them: `web[01:20:2].x`, `db:2222`, `[::1]:22`. Text comes in; names, ports and the
//! expanded ranges go out. Whatever is no address is a name without a port.

use std::net::Ipv6Addr;
use std::sync::LazyLock;

/// A name, or a range of names, and the port behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    pub name: &'a str,
    pub port: Option<i64>,
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The most hosts that one line may stand for.
const MOST: usize = 1_000_000;

/// The address a text is; nothing if it is none.
pub(super) fn parse(text: &str, ranges: bool) -> Option<Address<'_>> {
    let numbered = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let split = text.rsplit_once(':').and_then(|(name, port)| Some((name, numbered(port)?)));
    let (name, port) = match split {
        Some((name, port)) if name.starts_with('[') && name.ends_with(']') && !name.contains("][") => {
            (name.get(1..name.len() - 1)?, Some(port))
        }
        Some((name, port)) if outside(name) => (name, Some(port)),
        _ => (text, None),
    };
    let name = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(inner) if is_ipv6(inner, ranges) => inner,
        _ => name,
    };
    (is_ipv6(name, ranges) || is_hostname(name, ranges)).then_some(Address { name, port })
}

/// Every name a text stands for, and their port.
///
/// # Errors
/// A range that is none.
pub(super) fn expand(text: &str) -> Result<(Vec<String>, Option<i64>), String> {
    let address = parse(text, true).unwrap_or(Address { name: text, port: None });
    Ok((names(address.name)?, address.port))
}

/// Whether no colon stands outside brackets.
fn outside(text: &str) -> bool {
    let mut depth = 0_usize;
    text.chars().all(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c != ':' || depth > 0
    })
}

fn is_hostname(text: &str, ranges: bool) -> bool {
    static PLAIN: LazyLock<Option<regex::Regex>> =
        LazyLock::new(|| regex::Regex::new(r"^\w(?:[\w-]{0,62}\w)?(?:\.\w(?:[\w-]{0,62}\w)?)*$").ok());
    let plain = |text: &str| PLAIN.as_ref().is_some_and(|plain| plain.is_match(text));
    if ranges && text.contains('[') {
        plain_ranges(text).is_some_and(|text| plain(&text))
    } else {
        plain(text)
    }
}

/// A text with a letter in the place of each range.
fn plain_ranges(text: &str) -> Option<String> {
    static RANGE: LazyLock<Option<regex::Regex>> =
        LazyLock::new(|| regex::Regex::new(r"\[(?:[0-9]*|[A-Za-z]):(?:[0-9]+|[A-Za-z])(?::[0-9]+)?\]").ok());
    RANGE.as_ref().map(|range| range.replace_all(text, "1").into_owned())
}

fn is_ipv6(text: &str, ranges: bool) -> bool {
    let plain = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    plain(text) || ranges && text.contains('[') && plain_ranges(text).is_some_and(|text| plain(&text))
}

fn names(text: &str) -> Result<Vec<String>, String> {
    let Some((head, rest)) = text.split_once('[') else { return Ok(vec![text.to_owned()]) };
    let (range, tail) = rest.split_once(']').ok_or("host range must end with `]`")?;
    let items = range_items(range)?;
    let tails = names(tail)?;
    if items.len().saturating_mul(tails.len()) > MOST {
        return Err(format!("host range stands for more than {MOST} hosts"));
    }
    let whole = |item: &String| tails.iter().map(|tail| format!("{head}{item}{tail}")).collect::<Vec<_>>();
    Ok(items.iter().flat_map(whole).collect())
}

/// What the inside of `[begin:end:step]` stands for.
fn range_items(range: &str) -> Result<Vec<String>, String> {
    let mut bounds = range.split(':');
    let (begin, end, step) = match (bounds.next(), bounds.next(), bounds.next(), bounds.next()) {
        (Some(begin), Some(end), step, None) => (begin, end, step),
        _ => return Err("host range must be begin:end or begin:end:step".into()),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    if end.is_empty() {
        return Err("host range must specify end value".into());
    }
    let number = |text: &str| {
        let text = text.trim();
        text.parse::<i64>().map_err(|_| format!("invalid literal for int() with base 10: '{text}'"))
    };
    let padded = begin.starts_with('0') && begin.len() > 1;
    if padded && begin.len() != end.len() {
        return Err("host range must specify equal-length begin and end formats".into());
    }
    let step = step.filter(|step| !step.is_empty()).map_or(Ok(1), number)?;
    if step == 0 {
        return Err("host range must have a step other than 0".into());
    }
    if let (Some(from), Some(to)) = (LETTERS.find(begin), LETTERS.find(end)) {
        if from > to {
            return Err("host range must have begin <= end".into());
        }
        let Ok(step) = usize::try_from(step) else { return Ok(vec![]) };
        let letters = LETTERS.chars().skip(from).take(to + 1 - from).step_by(step);
        return Ok(letters.map(String::from).collect());
    }
    let (from, to) = (number(begin)?, number(end)?);
    let Ok(step) = usize::try_from(step) else { return Ok(vec![]) };
    if to.saturating_sub(from) / i64::try_from(step).unwrap_or(i64::MAX) >= MOST as i64 {
        return Err(format!("host range stands for more than {MOST} hosts"));
    }
    let width = if padded { begin.len() } else { 0 };
    Ok((from..=to).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_port() {
        let port = |text: &str| expand(text).unwrap();
        assert_eq!(port("db:2222"), (vec!["db".into()], Some(2222)));
        assert_eq!(port("[::1]:22"), (vec!["::1".into()], Some(22)));
        assert_eq!(port("fe80::1"), (vec!["fe80::1".into()], None));
        assert_eq!(port("a b:22"), (vec!["a b:22".into()], None));
        assert_eq!(port("w[1:2]:22"), (vec!["w1".into(), "w2".into()], Some(22)));
        assert_eq!(port("w[1:2]:x"), (vec!["w1:x".into(), "w2:x".into()], None));
    }

    #[test]
    fn ranges_keep_their_width_and_step() {
        let names = |text: &str| expand(text).map(|(names, _)| names.join(" "));
        assert_eq!(names("w[01:05:2].x"), Ok("w01.x w03.x w05.x".into()));
        assert_eq!(names("[a:c][1:2]"), Ok("a1 a2 b1 b2 c1 c2".into()));
        assert_eq!(names("w[3:1]"), Ok(String::new()));
        assert_eq!(names("w[:2]"), Ok("w0 w1 w2".into()));
        for bad in ["w[1", "w[1-3]", "w[01:3]", "w[a:3]", "w[1:3:0]", "w[1:]", "w[C:a]", "w[0:99999999]"] {
            assert!(names(bad).is_err(), "{bad}");
        }
    }
}
