//! Replays what ansible-core 2.19's own templating gave for some 1,600 templates (`tests/data/expressions.json`).

use super::{scope, text};
use crate::template::to_json;
use serde_json::Value as Json;

/// Templates where muster differs on purpose or by what minijinja cannot do.
const DIFFERENT: &[&str] = &[
    // `do` is known here without an extension of Jinja being asked for.
    "{% do l.append(9) %}{{ l }}",
    // Ansible's own slip with its lazy lists.
    "{{ l.count(1) }}",
    // More is accepted than Ansible accepts.
    "{{ x is defined is true }}",
    "{{ 'a' | ansible.legacy.upper }}",
    "{{ query('sequence', 'start=0x0f count=2') }}",
    "{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    // An explicit wish for HTML is honoured.
    "{% autoescape true %}{{ '<' }}{% endautoescape %}",
    // Integers beyond 64 bits in JSON; one key of 1 and true.
    "{{ [1.0, 1e20, 1e-7, 0.1, 100000000000000000000] | to_json }}",
    "{{ {1: 'a', true: 'b', none: 'c'} | to_json }}",
    // Files come sorted.
    "{{ '/etc/passw*' | fileglob }}",
    // A zone has a name.
    "{{ now(utc=true).strftime('%Z') | length }}",
    // Calls fail where they stand.
    "{{ undef(hint='boo') | default('x') }}",
];

fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => {
            a == b || (a.is_f64() == b.is_f64() && a.as_f64() == b.as_f64())
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && same(a, b))
        }
        _ => a == b,
    }
}

#[test]
fn templates_give_what_ansible_gives() {
    let data: Json = serde_json::from_str(include_str!("../../../tests/data/expressions.json")).unwrap();
    let cases = data["cases"].as_array().unwrap();
    let (mut matching, mut wrong, mut messages, mut errors) = (0, vec![], 0, 0);
    for case in cases {
        let template = case["t"].as_str().unwrap();
        let scope = scope(&data["vars"]);
        let got = scope.render(&text(template)).and_then(|value| to_json(&value));
        let matches = match (case.get("ok"), &got) {
            (Some(want), Ok(got)) => same(want, got),
            (None, Err(fault)) => {
                errors += 1;
                messages += usize::from(case["err"].as_str().unwrap().ends_with(&fault.message));
                if std::env::var("SHOW").is_ok() && !case["err"].as_str().unwrap().ends_with(&fault.message) {
                    println!("MSG {template:?}\n    want {}\n    got  {}", case["err"], fault.message);
                }
                true
            }
            _ => false,
        };
        if matches {
            matching += 1;
        } else if !DIFFERENT.contains(&template) {
            let want = case.get("ok").map_or_else(|| format!("ERR {}", case["err"]), ToString::to_string);
            let got = got.map_or_else(|fault| format!("ERR {}", fault.message), |got| got.to_string());
            wrong.push(format!("{template:?}\n    want {want}\n    got  {got}"));
        }
    }
    println!("{matching} of {} match; {messages} of {errors} errors in the same words", cases.len());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
