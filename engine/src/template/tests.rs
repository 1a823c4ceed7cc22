//! Scopes over written and known variables.

mod oracle;

use super::*;
use crate::node::{Kind, Mapping};
use crate::source::Sources;
use indexmap::IndexMap;

#[derive(Debug, Default)]
pub struct Table(pub IndexMap<Arc<str>, Variable>);

impl Names for Table {
    fn get(&self, name: &str) -> Option<Variable> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0.keys().cloned().collect()
    }
}

pub fn node(kind: Kind) -> Node {
    let sources = Sources::default();
    let source = sources.add("t.yml", "");
    let end = match &kind {
        Kind::Str(text) => u32::try_from(text.len()).unwrap(),
        _ => 0,
    };
    Node { span: Span { source, start: 0, end }, kind }
}

pub fn text(text: &str) -> Node {
    node(Kind::Str(text.into()))
}

pub fn json_node(json: &serde_json::Value) -> Node {
    use serde_json::Value as J;
    node(match json {
        J::Null => Kind::Null,
        J::Bool(b) => Kind::Bool(*b),
        J::Number(n) if n.is_i64() => Kind::Int(n.as_i64().unwrap()),
        J::Number(n) if n.as_f64().is_some_and(|f| f.fract() == 0.0 && f > 1e20) => {
            Kind::BigInt(format!("{:.0}", n.as_f64().unwrap()).into())
        }
        J::Number(n) => Kind::Float(n.as_f64().unwrap()),
        J::String(s) => Kind::Str(s.as_str().into()),
        J::Array(items) => Kind::Seq(items.iter().map(json_node).collect()),
        J::Object(map) => {
            Kind::Map(Arc::new(Mapping(map.iter().map(|(k, v)| (text(k), json_node(v))).collect())))
        }
    })
}

pub fn scope(vars: &serde_json::Value) -> Scope {
    let written = vars.as_object().unwrap().iter();
    let mut table: IndexMap<Arc<str>, Variable> =
        written.map(|(k, v)| (k.as_str().into(), Variable::Written(json_node(v)))).collect();
    if table.contains_key("big") {
        let digits = Kind::BigInt("123456789012345678901234567890".into());
        table.insert("big".into(), Variable::Written(node(digits)));
    }
    Scope::new(Arc::new(Table(table)), Surroundings::default())
}

fn vars() -> Scope {
    scope(&serde_json::json!({
        "x": 5, "s": "hello", "d": {"a": 1, "k": "{{ nope }}"}, "l": [1, 2], "lazy": "{{ x + 1 }}", "t": true,
        "other": "{{ d.zz | default([]) }}", "rec": "{{ rec2 }}", "rec2": "{{ rec }}", "dd": {"a": "{{ omit }}", "b": 1}, "nul": null, "cs": "x == 5",
    }))
}

fn shown(scope: &Scope, template: &str) -> String {
    match scope.render(&text(template)) {
        Ok(value) => python::repr(&value),
        Err(fault) => fault.message,
    }
}

