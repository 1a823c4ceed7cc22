//! Values to the declared type of an option. A rendered value and a [`Kind`] come in; the value of that type goes out,
//! or the words Ansible gives for why it cannot be.

use super::python::{dict_literal, dumps, repr, str, type_name};
use super::{Kind, Map};
use serde_json::{Number, Value};

const TRUE: [&str; 6] = ["y", "yes", "on", "1", "true", "t"];
const FALSE: [&str; 6] = ["n", "no", "off", "0", "false", "f"];

impl Kind {
    /// The type's name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::List => "list",
            Self::Dict => "dict",
            Self::Path => "path",
            Self::Raw | Self::Expr => "raw",
            Self::Json => "jsonarg",
            Self::Bytes => "bytes",
        }
    }

    /// The value as this type.
    ///
    /// # Errors
    /// Why it cannot be one.
    pub fn convert(self, value: Value) -> Result<Value, String> {
        let wrong = |value: &Value, what: &str| {
            Err(format!("<class '{}'> cannot be converted to a {what}", type_name(value)))
        };
        match (self, value) {
            (Self::Raw | Self::Expr, value) => Ok(value),
            (Self::Str | Self::Path, Value::Null) => Ok(Value::from("")),
            (Self::Str | Self::Path, value) => Ok(Value::String(str(&value))),
            (Self::Bool, value @ Value::Bool(_)) => Ok(value),
            (Self::Bool, value @ (Value::String(_) | Value::Number(_))) => boolean(&value),
            (Self::Bool, value) => wrong(&value, "bool"),
            (Self::Int, value) => {
                int(&value).ok_or_else(|| format!("\"{}\" cannot be converted to an int", repr(&value)))
            }
            (Self::Float, value) => match float(&value).and_then(Number::from_f64) {
                Some(number) => Ok(Value::Number(number)),
                None => wrong(&value, "float"),
            },
            (Self::List, value @ Value::Array(_)) => Ok(value),
            (Self::List, Value::String(text)) => Ok(text.split(',').map(Value::from).collect()),
            (Self::List, value @ (Value::Number(_) | Value::Bool(_))) => Ok(Value::from(vec![str(&value)])),
            (Self::List, value) => wrong(&value, "list"),
            (Self::Dict, value @ Value::Object(_)) => Ok(value),
            (Self::Dict, Value::String(text)) => dict(&text).map(Value::Object),
            (Self::Dict, value) => wrong(&value, "dict"),
            (Self::Json, Value::String(text)) => Ok(Value::from(text.trim())),
            (Self::Json, value @ (Value::Array(_) | Value::Object(_))) => Ok(Value::String(dumps(&value))),
            (Self::Json, value) => wrong(&value, "json string"),
            (Self::Bytes, value) => match bytes(&str(&value)) {
                Some(bytes) => Ok(Value::Number(bytes)),
                None => wrong(&value, "Byte value"),
            },
        }
    }
}

fn boolean(value: &Value) -> Result<Value, String> {
    let word = match value {
        Value::String(text) => text.trim().to_lowercase(),
        Value::Number(number) if number.as_f64() == Some(1.0) => "1".to_owned(),
        Value::Number(number) if number.as_f64() == Some(0.0) => "0".to_owned(),
        _ => String::new(),
    };
    if TRUE.contains(&word.as_str()) {
        return Ok(Value::Bool(true));
    }
    if FALSE.contains(&word.as_str()) {
        return Ok(Value::Bool(false));
    }
    let words: Vec<String> = FALSE.iter().chain(&TRUE).map(|word| format!("'{word}'")).collect();
    let value = str(value);
    Err(format!(
        "The value '{value}' is not a valid boolean. Valid booleans include: 0, 1, {}",
        words.join(", ")
    ))
}

/// What a choice among boolean words must be when YAML made a boolean of it: the only such word there is.
pub(super) fn boolean_choice(value: &Value, choices: &[&'static str]) -> Option<&'static str> {
    let words = match value.as_str()? {
        "True" => TRUE,
        "False" => FALSE,
        _ => return None,
    };
    let mut fitting = choices.iter().filter(|choice| words.contains(choice));
    fitting.next().filter(|_| fitting.next().is_none()).copied()
}

fn int(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(value) => Some(Value::from(i64::from(*value))),
        Value::Number(number) if !number.is_f64() => Some(value.clone()),
        Value::Number(number) => whole(number.as_f64()?),
        Value::String(text) => {
            let digits = text.trim().replace('_', "");
            let decimal =
                digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
            let number = digits.strip_prefix('+').unwrap_or(&digits);
            number
                .parse::<i64>()
                .map(Value::from)
                .ok()
                .or_else(|| whole(digits.parse().ok().filter(|_| decimal)?))
        }
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the value is whole and within the range of i64")]
fn whole(float: f64) -> Option<Value> {
    if float.fract() != 0.0 {
        return None;
    }
    if float.abs() < 9.2e18 {
        Some(Value::from(float as i64))
    } else {
        Number::from_f64(float).map(Value::Number)
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().replace('_', "").parse().ok(),
        _ => None,
    }
}

pub(super) fn dict(text: &str) -> Result<Map, String> {
    if text.starts_with('{') {
        let map = serde_json::from_str(text).ok().or_else(|| dict_literal(text));
        return map.ok_or_else(|| "unable to evaluate string as dictionary".to_owned());
    }
    if !text.contains('=') {
        return Err("dictionary requested, could not parse JSON or key=value".to_owned());
    }
    let (mut fields, mut field) = (vec![], String::new());
    let mut quote = None;
    let mut chars = text.trim().chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => field.extend(chars.next()),
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (',' | ' ', None) => fields.push(std::mem::take(&mut field)),
            (c, _) => field.push(c),
        }
    }
    fields.push(field);
    let pairs = fields.iter().filter(|field| !field.is_empty()).map(|field| field.split_once('='));
    let map: Option<Map> = pairs.map(|pair| pair.map(|(k, v)| (k.to_owned(), Value::from(v)))).collect();
    map.ok_or_else(|| "unable to evaluate string in the \"key=value\" format as dictionary".to_owned())
}

/// Bytes of `10`, `1.5K`, `10MB`, `3 kilobyte`; a small `b` is a bit, which is no byte.
fn bytes(text: &str) -> Option<Number> {
    const UNITS: [(char, &str); 9] = [
        ('B', ""),
        ('K', "kilo"),
        ('M', "mega"),
        ('G', "giga"),
        ('T', "tera"),
        ('P', "peta"),
        ('E', "exa"),
        ('Z', "zeta"),
        ('Y', "yotta"),
    ];
    let text = text.trim_end();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    let unit = unit.trim_start();
    if !number.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    let mut power = 0;
    if let Some(first) = unit.chars().next() {
        let (index, (letter, prefix)) =
            UNITS.iter().enumerate().find(|(_, (letter, _))| *letter == first.to_ascii_uppercase())?;
        let (long, short) =
            (format!("{prefix}byte"), if index == 0 { "B".to_owned() } else { format!("{letter}B") });
        if unit.chars().count() > 1 && unit.to_lowercase() != long && unit != short {
            return None;
        }
        power = i32::try_from(index).ok()?;
    }
    let whole = whole((number * 1024_f64.powi(power)).round_ties_even())?;
    whole.as_number().cloned()
}
