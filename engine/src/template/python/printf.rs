//! Python's `'...' % arguments`. A format and a value come in, text goes out.

use super::{repr, text, type_name};
use crate::template::fault;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};

/// One `%...x`.
#[derive(Default)]
pub struct Directive {
    pub left: bool,
    pub zero: bool,
    pub plus: bool,
    pub space: bool,
    pub alternate: bool,
    pub width: usize,
    pub precision: Option<usize>,
}

/// Formats as Python's `%` does: a tuple holds several arguments, a mapping named ones.
///
/// # Errors
/// Too few or too many arguments, or one of the wrong type.
pub fn printf(format: &str, arguments: &Value) -> Result<String, Error> {
    let mut left: std::collections::VecDeque<Value> = if arguments.is_tuple() {
        arguments.try_iter()?.checked().collect::<Result<_, _>>()?
    } else {
        [arguments.clone()].into()
    };
    let mapping = arguments.kind() == ValueKind::Map;
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut named = None;
        if chars.next_if_eq(&'(').is_some() {
            let name: String = std::iter::from_fn(|| chars.next_if(|c| *c != ')')).collect();
            chars.next();
            let value = arguments.get_item(&Value::from(name.as_str()))?;
            if value.is_undefined() {
                return Err(fault::error(repr(&Value::from(name))));
            }
            named = Some(fault::valid(value)?);
        }
        let mut directive = Directive::default();
        while let Some(flag) = chars.next_if(|c| "-0+ #".contains(*c)) {
            match flag {
                '-' => directive.left = true,
                '0' => directive.zero = true,
                '+' => directive.plus = true,
                ' ' => directive.space = true,
                _ => directive.alternate = true,
            }
        }
        let digits: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
        directive.width = digits.parse().unwrap_or(0);
        if chars.next_if_eq(&'.').is_some() {
            let digits: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
            directive.precision = Some(digits.parse().unwrap_or(0));
        }
        while chars.next_if(|c| "hlL".contains(*c)).is_some() {}
        let Some(kind) = chars.next() else { return Err(fault::error("incomplete format")) };
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match named {
            Some(value) => value,
            None => left.pop_front().ok_or_else(|| fault::error("not enough arguments for format string"))?,
        };
        out.push_str(&directive.write(kind, &value)?);
    }
    if !left.is_empty() && !mapping && format_used(format) != Some(true) {
        return Err(fault::error("not all arguments converted during string formatting"));
    }
    Ok(out)
}

/// Whether the format names its arguments.
fn format_used(format: &str) -> Option<bool> {
    format.contains("%(").then_some(true)
}

impl Directive {
    /// The value as conversion `kind` prints it.
    pub fn write(&self, kind: char, value: &Value) -> Result<String, Error> {
        let cut = |text: String| match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text,
        };
        let body = match kind {
            's' => return Ok(self.pad(&cut(text(value)?), false)),
            'r' | 'a' => return Ok(self.pad(&cut(repr(value)), false)),
            'c' => return Ok(self.pad(&text(value)?, false)),
            'd' | 'i' | 'u' => self.signed(integer(value, kind)?, |n| n.to_string()),
            'x' => self.signed(integer(value, kind)?, |n| self.prefix("0x", format!("{n:x}"))),
            'X' => self.signed(integer(value, kind)?, |n| self.prefix("0X", format!("{n:X}"))),
            'o' => self.signed(integer(value, kind)?, |n| self.prefix("0o", format!("{n:o}"))),
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
                let number = super::number(value).and_then(|n| f64::try_from(n).ok());
                let number = number
                    .ok_or_else(|| fault::error(format!("must be real number, not {}", type_name(value))))?;
                let digits = real(number.abs(), kind, self.precision.unwrap_or(6));
                self.sign(number.is_sign_negative()) + &digits
            }
            other => return Err(fault::error(format!("unsupported format character '{other}'"))),
        };
        Ok(self.pad(&body, true))
    }

    fn prefix(&self, prefix: &str, digits: String) -> String {
        if self.alternate { prefix.to_string() + &digits } else { digits }
    }

    fn sign(&self, negative: bool) -> String {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        }
        .into()
    }

    fn signed(&self, number: i128, digits: impl Fn(u128) -> String) -> String {
        let mut digits = digits(number.unsigned_abs());
        if let Some(least) = self.precision {
            digits = "0".repeat(least.saturating_sub(digits.len())) + &digits;
        }
        self.sign(number < 0) + &digits
    }

    fn pad(&self, body: &str, number: bool) -> String {
        let fill = self.width.saturating_sub(body.chars().count());
        if self.left {
            return body.to_string() + &" ".repeat(fill);
        }
        if self.zero && number {
            let sign = usize::from(body.starts_with(['-', '+', ' ']));
            let (sign, digits) = body.split_at(sign);
            return format!("{sign}{}{digits}", "0".repeat(fill));
        }
        " ".repeat(fill) + body
    }
}

fn integer(value: &Value, kind: char) -> Result<i128, Error> {
    let number = super::number(value);
    let whole =
        number.as_ref().and_then(|n| if n.is_integer() { i128::try_from(n.clone()).ok() } else { None });
    #[expect(clippy::cast_possible_truncation, reason = "Python truncates here")]
    let cut = || number.as_ref().and_then(|n| f64::try_from(n.clone()).ok()).map(|n| n as i128);
    whole.or_else(cut).ok_or_else(|| {
        let wanted = if kind == 'd' { "a real number" } else { "an integer" };
        fault::error(format!("%{kind} format: {wanted} is required, not {}", type_name(value)))
    })
}

/// A float that is not negative, as `f`, `e` or `g` print it.
pub fn real(number: f64, kind: char, precision: usize) -> String {
    if !number.is_finite() {
        return if number.is_nan() { "nan" } else { "inf" }.into();
    }
    let exponent = |text: String| {
        let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
        let power: i32 = power.parse().unwrap_or(0);
        format!("{mantissa}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
    };
    let text = match kind.to_ascii_lowercase() {
        'f' => format!("{number:.precision$}"),
        'e' => exponent(format!("{number:.precision$e}")),
        _ => {
            let precision = precision.max(1);
            let scientific = format!("{number:.*e}", precision - 1);
            let power: i32 = scientific.split_once('e').and_then(|(_, p)| p.parse().ok()).unwrap_or(0);
            let wide = i32::try_from(precision).unwrap_or(i32::MAX);
            let trim = |text: &str| match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
                false => text.to_string(),
            };
            if (-4..wide).contains(&power) {
                let after = usize::try_from(wide - 1 - power).unwrap_or(0);
                trim(&format!("{number:.after$}"))
            } else {
                let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
                exponent(format!("{}e{power}", trim(mantissa)))
            }
        }
    };
    if kind.is_ascii_uppercase() { text.to_ascii_uppercase() } else { text }
}
