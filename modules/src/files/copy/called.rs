//! How Ansible calls what works on the host when one file is copied, as results tell it: `copy` for another content,
//! `file` where only owner and mode may differ. What was asked comes in, an output that says so goes out.

use super::one::{Asked, Source};
use crate::files::attributes::Wanted;
use muster_engine::module::{Map, Output};
use serde_json::{Value as Json, json};

/// Under what an output says how its module was called.
pub(super) const KEY: &str = "invocation";

/// What stands in for the name of a file that is content alone.
const NAMELESS: &str = ".content";

/// An output that tells of `copy`, which has yet to hear from where.
pub(super) fn to_write(asked: &Asked<'_>, source: &Source<'_>, sum: &str, output: Output) -> Output {
    let mut call = Map::new();
    call.insert("dest".into(), asked.dest.into());
    call.insert("src".into(), Json::Null);
    call.extend(attributes(&asked.wanted, true));
    call.insert("_original_basename".into(), source.name.unwrap_or(NAMELESS).into());
    call.insert("follow".into(), asked.follow.into());
    call.insert("checksum".into(), sum.into());
    call.insert("backup".into(), asked.backup.into());
    call.insert("force".into(), asked.force.into());
    call.insert("remote_src".into(), false.into());
    call.insert("unsafe_writes".into(), asked.wanted.unsafe_writes.unwrap_or(false).into());
    call.insert("content".into(), Json::Null);
    call.insert("validate".into(), asked.validate.into());
    call.insert("directory_mode".into(), asked.directory_mode.clone().unwrap_or(Json::Null));
    call.insert("local_follow".into(), Json::Null);
    call.extend(attributes(&asked.wanted, false));
    output.with(KEY, json!({ "module_args": call }))
}

/// How `copy` is called for what is on the host already.
pub(super) fn there(asked: &Asked<'_>, src: &str, local_follow: Option<bool>) -> Json {
    let mut call = Map::new();
    call.insert("dest".into(), asked.dest.into());
    call.insert("src".into(), src.into());
    call.insert("remote_src".into(), true.into());
    call.extend(attributes(&asked.wanted, true));
    for key in ["_original_basename", "content"] {
        call.insert(key.into(), Json::Null);
    }
    call.insert("backup".into(), asked.backup.into());
    call.insert("force".into(), asked.force.into());
    call.insert("follow".into(), asked.follow.into());
    call.insert("unsafe_writes".into(), asked.wanted.unsafe_writes.unwrap_or(false).into());
    call.insert("validate".into(), asked.validate.into());
    call.insert("directory_mode".into(), asked.directory_mode.clone().unwrap_or(Json::Null));
    call.insert("local_follow".into(), local_follow.map_or(Json::Null, Json::from));
    call.insert("checksum".into(), asked.checksum.into());
    call.extend(attributes(&asked.wanted, false));
    json!({ "module_args": call })
}

/// Says from where `copy` took the content.
pub(super) fn wrote(from: &str, output: &mut Output) {
    if let Some(args) = output.result.get_mut(KEY).and_then(|call| call.get_mut("module_args")) {
        args["src"] = from.into();
    }
    // Ansible tells of it behind all else.
    if let Some(call) = output.result.shift_remove(KEY) {
        output.result.insert(KEY.into(), call);
    }
}

/// An output that tells of `file`.
pub(super) fn to_set(asked: &Asked<'_>, source: &Source<'_>, path: &str, output: Output) -> Output {
    let mut call = Map::new();
    call.insert("dest".into(), path.into());
    call.extend(attributes(&asked.wanted, true));
    call.insert("_original_basename".into(), source.name.unwrap_or(NAMELESS).into());
    call.insert("recurse".into(), false.into());
    call.insert("state".into(), "file".into());
    call.insert("path".into(), path.into());
    call.insert("force".into(), false.into());
    call.insert("follow".into(), true.into());
    for (key, format) in
        [("modification_time_format", "%Y%m%d%H%M.%S"), ("access_time_format", "%Y%m%d%H%M.%S")]
    {
        call.insert(key.into(), format.into());
    }
    call.insert("unsafe_writes".into(), asked.wanted.unsafe_writes.unwrap_or(false).into());
    for key in ["_diff_peek", "src", "modification_time", "access_time"] {
        call.insert(key.into(), Json::Null);
    }
    call.extend(attributes(&asked.wanted, false));
    output.with(KEY, json!({ "module_args": call }))
}

/// The attributes that were asked for, or those that were not.
fn attributes(wanted: &Wanted, asked: bool) -> Vec<(String, Json)> {
    let text = |value: &Option<String>| value.as_deref().map_or(Json::Null, Json::from);
    let all = [
        ("mode", wanted.mode.clone().unwrap_or(Json::Null)),
        ("owner", text(&wanted.owner)),
        ("group", text(&wanted.group)),
        ("seuser", text(&wanted.seuser)),
        ("serole", text(&wanted.serole)),
        ("selevel", text(&wanted.selevel)),
        ("setype", text(&wanted.setype)),
        ("attributes", text(&wanted.attributes)),
    ];
    all.into_iter()
        .filter(|(_, value)| value.is_null() != asked)
        .map(|(key, value)| (key.into(), value))
        .collect()
}
