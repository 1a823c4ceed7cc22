//! The lookup in the inventory, through the `groups` variable.

use super::{Request, Table};
use crate::template::arguments::items;
use crate::template::{Value, fault, python};
use minijinja::Error;
use minijinja::value::ValueKind;

pub const TABLE: Table = &[("inventory_hostnames", hostnames)];

/// The hosts of patterns such as `all:!web*:&site1`.
fn hostnames(request: &Request) -> Result<Vec<Value>, Error> {
    let groups = request.core.variable("groups").filter(|groups| groups.kind() == ValueKind::Map);
    let groups = groups.ok_or_else(|| fault::undefined("'groups' is undefined"))?;
    let all = match groups.get_attr("all")? {
        all if all.is_undefined() => vec![],
        all => items(&all)?,
    };
    let mut chosen: Vec<Value> = vec![];
    for pattern in request.texts()? {
        let parts = pattern.split([',', ':']).map(str::trim).filter(|part| !part.is_empty());
        let (mut plain, mut and, mut not) = (vec![], vec![], vec![]);
        for part in parts {
            match (part.strip_prefix('&'), part.strip_prefix('!')) {
                (Some(part), _) => and.push(part),
                (_, Some(part)) => not.push(part),
                _ => plain.push(part),
            }
        }
        if plain.is_empty() {
            plain.push("all");
        }
        for part in plain {
            for host in matching(&groups, &all, part)? {
                if !chosen.contains(&host) {
                    chosen.push(host);
                }
            }
        }
        for part in and {
            let keep = matching(&groups, &all, part)?;
            chosen.retain(|host| keep.contains(host));
        }
        for part in not {
            let drop = matching(&groups, &all, part)?;
            chosen.retain(|host| !drop.contains(host));
        }
    }
    Ok(chosen)
}

fn matching(groups: &Value, all: &[Value], pattern: &str) -> Result<Vec<Value>, Error> {
    let matcher =
        globset::Glob::new(pattern).map_err(|error| fault::error(error.to_string()))?.compile_matcher();
    let mut out = vec![];
    for group in items(groups)? {
        if matcher.is_match(python::text(&group)?) {
            out.extend(items(&groups.get_item(&group)?)?);
        }
    }
    out.extend(all.iter().filter(|host| host.as_str().is_some_and(|host| matcher.is_match(host))).cloned());
    Ok(out)
}
