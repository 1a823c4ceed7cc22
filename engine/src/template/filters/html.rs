//! Filters of HTML and of addresses in the web.

use super::Table;
use crate::template::arguments::{Args, entries, is_list, items};
use crate::template::{Value, fault, python};
use minijinja::value::ValueKind;
use minijinja::{Error, State};

pub const TABLE: Table = &[
    ("escape", |_, value, _| escape(value)),
    ("e", |_, value, _| escape(value)),
    ("forceescape", |_, value, _| Ok(Value::from_safe_string(escaped(&python::text(value)?)))),
    ("safe", |_, value, _| Ok(Value::from_safe_string(python::text(value)?))),
    ("striptags", |_, value, _| Ok(Value::from(without_tags(&python::text(value)?)))),
    ("xmlattr", xmlattr),
    ("urlize", urlize),
    ("urlencode", urlencode),
    ("urldecode", |_, value, _| Ok(Value::from(decoded(&python::text(value)?)))),
    ("urlsplit", urlsplit),
];

fn escape(value: &Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value.clone());
    }
    Ok(Value::from_safe_string(escaped(&python::text(value)?)))
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('\'', "&#39;").replace('"', "&#34;")
}

fn without_tags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let (end, skip) = if after.starts_with("!--") { ("-->", 3) } else { (">", 1) };
        match after.find(end) {
            Some(at) => rest = after.get(at + skip..).unwrap_or(""),
            None => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    let text = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'").replace("&#34;", "\"");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

fn xmlattr(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let mut out = vec![];
    for (key, value) in entries(value)? {
        if !value.is_none() && !value.is_undefined() {
            out.push(format!("{}=\"{}\"", escaped(&python::text(&key)?), escaped(&python::text(&value)?)));
        }
    }
    let lead = if args.truth(0, "autospace", true) && !out.is_empty() { " " } else { "" };
    Ok(Value::from(format!("{lead}{}", out.join(" "))))
}

fn urlize(_: &mut State<'_, '_>, value: &Value, _: &Args) -> Result<Value, Error> {
    let text = escaped(&python::text(value)?);
    let link = |word: &str| {
        let bare = word.trim_end_matches(['.', ',', ')', '!', '?', ';', ':']);
        let tail = word.get(bare.len()..).unwrap_or("");
        let host = bare.trim_start_matches("http://").trim_start_matches("https://").split(['/', ':']).next();
        let top = host.and_then(|host| host.rsplit_once('.')).map_or("", |(_, top)| top);
        if top.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
            return word.to_string();
        }
        let target = if bare.starts_with("http://") || bare.starts_with("https://") {
            bare.to_string()
        } else if bare.starts_with("www.") {
            format!("https://{bare}")
        } else {
            return word.to_string();
        };
        format!("<a href=\"{target}\" rel=\"noopener\">{bare}</a>{tail}")
    };
    Ok(Value::from(text.split(' ').map(link).collect::<Vec<_>>().join(" ")))
}

/// Percent-encoding; `keep` is left as it is, beside letters, digits and `_.-~`.
fn encoded(text: &str, keep: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "_.-~".contains(c) || keep.contains(c) {
            out.push(c);
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

fn urlencode(_: &mut State<'_, '_>, value: &Value, _: &Args) -> Result<Value, Error> {
    let plus = |value: &Value| Ok::<_, Error>(encoded(&python::text(value)?, " ").replace(' ', "+"));
    let pairs = match value.kind() {
        ValueKind::Map => entries(value)?,
        _ if is_list(value) => {
            let pair = |pair: &Value| Ok((pair.get_item_by_index(0)?, pair.get_item_by_index(1)?));
            items(value)?.iter().map(pair).collect::<Result<_, Error>>()?
        }
        _ => return Ok(Value::from(encoded(&python::text(value)?, "/"))),
    };
    let each = pairs.iter().map(|(key, value)| Ok(format!("{}={}", plus(key)?, plus(value)?)));
    Ok(Value::from(each.collect::<Result<Vec<_>, Error>>()?.join("&")))
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = vec![];
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (byte, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(code)) => {
                out.push(code);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn urlsplit(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let (rest, fragment) = text.split_once('#').unwrap_or((&text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let scheme_ends = rest.find(':').filter(|at| {
        let scheme = rest.get(..*at).unwrap_or("");
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    let (scheme, rest) = match scheme_ends {
        Some(at) => (rest.get(..at).unwrap_or(""), rest.get(at + 1..).unwrap_or("")),
        None => ("", rest),
    };
    let (netloc, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (login, address) =
        netloc.rsplit_once('@').map_or((None, netloc), |(login, rest)| (Some(login), rest));
    let (user, password) = match login {
        Some(login) => match login.split_once(':') {
            Some((user, password)) => (Some(user), Some(password)),
            None => (Some(login), None),
        },
        None => (None, None),
    };
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => Value::from(
            port.parse::<u16>()
                .map_err(|_| fault::error(format!("Port could not be cast to integer value as '{port}'")))?,
        ),
        None => Value::from(()),
    };
    let option = |text: Option<&str>| text.filter(|t| !t.is_empty()).map_or(Value::from(()), Value::from);
    let parts = Value::from_pairs([
        ("fragment", Value::from(fragment)),
        ("hostname", option(Some(&host.to_lowercase()))),
        ("netloc", Value::from(netloc)),
        ("password", option(password)),
        ("path", Value::from(path)),
        ("port", port),
        ("query", Value::from(query)),
        ("scheme", Value::from(scheme.to_lowercase())),
        ("username", option(user)),
    ]);
    match args.text(0, "query")?.filter(|query| !query.is_empty()) {
        Some(query) => {
            let part = parts.get_attr(&query)?;
            if part.is_undefined() {
                return Err(fault::error(format!("urlsplit: unknown URL component: {query}")));
            }
            Ok(part)
        }
        None => Ok(parts),
    }
}
