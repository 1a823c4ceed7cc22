//! What a module printed, as a result. Text comes in; the JSON object in it goes out with Ansible's typed values as
//! plain ones, internal keys gone and lines beside text, or what was wrong with it in Ansible's words.

use crate::command::lines;
use muster_engine::connection::Completed;
use muster_engine::module::{Failure, Map, Reason};
use serde_json::{Value as Json, json};

/// The key under which ansible-core 2.19 and later say what type a value has.
const TYPE: &str = "__ansible_type";
const NO_TRACEBACK: &str = "(traceback unavailable)";

/// The result in what a module printed; `interpreter` is what ran it.
///
/// # Errors
/// There is no JSON object.
pub(super) fn result(completed: &Completed, interpreter: Option<&str>) -> Result<Map, Failure> {
    let (stdout, stderr) = (completed.out(), completed.err());
    let (mut result, warnings) = match object(&stdout) {
        Ok(found) => found,
        Err(why) => {
            let missing = interpreter.filter(|program| {
                let missing = |text: &str| {
                    ["No such file or directory", "not found", "command not found"]
                        .iter()
                        .any(|why| text.contains(&format!("{program}: {why}")))
                };
                missing(&stderr) || missing(&stdout)
            });
            let message = match missing {
                Some(program) => format!("The module interpreter '{program}' was not found."),
                None => format!("Module result deserialization failed: {why}"),
            };
            let mut result = Map::new();
            for (key, value) in [
                ("failed", json!(true)),
                ("msg", json!(message)),
                ("module_stdout", json!(stdout)),
                ("module_stderr", json!(stderr)),
                ("rc", json!(completed.rc)),
                ("changed", json!(false)),
                ("exception", json!(NO_TRACEBACK)),
            ] {
                result.insert(key.into(), value);
            }
            return Err(Failure { reason: Reason::Failed, result });
        }
    };
    for value in result.values_mut() {
        *value = plain(value.take());
    }
    failure(&mut result);
    tidy(&mut result, warnings);
    Ok(result)
}

/// The object in a text, and what is to be said about what follows it.
fn object(text: &str) -> Result<(Map, Vec<String>), String> {
    let all: Vec<&str> = text.lines().collect();
    let start = all.iter().position(|line| line.trim_start().starts_with('{'));
    let rest = all.get(start.ok_or("No start of json char found")?..).unwrap_or_default();
    let end = rest.iter().rposition(|line| line.trim_end().ends_with('}'));
    let (found, junk) = rest.split_at(end.ok_or("No end of json char found")? + 1);
    let map = serde_json::from_str(&digits_kept(&found.join("\n"))).map_err(|error| why(&error))?;
    let warned = junk.iter().any(|line| !line.trim().is_empty());
    let warning = format!("Module invocation had junk after the JSON data: {}", junk.join("\n"));
    Ok((map, warned.then_some(warning).into_iter().collect()))
}

/// JSON whose whole numbers are no longer than what holds them: a key's modulus or a serial number is kept as the text
/// of its digits, which prints as the number does.
fn digits_kept(json: &str) -> String {
    const LONGEST: usize = 18;
    let is_beyond = |c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    let mut quoted = false;
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '-' | '0'..='9' if !quoted => rest.find(is_beyond).unwrap_or(rest.len()),
            '\\' if quoted => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            _ => c.len_utf8(),
        };
        let (part, after) = rest.split_at(len);
        let digits = part.strip_prefix('-').unwrap_or(part);
        if !quoted && digits.len() > LONGEST && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let fits = part.parse::<i64>().is_ok() || part.parse::<u64>().is_ok();
            let mark = if fits { "" } else { "\"" };
            out.extend([mark, part, mark]);
        } else {
            out.push_str(part);
        }
        quoted ^= c == '"';
        rest = after;
    }
    out
}

/// What is wrong with JSON, in Ansible's words where bytes that are no text came as halves of characters.
fn why(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.contains("surrogate") || text.contains("hex escape") {
        true => "Refusing to deserialize an invalid UTF8 string value.".into(),
        false => text,
    }
}

/// A value without the types that ansible-core writes down with it.
fn plain(value: Json) -> Json {
    match value {
        Json::Array(items) => items.into_iter().map(plain).collect(),
        Json::Object(mut map) => {
            let Some(kind) = map.get(TYPE).and_then(Json::as_str).map(str::to_string) else {
                return Json::Object(map.into_iter().map(|(key, value)| (key, plain(value))).collect());
            };
            match kind.as_str() {
                "WarningSummary" => Json::String(map.get("event").map(long).unwrap_or_default()),
                "ErrorSummary" => {
                    let event = map.get("event").cloned().unwrap_or_default();
                    json!({"msg": brief(&event), "traceback": traceback(&event)})
                }
                "DeprecationSummary" => deprecation(&map),
                "PluginInfo" => {
                    map.remove(TYPE);
                    Json::Object(map.into_iter().map(|(key, value)| (key, plain(value))).collect())
                }
                _ => {
                    let inner = ["value", "iso8601"].iter().find_map(|key| map.remove(*key));
                    inner.map_or(Json::Null, plain)
                }
            }
        }
        other => other,
    }
}

/// The text under a key.
fn word<'a>(value: &'a Json, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// The events of a chain, the first first.
fn chain(event: &Json) -> Vec<&Json> {
    let mut events = vec![event];
    let mut at = event;
    while let Some(chain) = at.get("chain").filter(|chain| chain.get("follow") != Some(&json!(false)))
        && let Some(next) = chain.get("event")
    {
        events.push(next);
        at = next;
    }
    events
}

