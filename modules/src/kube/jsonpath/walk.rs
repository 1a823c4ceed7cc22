//! What the steps of a template find in an object. Every step goes from a list of values to another; `range` and `end` make the
//! template itself go round.

use super::parse::{Filter, Node, Slice};
use serde_json::Value as Json;
use std::cmp::Ordering;

/// What the parts of a template found, one after another.
pub(super) fn results(nodes: &[Node], object: &Json) -> Result<Vec<Vec<Json>>, String> {
    let mut out = vec![];
    block(nodes, Some(object), 0, &mut out)?;
    Ok(out)
}

/// Does the parts of a block, up to its `end`; how many there were, or none where it has no end: what is in it is then done once
/// more for what is around it.
fn block(
    nodes: &[Node],
    object: Option<&Json>,
    depth: usize,
    out: &mut Vec<Vec<Json>>,
) -> Result<usize, String> {
    let mut at = 0;
    while let Some(node) = nodes.get(at) {
        at += 1;
        let chain = if let Node::Chain(chain) = node { chain.as_slice() } else { std::slice::from_ref(node) };
        if chain.contains(&Node::End) {
            match depth {
                0 => return Err("not in range, nothing to end".into()),
                _ => return Ok(at),
            }
        }
        let start = object.map(|object| vec![object.clone()]).unwrap_or_default();
        let found = steps(chain, start)?;
        if !chain.contains(&Node::Range) {
            if object.is_some() {
                out.push(found);
            }
            continue;
        }
        let rest = nodes.get(at..).unwrap_or_default();
        let mut length = 0;
        for value in &found {
            length = block(rest, Some(value), depth + 1, out)?;
        }
        if found.is_empty() {
            // Nothing to go round for: only the end is looked for.
            length = block(rest, None, depth + 1, out)?;
        }
        at += length;
    }
    Ok(0)
}

fn steps(chain: &[Node], values: Vec<Json>) -> Result<Vec<Json>, String> {
    chain.iter().try_fold(values, |values, node| step(node, values))
}

fn step(node: &Node, values: Vec<Json>) -> Result<Vec<Json>, String> {
    Ok(match node {
        Node::Chain(chain) => steps(chain, values)?,
        Node::Text(text) => vec![Json::from(text.as_str())],
        Node::Int(number) => values.iter().map(|_| Json::from(*number)).collect(),
        Node::Float(number) => values.iter().map(|_| Json::from(*number)).collect(),
        Node::Bool(word) => values.iter().map(|_| Json::from(*word)).collect(),
        Node::Range | Node::End => values,
        Node::Word(word) => return Err(format!("unrecognized identifier {word}")),
        Node::Field(name) => values.iter().filter_map(|value| value.get(name.as_str()).cloned()).collect(),
        Node::Wildcard => values
            .into_iter()
            .flat_map(|value| match value {
                Json::Array(items) => items,
                Json::Object(map) => map.into_iter().map(|(_, value)| value).collect(),
                _ => vec![],
            })
            .collect(),
        Node::Recursive => {
            let mut found = vec![];
            values.iter().for_each(|value| below(value, &mut found));
            found
        }
        Node::Union(parts) => {
            let mut found = vec![];
            for part in parts {
                found.extend(step(part, values.clone())?);
            }
            found
        }
        Node::Slice(slice) => {
            let mut found = vec![];
            for value in values.iter().filter(|value| !value.is_null()) {
                match elements(slice, value)? {
                    Some(elements) => found.extend(elements),
                    // Nothing of one list is nothing of those after it: kubectl ends there, too.
                    None => return Ok(found),
                }
            }
            found
        }
        Node::Filter(filter) => filtered(filter, &values)?,
    })
}

/// A value and all below it, but for what is empty and numbers.
fn below(value: &Json, found: &mut Vec<Json>) {
    let inner: Vec<&Json> = match value {
        Json::Array(items) => items.iter().collect(),
        Json::Object(map) => map.values().collect(),
        Json::String(text) if !text.is_empty() => return found.push(value.clone()),
        _ => return,
    };
    if !inner.is_empty() {
        found.push(value.clone());
        inner.into_iter().for_each(|value| below(value, found));
    }
}

