//! What good playbooks become.

use super::Site;
use crate::node::{Kind, Node};
use crate::playbook::{Action, Block, Entry, Loops, Play, Setting, Strategy, Task};
use std::sync::Arc;

/// The first play of a playbook that nothing is wrong with.
fn play(text: &str) -> Arc<Play> {
    let (playbook, said) = Site::new(&[("site.yml", text)]).playbook();
    assert_eq!(said, "", "{text}");
    Arc::clone(&playbook.plays[0])
}

/// The one task of a play.
fn task(text: &str) -> Arc<Task> {
    let lines: String = text.lines().map(|line| format!("  {line}\n")).collect();
    let play = play(&format!("- hosts: all\n  tasks:\n{lines}"));
    first_task(&play)
}

fn first_task(play: &Play) -> Arc<Task> {
    match &play.tasks[0] {
        Entry::Task(task) => Arc::clone(task),
        Entry::Block(_) => panic!("a block"),
    }
}

fn block(text: &str) -> Arc<Block> {
    match &play(text).tasks[0] {
        Entry::Block(block) => Arc::clone(block),
        Entry::Task(_) => panic!("a task"),
    }
}

/// A node as compact text.
fn show(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "~".into(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Str(text) => text.to_string(),
        Kind::Seq(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Kind::Map(map) => {
            let pair = |(key, value): &(Node, Node)| format!("{}: {}", show(key), show(value));
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

/// `module {arguments} | free text | spread`.
fn module(text: &str) -> String {
    let task = task(text);
    let Action::Module { args, .. } = &task.action else { panic!("{:?}", task.action) };
    let part =
        |node: &Option<Node>| node.as_ref().map(|node| format!(" | {}", show(node))).unwrap_or_default();
    format!("{} {}{}{}", task.called, show(&args.named), part(&args.raw), part(&args.spread))
}

#[test]
fn arguments_may_be_written_in_many_ways() {
    let cases = [
        ("- copy: {src: a, dest: b}", "copy {src: a, dest: b}"),
        ("- copy: src=a dest='b c'", "copy {src: a, dest: b c}"),
        ("- action: copy src=a dest=b", "copy {src: a, dest: b}"),
        ("- ansible.builtin.command: ls -l chdir=/tmp", "ansible.builtin.command {chdir: /tmp} | ls -l"),
        ("- shell: echo a=b | cat\n  args: {chdir: /tmp}", "shell {chdir: /tmp} | echo a=b | cat"),
        ("- command:\n    cmd: ls\n  args:\n    chdir: /", "command {chdir: /, cmd: ls}"),
        ("- debug:\n  args: \"{{ more }}\"", "debug {} | {{ more }}"),
        ("- debug: \"{{ more }}\"", "debug {} | {{ more }}"),
        ("- set_fact: a=1 b='{{ c }}'", "set_fact {a: 1, b: {{ c }}}"),
        ("- action: \"{{ which }} a=1\"", "{{ which }} {a: 1}"),
        ("- setup:", "setup {}"),
        ("- local_action: command uptime", "command {} | uptime"),
        ("- community.general.thing: {a: [1, 2]}", "community.general.thing {a: [1, 2]}"),
        ("- user: name=root", "user {name: root}"),
    ];
    for (text, expected) in cases {
        assert_eq!(module(text), expected, "{text}");
    }
}

#[test]
fn arguments_know_where_they_were_written() {
    let site = Site::new(&[("site.yml", "- hosts: all\n  tasks:\n  - action: copy src=a dest='b c'\n")]);
    let loader = site.loader(&[]);
    let mut diagnostics = crate::diagnostic::Diagnostics::default();
    let playbook = loader.playbook(&site.path().join("site.yml"), &mut diagnostics);
    let Action::Module { span, args, .. } = &first_task(&playbook.plays[0]).action else { panic!() };
    let text = |node: &Node| {
        let source = loader.sources.get(node.span.source);
        source.text[node.span.start as usize..node.span.end as usize].to_owned()
    };
    assert_eq!(loader.sources.place(*span).column, 13);
    let map = args.named.as_map().unwrap();
    let written: Vec<_> = map.iter().map(|(key, value)| (text(key), text(value))).collect();
    assert_eq!(written, [("src".into(), "a".into()), ("dest".into(), "'b c'".into())]);
}

#[test]
fn local_action_is_delegated_to_localhost() {
    let task = task("- local_action: command uptime\n  delegate_to: elsewhere");
    assert_eq!(show(task.keywords.delegate_to.as_ref().unwrap()), "localhost");
}

#[test]
fn values_convert_as_words_and_numbers() {
    let task = task(
        "- debug:\n  become: 'Yes'\n  no_log: off\n  ignore_errors: \"{{ maybe }}\"\n  retries: '3'\n  delay: 0.5\n  \
         async: 10\n  poll: 0\n  timeout: '1_000'\n  become_user: 0\n  throttle:",
    );
    let keywords = &task.keywords;
    assert!(matches!(keywords.escalate, Some(Setting::Fixed(true))));
    assert!(matches!(keywords.no_log, Some(Setting::Fixed(false))));
    assert!(matches!(keywords.ignore_errors, Some(Setting::Template { .. })));
    assert!(matches!(task.retries, Some(Setting::Fixed(3))));
    assert!(matches!(task.delay, Some(Setting::Fixed(delay)) if delay == 0.5));
    assert!(matches!((&task.background, &task.poll), (Some(Setting::Fixed(10)), Some(Setting::Fixed(0)))));
    assert!(matches!(keywords.timeout, Some(Setting::Fixed(1000))));
    assert!(matches!(&keywords.become_user, Some(Setting::Fixed(user)) if user == "0"));
    assert!(keywords.throttle.is_none());
}

#[test]
fn tags_divide_at_commas_but_not_within_templates() {
    let tags = |text: &str| task(text).keywords.tags.iter().map(show).collect::<Vec<_>>();
    assert_eq!(tags("- debug:\n  tags: a, b,c"), ["a", "b", "c"]);
    assert_eq!(tags("- debug:\n  tags: ['a,b', 3]"), ["a,b", "3"]);
    assert_eq!(tags("- debug:\n  tags: \"a, {{ [x, y] }}\""), ["a", "{{ [x, y] }}"]);
}

#[test]
fn conditions_may_be_one_or_many() {
    let task =
        task("- debug:\n  when: [a, b is defined]\n  changed_when: false\n  failed_when: [x, y]\n  until: z");
    let count = (task.keywords.when.len(), task.changed_when.len(), task.failed_when.len(), task.until.len());
    assert_eq!(count, (2, 1, 2, 1));
    assert_eq!(task.changed_when[0].text.to_lowercase(), "false");
}

#[test]
fn loops_come_in_two_families() {
    let task =
        task("- debug:\n  with_dict: \"{{ d }}\"\n  loop_control: {loop_var: pair, pause: 1, extended: yes}");
    let repeat = task.repeat.as_ref().unwrap();
    assert!(matches!(&repeat.loops, Loops::With(lookup) if &**lookup == "dict"));
    assert_eq!(show(repeat.control.loop_var.as_ref().unwrap()), "pair");
    assert!(matches!(repeat.control.extended, Some(Setting::Fixed(true))));
    let plain = self::task("- debug:\n  loop: [1, 2]\n  register: result");
    assert!(matches!(plain.repeat.as_ref().unwrap().loops, Loops::Loop));
    assert_eq!(plain.register.as_deref(), Some("result"));
}

#[test]
fn includes_take_a_word_or_options() {
    for text in [
        "- include_tasks: a b.yml",
        "- include_tasks: {file: a b.yml}",
        "- ansible.builtin.include_tasks:\n    file: a b.yml\n    apply: {tags: [x], become: true}",
        "- include_tasks: a b.yml\n  args: {apply: {tags: x}}",
    ] {
        let task = task(text);
        let Action::IncludeTasks(include) = &task.action else { panic!("{text}") };
        assert_eq!(show(&include.file), "a b.yml");
        let tags = include.apply.as_ref().map(|apply| apply.tags.len());
        assert_eq!(tags, text.contains("apply").then_some(1), "{text}");
    }
    let role = task("- include_role:\n    name: r\n    tasks_from: t\n    public: yes\n    apply: {when: x}");
    let Action::IncludeRole(role) = &role.action else { panic!() };
    assert_eq!((show(&role.name), show(role.tasks_from.as_ref().unwrap())), ("r".into(), "t".into()));
    assert!(matches!(role.public, Some(Setting::Fixed(true))));
    assert_eq!(role.apply.as_ref().unwrap().when.len(), 1);
}

#[test]
fn blocks_nest_and_keep_their_parts() {
    let block = block(
        "- hosts: all\n  tasks:\n  - name: b\n    when: x\n    block:\n    - debug:\n    - block: [{debug: }]\n      \
         always: [{debug: }]\n    rescue: [{debug: }]\n",
    );
    assert_eq!((block.body.len(), block.rescue.len(), block.always.len()), (2, 1, 0));
    assert_eq!(block.keywords.when.len(), 1);
}

#[test]
fn plays_know_all_their_keywords() {
    let play = play(
        "- name: p\n  hosts: [a, b]\n  stage: Prepare\n  needs: [q]\n  strategy: ansible.builtin.free\n  order: sorted\n  \
         serial: [1, '30%']\n  max_fail_percentage: 30%\n  gather_facts: no\n  vars: {a: 1}\n  vars_files: [x, [y, z]]\n  \
         vars_prompt: [{name: secret, confirm: yes}]\n  user: me\n  environment: {A: b}\n  handlers:\n  - name: h\n    \
         listen: topic\n    debug:\n",
    );
    assert_eq!(play.strategy, Some(Strategy::Free));
    assert_eq!(play.serial.iter().map(show).collect::<Vec<_>>(), ["1", "30%"]);
    assert!(matches!(play.max_fail_percentage, Some(Setting::Fixed(30.0))));
    assert_eq!(play.vars_files.len(), 2);
    assert!(play.vars_prompt[0].private && play.vars_prompt[0].confirm);
    assert!(matches!(&play.keywords.remote_user, Some(Setting::Fixed(user)) if user == "me"));
    assert_eq!(play.needs.as_ref().unwrap()[0].value.as_ref(), "q");
    let Entry::Task(handler) = &play.handlers[0] else { panic!() };
    assert_eq!(handler.listen.iter().map(show).collect::<Vec<_>>(), ["topic"]);
}

#[test]
fn imports_give_their_keywords_to_the_plays() {
    let site = Site::new(&[
        ("site.yml", "- import_playbook: sub/one.yml\n  when: w\n  tags: [t]\n  vars: {v: outer}\n"),
        (
            "sub/one.yml",
            "- import_playbook: '{{ which }}.yml'\n  vars: {which: two, v: inner}\n- import_playbook: '{{ extra }}.yml'\n",
        ),
        ("sub/two.yml", "- hosts: all\n  vars: {v: own}\n  tags: u\n"),
        ("sub/other.yml", "- hosts: other\n"),
    ]);
    let (playbook, said) = site.playbook();
    assert_eq!(said, "");
    let [two, other] = playbook.plays.as_slice() else { panic!() };
    assert!(two.dir.ends_with("sub") && other.hosts.as_str() == Some("other"));
    assert_eq!(two.keywords.when.len(), 1);
    assert_eq!(two.keywords.tags.iter().map(show).collect::<Vec<_>>(), ["u", "t"]);
    assert_eq!(two.keywords.vars.len(), 3);
    assert!(format!("{:?}", two.keywords.vars[0].get("v")).contains("outer"));
}

#[test]
fn playbooks_of_collections_have_names() {
    let site = Site::new(&[
        ("site.yml", "- import_playbook: ns.coll.deep.play\n"),
        ("collections/ansible_collections/ns/coll/playbooks/deep/play.yaml", "- hosts: found\n"),
    ]);
    let (playbook, said) = site.playbook();
    assert_eq!((said.as_str(), playbook.plays[0].hosts.as_str()), ("", Some("found")));
}

#[test]
fn import_loops_name_the_way_round() {
    let site = Site::new(&[
        ("site.yml", "- import_playbook: b.yml\n"),
        ("b.yml", "- import_playbook: ./site.yml\n"),
    ]);
    let (_, said) = site.playbook();
    assert!(said.contains("playbooks import each other: site.yml → b.yml → site.yml"), "{said}");
}

#[test]
fn every_keyword_is_read_where_it_may_stand() {
    use crate::playbook::{Place, Takes, keywords};
    for keyword in keywords() {
        let value = match (keyword.name, keyword.takes) {
            ("strategy", _) => "linear",
            ("order", _) => "sorted",
            ("debugger", _) => "never",
            ("show", _) => "tasks",
            ("vars_prompt", _) => "[{name: x}]",
            ("serial", _) => "[1]",
            ("register" | "role" | "import_playbook", _) => "good",
            ("environment" | "module_defaults", _) => "[{a: {b: c}}]",
            (_, Takes::Boolean) => "true",
            (_, Takes::Integer | Takes::Number | Takes::Percentage) => "1",
            (_, Takes::Text | Takes::Words | Takes::Conditions) => "a",
            (_, Takes::List | Takes::Roles) => "[a]",
            (_, Takes::Mapping) => "{}",
            (_, Takes::Tasks) => "[{debug: }]",
            (_, Takes::Action) => "debug",
        };
        let name = keyword.name.replace('*', "items");
        for place in keyword.places {
            let line = format!("{name}: {value}");
            let module = if matches!(keyword.takes, Takes::Action) { "" } else { "debug: , " };
            let text = match place {
                Place::Play if name == "hosts" => "- hosts: a\n".to_owned(),
                Place::Play => format!("- {{hosts: a, {line}}}\n"),
                Place::Import => format!("- {{ansible.builtin.import_playbook: good, {line}}}\n").replace(
                    "ansible.builtin.import_playbook: good, import_playbook: good",
                    "import_playbook: good",
                ),
                Place::Role => format!("- {{hosts: a, roles: [{{name: r, {line}}}]}}\n")
                    .replace("name: r, name: a", "name: a"),
                Place::Block if name == "block" => "- {hosts: a, tasks: [{block: [{debug: }]}]}\n".to_owned(),
                Place::Block => format!("- {{hosts: a, tasks: [{{block: [{{debug: }}], {line}}}]}}\n"),
                Place::Task => format!("- {{hosts: a, tasks: [{{{module}{line}}}]}}\n"),
                Place::Handler => format!("- {{hosts: a, handlers: [{{{module}{line}}}]}}\n"),
            };
            let (_, said) = Site::new(&[("site.yml", &text), ("good", "- hosts: a\n")]).playbook();
            assert_eq!(said, "", "{text}");
        }
    }
}

#[test]
fn deep_blocks_are_read_and_too_deep_ones_refused() {
    for (depth, fine) in [(60, true), (100, false), (5000, false)] {
        let text = format!(
            "- hosts: all\n  tasks: {}{}{}\n",
            "[{block: ".repeat(depth),
            "[{debug: }]",
            "}]".repeat(depth)
        );
        let (_, said) = Site::new(&[("site.yml", &text)]).playbook();
        assert_eq!(said.is_empty(), fine, "{depth}: {said}");
    }
}
