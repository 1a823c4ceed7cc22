//! What becomes of texts, and what is known about them.

use super::*;

fn text(source: &str, mode: Mode) -> String {
    rewrite(source, mode, &SyntaxConfig::default()).unwrap().text
}

#[test]
fn edits_are_made_where_ansible_differs() {
    for (source, want) in [
        ("{{ a.b['c'].d is defined }}", "{{ a|_m_get(\"b\",'c',\"d\") is defined }}"),
        ("{{ a.b | lower | d(0) }}", "{{ a|_m_get(\"b\") | _m_filter(\"lower\") | d(0) }}"),
        ("{{ (a + 1) % 3 }}", "{{ ((a + 1) )|_m_mod( 3) }}"),
        ("{{ a.x > b and c }}", "{{ (a.x )|_m_gt( b) and c }}"),
        ("{{ (a <= (b)) }}", "{{ ((a )|_m_le( (b))) }}"),
        ("{{ 1 < a < 3 }}", "{{ 1 < a < 3 }}"),
        ("{{ q('x', '{{ a }}/b', c='{{ d }}') }}", "{{ q('x', ('{{ a }}/b'|_m_render), c='{{ d }}') }}"),
        ("{{ q('x', ['{{ a }}', b]) ~ '{{ c }}' }}", "{{ q('x', [('{{ a }}'|_m_render), b]) ~ '{{ c }}' }}"),
        ("{{ +x }}", "{{  x }}"),
        (r"{{ '\d' }}", r"{{ '\\d' }}"),
        ("{% if a %}{{ b }}{% endif %}", "{% if a %}{{( b)|_m_out }}{% endif %}"),
    ] {
        assert_eq!(text(source, Mode::Playbook), want, "{source}");
    }
    assert_eq!(text("not x.y > 3", Mode::Condition), "not (x.y )|_m_gt( 3)");
    assert_eq!(text("a|int + 1 >= b|int", Mode::Condition), "(a|int + 1 )|_m_ge( b|int)");
}

#[test]
fn reads_are_what_the_template_does_not_bind() {
    let source = "{% for i in l %}{{ i }}{{ y }}{{ z.k | d(1) }}{% endfor %}";
    let reads = rewrite(source, Mode::File, &SyntaxConfig::default()).unwrap().reads;
    let reads: Vec<_> = reads.iter().map(|read| (read.name.as_str(), read.at.start, read.guarded)).collect();
    assert_eq!(reads, [("l", 12, false), ("y", 26, false), ("z", 33, true)]);
}
