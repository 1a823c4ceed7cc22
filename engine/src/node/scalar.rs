//! YAML 1.1 scalars, as PyYAML reads them. The text of a scalar comes in, its [`Kind`] goes out, or a sentence that says
//! why it has none. Only what the patterns below accept is not a string.

use super::Kind;
use base64::Engine as _;
use jiff::civil::{Date, Time};
use regex::Regex;
use std::sync::{Arc, LazyLock};

/// The prefix of the tags that YAML itself defines.
pub(super) const STANDARD: &str = "tag:yaml.org,2002:";

static INT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(:[0-5]?[0-9])+)$")
});
static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?",
        r"|\.[0-9][0-9_]*([eE][-+][0-9]+)?",
        r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*",
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
    ))
});
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^(?<year>[0-9]{4})-((?<m>[0-9]{2})-(?<d>[0-9]{2})",
        r"|(?<month>[0-9]{1,2})-(?<day>[0-9]{1,2})([Tt]|[ \t]+)",
        r"(?<hour>[0-9]{1,2}):(?<minute>[0-9]{2}):(?<second>[0-9]{2})(\.[0-9]*)?",
        r"([ \t]*(Z|[-+](?<zone>[0-9]{1,2})(:(?<part>[0-9]{2}))?))?)$"
    ))
});

#[expect(clippy::expect_used, reason = "the patterns are constants and every test run compiles them")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// What a plain scalar without a tag is.
pub(super) fn plain(text: &str) -> Result<Kind, String> {
    match text.as_bytes().first() {
        None => return Ok(Kind::Null),
        Some(b'-' | b'+' | b'.' | b'0'..=b'9') => {
            if let Some(kind) = number_or_date(text) {
                return kind;
            }
        }
        Some(b'=') if text.len() == 1 => return Err(format!("no value for the tag `{STANDARD}value`")),
        Some(_) => {}
    }
    Ok(match text {
        "~" | "null" | "Null" | "NULL" => Kind::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Kind::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Kind::Bool(false),
        _ => Kind::Str(text.into()),
    })
}

/// What a scalar under one of YAML's own tags is; `name` is the tag without its prefix.
pub(super) fn tagged(name: &str, text: &str) -> Result<Kind, String> {
    let wrong = || format!("`{text}` is not a value for `!!{name}`");
    match name {
        "str" => Ok(Kind::Str(text.into())),
        "null" => Ok(Kind::Null),
        "bool" => match text.to_lowercase().as_str() {
            "yes" | "true" | "on" => Ok(Kind::Bool(true)),
            "no" | "false" | "off" => Ok(Kind::Bool(false)),
            _ => Err(wrong()),
        },
        "int" => int(text).ok_or_else(wrong),
        "float" => float(text).map(Kind::Float).ok_or_else(wrong),
        "timestamp" => date(text).unwrap_or_else(|| Err(wrong())),
        "binary" => {
            let text: String = text.split_ascii_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(&text).ok();
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            text.map(|text| Kind::Str(text.into())).ok_or_else(|| "not base64 of UTF-8 text".to_owned())
        }
        _ => Err(format!("no value for the tag `{STANDARD}{name}`")),
    }
}

fn number_or_date(text: &str) -> Option<Result<Kind, String>> {
    let wrong = || format!("`{text}` looks like a number, but has no digits");
    if FLOAT.is_match(text) {
        return Some(float(text).map(Kind::Float).ok_or_else(wrong));
    }
    if INT.is_match(text) {
        return Some(int(text).ok_or_else(wrong));
    }
    date(text)
}

fn signed(text: &str) -> (bool, String) {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    match digits.strip_prefix(['-', '+']) {
        Some(rest) => (digits.starts_with('-'), rest.to_owned()),
        None => (false, digits),
    }
}

