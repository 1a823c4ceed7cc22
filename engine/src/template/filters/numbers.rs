//! Filters of numbers: conversions, rounding, powers, sizes.

use super::Table;
use crate::template::arguments::{Args, integer};
use crate::template::{Value, fault, python};
use minijinja::value::ValueKind;
use minijinja::{Error, State};

pub const TABLE: Table = &[
    ("int", int),
    ("float", float),
    ("abs", abs),
    ("round", round),
    ("log", log),
    ("pow", |_, value, args| {
        Ok(Value::from(operand(value, "pow")?.powf(operand(&args.need(0, "y")?, "pow")?)))
    }),
    ("root", root),
    ("human_readable", human_readable),
    ("human_to_bytes", human_to_bytes),
    ("filesizeformat", filesizeformat),
];

fn real(value: &Value) -> Result<f64, Error> {
    let number = python::number(value).and_then(|number| f64::try_from(number).ok());
    number.ok_or_else(|| fault::error(format!("must be real number, not {}", python::type_name(value))))
}

#[expect(clippy::cast_possible_truncation, reason = "floats beyond the integers were taken out")]
fn whole(number: f64) -> Value {
    let number = number.trunc();
    if number.abs() < 9e18 { Value::from(number as i64) } else { Value::from(number as i128) }
}

fn int(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let otherwise = args.get(0, "default").unwrap_or_else(|| Value::from(0));
    let base = u32::try_from(args.int(1, "base")?.unwrap_or(10)).unwrap_or(10);
    Ok(match value.kind() {
        ValueKind::Bool => Value::from(i64::from(value.is_true())),
        ValueKind::Number if value.is_integer() => value.clone(),
        ValueKind::Number => match real(value)? {
            number if number.is_finite() => whole(number),
            _ => otherwise,
        },
        ValueKind::String => {
            let text = value.as_str().unwrap_or("").trim().replace('_', "");
            let (sign, digits) = match text.strip_prefix('-') {
                Some(rest) => (-1, rest),
                None => (1, text.strip_prefix('+').unwrap_or(&text)),
            };
            let lower = digits.to_lowercase();
            let bare = match base {
                16 => lower.strip_prefix("0x"),
                8 => lower.strip_prefix("0o"),
                2 => lower.strip_prefix("0b"),
                _ => None,
            };
            let parsed = i128::from_str_radix(bare.unwrap_or(&lower), base.clamp(2, 36)).ok();
            match (parsed, text.parse::<f64>()) {
                (Some(number), _) => {
                    let number = number * sign;
                    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
                }
                (None, Ok(number)) if number.is_finite() => whole(number),
                _ => otherwise,
            }
        }
        _ => otherwise,
    })
}

fn float(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let parsed = match value.kind() {
        ValueKind::String => value.as_str().and_then(|text| text.trim().parse().ok()),
        _ => real(value).ok(),
    };
    Ok(parsed.map_or_else(|| args.get(0, "default").unwrap_or_else(|| Value::from(0.0)), Value::from))
}

fn abs(_: &mut State<'_, '_>, value: &Value, _: &Args) -> Result<Value, Error> {
    if let Some(number) = value.as_i64().filter(|_| value.is_integer()) {
        return Ok(Value::from(number.abs()));
    }
    if value.kind() != ValueKind::Number {
        let kind = python::type_name(value);
        return Err(fault::error(format!("bad operand type for abs(): '{kind}'")));
    }
    Ok(Value::from(real(value)?.abs()))
}

fn round(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let precision = i32::try_from(args.int(0, "precision")?.unwrap_or(0)).unwrap_or(0);
    let method = args.text(1, "method")?.unwrap_or_else(|| "common".into());
    let number = real(value)?;
    let scale = 10f64.powi(precision);
    match method.as_str() {
        "common" if value.is_integer() && precision >= 0 => Ok(value.clone()),
        "common" if precision > 0 => {
            let digits = usize::try_from(precision).unwrap_or(0);
            Ok(Value::from(format!("{number:.digits$}").parse::<f64>().unwrap_or(number)))
        }
        "common" => {
            let rounded = (number * scale).round_ties_even() / scale;
            Ok(if value.is_integer() { whole(rounded) } else { Value::from(rounded) })
        }
        "ceil" => Ok(Value::from((number * scale).ceil() / scale)),
        "floor" => Ok(Value::from((number * scale).floor() / scale)),
        _ => Err(fault::error("method must be common, ceil or floor")),
    }
}

