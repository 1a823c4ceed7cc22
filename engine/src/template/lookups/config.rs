//! The `config` lookup: what ansible-core's settings are. Names come in; values go out as the environment, then the
//! configuration file, then ansible-core's documented defaults have them, of the documented type.

use super::{Request, Table};
use crate::template::filters::paths::expanduser;
use crate::template::{Value, fault, from_json};
use minijinja::Error;
use serde_json::Value as Json;

pub const TABLE: Table = &[("config", config)];

/// Every documented setting: name, type, default as JSON, variables of the environment, `section.key`s.
const SETTINGS: &str = include_str!("config.tsv");

/// What ansible-core says of one setting.
struct Documented<'a> {
    kind: &'a str,
    default: &'a str,
    environment: &'a str,
    file: &'a str,
}

fn documented(name: &str) -> Option<Documented<'static>> {
    SETTINGS.lines().find_map(|line| {
        let mut fields = line.split('\t');
        let found = fields.next() == Some(name);
        let mut next = || fields.next().unwrap_or("");
        found.then(|| Documented { kind: next(), default: next(), environment: next(), file: next() })
    })
}

fn config(request: &Request) -> Result<Vec<Value>, Error> {
    let missing = request.option("on_missing")?.unwrap_or_else(|| "error".into());
    let of_plugin = request.option("plugin_type")?.or(request.option("plugin_name")?).is_some();
    let written = request.core.names.get("ansible_config_file").and_then(|file| text_of(&file));
    let mut out = vec![];
    for name in request.texts()? {
        match documented(&name).filter(|_| !of_plugin) {
            Some(setting) => out.push(from_json(&value(&setting, written.as_deref()))),
            None if matches!(missing.as_str(), "skip" | "warn") => {}
            None => return Err(fault::error(format!("No config definition exists for '{name}'."))),
        }
    }
    Ok(out)
}

/// The text of a file that a variable names.
fn text_of(file: &crate::template::Variable) -> Option<String> {
    let crate::template::Variable::Known(path) = file else { return None };
    std::fs::read_to_string(path.as_str()?).ok()
}

fn value(setting: &Documented, written: Option<&str>) -> Json {
    let from = |name: &str| std::env::var(name).ok();
    let said = setting.environment.split(',').filter(|name| !name.is_empty()).find_map(from);
    let said = said.or_else(|| {
        let keys = setting.file.split(',').filter_map(|key| key.split_once('.'));
        keys.filter_map(|(section, key)| entry(written?, section, key)).next()
    });
    match said {
        Some(said) => typed(&said, setting.kind),
        None => match serde_json::from_str(setting.default).unwrap_or_default() {
            Json::String(text) => typed(&text, setting.kind),
            other => other,
        },
    }
}

/// A setting of a configuration file.
fn entry(text: &str, section: &str, key: &str) -> Option<String> {
    let head = format!("[{section}]");
    let inside = text.lines().skip_while(|line| line.trim() != head).skip(1);
    let own = inside.take_while(|line| !line.trim_start().starts_with('['));
    let pairs =
        own.filter(|line| !line.trim_start().starts_with(['#', ';'])).filter_map(|line| line.split_once('='));
    let said = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case(key)).last()?.1;
    let bare = said.split_once(" ;").map_or(said, |(said, _)| said);
    Some(bare.trim().trim_matches(['"', '\'']).to_string())
}

/// Text as its type has it.
fn typed(text: &str, kind: &str) -> Json {
    let home = std::env::var("ANSIBLE_HOME").unwrap_or_else(|_| "~/.ansible".into());
    let text = match text.strip_prefix("{{ ANSIBLE_HOME ~ \"").and_then(|rest| rest.strip_suffix("\" }}")) {
        Some(below) => format!("{home}{below}"),
        None => text.to_string(),
    };
    let path = |text: &str| {
        let path = expanduser(text.trim());
        std::path::absolute(&path).map_or(path, |path| path.display().to_string())
    };
    let parts = |by: char| text.split(by).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>();
    match kind {
        "boolean" | "bool" => {
            Json::from(matches!(text.to_lowercase().as_str(), "1" | "y" | "yes" | "t" | "true" | "on"))
        }
        "integer" | "int" => text.trim().parse::<i64>().map_or(Json::String(text), Json::from),
        "float" => text.trim().parse::<f64>().map_or(Json::String(text), Json::from),
        "list" => Json::from(parts(',')),
        "pathspec" => parts(':').into_iter().map(path).collect(),
        "pathlist" => parts(',').into_iter().map(path).collect(),
        "path" | "tmppath" | "tmp" if !text.is_empty() => Json::from(path(&text)),
        _ => Json::String(text),
    }
}