/// The messages of an event and its causes in one line; what a message says already is not said twice.
fn brief(event: &Json) -> String {
    let mut whole = String::new();
    let messages: Vec<&str> = chain(event).iter().filter_map(|event| word(event, "msg")).collect();
    for message in messages.into_iter().rev() {
        whole = match (message.contains(whole.as_str()), whole.contains(message)) {
            (true, _) => message.to_string(),
            (_, true) => whole,
            _ => format!("{}: {whole}", message.trim_end_matches('.')),
        };
    }
    whole
}

fn long(event: &Json) -> String {
    match word(event, "help_text") {
        Some(help) => format!("{} {help}", brief(event)),
        None => brief(event),
    }
}

fn traceback(event: &Json) -> String {
    let mut whole = String::new();
    for event in chain(event).into_iter().rev() {
        whole.push_str(word(event, "formatted_traceback").unwrap_or_default());
        if let Some(reason) =
            event.get("chain").and_then(|chain| word(chain, "traceback_reason")).filter(|_| !whole.is_empty())
        {
            whole = format!("{whole}\n{reason}\n\n");
        }
    }
    if whole.is_empty() { NO_TRACEBACK.to_string() } else { whole }
}

fn deprecation(map: &Map) -> Json {
    let mut said = Map::new();
    let deprecator = map.get("deprecator").cloned().map(plain).unwrap_or_default();
    let collection = word(&deprecator, "resolved_name")
        .map(|name| name.splitn(3, '.').take(2).collect::<Vec<_>>().join("."));
    said.insert("collection_name".into(), json!(collection));
    said.insert("deprecator".into(), deprecator);
    said.insert("msg".into(), map.get("event").map(brief).into());
    for key in ["version", "date"] {
        if let Some(value) = map.get(key).filter(|value| !value.is_null()) {
            said.insert(key.into(), value.clone());
            break;
        }
    }
    Json::Object(said)
}

/// What a failed result says of its failure: a message, and a traceback if there is one.
fn failure(result: &mut Map) {
    let failed = result.get("failed").is_some_and(|failed| match failed {
        Json::Bool(failed) => *failed,
        Json::String(text) => !text.is_empty(),
        Json::Null => false,
        other => other.as_f64() != Some(0.0),
    });
    let exception = result.shift_remove("exception").unwrap_or_default();
    let unknown = || json!("Unknown error.");
    let (message, traceback) = match &exception {
        Json::Object(error) => (
            error.get("msg").cloned().unwrap_or_default(),
            error.get("traceback").and_then(Json::as_str).unwrap_or(NO_TRACEBACK).to_string(),
        ),
        Json::String(text) if !text.trim().is_empty() => (unknown(), format!("{}\n", text.trim_end())),
        _ if failed => (unknown(), NO_TRACEBACK.to_string()),
        _ if bad_end(result) => {
            result.insert("failed".into(), json!(true));
            result.entry("msg").or_insert_with(|| "Task failed: Action failed: Unknown error.".into());
            result.insert("exception".into(), NO_TRACEBACK.into());
            return;
        }
        _ => return,
    };
    if failed {
        let message = message.as_str().unwrap_or_default();
        result.entry("msg").or_insert_with(|| format!("Task failed: Module failed: {message}").into());
    }
    result.insert("exception".into(), traceback.into());
}

/// Whether a result says nothing of failure but that something ended badly.
fn bad_end(result: &Map) -> bool {
    let good = |rc: &Json| rc.as_f64() == Some(0.0) || rc == "0";
    !result.contains_key("failed") && result.get("rc").is_some_and(|rc| !good(rc))
}

fn tidy(result: &mut Map, mut warnings: Vec<String>) {
    if result.get("results").is_some_and(|results| !results.is_array() && !results.is_object()) {
        let results = result.shift_remove("results").unwrap_or_default();
        result.insert("ansible_module_results".into(), results);
        warnings.push(
            "Found internal 'results' key in module return, renamed to 'ansible_module_results'.".to_string(),
        );
    }
    let internal =
        |key: &&String| key.starts_with("_ansible_") || matches!(key.as_str(), "add_host" | "add_group");
    let dropped: Vec<String> = result.keys().filter(internal).cloned().collect();
    for key in dropped {
        let value = result.shift_remove(&key).unwrap_or_default();
        let shown = muster_engine::module::python_str(&value);
        warnings.push(format!("Removed unexpected internal key in module return: {key} = {shown}"));
    }
    for key in ["warnings", "deprecations"] {
        if result.get(key).is_some_and(|list| list.as_array().is_none_or(Vec::is_empty)) {
            result.shift_remove(key);
        }
    }
    if let Some(Json::Object(facts)) = result.get_mut("ansible_facts") {
        facts.retain(|key, _| {
            !key.starts_with("discovered_interpreter_") && !key.starts_with("ansible_discovered_interpreter_")
        });
    }
    for stream in ["stdout", "stderr"] {
        let split = result.get(stream).map(|text| lines(text.as_str().unwrap_or_default()));
        if let Some(split) = split {
            result.entry(format!("{stream}_lines")).or_insert(split);
        }
    }
    if let Some(list) = (!warnings.is_empty()).then(|| result.entry("warnings").or_insert_with(|| json!([])))
        && let Json::Array(list) = list
    {
        list.extend(warnings.into_iter().map(Json::from));
    }
}

#[cfg(test)]
mod tests;