#[test]
fn results_keep_their_type_and_errors_their_words() {
    let scope = vars();
    for (template, want) in [
        ("{{ lazy }}", "6"),
        ("a {{ l }} b", "'a [1, 2] b'"),
        ("{{ l }}\n", "[1, 2]"),
        ("{{ nope }}", "'nope' is undefined"),
        ("a {{ nope }}", "'nope' is undefined"),
        ("{{ d.z }}", "object of type 'dict' has no attribute 'z'"),
        ("{{ l[9] }}", "object of type 'list' has no attribute 9"),
        ("{{ x.foo }}", "object of type 'int' has no attribute 'foo'"),
        ("{{ d.k }}", "'nope' is undefined"),
        ("{{ d }}", "'nope' is undefined"),
        ("{{ [nope] }}", "'nope' is undefined"),
        ("{{ {'a': nope} }}", "'nope' is undefined"),
        ("{{ d.k | default('z') }}", "'z'"),
        ("{{ d.z.y | default('z') }}", "'z'"),
        ("{{ [d.z] }}", "object of type 'dict' has no attribute 'z'"),
        ("{{ rec }}", "Recursive loop detected in template: maximum recursion depth exceeded"),
        ("{{ dd }}", "{'b': 1}"),
        ("{{ [omit, 1] }}", "[1]"),
        ("a {{ omit }}", "'a '"),
        ("a{{ nul }}b", "'ab'"),
        ("{{ 'a' < 1 }}", "Error rendering template: '<' not supported between instances of 'str' and 'int'"),
        ("{{ 'a' + 1 }}", "Error rendering template: can only concatenate str (not \"int\") to str"),
        ("{{ 1/0 }}", "Error rendering template: division by zero"),
        ("{{ undef(hint='do it') }}", "do it"),
        // What else the template speaks of is looked at when the error is described.
        ("{{ 1 in other if d.a == 2 else undef(hint='do it') }}", "do it"),
        ("{{ nof(1) }}", "'nof' is undefined"),
        ("{{ l.foo() }}", "object of type 'list' has no attribute 'foo'"),
        ("{{ x | nofil }}", "Syntax error in template: No filter named 'nofil'."),
        ("{{ '%s-%05.1f' % (s, 2.25) }}", "'hello-002.2'"),
        (r"{{ 'a\tb' }}", r"'a\\tb'"),
    ] {
        assert_eq!(shown(&scope, template), want, "{template}");
    }
    assert!(Scope::is_omit(&scope.render(&text("{{ omit }}")).unwrap()));
}

#[test]
fn conditions_must_be_booleans() {
    let scope = vars();
    let holds = |text_: &str| match Expr::parse(&text(text_)) {
        Ok(expr) => scope.holds(&expr).map_err(|fault| fault.message),
        Err(diagnostic) => Err(diagnostic.message),
    };
    for (condition, want) in [
        ("x == 5", Ok(true)),
        ("{{ x == 5 }}", Ok(true)),
        ("{{ cs }}", Ok(true)),
        ("x and t", Ok(true)),
        ("not s", Ok(false)),
        ("lazy > 5", Ok(true)),
        ("nope is defined", Ok(false)),
        (
            "x",
            Err(
                "Conditional result (True) was derived from value of type 'int'. Conditionals must have a boolean result.",
            ),
        ),
        ("yes", Err("Error while evaluating conditional: 'yes' is undefined")),
        ("{{ s }}", Err("Error while evaluating conditional: 'hello' is undefined")),
        ("", Err("empty conditional expressions are not allowed")),
        ("x is notest", Err("no test named `notest`")),
    ] {
        assert_eq!(holds(condition), want.map_err(String::from), "{condition}");
    }
}

#[test]
fn what_the_run_learned_is_never_rendered() {
    let evil = Variable::Known(from_json(&serde_json::json!({"stdout": "{{ x }}", "lines": ["{{ x }}"]})));
    let scope = vars().with([("r".into(), evil)].into_iter().collect());
    assert_eq!(shown(&scope, "{{ r.stdout }}"), "'{{ x }}'");
    assert_eq!(shown(&scope, "got {{ r.stdout }}"), "'got {{ x }}'");
    assert_eq!(shown(&scope, "{{ r.lines | first }}"), "'{{ x }}'");
    assert_eq!(shown(&scope, "{{ '{' ~ '{ x }' ~ '}' }}"), "'{{ x }}'");
}

#[test]
fn faults_point_into_the_scalar() {
    let scope = vars();
    let fault = scope.render(&text("a {{ x }} {{ nope }}")).unwrap_err();
    assert_eq!(fault.span.map(|span| (span.start, span.end)), Some((13, 17)));
    assert!(fault.undefined);
}

