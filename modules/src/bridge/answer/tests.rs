//! Answers of modules as ansible-core's own print them.

use super::*;

fn of(stdout: &str) -> Map {
    result(&Completed { stdout: stdout.into(), ..Completed::default() }, None).unwrap()
}

#[test]
fn an_answer_may_have_noise_around_it() {
    let found = of("hello\n{\"changed\": true, \"stdout\": \"a\\nb\"}\n");
    assert_eq!(found["stdout_lines"], json!(["a", "b"]));
    assert!(!found.contains_key("warnings"));
    let found = of("{\"changed\": false}\nbye\n");
    assert_eq!(found["warnings"], json!(["Module invocation had junk after the JSON data: bye"]));
}

#[test]
fn what_is_no_answer_is_shown_as_it_came() {
    let completed =
        Completed { rc: 3, stdout: "hello\n".into(), stderr: "boom".into(), ..Completed::default() };
    let failure = result(&completed, None).unwrap_err();
    assert_eq!(failure.message(), "Module result deserialization failed: No start of json char found");
    assert_eq!(
        (failure.result["module_stderr"].clone(), failure.result["rc"].clone()),
        (json!("boom"), json!(3))
    );
    let completed =
        Completed { rc: 127, stderr: "sh: 1: /no/python: not found\n".into(), ..Completed::default() };
    let failure = result(&completed, Some("/no/python")).unwrap_err();
    assert_eq!(failure.message(), "The module interpreter '/no/python' was not found.");
}

#[test]
fn typed_values_become_plain() {
    let found =
        of(r#"{"failed": true, "exception": {"__ansible_type": "ErrorSummary", "event": {"__ansible_type":
        "Event", "msg": "Outer.", "chain": {"msg_reason": "r", "traceback_reason": "because", "follow": true,
        "event": {"msg": "inner"}}}},
        "warnings": [{"__ansible_type": "WarningSummary", "event": {"msg": "careful", "help_text": "Do."}}],
        "deprecations": [{"__ansible_type": "DeprecationSummary", "event": {"msg": "old"}, "version": "9",
            "deprecator": {"__ansible_type": "PluginInfo", "resolved_name": "ns.coll.it",
            "type": {"__ansible_type": "PluginType", "value": "module"}}}],
        "day": {"__ansible_type": "AnsibleTaggedStr", "value": "mon", "tags": []}}"#);
    assert_eq!(found["msg"], "Task failed: Module failed: Outer: inner");
    assert_eq!(found["exception"], "(traceback unavailable)");
    assert_eq!((found["warnings"].clone(), found["day"].clone()), (json!(["careful Do."]), json!("mon")));
    let deprecator = json!({"resolved_name": "ns.coll.it", "type": "module"});
    let said =
        json!([{"collection_name": "ns.coll", "deprecator": deprecator, "msg": "old", "version": "9"}]);
    assert_eq!(found["deprecations"], said);
}

#[test]
fn internal_keys_go_with_a_warning() {
    let found = of(
        r#"{"_ansible_x": 1, "results": "no list", "ansible_facts": {"discovered_interpreter_python": "x", "a": 1}}"#,
    );
    assert_eq!(found["ansible_facts"], json!({"a": 1}));
    assert_eq!(found["ansible_module_results"], "no list");
    assert_eq!(found["warnings"][1], "Removed unexpected internal key in module return: _ansible_x = 1");
}

#[test]
fn a_number_longer_than_any_keeps_its_digits() {
    let long = "1".repeat(400);
    let found = of(&format!(
        r#"{{"modulus": {long}, "serial": -{long}, "text": "a\" 1{long}", "size": 18446744073709551615,
        "ratio": 0.12500000000000000000, "ids": [{long}, 7]}}"#
    ));
    assert_eq!((&found["modulus"], &found["serial"]), (&json!(long), &json!(format!("-{long}"))));
    assert_eq!((&found["text"], &found["size"]), (&json!(format!("a\" 1{long}")), &json!(u64::MAX)));
    assert_eq!((&found["ratio"], &found["ids"]), (&json!(0.125), &json!([long, 7])));
}