/// The number of a filter that names itself when it is given something else.
fn operand(value: &Value, filter: &str) -> Result<f64, Error> {
    let kind = python::type_name(value);
    real(value).map_err(|_| {
        fault::error(format!("{filter}() can only be used on numbers: must be real number, not {kind}"))
    })
}

fn log(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let number = operand(value, "log")?;
    if number <= 0.0 {
        return Err(fault::error("math domain error"));
    }
    Ok(Value::from(match args.get(0, "base") {
        None => number.ln(),
        Some(base) => match real(&base)? {
            10.0 => number.log10(),
            base if base <= 0.0 => return Err(fault::error("math domain error")),
            base => number.ln() / base.ln(),
        },
    }))
}

fn root(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let number = operand(value, "root")?;
    let base = args.get(0, "base").map_or(Ok(2.0), |base| operand(&base, "root"))?;
    if number < 0.0 {
        return Err(fault::error("root() can only be used on numbers: math domain error"));
    }
    Ok(Value::from(if base == 2.0 { number.sqrt() } else { number.powf(1.0 / base) }))
}

const UNITS: [(char, i32); 9] =
    [('Y', 8), ('Z', 7), ('E', 6), ('P', 5), ('T', 4), ('G', 3), ('M', 2), ('K', 1), ('B', 0)];

fn human_readable(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let from_text = || value.as_str().and_then(|text| text.trim().parse().ok());
    let Some(size) = real(value).ok().or_else(from_text) else {
        let kind = python::type_name(value);
        return Err(fault::error(format!("human_readable() failed on bad input: '{kind}'")));
    };
    let bits = args.truth(0, "isbits", false);
    let unit = args.text(1, "unit")?.map(|unit| unit.to_uppercase());
    let fits = |(name, power): &&(char, i32)| match &unit {
        Some(unit) => unit.starts_with(*name),
        None => size >= 1024f64.powi(*power),
    };
    let (name, power) = UNITS.iter().find(fits).copied().unwrap_or(('B', 0));
    let suffix = match (name, bits) {
        ('B', true) => "bits".to_string(),
        ('B', false) => "Bytes".to_string(),
        (name, true) => format!("{name}b"),
        (name, false) => format!("{name}B"),
    };
    Ok(Value::from(format!("{:.2} {suffix}", size / 1024f64.powi(power))))
}

fn human_to_bytes(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let bits = args.truth(1, "isbits", false);
    let trimmed = text.trim();
    let (digits, unit) =
        trimmed.split_at(trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len()));
    let refuse = |why: String| fault::error(format!("human_to_bytes() can't interpret the input: {why}"));
    let number: f64 = digits
        .parse()
        .map_err(|_| refuse(format!("human_to_bytes() can't interpret following string: {text}")))?;
    let unit = match unit.trim() {
        "" => args.text(0, "default_unit")?.unwrap_or_default(),
        unit => unit.to_string(),
    };
    let Some(first) = unit.chars().next() else { return Ok(whole(number.round_ties_even())) };
    let upper = first.to_ascii_uppercase();
    let known = UNITS.iter().find(|(name, _)| *name == upper).copied();
    let kind = if bits { 'b' } else { 'B' };
    let rest: String = unit.chars().skip(1).collect();
    let spelled = match (upper, rest.as_str()) {
        ('B', "") => unit.len() == 1,
        ('B', rest) => ["its", "it", "ytes", "yte"].contains(&rest.to_lowercase().as_str()),
        (_, "") => true,
        (_, rest) => {
            rest.chars().eq([kind])
                || ["bit", "bits", "byte", "bytes"].contains(&rest.to_lowercase().as_str())
        }
    };
    match known.filter(|_| spelled) {
        Some((_, power)) => Ok(whole((number * 1024f64.powi(power)).round_ties_even())),
        None => Err(refuse(format!(
            "human_to_bytes() failed to convert {text}. Value is not a valid string (unit {unit})"
        ))),
    }
}

fn filesizeformat(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let size = match value.kind() {
        ValueKind::String => integer(value).map(|n| n.to_string().parse().unwrap_or(0.0))?,
        _ => real(value)?,
    };
    let binary = args.truth(0, "binary", false);
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if size == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if size < base {
        return Ok(Value::from(format!("{} Bytes", size.trunc())));
    }
    let mut out = String::new();
    for (power, letter) in (1..).zip(["k", "M", "G", "T", "P", "E", "Z", "Y"]) {
        let letter = if binary { letter.to_uppercase() + "i" } else { letter.into() };
        out = format!("{:.1} {letter}B", size / base.powi(power));
        if size < base.powi(power + 1) {
            break;
        }
    }
    Ok(Value::from(out))
}
