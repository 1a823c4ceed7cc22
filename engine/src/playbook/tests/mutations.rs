//! Whatever is typed: nothing panics.

use super::Site;
use crate::diagnostic::Diagnostics;
use crate::playbook::RoleFrom;

const SITE: &str = r#"---
- import_playbook: other.yml
  when: a is defined
  tags: [x, "{{ y }}"]
- name: Configure {{ thing }}
  hosts: all:!{{ excluded | default('none') }}
  become: yes
  gather_facts: false
  serial: [1, "30%"]
  strategy: free
  max_fail_percentage: 30%
  module_defaults: {copy: {mode: "0644"}}
  environment: {PATH: /bin}
  vars: {list: [1, 2], text: "a {{ b }} c", secret: !unsafe "{{ no }}"}
  vars_prompt: [{name: pw, prompt: "Password?", private: yes, confirm: no}]
  roles:
    - base
    - {role: web, port: 80, when: x, tags: [w], vars: {k: v}}
  pre_tasks:
    - action: copy src=a dest="{{ d }}" mode=0644
      register: result
      until: result is succeeded
      retries: 3
      delay: 0.5
  tasks:
    - name: both
      block:
        - command: ls -l chdir=/tmp creates="/x y"
          changed_when: false
          failed_when: [rc != 0, "'x' in stdout"]
          with_items: ["a", "b"]
        - include_tasks: {file: "{{ f }}.yml", apply: {tags: [a], become: true}}
          loop: &anchor [1, 2, 3]
          loop_control: &c {loop_var: n, label: "{{ n }}", pause: 1}
      rescue:
        - include_role: {name: r, tasks_from: t, public: yes}
      always:
        - meta: flush_handlers
    - local_action: shell echo hi
      async: 10
      poll: 0
      notify: [restart, "{{ h }}"]
      delegate_to: "{{ host }}"
      no_log: "{{ quiet }}"
      args: {executable: /bin/sh}
  handlers:
    - name: restart
      service: name=x state=restarted
      listen: [a, b]
"#;

/// What is put in: marks of YAML and Jinja, and words that mean something.
const PIECES: &[&str] = &[
    "",
    " ",
    "\n",
    "\t",
    ":",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "\"",
    "'",
    "\\",
    "|",
    ">",
    "&a ",
    "*a",
    "!x ",
    "!!int ",
    "!vault |",
    "<<: ",
    "#",
    ",",
    "=",
    "~",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    ".nan",
    "99999999999999999999",
    "é",
    "\u{1F600}",
    "\0",
    "\u{feff}",
    "---\n",
    "...",
    "block:",
    "hosts:",
    "args:",
    "meta:",
    "include_role:",
    "import_tasks:",
    "action:",
    "loop:",
    "when:",
    "vars:",
    "tags:",
    "_ansible_x",
    "_raw_params",
];

/// A small generator of numbers, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

#[test]
fn ten_thousand_mutations_never_panic() {
    let mut dice = Dice(0x5eed_1e55);
    let site = Site::new(&[("other.yml", "- hosts: all\n"), ("roles/r/tasks/main.yml", "[]")]);
    let letters: Vec<char> = SITE.chars().collect();
    for _ in 0..10_000 {
        let mut text = letters.clone();
        for _ in 0..=dice.roll(3) {
            let from = dice.roll(text.len());
            let upto = (from + dice.roll(12)).min(text.len());
            let piece: Vec<char> = match dice.roll(3) {
                0 => PIECES[dice.roll(PIECES.len())].chars().collect(),
                1 => {
                    let start = dice.roll(letters.len());
                    letters[start..(start + dice.roll(40)).min(letters.len())].to_vec()
                }
                _ => vec![],
            };
            text.splice(from..upto, piece);
        }
        let text: String = text.into_iter().collect();
        site.write("site.yml", &text);
        let loader = site.loader(&[]);
        let mut diagnostics = Diagnostics::default();
        let path = site.path().join("site.yml");
        loader.playbook(&path, &mut diagnostics);
        if dice.roll(8) == 0 {
            loader.tasks(&path, dice.roll(2) == 0, &mut diagnostics);
            loader.vars(&path, &mut diagnostics);
        }
        for diagnostic in &diagnostics.0 {
            assert!(!diagnostic.labels.is_empty() || diagnostic.path.is_some(), "{diagnostic:?}\n{text}");
            for label in &diagnostic.labels {
                let source = loader.sources.get(label.span.source);
                let range = label.span.start as usize..label.span.end as usize;
                let ours = diagnostic.code.starts_with("muster::playbook::");
                assert!(!ours || source.text.get(range).is_some(), "{diagnostic:?}\n{text}");
            }
        }
    }
}

#[test]
fn mutated_roles_never_panic() {
    let mut dice = Dice(0xcafe);
    let meta = "allow_duplicates: yes\ndependencies:\n- base\n- {role: net, when: x}\n- {src: 'a,b,c'}\nargument_specs:\n  \
                main: {short_description: x, options: {a: {type: str}}}\n";
    let letters: Vec<char> = meta.chars().collect();
    let site = Site::new(&[("roles/r/tasks/main.yml", "[]")]);
    for _ in 0..1_000 {
        let mut text = letters.clone();
        let from = dice.roll(text.len());
        let upto = (from + dice.roll(8)).min(text.len());
        text.splice(from..upto, PIECES[dice.roll(PIECES.len())].chars());
        site.write("roles/r/meta/main.yml", &text.iter().collect::<String>());
        let loader = site.loader(&[]);
        let source = loader.sources.add("x", "x");
        let span = crate::source::Span { source, start: 0, end: 1 };
        loader.role("r", &RoleFrom::default(), site.path(), None, span, &mut Diagnostics::default());
    }
}