#[test]
fn lookups_and_loops_do_not_render_what_they_find() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("files")).unwrap();
    std::fs::write(dir.path().join("files/evil"), "{{ x }}\n").unwrap();
    let names = vars();
    let around = Surroundings { search: vec![dir.path().to_path_buf()].into(), ..Surroundings::default() };
    let hosts = from_json(&serde_json::json!({"h1": {"fact": "{{ x }}"}}));
    let front = [("hostvars".into(), Variable::Known(hosts))].into_iter().collect();
    let scope = Scope::new(names.core().names.clone(), around).with(front);
    for (template, want) in [
        ("{{ lookup('file', 'evil') }}", "'{{ x }}'"),
        ("{{ lookup('file', 'evil') | upper }}", "'{{ X }}'"),
        ("{{ lookup('pipe', 'cat ' ~ lookup('first_found', 'files/evil')) }}", "'{{ x }}'"),
        ("{{ hostvars.h1.fact }}", "'{{ x }}'"),
        ("{{ hostvars['h1'] }}", "{'fact': '{{ x }}'}"),
        ("{{ query('items', [hostvars.h1.fact]) }}", "['{{ x }}']"),
        ("{% for v in hostvars.values() %}{{ v.fact }}{% endfor %}", "'{{ x }}'"),
    ] {
        assert_eq!(shown(&scope, template), want, "{template}");
    }
    let items = lookup(&scope, "items", from_json(&serde_json::json!([["{{ x }}"], 2])), "files").unwrap();
    assert_eq!(python::repr(&items), "['{{ x }}', 2]");
    let each = scope.with([("item".into(), Variable::Known(items))].into_iter().collect());
    assert_eq!(shown(&each, "{{ item[0] }}"), "'{{ x }}'");
}

#[test]
fn unsafe_text_is_not_rendered() {
    let scope = vars();
    let inner = Arc::new(node(Kind::Seq([text("{{ x }}")].into())));
    assert_eq!(python::repr(&scope.render(&node(Kind::Unsafe(inner))).unwrap()), "['{{ x }}']");
}

#[test]
fn files_include_import_and_extend_what_lies_beside_them() {
    let dir = tempfile::tempdir().unwrap();
    let templates = dir.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    std::fs::write(templates.join("part.j2"), "[{{ d.z.y | default('-') }}{{ x }}]\n").unwrap();
    std::fs::write(
        templates.join("lib.j2"),
        "{% macro m(p) %}<{{ p.q.r | default('none') }}>{% endmacro %}\n",
    )
    .unwrap();
    std::fs::write(templates.join("base.j2"), "top\n{% block body %}{% endblock %}\nend\n").unwrap();
    let around = Surroundings { search: vec![dir.path().to_path_buf()].into(), ..Surroundings::default() };
    let scope = Scope::new(vars().core().names.clone(), around);
    let options = FileOptions::default();
    let file = |text: &str| match scope.file("t.j2", text, &options) {
        Ok(out) => out,
        Err(fault) => fault.message,
    };
    for (source, want) in [
        ("a {{ x }}\n{% if t %}\nb\n{% endif %}\nc\n", "a 5\nb\nc\n"),
        ("{{ l }}\n", "[1, 2]"),
        ("{{ 'a\\tb' }}", "a\tb"),
        ("#jinja2: variable_start_string: '[%', variable_end_string: '%]'\n[% x %] {{ x }}\n", "5 {{ x }}\n"),
        ("#jinja2:trim_blocks:False\n{% if t %}\nb\n{% endif %}\n", "\nb\n"),
        (
            "#jinja2: trim_blocks True\n{{ x }}\n",
            "Syntax error in template: Missing key-value separator `:` in '#jinja2:' override pair ' trim_blocks True'.",
        ),
        (
            "#jinja2: nosuch: 1\n{{ x }}\n",
            "Syntax error in template: Invalid '#jinja2:' override key 'nosuch'.",
        ),
        ("a {{ x }}\r\nb\rc\r\n", "a 5\nb\nc\n"),
        ("a\r\nb\r\n", "a\r\nb\r\n"),
        ("{% include 'part.j2' %}", "[-5]"),
        ("{% import 'lib.j2' as lib %}{{ lib.m(d) }}", "<none>"),
        ("{% extends 'base.j2' %}{% block body %}{{ s }}{% endblock %}", "top\nhelloend"),
        ("one\n{{ nope }}\n", "'nope' is undefined"),
        ("one\n{{ x | nofil }}\n", "Syntax error in template: No filter named 'nofil'."),
    ] {
        assert_eq!(file(source), want, "{source}");
    }
    assert_eq!(shown(&scope, "{{ lookup('template', 'part.j2') }}"), "'[-5]\\n'");
}

