//! `to_yaml` and `to_nice_yaml`: values come in, YAML text in the style of PyYAML's dumper goes out.

use crate::node::emit::{Layout, emit};
use crate::template::arguments::{Args, integer};
use crate::template::json::json;
use crate::template::{Value, fault, python};
use minijinja::Error;

/// Writes a value in a layout, as the arguments change it.
pub fn to_yaml(value: &Value, args: &Args, layout: &Layout) -> Result<Value, Error> {
    let mut layout = *layout;
    let given = |name: &str| args.named(name);
    let number = |value: Option<Value>, otherwise: i32| match value.filter(|value| !value.is_none()) {
        Some(value) => integer(&value).map(|number| i32::try_from(number).unwrap_or(i32::MAX)),
        None => Ok(otherwise),
    };
    let truth = |name: &str, otherwise: bool| given(name).map_or(otherwise, |value| value.is_true());
    layout.indent = number(args.get(0, "indent").filter(Value::is_integer), layout.indent)?;
    layout.width = number(given("width"), layout.width)?;
    layout.sort_keys = truth("sort_keys", layout.sort_keys);
    layout.explicit_start = truth("explicit_start", layout.explicit_start);
    layout.explicit_end = truth("explicit_end", layout.explicit_end);
    layout.allow_unicode = truth("allow_unicode", layout.allow_unicode);
    if let Some(flow) = given("default_flow_style") {
        layout.default_flow_style = if flow.is_none() { None } else { Some(flow.is_true()) };
    }
    if let Some(style) = given("default_style").filter(|style| !style.is_none()) {
        layout.default_style = python::text(&style)?.chars().next();
    }
    emit(&json(value)?, &layout).map(Value::from).map_err(|error| fault::error(error.to_string()))
}
