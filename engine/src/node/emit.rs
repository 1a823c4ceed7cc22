//! Values as YAML text, laid out as PyYAML's dumper does for Ansible's `to_yaml` and `to_nice_yaml`. JSON comes in;
//! text that reads back as the same value goes out.

use super::json::repr;
use super::{Kind, scalar};
use libyaml_safer::{Emitter, Encoding, Event, MappingStyle, ScalarStyle, SequenceStyle};
use serde_json::Value;

/// How a value is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Blanks for each level.
    pub indent: i32,
    /// The column after which lines are folded; below zero for never.
    pub width: i32,
    /// Whether keys are sorted.
    pub sort_keys: bool,
    /// `Some(true)`: braces everywhere; `Some(false)`: nowhere; nothing: around collections of scalars only.
    pub default_flow_style: Option<bool>,
    /// Whether the text begins with `---`.
    pub explicit_start: bool,
    /// Whether the text ends with `...`.
    pub explicit_end: bool,
    /// Whether characters beyond ASCII are written as they are.
    pub allow_unicode: bool,
    /// The quotes every string gets: `'"'`, `'\''`, `'|'`, `'>'`; nothing for as few as can be.
    pub default_style: Option<char>,
    /// Whether strings of several lines become literal blocks, as results on the console do.
    pub literal: bool,
}

impl Layout {
    /// The defaults of the filter `to_yaml`.
    pub const YAML: Self = Self {
        indent: 2,
        width: 80,
        sort_keys: true,
        default_flow_style: None,
        explicit_start: false,
        explicit_end: false,
        allow_unicode: true,
        default_style: None,
        literal: false,
    };
    /// The defaults of the filter `to_nice_yaml`.
    pub const NICE: Self = Self { indent: 4, default_flow_style: Some(false), ..Self::YAML };
}

/// Writes a value as one YAML document.
///
/// # Errors
/// The emitter's own error; no JSON value is known to cause one.
pub fn emit(value: &Value, layout: &Layout) -> Result<String, libyaml_safer::Error> {
    let mut bytes = vec![];
    let mut emitter = Emitter::new();
    emitter.set_output(&mut bytes);
    emitter.set_encoding(Encoding::Utf8);
    emitter.set_indent(layout.indent);
    emitter.set_width(layout.width);
    emitter.set_unicode(layout.allow_unicode);
    emitter.emit(Event::stream_start(Encoding::Utf8))?;
    emitter.emit(Event::document_start(None, &[], !layout.explicit_start))?;
    write(&mut emitter, value, layout)?;
    emitter.emit(Event::document_end(!layout.explicit_end))?;
    emitter.emit(Event::stream_end())?;
    emitter.flush()?;
    drop(emitter);
    Ok(escaped(&String::from_utf8_lossy(&bytes)))
}

/// Characters beyond the basic plane, which libyaml takes for unprintable, as escapes. They are between double quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_beyond(c) { out.push_str(&format!("\\U{:08X}", u32::from(c))) } else { out.push(c) }
    }
    out
}

fn is_beyond(c: char) -> bool {
    u32::from(c) > 0xffff
}

fn write(emitter: &mut Emitter<'_>, value: &Value, layout: &Layout) -> Result<(), libyaml_safer::Error> {
    let is_scalar = |value: &Value| !value.is_array() && !value.is_object();
    // With a style asked for, PyYAML takes no scalar for plain, so nothing is a collection of plain scalars.
    let flow = |leaf: bool| layout.default_flow_style.unwrap_or(leaf && layout.default_style.is_none());
    match value {
        Value::Array(items) => {
            let style =
                if flow(items.iter().all(is_scalar)) { SequenceStyle::Flow } else { SequenceStyle::Block };
            emitter.emit(Event::sequence_start(None, None, true, style))?;
            items.iter().try_for_each(|item| write(emitter, item, layout))?;
            emitter.emit(Event::sequence_end())
        }
        Value::Object(map) => {
            let style =
                if flow(map.values().all(is_scalar)) { MappingStyle::Flow } else { MappingStyle::Block };
            emitter.emit(Event::mapping_start(None, None, true, style))?;
            let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
            if layout.sort_keys {
                pairs.sort_by_key(|(key, _)| *key);
            }
            for (key, value) in pairs {
                text(emitter, key, layout)?;
                write(emitter, value, layout)?;
            }
            emitter.emit(Event::mapping_end())
        }
        Value::String(string) => text(emitter, string, layout),
        Value::Null => plain(emitter, "null", "null", layout),
        Value::Bool(value) => plain(emitter, if *value { "true" } else { "false" }, "bool", layout),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => plain(emitter, &written(float), "float", layout),
            _ => plain(emitter, &number.to_string(), "int", layout),
        },
    }
}

/// A float as PyYAML writes it: an exponent only after a point.
fn written(float: f64) -> String {
    let text = repr(float);
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

fn style(layout: &Layout) -> ScalarStyle {
    match layout.default_style {
        Some('"') => ScalarStyle::DoubleQuoted,
        Some('\'') => ScalarStyle::SingleQuoted,
        Some('|') => ScalarStyle::Literal,
        Some('>') => ScalarStyle::Folded,
        _ => ScalarStyle::Plain,
    }
}

fn plain(
    emitter: &mut Emitter<'_>,
    text: &str,
    tag: &str,
    layout: &Layout,
) -> Result<(), libyaml_safer::Error> {
    let tag = format!("{}{tag}", scalar::STANDARD);
    emitter.emit(Event::scalar(None, Some(&tag), text, true, false, style(layout)))
}

fn text(emitter: &mut Emitter<'_>, text: &str, layout: &Layout) -> Result<(), libyaml_safer::Error> {
    // Only text that would be read as text may stand without quotes; `<<` and `=` would be read as marks.
    let is_text = !matches!(text, "<<" | "=") && matches!(scalar::plain(text), Ok(Kind::Str(_)));
    let tag = format!("{}str", scalar::STANDARD);
    let several = text.trim_end_matches('\n').contains('\n');
    let style = match () {
        () if text.contains(is_beyond) => ScalarStyle::DoubleQuoted,
        () if layout.literal && several => ScalarStyle::Literal,
        () => style(layout),
    };
    emitter.emit(Event::scalar(None, Some(&tag), text, is_text, true, style))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_laid_out_as_ansible_lays_them_out() {
        let cases: Vec<(Value, String, String, String)> =
            serde_json::from_str(include_str!("testdata/emit.json")).unwrap();
        let other = Layout {
            width: 30,
            sort_keys: false,
            explicit_start: true,
            allow_unicode: false,
            ..Layout::NICE
        };
        for (value, yaml, nice, narrow) in cases {
            assert_eq!(emit(&value, &Layout::YAML).unwrap(), yaml, "to_yaml {value}");
            assert_eq!(emit(&value, &Layout::NICE).unwrap(), nice, "to_nice_yaml {value}");
            assert_eq!(emit(&value, &other).unwrap(), narrow, "narrow {value}");
        }
    }
}