#[test]
fn long_chains_of_variables_end_in_an_error() {
    let mut all = serde_json::Map::new();
    for i in 0..400 {
        all.insert(format!("v{i}"), format!("{{{{ v{} }}}}", i + 1).into());
    }
    all.insert("v400".into(), 1.into());
    let scope = scope(&all.into());
    assert_eq!(shown(&scope, "{{ v340 }}"), "1");
    assert!(shown(&scope, "{{ v0 }}").starts_with("Recursive loop detected in template"));
}

#[test]
fn reads_and_syntax_name_their_places() {
    let tree = node(Kind::Seq([text("a {{ x }} {{ y.z | default(w) }}"), text("{{ x | upperr }}")].into()));
    let found: Vec<_> =
        reads(&tree).into_iter().map(|u| (u.name.to_string(), u.span.start, u.guarded)).collect();
    assert_eq!(found, [("x".into(), 5, false), ("y".into(), 13, true), ("w".into(), 27, false)]);
    let mut diagnostics = crate::diagnostic::Diagnostics::default();
    syntax(&tree, &mut diagnostics);
    let said: Vec<_> = diagnostics.0.iter().map(|d| (d.message.as_str(), d.help.as_deref())).collect();
    assert_eq!(said, [("no filter named `upperr`", Some("did you mean `upper`?"))]);
    let expr = Expr::parse(&text("x > 1 and y is defined and y.z > 2")).unwrap();
    let names: Vec<_> = expr.reads().iter().map(|u| (u.name.to_string(), u.guarded)).collect();
    assert_eq!(names, [("x".to_string(), false), ("y".to_string(), true), ("y".to_string(), true)]);
}

#[test]
fn vaults_open_when_touched() {
    let secret = crate::secret::Secret::new("pw");
    let sealed = crate::vault::encrypt(b"deep {{ 1 + 1 }}", &secret, None).unwrap();
    let secrets = crate::vault::Secrets::new(vec![("default".into(), secret)]);
    let table = [
        ("v".into(), Variable::Written(node(Kind::Vault(sealed.as_str().into())))),
        ("bad".into(), Variable::Written(node(Kind::Vault("$ANSIBLE_VAULT;1.1;AES256\n00\n".into())))),
    ];
    let around = Surroundings { secrets: Arc::new(secrets), ..Surroundings::default() };
    let scope = Scope::new(Arc::new(Table(table.into_iter().collect())), around);
    assert_eq!(shown(&scope, "{{ v | upper }}"), "'DEEP 2'");
    assert_eq!(shown(&scope, "{{ v is defined }}"), "True");
    assert!(scope.render(&text("{{ bad }}")).is_err());
}

#[test]
fn macros_take_what_they_do_not_name() {
    let scope = vars();
    for (template, want) in [
        (
            "{% macro m(a, b=2) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 3, 4, z=5) }}",
            "\"13[4]{'z': 5}\"",
        ),
        ("{% macro m() %}{{ varargs | join('-') }}{% endmacro %}{{ m(*l) }}", "'1-2'"),
        ("{% for c in s %}{{ loop.length }}{{ c }}{% endfor %}", "'5h5e5l5l5o'"),
    ] {
        assert_eq!(shown(&scope, template), want, "{template}");
    }
}

#[test]
fn passwords_are_hashed_as_passlib_hashes_them() {
    let scope = vars();
    for (template, want) in [
        ("{{ 'a' | password_hash('md5', 'saltsalt') }}", "'$1$saltsalt$MzDjbImyzEz2m0NTiPzNW/'"),
        (
            "{{ 'U*U' | password_hash('bcrypt', 'CCCCCCCCCCCCCCCCCCCCC.', rounds=5, ident='2a') }}",
            "'$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'",
        ),
        (
            "{{ 'a' | password_hash('sha512', 'bad$salt') }}",
            "The filter plugin 'ansible.builtin.password_hash' failed: Could not hash the secret: invalid characters in sha512_crypt salt",
        ),
    ] {
        assert_eq!(shown(&scope, template), want, "{template}");
    }
}

