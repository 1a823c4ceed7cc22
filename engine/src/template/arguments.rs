//! Arguments of filters, tests, methods and lookups as Python passes them: by position or by name. The engine's values
//! come in, each argument goes out under either.

use super::{Value, fault, python};
use minijinja::Error;
use minijinja::value::{Kwargs, ValueKind};

/// The arguments of one call.
#[derive(Debug, Default)]
pub struct Args {
    /// By position.
    pub given: Vec<Value>,
    named: Option<Kwargs>,
}

impl Args {
    /// From what the engine passes: named arguments come last, as one value.
    pub fn new(mut given: Vec<Value>) -> Self {
        let named = match given.last() {
            Some(last) if last.is_kwargs() => given.pop().and_then(|last| Kwargs::try_from(last).ok()),
            _ => None,
        };
        Self { given, named }
    }

    /// Fails with the engine's own error if any is undefined.
    pub fn defined(&self) -> Result<(), Error> {
        self.given.iter().try_for_each(fault::defined)?;
        self.pairs().iter().try_for_each(|(_, value)| fault::defined(value))
    }

    /// The named arguments, in order.
    pub fn pairs(&self) -> Vec<(String, Value)> {
        let Some(named) = &self.named else { return vec![] };
        named.args().filter_map(|name| Some((name.to_string(), named.peek(name).ok()?))).collect()
    }

    /// A named argument.
    pub fn named(&self, name: &str) -> Option<Value> {
        let named = self.named.as_ref()?;
        if named.has(name) { named.peek(name).ok() } else { None }
    }

    /// An argument by position or name.
    pub fn get(&self, at: usize, name: &str) -> Option<Value> {
        self.given.get(at).cloned().or_else(|| self.named(name))
    }

    /// The same, where it must be there.
    pub fn need(&self, at: usize, name: &str) -> Result<Value, Error> {
        self.get(at, name)
            .ok_or_else(|| fault::error(format!("missing 1 required positional argument: '{name}'")))
    }

    /// An argument as text, as Python's `str` prints it.
    pub fn text(&self, at: usize, name: &str) -> Result<Option<String>, Error> {
        match self.get(at, name) {
            Some(value) if !value.is_none() => python::text(&value).map(Some),
            _ => Ok(None),
        }
    }

    /// An argument as text that must be there.
    pub fn need_text(&self, at: usize, name: &str) -> Result<String, Error> {
        python::text(&self.need(at, name)?)
    }

    /// An argument as a whole number.
    pub fn int(&self, at: usize, name: &str) -> Result<Option<i64>, Error> {
        match self.get(at, name) {
            Some(value) if !value.is_none() => integer(&value).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether an argument is true in Python's eyes.
    pub fn truth(&self, at: usize, name: &str, otherwise: bool) -> bool {
        self.get(at, name).map_or(otherwise, |value| value.is_true())
    }
}

/// A whole number; text of digits is accepted.
pub fn integer(value: &Value) -> Result<i64, Error> {
    let from_text = || match value.kind() {
        ValueKind::String => value.as_str().and_then(|text| text.trim().parse().ok()),
        _ => None,
    };
    value.as_i64().or_else(from_text).ok_or_else(|| {
        let kind = python::type_name(value);
        fault::error(format!("'{kind}' object cannot be interpreted as an integer"))
    })
}

/// The items of anything that Python iterates over: a mapping gives its keys, a string its characters.
pub fn items(value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map | ValueKind::String => {
            value.try_iter()?.checked().collect()
        }
        ValueKind::Undefined => fault::defined(value).map(|()| vec![]),
        ValueKind::Bytes => {
            Ok(value.as_bytes().unwrap_or(&[]).iter().map(|byte| Value::from(*byte)).collect())
        }
        _ => Err(fault::error(format!("'{}' object is not iterable", python::type_name(value)))),
    }
}

/// The entries of a mapping, values rendered.
pub fn entries(map: &Value) -> Result<Vec<(Value, Value)>, Error> {
    let keys = map.try_iter()?.checked();
    keys.map(|key| {
        let key = key?;
        let value = fault::valid(map.get_item(&key)?)?;
        Ok((key, value))
    })
    .collect()
}

/// Whether it is a list or tuple.
pub fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}