fn int(text: &str) -> Option<Kind> {
    let (negative, digits) = signed(text);
    let (radix, digits) = match digits.strip_prefix("0b") {
        Some(rest) => (2, rest),
        None => match digits.strip_prefix("0x") {
            Some(rest) => (16, rest),
            None => match digits.strip_prefix('0').filter(|rest| !rest.is_empty()) {
                Some(rest) => (8, rest),
                None => (10, digits.as_str()),
            },
        },
    };
    let magnitude = if digits.contains(':') {
        let parts = digits.split(':').map(|part| part.parse::<u64>().ok());
        let total = parts.reduce(|total, part| total?.checked_mul(60)?.checked_add(part?))??;
        total.to_string()
    } else {
        decimal(digits, radix)?
    };
    let text = if negative && magnitude != "0" { format!("-{magnitude}") } else { magnitude };
    Some(text.parse().map_or_else(|_| Kind::BigInt(text.into()), Kind::Int))
}

/// The decimal digits of an integer of any size; nothing if a digit is wrong or there is none.
fn decimal(digits: &str, radix: u32) -> Option<String> {
    const LIMB: u64 = 1_000_000_000;
    if digits.is_empty() {
        return None;
    }
    if radix == 10 {
        let all = digits.bytes().all(|b| b.is_ascii_digit());
        let short = digits.trim_start_matches('0');
        return all.then(|| if short.is_empty() { "0".to_owned() } else { short.to_owned() });
    }
    let mut limbs: Vec<u64> = vec![0];
    for digit in digits.chars() {
        let mut carry = u64::from(digit.to_digit(radix)?);
        for limb in &mut limbs {
            let next = *limb * u64::from(radix) + carry;
            *limb = next % LIMB;
            carry = next / LIMB;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut text = limbs.pop()?.to_string();
    for limb in limbs.iter().rev() {
        text.push_str(&format!("{limb:09}"));
    }
    Some(text)
}

fn float(text: &str) -> Option<f64> {
    let (negative, digits) = signed(text);
    let digits = digits.to_lowercase();
    let magnitude = match digits.as_str() {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        _ => {
            let mut parts = digits.split(':').map(|part| part.parse::<f64>().ok());
            parts.try_fold(0.0, |total, part| Some(total * 60.0 + part?))?
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// The date or time as written; nothing if it does not look like one, an error if there is no such day or hour.
fn date(text: &str) -> Option<Result<Kind, String>> {
    let found = DATE.captures(text)?;
    let number = |name: &str| found.name(name).and_then(|m| m.as_str().parse::<i8>().ok());
    let year = found.name("year").and_then(|m| m.as_str().parse::<i16>().ok()).filter(|year| *year > 0);
    let (month, day) = (number("m").or(number("month")), number("d").or(number("day")));
    let day = year.zip(month).zip(day).and_then(|((year, month), day)| Date::new(year, month, day).ok());
    let time = |name| number(name).unwrap_or(0);
    let hour = Time::new(time("hour"), time("minute"), time("second"), 0);
    let real = day.is_some() && hour.is_ok() && time("zone") < 24;
    Some(if real {
        Ok(Kind::Date(Arc::from(text)))
    } else {
        Err(format!("`{text}` looks like a date or time, but there is no such day or hour"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::float_repr;

    #[test]
    fn random_scalars_are_what_pyyaml_makes_of_them() {
        let cases: Vec<[String; 3]> = serde_json::from_str(include_str!("testdata/scalars.json")).unwrap();
        let mut wrong = vec![];
        for [text, kind, value] in cases {
            let got = match plain(&text) {
                Ok(Kind::Null) => ("null", String::new()),
                Ok(Kind::Bool(value)) => ("bool", value.to_string()),
                Ok(Kind::Int(value)) => ("int", value.to_string()),
                Ok(Kind::BigInt(value)) => ("int", value.to_string()),
                Ok(Kind::Float(value)) => (
                    "float",
                    match () {
                        () if value.is_nan() => "nan".to_owned(),
                        () if value.is_infinite() => value.to_string(),
                        () => float_repr(value),
                    },
                ),
                Ok(Kind::Date(_)) => ("date", String::new()),
                Ok(_) => ("str", text.clone()),
                Err(_) => ("error", String::new()),
            };
            if (got.0, got.1.as_str()) != (kind.as_str(), value.as_str()) {
                wrong.push(format!("{text}: {got:?}, not {kind} {value}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
