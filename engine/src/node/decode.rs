//! Nodes as typed values, for small files of a known shape: role metadata, our own configuration. A node comes in, any
//! type that serde can read goes out, or an error at the node that does not fit.

use super::{Kind, Node};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use std::fmt;

/// Reads a node as a type.
///
/// # Errors
/// What does not fit, with the place of the innermost node that does not.
pub fn decode<T: DeserializeOwned>(node: &Node) -> Result<T, Diagnostic> {
    T::deserialize(Reader(node)).map_err(|wrong| {
        let span = wrong.span.unwrap_or(node.span);
        Diagnostic::parse("muster::node::shape", wrong.message).at(span, "")
    })
}

/// What does not fit, and where once that is known.
#[derive(Debug)]
struct Wrong {
    message: String,
    span: Option<Span>,
}

impl Wrong {
    fn at(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), span: None }
    }
}

#[derive(Clone, Copy)]
struct Reader<'de>(&'de Node);

impl<'de> IntoDeserializer<'de, Wrong> for Reader<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let read = match &self.0.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Int(value) => visitor.visit_i64(*value),
            Kind::BigInt(digits) => match digits.parse() {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_borrowed_str(digits),
            },
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::Str(text) | Kind::Date(text) | Kind::Vault(text) => visitor.visit_borrowed_str(text),
            Kind::Unsafe(inner) => Reader(inner).deserialize_any(visitor),
            Kind::Seq(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Reader))),
            Kind::Map(map) => visitor
                .visit_map(MapDeserializer::new(map.iter().map(|(key, value)| (Reader(key), Reader(value))))),
        };
        read.map_err(|wrong| wrong.at(self.0.span))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// Numbers and booleans are text where text is asked for: `version: 1.10` is for people.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => {
                visitor.visit_string(self.0.to_key()).map_err(|wrong: Wrong| wrong.at(self.0.span))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let variant = match &self.0.kind {
            Kind::Map(map) => match map.0.as_slice() {
                [(name, content)] => Some(Variant { name, content: Some(content) }),
                _ => None,
            },
            _ => self.0.as_str().map(|_| Variant { name: self.0, content: None }),
        };
        match variant {
            Some(variant) => visitor.visit_enum(variant).map_err(|wrong| wrong.at(self.0.span)),
            None => {
                let message = format!("expected a name, or a mapping of one name, not {}", self.0.describe());
                Err(Wrong { message, span: Some(self.0.span) })
            }
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Variant<'de> {
    name: &'de Node,
    content: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Wrong;
    type Variant = Self;

    fn variant_seed<S: de::DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Wrong> {
        let name = self.name.as_str().unwrap_or("");
        let value =
            seed.deserialize(StrDeserializer::new(name)).map_err(|wrong: Wrong| wrong.at(self.name.span))?;
        Ok((value, self))
    }
}

impl Variant<'_> {
    fn missing(&self) -> Wrong {
        let message = format!("`{}` needs a value", self.name.as_str().unwrap_or(""));
        Wrong { message, span: Some(self.name.span) }
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        match self.content {
            Some(content) if !content.is_null() => {
                let message = format!("`{}` takes no value", self.name.as_str().unwrap_or(""));
                Err(Wrong { message, span: Some(content.span) })
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<S: de::DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Wrong> {
        seed.deserialize(Reader(self.content.ok_or_else(|| self.missing())?))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        Reader(self.content.ok_or_else(|| self.missing())?).deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        Reader(self.content.ok_or_else(|| self.missing())?).deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::node::{Limits, parse};
    use crate::source::Sources;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Meta {
        name: String,
        #[serde(default)]
        tags: Vec<u8>,
        level: Option<Level>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        Low,
        High(f64),
    }

    fn read(text: &str) -> Result<Meta, (String, String)> {
        let sources = Sources::default();
        let id = sources.add("m.yml", text);
        let nodes = parse(&sources, id, Limits::default(), &mut Diagnostics::default()).unwrap();
        decode(&nodes[0]).map_err(|error| {
            let place = sources.place(error.labels[0].span);
            (error.message, format!("{}:{}", place.line, place.column))
        })
    }

    #[test]
    fn typed_files_are_read() {
        let meta = Meta { name: "1.5".into(), tags: vec![1, 2], level: Some(Level::High(2.5)) };
        assert_eq!(read("name: 1.5\ntags: [1, 2]\nlevel: {high: 2.5}\n"), Ok(meta));
        assert_eq!(read("name: x\nlevel: low\n").unwrap().level, Some(Level::Low));
        assert_eq!(read("name: x\nlevel:\n").unwrap().level, None);
    }

    #[test]
    fn errors_are_at_the_innermost_node() {
        let wrong = |text| read(text).unwrap_err();
        assert_eq!(wrong("name: x\ntags:\n  - 1\n  - 300\n").1, "4:5");
        assert_eq!(wrong("name: x\nnmae: y\n").1, "2:1");
        assert_eq!(wrong("name: x\nlevel: mid\n").1, "2:8");
        assert_eq!(wrong("tags: []\n"), ("missing field `name`".into(), "1:1".into()));
        assert_eq!(wrong("name: x\nlevel: high\n").0, "`high` needs a value");
    }
}
