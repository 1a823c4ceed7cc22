//! `ansible_local`: the facts that a host keeps in files of its own. What the script printed of each file comes in; values
//! of JSON or INI go out, or the sentence why there are none, which is also a warning.

use super::map;
use super::report::Report;
use muster_engine::module::Map;
use serde_json::{Value as Json, json};

/// The facts by the names of their files.
pub(super) fn local(report: &Report) -> Map {
    let all = facts(report);
    let local: Map = all.map(|(name, fact)| (name, fact.unwrap_or_else(Json::String))).collect();
    map(json!({ "local": local }))
}

/// What is to be said of files that gave no facts.
pub(super) fn warnings(report: &Report) -> Vec<String> {
    facts(report).filter_map(|(_, fact)| fact.err()).collect()
}

fn facts(report: &Report) -> impl Iterator<Item = (String, Result<Json, String>)> {
    report.under("local-").map(|(name, body)| {
        let (path, text) = body.split_once('\n').unwrap_or((body, ""));
        (name.replace(".fact", ""), fact(path, text))
    })
}

/// The fact of one file. What a program printed is followed by its exit code and what it said besides.
fn fact(path: &str, text: &str) -> Result<Json, String> {
    let mut parts = text.split('\u{2}');
    let text = parts.next().unwrap_or("");
    match (parts.next().map(str::trim), parts.next()) {
        (Some("gone"), _) => {
            return Err(format!(
                "Could not stat fact ({path}): [Errno 2] No such file or directory: '{path}'"
            ));
        }
        (Some(code), said) if code != "0" => {
            let said = said.unwrap_or("").trim_end_matches('\n');
            return Err(format!("Failure executing fact script ({path}), rc: {code}, err: {said}"));
        }
        _ => {}
    }
    if let Ok(json) = serde_json::from_str::<Json>(text) {
        return Ok(json);
    }
    let mut sections = read(text)
        .ok_or_else(|| format!("error loading facts as JSON or ini - please check content: {path}"))?;
    let shared = sections.iter().position(|(name, _)| name == "DEFAULT").map(|at| sections.remove(at).1);
    let shared = shared.unwrap_or_default();
    let mut facts = Map::new();
    for (name, own) in sections {
        let mut all = shared.clone();
        for (key, value) in own {
            all.retain(|(known, _)| *known != key);
            all.push((key, value));
        }
        let mut values = Map::new();
        for (key, value) in &all {
            let value = interpolated(value, &all).map_err(|why| {
                format!("error loading facts as ini - please check content: {path} ({why})")
            })?;
            values.insert(key.clone(), value.into());
        }
        facts.insert(name, Json::Object(values));
    }
    Ok(Json::Object(facts))
}

/// Keys in lower case and their values, in their order.
type Section = Vec<(String, String)>;

/// INI text as sections; nothing if it is no INI. Lines that are indented go on with the value before.
fn read(text: &str) -> Option<Vec<(String, Section)>> {
    let mut sections: Vec<(String, Section)> = vec![];
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        let continues = line.starts_with([' ', '\t']);
        if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name)
            && !continues
        {
            if sections.iter().any(|(known, _)| known == name) {
                return None;
            }
            sections.push((name.to_string(), vec![]));
            continue;
        }
        let (_, section) = sections.last_mut()?;
        match section.last_mut().filter(|_| continues) {
            Some((_, value)) => {
                value.push('\n');
                value.push_str(bare);
            }
            None => {
                let (key, value) = bare.split_once(['=', ':'])?;
                let key = key.trim().to_lowercase();
                if section.iter().any(|(known, _)| *known == key) {
                    return None;
                }
                section.push((key, value.trim().to_string()));
            }
        }
    }
    Some(sections)
}

/// A value in which `%(key)s` stands for another one and `%%` for a percent sign.
fn interpolated(value: &str, all: &Section) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), value);
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let named = after.strip_prefix('(').and_then(|inner| inner.split_once(")s"));
        rest = match (after.strip_prefix('%'), named) {
            (Some(left), _) => {
                out.push('%');
                left
            }
            (None, Some((key, left))) => {
                let found = all.iter().find(|(known, _)| *known == key.to_lowercase());
                out.push_str(
                    found
                        .map(|(_, value)| value.as_str())
                        .ok_or_else(|| format!("Bad value substitution: option {key:?} is not there"))?,
                );
                left
            }
            (None, None) => {
                return Err(format!("'%' must be followed by '%' or '(', found: '%{after}'"));
            }
        };
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_json_or_ini_or_its_own_complaint() {
        assert_eq!(fact("/x.fact", "{\"a\": 1}\n").unwrap(), json!({"a": 1}));
        assert_eq!(
            fact("/x.fact", "[DEFAULT]\nd: 1\n[s]\nBar = a\n  b\nc = 5%%\n").unwrap(),
            json!({"s": {"d": "1", "bar": "a\nb", "c": "5%"}})
        );
        assert_eq!(fact("/x.fact", "").unwrap(), json!({}));
        assert_eq!(fact("/x.fact", "{\"r\": 1}\n\n\u{2}0\u{2}\n").unwrap(), json!({"r": 1}));
        let said = |text| fact("/x.fact", text).unwrap_err();
        assert_eq!(said("a=b"), "error loading facts as JSON or ini - please check content: /x.fact");
        assert_eq!(
            said("[s]\na=% b"),
            "error loading facts as ini - please check content: /x.fact ('%' must be followed by '%' or '(', found: '% b')"
        );
        assert_eq!(said("\n\u{2}1\u{2}no\n"), "Failure executing fact script (/x.fact), rc: 1, err: no");
        assert!(said("\u{2}gone\n").starts_with("Could not stat fact (/x.fact)"));
    }
}