#[test]
fn what_a_template_made_it_may_change() {
    let scope = vars();
    let list = "{% set r = [] %}{% for i in [1, 2] %}{% set _ = r.append(i) %}{% endfor %}{{ r + [3] }}";
    assert_eq!(shown(&scope, list), "[1, 2, 3]");
    let map = "{% set r = {} %}{% set _ = r.update({'a': 1}) %}{% set _ = r.setdefault('b', 2) %}{{ r.b }}{{ r.pop('a') }}";
    assert_eq!(shown(&scope, map), "'21'");
    for (template, want) in [
        ("{{ [1].append(2) }}", "None"),
        ("{{ l.append(9) }}{{ l }}", "[1, 2, 9]"),
        ("{{ l }}", "[1, 2]"),
        ("{% set r = {'a': []} %}{% set _ = r.a.append(1) %}{{ r }}", "{'a': [1]}"),
        (
            "{% set n = namespace(i=[]) %}{% for x in l %}{% set _ = n.i.append(x) %}{% endfor %}{{ n.i }}",
            "[1, 2]",
        ),
        ("{% set r = [3, 1] %}{% set _ = r.sort(reverse=true) %}{{ r }}", "[3, 1]"),
    ] {
        assert_eq!(shown(&scope, template), want, "{template}");
    }
}

#[test]
fn collections_that_hold_themselves_end_in_an_error() {
    let scope = scope(&serde_json::json!({
        "a": [1, "{{ a }}"], "b": {"c": "{{ d }}"}, "d": [{"b": "{{ b }}"}], "own": ["{{ own[0] }}"], "len": ["{{ len | length }}"],
    }));
    for template in [
        "{{ a }}",
        "x {{ a }}",
        "{{ b | to_json }}",
        "{{ d == [1] }}{{ d }}",
        "{{ a | flatten }}",
        "{{ own }}",
    ] {
        let said = shown(&scope, template);
        assert!(said.contains("Recursive loop detected in template"), "{template}: {said}");
    }
    assert_eq!(shown(&scope, "{{ a[1][1][0] }}"), "1");
    assert_eq!(shown(&scope, "{{ len }}"), "[1]");
}

#[test]
fn a_variable_is_as_undefined_as_what_its_template_lacks() {
    let scope = scope(&serde_json::json!({
        "sum": "{{ nope + 1 }}", "each": "{% for x in nope %}{{ x }}{% endfor %}", "d": {"k": "{{ nope | upper }}"}, "one": 1,
        "wrong": "{{ one | from_json }}",
    }));
    for (template, want) in [
        ("{{ sum | default('x') }}", "'x'"),
        ("{{ each | default('x') }}{{ d.k | default('y') }}", "'xy'"),
        ("{{ sum is defined or d.k is defined }}", "False"),
        ("{{ sum }}", "'nope' is undefined"),
        ("{{ sum | default(1) }}{{ other }}", "'other' is undefined"),
        ("{{ each | upper }}", "'nope' is undefined"),
        ("{{ d }}", "'nope' is undefined"),
        ("{{ d.k ~ 'x' }}", "'nope' is undefined"),
        ("{{ d.k is defined }}{{ d.zz }}", "object of type 'dict' has no attribute 'zz'"),
    ] {
        assert_eq!(shown(&scope, template), want, "{template}");
    }
    assert!(shown(&scope, "{{ wrong | default('x') }}").contains("from_json"));
}

#[test]
fn conditions_that_are_no_boolean_count_where_the_settings_allow_it() {
    let around = Surroundings { broken_conditionals: true, ..Surroundings::default() };
    let table = IndexMap::from([("word".into(), Variable::Known(Value::from("yes")))]);
    let lax = Scope::new(Arc::new(Table(table)), around);
    assert_eq!(lax.holds(&Expr::parse(&text("word")).unwrap()), Ok(true));
    assert_eq!(lax.holds(&Expr::parse(&text("word | length > 9")).unwrap()), Ok(false));
    let strict = vars().holds(&Expr::parse(&text("s")).unwrap()).unwrap_err();
    assert!(strict.message.contains("derived from value of type 'str'"), "{}", strict.message);
}