/// The name that Go has for what a value is.
fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Object(_) => "map[string]interface {}",
        Json::Array(_) => "[]interface {}",
        Json::String(_) => "string",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float64",
        Json::Number(_) => "int64",
        Json::Null => "nil",
    }
}

fn elements(slice: &Slice, value: &Json) -> Result<Option<Vec<Json>>, String> {
    let Json::Array(items) = value else { return Err(format!("{} is not array or slice", type_name(value))) };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let from = if slice.from < 0 { slice.from + length } else { slice.from };
    let to = match slice.to {
        None => length,
        Some(to) if to < 0 || (to == 0 && slice.single) => to + length,
        Some(to) => to,
    };
    if from == to {
        return Ok(None);
    }
    let beyond = |index: i64| Err(format!("array index out of bounds: index {index}, length {length}"));
    if from >= length || from < 0 {
        return beyond(from);
    }
    if to > length || to < 0 {
        return beyond(to - 1);
    }
    if from > to {
        return Err(format!("starting index {from} is greater than ending index {to}"));
    }
    let step = slice.step.unwrap_or(1);
    let step = usize::try_from(step).ok().filter(|step| *step > 0).ok_or("step must be > 0")?;
    let (from, to) = (usize::try_from(from).unwrap_or(0), usize::try_from(to).unwrap_or(0));
    Ok(Some(items.get(from..to).unwrap_or_default().iter().step_by(step).cloned().collect()))
}

fn filtered(filter: &Filter, values: &[Json]) -> Result<Vec<Json>, String> {
    let mut found = vec![];
    for value in values {
        let Json::Array(items) = value else {
            return Err(format!("{} is not array or slice and cannot be filtered", super::print::go(value)));
        };
        for item in items {
            if passes(filter, item)? {
                found.push(item.clone());
            }
        }
    }
    Ok(found)
}

fn passes(filter: &Filter, item: &Json) -> Result<bool, String> {
    let left = step(&filter.left, vec![item.clone()])?;
    let Some((operator, right)) = &filter.right else { return Ok(!left.is_empty()) };
    let one = |found: Vec<Json>| match found.len() {
        0 => Ok(None),
        1 => Ok(found.into_iter().next()),
        _ => Err("can only compare one element at a time".to_string()),
    };
    let Some(left) = one(left)? else { return Ok(false) };
    let Some(right) = one(step(right, vec![item.clone()])?)? else { return Ok(false) };
    Ok(match operator.as_str() {
        "==" => equal(&left, &right)?,
        "!=" => !equal(&left, &right)?,
        "<" => order(&left, &right)? == Ordering::Less,
        ">" => order(&left, &right)? == Ordering::Greater,
        "<=" => order(&left, &right)? != Ordering::Greater,
        ">=" => order(&left, &right)? != Ordering::Less,
        other => return Err(format!("unrecognized filter operator {other}")),
    })
}

/// What Go can compare: values of one kind, and no others.
fn alike(left: &Json, right: &Json) -> Result<(), String> {
    let basic = |value: &Json| !matches!(value, Json::Array(_) | Json::Object(_) | Json::Null);
    if !basic(left) || !basic(right) {
        return Err("invalid type for comparison".into());
    }
    match type_name(left) == type_name(right) {
        true => Ok(()),
        false => Err("incompatible types for comparison".into()),
    }
}

fn equal(left: &Json, right: &Json) -> Result<bool, String> {
    alike(left, right).map(|()| left == right)
}

fn order(left: &Json, right: &Json) -> Result<Ordering, String> {
    alike(left, right)?;
    let order = match (left, right) {
        (Json::String(left), Json::String(right)) => Some(left.cmp(right)),
        (Json::Number(left), Json::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64().zip(right.as_f64()).and_then(|(left, right)| left.partial_cmp(&right)),
        },
        _ => None,
    };
    order.ok_or_else(|| "invalid type for comparison".to_string())
}
