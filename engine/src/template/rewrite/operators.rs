//! The filters that rewritten text calls, all named `_m_...`. Values come in and go out; an undefined value keeps its
//! origin on the way, so that a later error still names the right variable.

use crate::template::arguments::Args;
use crate::template::filters::times;
use crate::template::owned::owned;
use crate::template::predicates::types::within;
use crate::template::{GuestKind, environment, fault, guests, lazy, python};
use minijinja::value::{Kwargs, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State};
use std::cmp::Ordering;

/// What `_m_out` has put out, kept in the state of a render.
#[derive(Debug, Default)]
pub struct Emitted(pub Vec<Value>);

/// Adds the filters to an environment.
pub fn install(env: &mut Environment<'_>) {
    env.add_filter("_m_get", get);
    // Under a guard an unknown method is undefined; `{% set _ = l.append(x) %}` must stay an error.
    env.add_filter("_m_try", |state: &mut State, value: Value, name: &str, args: Rest<ValueOrKwargs>| {
        match call(state, &value, name, &args.into_values()) {
            Err(error) if error.kind() == ErrorKind::UnknownMethod => Ok(Value::UNDEFINED),
            result => result,
        }
    });
    env.add_filter("_m_call", |state: &mut State, value: Value, name: &str, args: Rest<ValueOrKwargs>| {
        call(state, &value, name, &args.into_values())
    });
    env.add_filter("_m_filter", |state: &mut State, value: Value, name: &str, args: Rest<ValueOrKwargs>| {
        if value.is_undefined() {
            return Ok(value);
        }
        let all: Vec<Value> = std::iter::once(value).chain(args.into_values()).collect();
        environment::filter(state, name, &all)
    });
    // The site's own.
    env.add_filter("_m_site", |value: Value, name: &str, args: Rest<ValueOrKwargs>| {
        guests::apply(GuestKind::Filter, name, &value, &Args::new(args.into_values()))
    });
    env.add_test("_m_site", |value: Value, name: &str, args: Rest<ValueOrKwargs>| {
        guests::apply(GuestKind::Test, name, &value, &Args::new(args.into_values()))
            .map(|value| value.is_true())
    });
    env.add_filter("_m_slice", |state: &mut State, v: Value, a: Value, b: Value, c: Value| {
        if v.is_undefined() {
            return Ok(v); // slicing is not in the public API: let the engine do it
        }
        state.env().compile_expression("v[a:b:c]")?.eval(minijinja::context! { v, a, b, c })
    });
    env.add_filter("_m_mod", modulo);
    env.add_filter("_m_sub", |state: &mut State, l: Value, r: Value| match times::difference(&l, &r) {
        Some(span) => Ok(span),
        None => {
            fault::defined(&l)?;
            fault::defined(&r)?;
            state.env().compile_expression("l - r")?.eval(minijinja::context! { l, r })
        }
    });
    env.add_filter("_m_in", |item: Value, all: Value| {
        fault::defined(&item)?;
        fault::defined(&all)?;
        within(&item, &all)
    });
    for (name, sign, wanted) in [
        ("_m_lt", "<", [true, false, false]),
        ("_m_le", "<=", [true, true, false]),
        ("_m_gt", ">", [false, false, true]),
        ("_m_ge", ">=", [false, true, true]),
    ] {
        env.add_filter(name, move |left: Value, right: Value| {
            for side in [&left, &right] {
                fault::defined(side)?;
            }
            let order = python::compare(&left, &right, sign)?;
            let [less, equal, greater] = wanted;
            Ok::<bool, Error>(match order {
                None => false,
                Some(Ordering::Less) => less,
                Some(Ordering::Equal) => equal,
                Some(Ordering::Greater) => greater,
            })
        });
    }
    env.add_filter("_m_own", owned);
    env.add_filter("_m_each", |value: Value| match value.as_str() {
        Some(text) => text.chars().map(|c| Value::from(c.to_string())).collect(),
        None => value,
    });
    env.add_function("_m_macro", |state: &mut State, value: Value, rest: Rest<ValueOrKwargs>| {
        sorted_call(state, &value, Args::new(rest.into_values()))
    });
    env.add_filter("_m_out", |state: &mut State, value: Value| {
        state.get_or_insert_extension(Emitted::default()).0.push(value.clone());
        value
    });
    env.add_filter("_m_render", |text: &str| lazy::rendered(text));
    env.add_filter("_m_want", |value: Value| want(&value).map(|()| value));
}

/// Fails with the engine's own error if the value is, or holds, something undefined.
fn want(value: &Value) -> Result<(), Error> {
    fault::defined(value)?;
    match value.kind() {
        ValueKind::Map => {
            for key in value.try_iter()?.checked() {
                want(&value.get_item(&key?)?)?;
            }
        }
        ValueKind::Seq | ValueKind::Iterable => {
            for item in value.try_iter()?.checked() {
                want(&item?)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn get(mut value: Value, keys: Rest<Value>) -> Result<Value, Error> {
    for key in keys.iter() {
        if value.is_undefined() {
            break;
        }
        fault::defined(key)?;
        let found = fault::valid(value.get_item(key)?)?;
        if found.is_undefined() {
            fault::remember_missing(&value, key);
        }
        value = found;
    }
    Ok(value)
}

/// Calls a macro; what it does not name goes to its `varargs` and `kwargs`.
fn sorted_call(state: &mut State, value: &Value, args: Args) -> Result<Value, Error> {
    let names = value.get_attr("arguments")?;
    let names: Vec<String> = match names.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            names.try_iter()?.filter_map(|name| name.as_str().map(String::from)).collect()
        }
        _ => vec![],
    };
    let takes = |name: &str| names.iter().any(|known| known == name);
    let mut named = args.pairs();
    let mut given = args.given;
    if takes("varargs") && takes("kwargs") {
        let own = names.iter().filter(|name| !matches!(name.as_str(), "varargs" | "kwargs")).count();
        let more: Vec<Value> = given.drain(own.min(given.len())..).collect();
        let (known, extra): (Vec<_>, Vec<_>) =
            named.into_iter().partition(|(name, _)| name == "caller" || takes(name));
        named = known;
        named.push(("varargs".into(), Value::from(more)));
        named.push(("kwargs".into(), Value::from_pairs(extra)));
    }
    if !named.is_empty() {
        given.push(Value::from(named.into_iter().collect::<Kwargs>()));
    }
    value.call(state, &given)
}

fn call(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(value.clone());
    }
    value.call_method(state, name, args)
}

/// Python's `%`: printf when the left side is a string, else the floored remainder.
fn modulo(state: &mut State, l: Value, r: Value) -> Result<Value, Error> {
    fault::defined(&l)?;
    fault::defined(&r)?;
    if l.kind() == ValueKind::String {
        return python::printf(l.as_str().unwrap_or(""), &r).map(Value::from);
    }
    if r == Value::from(0) && python::number(&l).is_some() {
        let float = !l.is_integer() || !r.is_integer();
        return Err(fault::error(if float { "float modulo" } else { "integer modulo by zero" }));
    }
    state.env().compile_expression("l % r")?.eval(minijinja::context! { l, r })
}
